"""The SSH keys people log in to their guests with: public ones, each person's own in a guild."""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from bot.database import Transaction
from bot.guilds import Person
from bot.lab import events, key_store
from bot.lab.access import Access
from bot.lab.guest_errors import BadKey, KeyThere, NoSuchKey, PrivateKey, TooManyKeys, WeakKey
from bot.lab.key_store import SshKey
from bot.timeline import NewEvent, Timeline

MOST_KEYS = 5
MOST_KEY_LENGTH = 4000
MOST_NAME_LENGTH = 32
# What NIST SP 800-131A still allows, and what GitHub and OpenSSH take.
LEAST_RSA_BITS = 2048

# Certificates are left out on purpose: they name principals and times that no guest looks at.
_KINDS = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)
_DSA, _DSA_BITS = "ssh-dss", 1024
_PRIVATE = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._@-]+")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as it was read. `key` is "kind base64" and nothing else: no options, no comment."""

    key: str
    fingerprint: str
    comment: str


def parse_key(text: str) -> PublicKey:
    """Read the one line of a .pub file.

    Raises:
        PrivateKey: it is the other half. BadKey: it is no key, or more than one, or carries
        options. WeakKey: a DSA key, or an RSA key of less than `LEAST_RSA_BITS`.
    """
    if _PRIVATE.search(text):
        raise PrivateKey
    line = text.strip()
    kind, _, rest = line.partition(" ")
    body, _, comment = rest.strip().partition(" ")
    if kind == _DSA:
        raise WeakKey(kind="DSA", bits=_DSA_BITS)
    if kind not in _KINDS or len(line) > MOST_KEY_LENGTH or len(line.splitlines()) != 1:
        raise BadKey
    try:
        blob = base64.b64decode(body, validate=True)
        # Written anew, so that what is kept is what was looked at.
        key = f"{kind} {base64.b64encode(blob).decode()}"
        public = load_ssh_public_key(key.encode())
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise BadKey from error
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < LEAST_RSA_BITS:
        raise WeakKey(kind="RSA", bits=public.key_size)
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(key, f"SHA256:{digest}", comment)


class SshKeys:
    """Adding, listing and removing one's own keys."""

    def __init__(self, timeline: Timeline, access: Access) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._access = access

    async def of(self, guild_id: int, user_id: int) -> list[SshKey]:
        """Return a person's keys in a guild, oldest first."""
        return await self._database.read(key_store.of_person, guild_id, user_id)

    async def add(self, guild_id: int, by: Person, text: str, name: str | None = None) -> SshKey:
        """Keep a public key for `by`; guests created from now on let them in with it.

        Without a name it is called by its comment.

        Raises:
            LabOff, NoLab, BadKey, PrivateKey, WeakKey, KeyThere, TooManyKeys.
        """
        self._access.require_lab(guild_id)
        read = parse_key(text)
        at = self._timeline.clock()

        def work(tx: Transaction) -> SshKey:
            own = key_store.of_person(tx, guild_id, by.id)
            same = next((one for one in own if one.fingerprint == read.fingerprint), None)
            if same is not None:
                raise KeyThere(name=same.name)
            if len(own) >= MOST_KEYS:
                raise TooManyKeys(n=len(own), most=MOST_KEYS)
            added = key_store.insert(
                tx,
                guild_id,
                by.id,
                name=_free_name(name or read.comment, {one.name for one in own}),
                key=read.key,
                fingerprint=read.fingerprint,
                at=at,
            )
            self._append(tx, events.KEY_ADDED, guild_id, by)
            return added

        return await self._database.write(work)

    async def remove(self, guild_id: int, by: Person, name: str) -> SshKey:
        """Forget one of one's own keys; guests that are there already know it still.

        Raises:
            NoSuchKey.
        """

        def work(tx: Transaction) -> SshKey:
            own = key_store.of_person(tx, guild_id, by.id)
            wanted = name.strip()
            key = next((one for one in own if wanted in (one.name, one.fingerprint)), None)
            if key is None:
                raise NoSuchKey(name=wanted)
            key_store.delete(tx, key.id)
            self._append(tx, events.KEY_REMOVED, guild_id, by)
            return key

        return await self._database.write(work)

    def _append(self, tx: Transaction, kind: str, guild_id: int, by: Person) -> None:
        # Neither the key nor its name: the timeline outlives both.
        self._timeline.append(tx, NewEvent(kind, guild_id, actor_id=by.id))


def _free_name(wanted: str, taken: Collection[str]) -> str:
    plain = _NOT_IN_NAMES.sub("-", wanted).strip("-.@")[:MOST_NAME_LENGTH] or "key"
    name, number = plain, 2
    while name in taken:
        end = f"-{number}"
        name, number = plain[: MOST_NAME_LENGTH - len(end)] + end, number + 1
    return name
