"""A hypervisor for tests: this machine's libvirt, with a pool and a network of one's own."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from bot.lab.drivers import (
    LABEL_INSTALLATION,
    Accelerator,
    GuestDriver,
    GuestSpec,
    Signs,
    connect_guests,
)
from bot.lab.errors import LabError
from bot.lab.model import HostSettings, Resources

MIB = 1024**2
GUESTS = Path(__file__).resolve().parents[4] / "build" / "lab" / "guests"
NETWORK = """\
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>{name}</name><forward mode='open'/><bridge name='{bridge}' stp='off' delay='0'/>
  <dns enable='no'/>
  <ip address='{base}.1' netmask='255.255.255.0'>
    <dhcp><range start='{base}.200' end='{base}.200'/></dhcp>
  </ip>
  <dnsmasq:options><dnsmasq:option value='no-ping'/></dnsmasq:options>
</network>
"""
# What is printed on the console, and on the screen too.
COMMAND_LINE = "console=tty0 console=ttyS0 quiet"
# Under emulation, on a busy machine.
BOOT_SECONDS = 90.0


def libvirt_uri() -> str:
    """Find this machine's libvirt, or skip the test."""
    pytest.importorskip("libvirt")
    uri = os.environ.get("LIBVIRT_DEFAULT_URI", "qemu:///system")
    driver = connect_guests(HostSettings("test", None, libvirt=uri))
    try:
        driver.ping()
    except LabError:
        pytest.skip(f"no libvirt answers at {uri}")
    finally:
        driver.close()
    return uri


