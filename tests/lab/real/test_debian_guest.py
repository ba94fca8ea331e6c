"""A cloud image of a real distribution, as an operator offers one: from its boot to its end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.lab import Instance, State
from bot.lab.model import HostSettings
from tests.end_to_end.driver import until
from tests.lab.real.debian_image import MIB, SIZE, debian_image
from tests.lab.real.guest_world import URI, GuestLab, guest_lab, require_hypervisor, sweep
from tests.storage.world import SPEAKER

# The image is made before, once in a checkout, and has limits of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900, func_only=True)]

DISK = 2048 * MIB
# An emulated processor needs a minute and a half for it, twice that beside other tests.
BOOT_SECONDS = 600.0
FILE = f"""
[access]
members = "everyone"
min_days = 0

[[hosts]]
name = "one"
libvirt = "{URI}"
guest_ports = "31000-31199"

[[guests]]
name = "debian"
source = "cloud-image"
image = "{{image}}"
sha512 = "{{sha512}}"
user = "debian"
memory = "512M"
disk = "{DISK // MIB}M"

[lease]
guest_stop_grace = "5m"
"""


@dataclass
class Uploads:
    """What was brought into the host's pool."""

    names: list[str] = field(default_factory=list[str])

    def driver(self, settings: HostSettings) -> Any:
        """Connect, and look on."""
        from bot.lab.drivers.libvirt import LibvirtDriver

        seen = self.names

        class Watched(LibvirtDriver):
            def upload(self, name: str, *args: Any, **given: Any) -> Any:
                seen.append(name)
                return super().upload(name, *args, **given)

        return Watched(settings)


@pytest.fixture(scope="module")
def image() -> Path:
    """The disk that such guests start from."""
    require_hypervisor()
    return debian_image()


@pytest.fixture
def key() -> paramiko.Ed25519Key:
    """A key of the speaker's, whose other half the guest learns from its seed."""
    form = (Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    text = Ed25519PrivateKey.generate().private_bytes(*form).decode()
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text))


@pytest.fixture
def uploads() -> Uploads:
    return Uploads()


@pytest.fixture
async def here(tmp_path: Path, image: Path, uploads: Uploads) -> AsyncIterator[GuestLab]:
    """A lab that offers it."""
    path = tmp_path / "study-bot.sqlite3"
    with image.open("rb") as read:
        sha512 = hashlib.file_digest(read, "sha512").hexdigest()
    file = FILE.format(image=image, sha512=sha512)
    try:
        async with guest_lab(path, uploads.driver, file=file) as lab:
            await lab.up()
            yield lab
    finally:
        await asyncio.to_thread(sweep, path)


@dataclass
class Login:
    """Somebody's way into a guest: the port on the host that the card tells them."""

    address: str
    port: int
    key: paramiko.PKey

    @contextlib.contextmanager
    def transport(self) -> Iterator[paramiko.Transport]:
        with contextlib.closing(paramiko.Transport((self.address, self.port))) as transport:
            transport.banner_timeout = transport.auth_timeout = 60
            transport.start_client(timeout=60)
            yield transport

    def run(self, *commands: str, user: str = "debian") -> list[str]:
        """Log in and run commands; what each prints, errors among it."""
        with self.transport() as transport:
            transport.auth_publickey(user, self.key)
            return [self._run(transport, command) for command in commands]

    def ways_in(self) -> list[str]:
        """Ask how one may log in."""
        with self.transport() as transport, pytest.raises(paramiko.BadAuthenticationType) as told:
            transport.auth_none("debian")
        return told.value.allowed_types

    def is_refused(self, user: str) -> bool:
        with self.transport() as transport:
            try:
                transport.auth_publickey(user, self.key)
            except paramiko.AuthenticationException:
                return True
        return False

    @staticmethod
    def _run(transport: paramiko.Transport, command: str) -> str:
        with contextlib.closing(transport.open_session(timeout=60)) as channel:
            channel.settimeout(120)
            channel.set_combine_stderr(True)
            channel.exec_command(command)
            with channel.makefile("rb") as said:
                return said.read().decode().strip()


async def _known(here: GuestLab, guest: Instance) -> Instance:
    """Wait until it answers and has said what it is."""

    async def there() -> Instance | None:
        current = await here.now(guest)
        return current if current.ready_at and current.guest.system else None

    return await until(there, within_s=BOOT_SECONDS)


def _bases(here: GuestLab) -> set[str]:
    driver, own = here.driver_of_guests, here.lab.installation
    return {one.name for one in driver.volumes(own) if "-base-" in one.name}


async def test_a_debian_from_its_image_to_its_end(
    here: GuestLab, key: paramiko.Ed25519Key, uploads: Uploads
):
    await here.lab.keys.add(here.session.guild_id, SPEAKER, f"{key.get_name()} {key.get_base64()}")
    small = await here.over(await here.ask_guest("debian", disk_bytes=SIZE - MIB))
    assert small.state is State.FAILED
    assert "needs a disk of at least" in (small.reason or "")
    assert here.there() == (set(), set(), set())
    (base,) = _bases(here)

    guest = await here.running(await here.ask_guest("debian", name="mine"))
    assert guest.state is State.RUNNING
    guest = await _known(here, guest)
    assert guest.guest.system == "Debian GNU/Linux 12 (bookworm)"
    assert list(guest.guest.stages) == ["started", "booted", "addressed", "answering"]
    assert (guest.guest.host_key or "").startswith("ssh-ed25519 SHA256:")
    await asyncio.to_thread(_look_around, here, guest, key)
    console = (await here.lab.guests.console(guest, SPEAKER, lines=100)).decode()
    assert "mine login:" in console

    stopped, forced = await here.lab.guests.stop(guest, SPEAKER)
    assert (stopped.state, forced) == (State.STOPPED, False)
    await here.lab.instances.remove(stopped, SPEAKER, "removed")
    assert here.there() == (set(), set(), set())
    # What it started from stays, brought once for both.
    assert _bases(here) == {base}
    assert [name for name in uploads.names if "-base-" in name] == [base]


def _look_around(here: GuestLab, guest: Instance, key: paramiko.PKey) -> None:
    """See from inside that it is the person's own, as large as they asked for."""
    address = here.lab.guest_hosts.get("one").settings.answering_address
    login = Login(address, guest.ports[0].host, key)
    wait = "until test -e /run/cloud-init/result.json; do sleep 0.2; done; "
    name, size, root, password, result = login.run(
        *("hostname", "df --output=size -B1 / | tail -n 1", "sudo -n id -un"),
        *("sudo -n passwd -S debian", f"{wait} cat /run/cloud-init/result.json"),
    )
    assert name == "mine"
    assert DISK * 0.9 < int(size) < DISK
    # And nothing else: a name that can't be looked up would be complained of.
    assert root == "root"
    assert password.split()[1] == "L"
    assert json.loads(result)["v1"]["errors"] == []
    assert login.ways_in() == ["publickey"]
    assert login.is_refused("root")
