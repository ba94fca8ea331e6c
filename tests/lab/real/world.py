"""The lab's rooms over a real engine, with the time of day and everything that runs by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import docker
import pytest

from bot.guilds import Person
from bot.lab import Catalogue, Instance, State, explain, open_lab, store
from bot.lab.drivers import LABEL_INSTALLATION
from bot.lab.drivers.docker import DockerDriver
from bot.lab.host import Finding, Proof
from bot.lab.model import HostSettings
from bot.lab.spec import engine_name, network_id_of
from bot.sessions import Session, session_of
from tests.end_to_end.driver import until
from tests.lab.engine import Recipe
from tests.lab.world import LabWorld
from tests.storage.world import GUILD, SPEAKER, Clock, world

MB = 1024**2
LONGEST = 30.0
# More often than it is done outside of tests, which must not wait for it.
LOOK_SECONDS = 0.5
# Ends the moment the engine wants it to: its restart waits ten seconds for those that don't.
QUICK = {"StopSignal": "SIGKILL"}
WEB = Recipe(
    "study-test/web:1",
    command=("httpd", "-f", "-p", "80", "-h", "/www"),
    exposed=("80/tcp",),
    config=QUICK,
)
# Of another place of the noise, so that it is another image.
IDLE = Recipe("study-test/idle:1", command=("sleep", "3600"), config=QUICK)
ARM = Recipe("study-test/arm:1", architecture="arm64", config=QUICK)

FILE = """
[access]
members = "everyone"
min_days = 0

[[templates]]
name = "web"
image = "study-test/web:1"
ports = ["80:80"]

[[templates]]
name = "idle"
image = "study-test/idle:1"

[[templates]]
name = "arm"
image = "study-test/arm:1"

[limits.attendee]
memory = "32M"
cpus = 0.2

[limits.speaker]
memory = "32M"
instances = 20

[lease]
stop_grace = "1s"

[images]
allow = ["official", "10.254.*/*", "study-test/*"]
"""


class RealClock(Clock):
    """The time of day, put forward by as much as it was told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def on(self, **passed: float) -> datetime:
        """Let time pass without anybody waiting for it."""
        self._ahead += timedelta(**passed)
        return self()


class RealLab(LabWorld):
    """Everything below Discord with a lab on a real engine; `client` looks at that by itself."""

    client: docker.DockerClient

    async def over(self, instance: Instance, within_s: float = LONGEST) -> Instance:
        """Wait until a launch is over; return the instance as it is then."""
        async with asyncio.timeout(within_s):
            async for _progress in self.lab.launcher.progress.watch(instance.id):
                pass
        return await self.now(instance)

    async def until(
        self, instance: Instance, *states: State, within_s: float = LONGEST
    ) -> Instance:
        """Wait until an instance is in one of some states."""

        async def there() -> Instance | None:
            current = await self.now(instance)
            return current if current.state in states else None

        return await until(there, within_s=within_s)

    async def up(self, within_s: float = LONGEST) -> None:
        """Wait until all hosts answer and may be used."""
        hosts = list(self.lab.hosts)
        await until(lambda: all(one.is_up and one.is_proven for one in hosts), within_s=within_s)

    async def down(self, within_s: float = LONGEST) -> None:
        """Wait until it was noticed that no host answers."""
        await until(lambda: not self.lab.hosts.up, within_s=within_s)

    async def remove_all(self) -> None:
        """Remove what there is, as its owners would."""
        for instance in await self.world.database.read(store.alive):
            if instance.state is State.QUEUED:
                await self.lab.launcher.cancel(instance, SPEAKER)
            else:
                await self.lab.instances.remove(instance, SPEAKER, "removed")
        await self.lab.keeper.reconcile_all()

    def containers(self) -> dict[str, Any]:
        """Return what the engine itself has of this lab's, by name."""
        label = {"label": f"{LABEL_INSTALLATION}={self.lab.installation}"}
        found = self.client.containers.list(all=True, filters=label, ignore_removed=True)
        return {one.name: one for one in found}

    def networks(self) -> set[str]:
        """Return the names of this lab's networks on the engine."""
        label = {"label": f"{LABEL_INSTALLATION}={self.lab.installation}"}
        return {one.name for one in self.client.networks.list(filters=label)}

    async def require_in_step(self) -> None:
        """Hold rows and engine against each other: neither has what the other doesn't know of."""
        alive = await self.world.database.read(store.alive)
        placed = {one.id for one in alive if one.host}
        known = {engine_name(self.lab.installation, one.id) for one in alive if one.engine_id}
        assert set(self.containers()) == known
        ports = await self.world.rows("SELECT instance_id FROM instance_ports")
        assert {instance_id for (instance_id,) in ports} <= placed
        rows = {row[0] for row in await self.world.rows("SELECT id FROM lab_networks")}
        there = {network_id_of(self.lab.installation, name) for name in self.networks()}
        assert there == rows
        owners = {(one.session_id, one.owner_id) for one in alive if one.host}
        assert len(rows) <= len(owners)


