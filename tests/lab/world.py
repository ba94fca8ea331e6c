"""The lab's rooms on a real file, over engines in memory and a clock that is told to go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.guilds import Person
from bot.lab import Catalogue, Instance, Kind, Lab, LaunchRequest, State, open_lab
from bot.lab.drivers import FakeDriver, FakeGuestDriver
from bot.lab.host import Finding, Proof
from bot.lab.model import HostSettings
from bot.sessions import Session
from tests.end_to_end.driver import until
from tests.patience import LONG_SECONDS
from tests.storage.world import SPEAKER, Clock, World, world

FILE = """
[access]
members = "everyone"
min_days = 0

[[templates]]
name = "nginx"
image = "study/nginx"
ports = ["80:80"]

[[templates]]
name = "hello"
image = "study/hello"

[limits]
per_session = 60

[limits.attendee]
instances = 1

[images]
allow = ["official"]
"""


@dataclass
class LabWorld:
    """Everything below Discord, with a lab."""

    world: World
    lab: Lab
    drivers: dict[str, FakeDriver]
    session: Session
    guests: dict[str, FakeGuestDriver]

    @property
    def driver(self) -> FakeDriver:
        """The first host's engine."""
        return next(iter(self.drivers.values()))

    @property
    def hypervisor(self) -> FakeGuestDriver:
        """The first host's hypervisor."""
        return next(iter(self.guests.values()))

    @property
    def clock(self) -> Clock:
        return self.world.clock

    async def ask(self, by: Person = SPEAKER, what: str = "hello", **given: Any) -> Instance:
        """Ask for a launch and return at once."""
        session = given.pop("session", self.session)
        request = LaunchRequest(session, session.channel_id, by, what, **given)
        return await self.lab.launcher.request(request)

    async def run(self, by: Person = SPEAKER, what: str = "hello", **given: Any) -> Instance:
        """Launch and wait for what comes of it."""
        return await self.over(await self.ask(by, what, **given))

    async def over(self, instance: Instance) -> Instance:
        """Wait until a launch is over; return the instance as it is then."""
        async with asyncio.timeout(LONG_SECONDS):
            async for _progress in self.lab.launcher.progress.watch(instance.id):
                pass
        return await self.now(instance)

    async def now(self, instance: Instance) -> Instance:
        """Read an instance again."""
        found = await self.lab.instances.peek(instance.id, instance.guild_id)
        assert found is not None
        return found

    async def until(self, instance: Instance, *states: State) -> Instance:
        """Wait until an instance is in one of some states."""

        async def there() -> Instance | None:
            current = await self.now(instance)
            return current if current.state in states else None

        return await until(there)

    async def look(self) -> None:
        """Look after all hosts once, as happens every few seconds."""
        for host in self.lab.hosts:
            await self.lab.hosts.look(host)
        for one in self.lab.guest_hosts:
            await self.lab.guest_hosts.look(one)

    async def create(self, by: Person = SPEAKER, what: str = "tiny", **given: Any) -> Instance:
        """Create a guest and wait for what comes of it."""
        return await self.run(by, what, kind=Kind.GUEST, **given)

    def names(self, driver: FakeDriver | None = None) -> list[str]:
        """Return the names of the containers that are there."""
        found = (driver or self.driver).owned(self.lab.installation)
        return sorted(state.name for state in found)


@contextlib.asynccontextmanager
async def lab_world(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    file: str = FILE,
    drivers: dict[str, FakeDriver] | None = None,
    guests: dict[str, FakeGuestDriver] | None = None,
    clock: Clock | None = None,
    proven: bool = True,
    session: Session | None = None,
    queue: bool = True,
) -> AsyncIterator[LabWorld]:
    """Put the lab together over a database file, as after a start of the program."""
    drivers = drivers if drivers is not None else {"one": FakeDriver()}
    for driver in drivers.values():
        for image in ("study/nginx:latest", "study/hello:latest"):
            driver.add_image(image)
    guests = guests if guests is not None else {}
    labfile = path.with_suffix(".toml")
    labfile.write_text(file + "".join(_hosts(drivers, guests)))
    proof = Proof((Finding("rules", proven, "The rules stand." if proven else "They don't."),))
    monkeypatch.setattr("bot.lab.proving.check_host", lambda *_: proof)
    monkeypatch.setattr("bot.lab.steps.wait_until_it_answers", _answers)

    async def prove_guests(*_: object) -> Proof:
        return proof

    monkeypatch.setattr("bot.lab.proving.Proving._of_guests", prove_guests)

    def connect(settings: HostSettings) -> FakeDriver:
        return drivers[settings.name]

    def connect_guests(settings: HostSettings) -> FakeGuestDriver:
        return guests[settings.name]

    async with world(path, clock) as below, contextlib.AsyncExitStack() as stack:
        catalogue = Catalogue.load(labfile)
        lab = await stack.enter_async_context(
            open_lab(
                below.timeline,
                below.guilds,
                below.sessions,
                catalogue,
                connect,
                connect_guests,
                in_playground=True,
                data=path.parent / "data",
            )
        )
        session = session or await below.start()
        here = LabWorld(below, lab, drivers, session, guests)
        await here.look()
        tasks: Sequence[asyncio.Task[None]] = (
            [asyncio.create_task(lab.launcher.run())] if queue else []
        )
        try:
            yield here
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _hosts(drivers: dict[str, FakeDriver], guests: dict[str, FakeGuestDriver]) -> Iterator[str]:
    for name in {**drivers, **guests}:
        yield f'[[hosts]]\nname = "{name}"\n'
        if name in drivers:
            yield f'docker = "unix:///nowhere/{name}"\n'
        if name in guests:
            yield f'libvirt = "qemu:///{name}"\n'


async def _answers(_address: str, _port: int, _seconds: float) -> bool:
    return True
