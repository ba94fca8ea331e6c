"""An instance beside another: how soon it was ready, what it holds idle, how fast it works."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import StudyBotError
from bot.guilds import Person
from bot.lab import Figures, Instance, Kind, Lab, State
from bot.usage.benchmark import COMMAND, Work, shares, speeds
from bot.usage.model import Reading
from bot.usage.sampling import Sampling

_PATIENCE = 6


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. None: it doesn't tell, or isn't that far.

    `ready_seconds` is from the request to the first answer. `memory_bytes` is what the host
    spends on it; `own_memory_bytes` what it knows of itself, where those differ. `processes`
    are those the host sees. `work`: what is done inside in a second; empty with `why_no_work` where
    nothing was.
    """

    instance: Instance
    ready_seconds: float | None
    memory_bytes: float | None
    cache_bytes: float | None
    own_memory_bytes: float | None
    disk_bytes: float | None
    processes: int | None
    work: Mapping[Work, float]
    why_no_work: StudyBotError | None = None

    @property
    def overhead_bytes(self) -> float | None:
        """What the host spends beyond what the instance itself knows of."""
        if self.memory_bytes is None or self.own_memory_bytes is None:
            return None
        return max(0.0, self.memory_bytes - self.own_memory_bytes)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two instances; `shares`: how many times as much the other does in the same time."""

    one: Side
    other: Side
    shares: Mapping[Work, float]


class Comparing:
    """Looks at two instances and has both do the same work, one after the other."""

    def __init__(self, lab: Lab, sampling: Sampling) -> None:
        self._lab = lab
        self._sampling = sampling

    async def compare(
        self, one: Instance, other: Instance, by: Person, *, works: bool
    ) -> Comparison:
        """Compare. Without `works` (for whoever may not act on both) nothing is run inside."""
        first = await self._look(one, by, works=works)
        second = await self._look(other, by, works=works)
        return Comparison(first, second, shares(first.work, second.work))

    async def _look(self, instance: Instance, by: Person, *, works: bool) -> Side:
        # Before anything is run in it: this is how it stands idle.
        reading = self._sampling.latest(instance.id)
        figures = await self._figures(instance)
        ready = None
        if instance.ready_at is not None:
            ready = (instance.ready_at - instance.requested_at).total_seconds()
        is_guest = instance.kind is Kind.GUEST
        work: dict[Work, float] = {}
        why: StudyBotError | None = None
        if works:
            try:
                inside = self._lab.guests if is_guest else self._lab.insides
                ran = await inside.execute(instance, by, COMMAND)
                work = speeds(ran.output)
            except StudyBotError as error:
                why = error
        # One that was too busy to be counted before may be now.
        if reading is None and works:
            reading = await self._some_reading(instance)
        return Side(
            instance,
            ready,
            _memory(reading, figures),
            reading.sample.cache_bytes if reading is not None else None,
            _own_memory(reading),
            figures.disk_used_bytes if figures is not None else None,
            await self._processes(instance),
            work,
            why,
        )

    async def _some_reading(self, instance: Instance) -> Reading | None:
        """Wait a little for what a busy machine tells late; whoever has work done waits anyway."""
        for _ in range(_PATIENCE):
            reading = self._sampling.latest(instance.id)
            if reading is not None or instance.state is not State.RUNNING:
                return reading
            await asyncio.sleep(1)
        return None

    async def _figures(self, instance: Instance) -> Figures | None:
        if instance.state is not State.RUNNING:
            return None
        try:
            return await self._lab.instances.figures(instance)
        except StudyBotError:
            return None

    async def _processes(self, instance: Instance) -> int | None:
        """Count its processes as the host sees them: all of a container's, or the emulator."""
        if instance.kind is Kind.GUEST:
            return 1 if instance.process_id is not None else None
        try:
            return len(await self._lab.insides.processes(instance))
        except StudyBotError:
            return None


def _own_memory(reading: Reading | None) -> float | None:
    """Return what it knows of itself, where the host tells that apart from what it spends."""
    if reading is None or reading.counters.memory_on_host_bytes is None:
        return None
    return reading.sample.memory_bytes


def _memory(reading: Reading | None, figures: Figures | None) -> float | None:
    if reading is not None:
        return reading.counters.memory_on_host_bytes or reading.sample.memory_bytes
    return figures.memory_bytes if figures is not None else None
