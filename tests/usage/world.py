"""Usage over a lab in memory, whose machines count what they are told to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.database import Transaction
from bot.drawing import DrawingWorker
from bot.lab import Instance
from bot.lab.drivers import Counters, FakeDriver, FakeGuestDriver
from bot.lab.drivers.fake_engine import FACTS
from bot.usage import Usage
from tests.lab.world import LabWorld, lab_world

MIB = 1024**2

NOTHING = Counters(
    at=0.0,
    cpu_seconds=0.0,
    memory_bytes=0,
    memory_cache_bytes=0,
    memory_limit_bytes=64 * MIB,
    disk_read_bytes=0,
    disk_written_bytes=0,
    network_received_bytes=0,
    network_sent_bytes=0,
    processes=1,
    cpu_throttled_seconds=0.0,
    disk_read_operations=0,
    disk_write_operations=0,
    network_received_packets=0,
    network_sent_packets=0,
)


def counters(at: float, **given: Any) -> Counters:
    """Make a reading: what isn't given is nothing (not: unknown)."""
    return replace(NOTHING, at=at, **given)


class Counting(FakeDriver):
    """An engine that counts what `counts` says, as of the time it is asked; and may hang."""

    def __init__(self, *, is_here: bool = False) -> None:
        super().__init__(replace(FACTS, reads_cgroups=is_here))
        self.counts: dict[str, Counters] = {}
        self.swept: list[tuple[str, ...]] = []
        # A sweep waits for it: clear it, and the engine hangs.
        self.answers = threading.Event()
        self.answers.set()

    def sweep(self, engine_ids: Sequence[str]) -> dict[str, Counters]:
        self.swept.append(tuple(engine_ids))
        self.answers.wait(60)
        now = time.monotonic()
        return {one: replace(self.counts[one], at=now) for one in engine_ids if one in self.counts}


class Guests(FakeGuestDriver):
    """A hypervisor that counts what `counts` says."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, Counters] = {}

    def counters(self) -> Mapping[str, Counters]:
        now = time.monotonic()
        return {one: replace(each, at=now) for one, each in self.counts.items()}


@dataclass
class UsageWorld:
    """A lab, and who watches what it uses."""

    here: LabWorld
    usage: Usage
    guests: Guests

    async def sweep(self, host: str = "one") -> bool:
        """Sweep a host once."""
        return await self.usage.sampling.sweep(host)

    def count(self, instance: Instance, **given: Any) -> None:
        """Have an instance count so much from now on, on every machine."""
        assert instance.engine_id is not None
        for driver in self.here.drivers.values():
            if isinstance(driver, Counting):
                driver.counts[instance.engine_id] = counters(0.0, **given)

    async def move(self, instance: Instance, host: str) -> None:
        """Have an instance be on another host."""

        def work(tx: Transaction) -> None:
            tx.execute("UPDATE instances SET host = ? WHERE id = ?", (host, instance.id))

        await self.here.world.database.write(work)


@contextlib.asynccontextmanager
async def usage_world(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drivers: dict[str, FakeDriver] | None = None,
    **given: Any,
) -> AsyncIterator[UsageWorld]:
    """Put it together over a database file, as after a start of the program."""
    drivers = drivers if drivers is not None else {"one": Counting()}
    guests = Guests()
    hypervisors: dict[str, FakeGuestDriver] = {"one": guests}
    async with lab_world(path, monkeypatch, drivers=drivers, guests=hypervisors, **given) as here:
        world = here.world
        async with DrawingWorker() as drawing:
            usage = Usage(world.timeline, here.lab, world.guilds, drawing)
            try:
                yield UsageWorld(here, usage, guests)
            finally:
                await usage.close()