async def pulling(here: RealLab, instance: Instance) -> None:
    """Wait until an instance's image is on its way."""
    async with asyncio.timeout(20):
        async for progress in here.lab.launcher.progress.watch(instance.id):
            assert not progress.is_over, progress.error
            if progress.pull is not None and progress.pull.current_bytes:
                return


def told(instance: Instance) -> str:
    """Return the sentence a person reads of why it ended."""
    return explain(instance.reason, lambda text, **values: text.format(**values))


class Lag:
    """Measures how late the event loop is: `most` seconds, while it was looked at."""

    def __init__(self) -> None:
        self.most = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.most = max(self.most, time.monotonic() - began - 0.01)


def people(count: int) -> list[Person]:
    """Return attendees."""
    return [Person(1000 + number, f"Person {number}") for number in range(count)]


@contextlib.asynccontextmanager
async def real_lab(
    path: Path,
    address: str,
    *,
    file: str = FILE,
    host: str = "",
    clock: RealClock | None = None,
    driver: Callable[[HostSettings], DockerDriver] = DockerDriver,
) -> AsyncIterator[RealLab]:
    """Put the lab together over a database file and an engine, as the program does.

    `host` is what else lab.toml says of the machine. A session that the file has goes on.
    """
    labfile = path.with_suffix(".toml")
    labfile.write_text(f'{file}\n[[hosts]]\nname = "one"\ndocker = "{address}"\n{host}\n')
    proof = Proof((Finding("rules", is_good=True, text="The rules stand."),))
    with pytest.MonkeyPatch.context() as patch:
        # Whether the host protects itself has tests of its own, and takes seconds to show.
        patch.setattr("bot.lab.proving.check_host", lambda *_: proof)
        # The parent cgroup belongs to the machine, not to an engine in it.
        patch.setattr("bot.lab.hosts.Host.cgroup_parent", lambda *_, **__: None)
        patch.setattr("bot.lab.hosts._LOOK_SECONDS", LOOK_SECONDS)
        async with _opened(path, address, labfile, clock or RealClock(), driver) as here:
            yield here


@contextlib.asynccontextmanager
async def _opened(
    path: Path,
    address: str,
    labfile: Path,
    clock: RealClock,
    driver: Callable[[HostSettings], DockerDriver],
) -> AsyncIterator[RealLab]:
    drivers: dict[str, DockerDriver] = {}

    def connect(settings: HostSettings) -> DockerDriver:
        return drivers.setdefault(settings.name, driver(settings))

    async with world(path, clock) as below, contextlib.AsyncExitStack() as stack:
        catalogue = Catalogue.load(labfile)
        lab = await stack.enter_async_context(
            open_lab(
                below.timeline,
                below.guilds,
                below.sessions,
                catalogue,
                connect,
                in_playground=True,
                data=path.parent / "data",
            )
        )
        session = await below.database.read(_first_session) or await below.start()
        here = RealLab(below, lab, drivers, session, {})  # type: ignore[arg-type]
        here.client = docker.DockerClient(address, version="1.41", timeout=20)
        tasks = [asyncio.create_task(lab.hosts.run()), asyncio.create_task(lab.launcher.run())]
        try:
            yield here
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            here.client.close()


def _first_session(connection: Any) -> Session | None:
    row = connection.execute("SELECT * FROM sessions WHERE guild_id = ?", (GUILD,)).fetchone()
    return session_of(row) if row is not None else None


def sweep(address: str, installation: str) -> None:
    """Take everything of one installation off an engine, whatever the test came to."""
    client = docker.DockerClient(address, version="1.41", timeout=20)
    label = {"label": f"{LABEL_INSTALLATION}={installation}"}
    try:
        for container in client.containers.list(all=True, filters=label, ignore_removed=True):
            with contextlib.suppress(docker.errors.APIError):
                container.remove(force=True, v=True)
        for network in client.networks.list(filters=label):
            with contextlib.suppress(docker.errors.APIError):
                network.remove()
    finally:
        client.close()