def until(condition: Callable[[], Any], seconds: float = BOOT_SECONDS) -> Any:
    """Wait for something that takes a while; return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.1)
    return found


class Subject:
    """A hypervisor under test, with what guests are made of: `kernel`, `initrd`, a network."""

    def __init__(self, driver: GuestDriver, network: str, base: str, *, is_real: bool) -> None:
        self.driver = driver
        self.network = network
        self.base = base
        self.is_real = is_real
        self.installation = secrets.token_hex(8)
        self.prefix = f"study-{self.installation[:8]}-"
        self.kernel = self.initrd = self.key = ""
        self._number = 0

    def name(self) -> str:
        """Make a name that nobody else has, as guests of an installation are named."""
        self._number += 1
        return f"{self.prefix}{self._number}"

    def spec(self, **changes: Any) -> GuestSpec:
        """Describe a small guest; its disk and its address are made and reserved."""
        name = self.name()
        number = self._number
        disk = f"{name}-disk.qcow2"
        self.driver.create_volume(disk, 32 * MIB)
        made = GuestSpec(
            name=name,
            resources=Resources(1.0, 128 * MIB, 32 * MIB),
            labels={LABEL_INSTALLATION: self.installation},
            accelerator=Accelerator.EMULATION,
            disk=disk,
            network=self.network,
            mac=f"52:54:00:{secrets.token_hex(1)}:{secrets.token_hex(1)}:{number:02x}",
            address=f"{self.base}.{16 + number}",
            kernel=self.kernel,
            initrd=self.initrd,
            command_line=COMMAND_LINE,
        )
        made = replace(made, **changes)
        self.driver.reserve(made.network, made.name, made.mac, made.address)
        return made

    def seed(self, folder: Path, key: str) -> str:
        """Bring a NoCloud seed with a key into the pool."""
        name = f"{self.name()}-seed.iso"
        path = folder / name
        write_seed(path, key)
        self.driver.upload(name, path)
        return name

    def run(self, **changes: Any) -> str:
        """Start a guest; return its id."""
        engine_id = self.driver.define(self.spec(**changes))
        self.driver.start(engine_id)
        return engine_id

    def booted(self, engine_id: str) -> Signs:
        """Wait until its agent is there and it has its address."""

        def is_up() -> Signs | None:
            signs = self.driver.signs(engine_id)
            return signs if signs.agent and signs.address else None

        try:
            found: Signs = until(is_up)
        except AssertionError:
            signs = self.driver.signs(engine_id)
            said = self.driver.console(engine_id, lines=20).decode(errors="replace")
            pytest.fail(f"it didn't boot: {signs}\n{said}")
        return found

    def clean_up(self) -> None:
        """Take everything away that was made here."""
        for one in self.driver.owned(self.installation):
            self.driver.remove(one.engine_id)
        for volume in self.driver.volumes(self.installation):
            self.driver.delete_volume(volume.name)
        for name in self.driver.reservations(self.network, self.installation):
            self.driver.release(self.network, name)


def write_seed(path: Path, key: str) -> None:
    """Write what a guest reads at its first start."""
    user = f"users:\n  - name: root\n    ssh_authorized_keys:\n      - {key}\n"
    files = {
        "user-data": f"#cloud-config\n{user}",
        "meta-data": "instance-id: i-1\nlocal-hostname: guest\n",
    }
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for name, text in files.items():
        raw = text.encode()
        short = f"/{name.replace('-', '').upper()[:8]}.;1"
        iso.add_fp(io.BytesIO(raw), len(raw), short, rr_name=name, joliet_path=f"/{name}")
    iso.write(str(path))
    iso.close()


class Bench(Subject):
    """A real one. `library` and `connection` are libvirt's own, to look without the driver."""

    def __init__(self, uri: str) -> None:
        import libvirt

        for file in ("tiny.kernel", "tiny.initrd"):
            if not (GUESTS / file).exists():
                pytest.skip(f"no {file}: it is built by `make setup`")
        self.library: Any = libvirt
        self.connection: Any = libvirt.open(uri)
        mark = secrets.token_hex(4)
        # Readable for QEMU, which is another user.
        self.folder = Path(tempfile.mkdtemp(prefix="study-guests-", dir="/var/tmp"))
        self.folder.chmod(0o711)
        pool = f"study-test-{mark}"
        path = self.folder / "pool"
        path.mkdir(mode=0o711)
        self.pool: Any = self.connection.storagePoolCreateXML(
            f"<pool type='dir'><name>{pool}</name><target><path>{path}</path></target></pool>"
        )
        number = secrets.randbelow(15 * 256)
        base = f"10.{240 + number // 256}.{number % 256}"
        self.net: Any = self.connection.networkCreateXML(
            NETWORK.format(name=f"study-test-{mark}", bridge=f"stt{mark}", base=base)
        )
        self.settings = HostSettings("test", None, libvirt=uri, pool=pool)
        super().__init__(connect_guests(self.settings), f"study-test-{mark}", base, is_real=True)
        self.kernel = f"{self.prefix}base-kernel"
        self.initrd = f"{self.prefix}base-initrd"
        self.driver.upload(self.kernel, GUESTS / "tiny.kernel")
        self.driver.upload(self.initrd, GUESTS / "tiny.initrd")
        self.identity = self.folder / "key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.identity)]
        subprocess.run(command, check=True)
        self.key = self.identity.with_suffix(".pub").read_text().strip()

    def ssh(self, address: str, command: str, *, seconds: float = 60) -> str:
        """Log in with the key and run a command."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        words = ["ssh", "-i", str(self.identity), "-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]
        for option in options:
            words += ["-o", option]
        run = subprocess.run(
            [*words, f"root@{address}", command],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return run.stdout

    def clean_up(self) -> None:
        """Take everything away, also what the driver forgot."""
        super().clean_up()
        self.driver.close()
        connection = self.library.open(self.settings.libvirt)  # the first may be broken by now
        for one in connection.listAllDomains():
            if one.name().startswith(self.prefix):
                with contextlib.suppress(self.library.libvirtError):
                    one.destroy()
                one.undefine()
        connection.networkLookupByName(self.network).destroy()
        connection.storagePoolLookupByName(self.settings.pool).destroy()
        connection.close()
        shutil.rmtree(self.folder)


@contextmanager
def bench() -> Iterator[Bench]:
    """Work on this machine's hypervisor, and leave nothing behind."""
    used = Bench(libvirt_uri())
    try:
        yield used
    finally:
        used.clean_up()
