"""SSH keys: what people paste, what is kept of it, and whose it is."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bot.database import Transaction
from bot.lab import events
from bot.lab.guest_errors import BadKey, KeyThere, NoSuchKey, PrivateKey, TooManyKeys, WeakKey
from bot.lab.key_store import forget_keys
from bot.lab.keys import MOST_KEYS, SshKeys, parse_key
from bot.timeline import after
from tests.lab.world import LabWorld, lab_world
from tests.storage.world import ALICE, BOB, GUILD

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIGu7WVGDxJqbj4Uaclu/iFteblYokkmeMbqhqM6iYFeW"
ED25519 = f"ssh-ed25519 {BLOB} you@laptop"
# As `ssh-keygen -l` printed it.
ED25519_PRINT = "SHA256:PsulQ4YNE7eDQI4M18JD4cBy0+YU9GRdgvAy2izIAaI"
SECURITY_KEY = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIGu7WVGDxJqbj4Uaclu/"
    "iFteblYokkmeMbqhqM6iYFeWAAAABHNzaDo="
)
DSA = "ssh-dss AAAAB3NzaC1kc3MAAACBAJl95eZjZxobvmUo/s2NWWaVz2JBlEFeIhncUCrZL6OHeQAsy9yj9+E7"


def fresh(comment: str = "") -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} {comment}".strip()


def rsa_line(bits: int) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_world(tmp_path / "study.sqlite3", monkeypatch) as lab:
        yield lab


@pytest.fixture
def keys(here: LabWorld) -> SshKeys:
    return SshKeys(here.world.timeline, here.lab.access)


def test_a_key_is_read_with_the_fingerprint_that_ssh_keygen_prints():
    read = parse_key(f"  {ED25519}\n")

    assert read.key == f"ssh-ed25519 {BLOB}"
    assert read.fingerprint == ED25519_PRINT
    assert read.comment == "you@laptop"


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), None])
def test_every_kind_has_the_fingerprint_that_ssh_keygen_prints(
    tmp_path: Path, curve: ec.EllipticCurve | None
):
    line = rsa_line(2048)
    if curve is not None:
        public = ec.generate_private_key(curve).public_key()
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    file = tmp_path / "key.pub"
    file.write_text(line + "\n")

    printed = subprocess.run(["ssh-keygen", "-lf", file], capture_output=True, check=True).stdout

    assert parse_key(line).fingerprint == printed.decode().split()[1]


def test_a_key_that_lives_in_a_security_key_is_taken():
    assert parse_key(SECURITY_KEY).key == SECURITY_KEY


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "hello",
        BLOB,
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        f"ssh-ed25519 {BLOB[:-8]}",
        f"ssh-ed25519 {BLOB}AAAA",
        f"ssh-ed25519 {BLOB[:20]}!{BLOB[20:]}",
        f"ecdsa-sha2-nistp256 {BLOB}",
        f'command="rm -rf /" ssh-ed25519 {BLOB}',
        f"ssh-ed25519 {BLOB}\nssh-ed25519 {BLOB}",
        f"ssh-ed25519 {BLOB} me\u2028root",
        f"ssh-ed25519-cert-v01@openssh.com {BLOB}",
        f"ssh-ed25519 {BLOB} " + "x" * 4000,
        "---- BEGIN SSH2 PUBLIC KEY ----",
    ],
)
def test_what_is_no_single_plain_key_is_refused(typed: str):
    with pytest.raises(BadKey):
        parse_key(typed)


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_a_private_key_is_told_from_a_typo(form: PrivateFormat):
    private = ed25519.Ed25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    with pytest.raises(PrivateKey):
        parse_key(text)
    with pytest.raises(PrivateKey):
        parse_key(text.replace("\n", " "))  # as the option of a command brings it
    with pytest.raises(PrivateKey):
        parse_key("PuTTY-User-Key-File-3: ssh-ed25519")


def test_weak_keys_are_refused_with_their_size():
    with pytest.raises(WeakKey) as old:
        parse_key(DSA)
    with pytest.raises(WeakKey) as short:
        parse_key(rsa_line(1024))

    assert old.value.params["kind"] == "DSA"
    assert short.value.params == {"kind": "RSA", "bits": 1024}


async def test_a_key_is_called_by_its_comment_without_surprises(keys: SshKeys):
    names = [
        (await keys.add(GUILD, ALICE, fresh(comment))).name
        for comment in ("me@laptop", "me@laptop", "<@&1> `x` \x1b[31m", "")
    ]

    assert names == ["me@laptop", "me@laptop-2", "1-x-31m", "key"]
    assert (await keys.add(GUILD, ALICE, fresh(), "My key: 日本")).name == "My-key"
    for key in await keys.of(GUILD, ALICE.id):
        assert len(key.key.split()) == 2


async def test_the_same_key_twice_is_said_so_by_its_name(keys: SshKeys):
    await keys.add(GUILD, ALICE, ED25519, "laptop")

    with pytest.raises(KeyThere) as refused:
        await keys.add(GUILD, ALICE, ED25519, "other")

    assert refused.value.params["name"] == "laptop"


async def test_there_is_an_end_to_how_many_one_has(keys: SshKeys):
    for _key in range(MOST_KEYS):
        await keys.add(GUILD, ALICE, fresh())

    with pytest.raises(TooManyKeys):
        await keys.add(GUILD, ALICE, fresh())
    await keys.add(GUILD, BOB, fresh())


async def test_keys_are_each_persons_own_in_each_server(keys: SshKeys):
    await keys.add(GUILD, ALICE, ED25519, "laptop")
    await keys.add(GUILD + 1, ALICE, ED25519, "elsewhere")
    await keys.add(GUILD, BOB, ED25519, "shared")

    assert [one.name for one in await keys.of(GUILD, ALICE.id)] == ["laptop"]
    for guild_id, by, name in ((GUILD, BOB, "laptop"), (GUILD + 1, ALICE, "laptop")):
        with pytest.raises(NoSuchKey):
            await keys.remove(guild_id, by, name)


async def test_a_key_is_removed_by_its_name_or_its_fingerprint(keys: SshKeys):
    await keys.add(GUILD, ALICE, ED25519, "laptop")
    await keys.remove(GUILD, ALICE, "laptop")
    await keys.add(GUILD, ALICE, ED25519, "laptop")
    removed = await keys.remove(GUILD, ALICE, ED25519_PRINT)

    assert removed.name == "laptop"
    assert await keys.of(GUILD, ALICE.id) == []


async def test_the_timeline_tells_that_a_key_came_and_went_but_not_which(
    here: LabWorld, keys: SshKeys
):
    await keys.add(GUILD, ALICE, ED25519, "laptop")
    await keys.remove(GUILD, ALICE, "laptop")

    found = await here.world.database.read(after, 0, 100)
    told = [one for one in found if one.kind in (events.KEY_ADDED, events.KEY_REMOVED)]
    assert [one.kind for one in told] == [events.KEY_ADDED, events.KEY_REMOVED]
    for event in told:
        assert event.actor_id == ALICE.id
        assert event.data == {}


async def test_who_is_forgotten_has_no_keys_left_in_that_server(here: LabWorld, keys: SshKeys):
    await keys.add(GUILD, ALICE, ED25519)
    await keys.add(GUILD + 1, ALICE, ED25519)
    await keys.add(GUILD, BOB, ED25519)

    def forget(tx: Transaction) -> None:
        forget_keys(tx, GUILD, ALICE.id)

    await here.world.database.write(forget)

    assert await keys.of(GUILD, ALICE.id) == []
    assert len(await keys.of(GUILD + 1, ALICE.id)) == 1
    assert len(await keys.of(GUILD, BOB.id)) == 1
