"""The lab's rooms over this machine's hypervisor, with everything that runs by itself."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.guilds import Person
from bot.lab import Catalogue, Instance, Kind, State, open_lab, store
from bot.lab.drivers import FakeDriver, GuestDriver
from bot.lab.drivers.guests import NETWORK_CLOSED, NETWORK_OPEN
from bot.lab.errors import LabError
from bot.lab.host import Finding, Proof
from bot.lab.model import HostSettings
from bot.lab.sweep import Holdings, sweep_guests
from tests.end_to_end.driver import ROOT, until
from tests.lab.real.world import LONGEST, RealClock, _first_session
from tests.lab.world import LabWorld
from tests.storage.world import SPEAKER, world

FILES = ROOT / "build" / "lab" / "guests"
URI = "qemu:///system"
# The whole life of a guest, in order.
MOMENTS = (
    "file brought",
    "disk made",
    "seed written",
    "address taken",
    "defined",
    "started",
    "about to remove",
    "forgotten",
    "address given back",
    "removed",
)

FILE = f"""
[access]
members = "everyone"
min_days = 0

[[hosts]]
name = "one"
libvirt = "{URI}"
guest_ports = "31000-31199"

[[guests]]
name = "tiny"
source = "kernel"
kernel = "{FILES / "tiny.kernel"}"
initrd = "{FILES / "tiny.initrd"}"
command_line = "console=ttyS0 quiet"
memory = "128M"
disk = "64M"

[[guests]]
name = "disc"
source = "iso"
iso = "ipxe"
memory = "64M"
disk = "8M"

[[isos]]
name = "ipxe"
file = "{FILES / "ipxe.iso"}"

[lease]
guest_stop_grace = "15s"
"""

Connect = Callable[[HostSettings], GuestDriver]


class GuestLab(LabWorld):
    """Everything below Discord with guests on a real hypervisor."""

    @property
    def driver_of_guests(self) -> GuestDriver:
        """The hypervisor's driver."""
        return self.lab.guest_hosts.get("one").driver

    async def over(self, instance: Instance, within_s: float = 90.0) -> Instance:
        """Wait until a launch is over; return the instance as it is then."""
        async with asyncio.timeout(within_s):
            async for _progress in self.lab.launcher.progress.watch(instance.id):
                pass
        return await self.now(instance)

    async def ask_guest(self, what: str = "tiny", by: Person = SPEAKER, **given: Any) -> Instance:
        """Ask for a guest and return at once."""
        return await self.ask(by, what, kind=Kind.GUEST, **given)

    async def running(self, instance: Instance) -> Instance:
        """Wait until a guest is switched on, or its launch has failed."""
        return await self.until(instance, State.RUNNING, State.FAILED)

    async def until(self, instance: Instance, *states: State, within_s: float = 60.0) -> Instance:
        """Wait until an instance is in one of some states."""

        async def there() -> Instance | None:
            current = await self.now(instance)
            return current if current.state in states else None

        return await until(there, within_s=within_s)

    async def up(self) -> None:
        """Wait until the hypervisor answers and may be used."""
        (host,) = self.lab.guest_hosts
        await until(lambda: host.is_up and host.is_proven, within_s=LONGEST)

    async def settled(self, within_s: float = 60.0) -> list[Instance]:
        """Wait until nothing waits or starts any more; return what is there then."""
        moving = {State.QUEUED, State.LAUNCHING, State.REMOVING}

        async def at_rest() -> bool:
            rows = await self.world.database.read(store.alive)
            return not {one.state for one in rows} & moving

        await until(at_rest, within_s=within_s)
        return await self.world.database.read(store.alive)

    def there(self) -> tuple[set[str], set[str], set[str]]:
        """Return what the host has of ours beside files of the catalogue, by kind."""
        driver, own = self.driver_of_guests, self.lab.installation
        return (
            {one.name for one in driver.owned(own)},
            {one.name for one in driver.volumes(own) if "-base-" not in one.name},
            {
                name
                for network in (NETWORK_CLOSED, NETWORK_OPEN)
                for name in driver.reservations(network, own)
            },
        )


def require_hypervisor() -> None:
    """Skip, saying so, where this machine has none that was set up."""
    pytest.importorskip("libvirt", reason="libvirt-python isn't installed here")
    if not (FILES / "tiny.kernel").exists() or not (FILES / "tiny.initrd").exists():
        pytest.skip("the small guest wasn't built here: make setup does that")
    from bot.lab.drivers.libvirt import LibvirtDriver

    driver = LibvirtDriver(HostSettings("one", None, libvirt=URI))
    try:
        facts = driver.facts()
    except LabError as error:
        pytest.skip(f"no hypervisor answers here: {error}")
    finally:
        driver.close()
    if not {NETWORK_CLOSED, NETWORK_OPEN} <= facts.active_networks:
        pytest.skip("the lab's networks aren't up here: study-bot lab setup-host starts them")


@contextlib.asynccontextmanager
async def guest_lab(
    path: Path, driver: Connect | None = None, *, file: str = FILE
) -> AsyncIterator[GuestLab]:
    """Put the lab together over a database file and this machine's hypervisor."""
    from bot.lab.drivers.libvirt import LibvirtDriver

    labfile = path.with_suffix(".toml")
    labfile.write_text(file)
    proof = Proof((Finding("rules", is_good=True, text="The rules stand."),))

    async def proven(*_: object) -> Proof:
        return proof

    with pytest.MonkeyPatch.context() as patch:
        # Whether the host protects itself has tests of its own, and takes seconds to show.
        patch.setattr("bot.lab.proving.Proving._of_guests", proven)
        patch.setattr("bot.lab.hosts._LOOK_SECONDS", 0.5)
        async with world(path, RealClock()) as below, contextlib.AsyncExitStack() as stack:
            lab = await stack.enter_async_context(
                open_lab(
                    below.timeline,
                    below.guilds,
                    below.sessions,
                    Catalogue.load(labfile),
                    lambda _: FakeDriver(),
                    driver or LibvirtDriver,
                    in_playground=True,
                    data=path.parent / "data",
                )
            )
            session = await below.database.read(_first_session) or await below.start()
            here = GuestLab(below, lab, {}, session, {})
            tasks = [
                asyncio.create_task(lab.guest_hosts.run()),
                asyncio.create_task(lab.launcher.run()),
            ]
            try:
                yield here
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


def sweep(path: Path) -> None:
    """Take everything of a test's installation away, whatever it came to."""
    from bot.lab.drivers.libvirt import LibvirtDriver

    held = Holdings.of(path)
    if held is not None:
        driver = LibvirtDriver(HostSettings("one", None, libvirt=URI))
        try:
            sweep_guests(driver, held)
        finally:
            driver.close()


def installation_of(path: Path) -> str:
    """Read from its file whose things on a host these are."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT value FROM installation WHERE key = 'installation_id'"
        return str(connection.execute(query).fetchone()[0])
