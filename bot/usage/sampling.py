"""Samples all hosts while there is reason to: an instance is up, or somebody looks."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from bot.lab import Lab, events
from bot.lab.errors import HostUnreachable
from bot.timeline import Event, Timeline
from bot.usage import store
from bot.usage.model import Reading, Totals
from bot.usage.ring import EVERY_SECONDS, KEPT_SECONDS
from bot.usage.sampler import HostSampler, Wanted
from bot.usage.spans import Row
from bot.usage.store import Subject
from bot.usage.track import Track

log = structlog.get_logger(__name__)

# What is up is read from the rows after events, and now and then in any case.
_ROSTER_SECONDS = 15.0
# Three sweeps without a reading: that isn't how it stands now any more.
FRESH_SECONDS = 7.0
# While the database can't be written, no more than this waits in memory.
_MOST_UNKEPT = 20_000


class Watch:
    """Has a host, or all, sampled until it is released; a context manager, too."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        """Look no longer; releasing twice is fine."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Sampling:
    """Holds every instance's and host's track, and has them fed."""

    def __init__(self, timeline: Timeline, lab: Lab) -> None:
        self._timeline = timeline
        self._lab = lab
        containers = {host.name: host for host in lab.hosts}
        guests = {host.name: host for host in lab.guest_hosts}
        # A machine with both is one: they share its four resources.
        self._samplers = {
            name: HostSampler(name, containers.get(name), guests.get(name), timeline.clock)
            for name in {**containers, **guests}
        }
        self._wake = {name: asyncio.Event() for name in self._samplers}
        self._looking: Counter[str] = Counter()
        self._tracks: dict[int, Track] = {}
        self._of_hosts: dict[str, Track] = {}
        self._wanted: dict[str, list[Wanted]] = {}
        self._is_stale = True
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        # What is to be kept but couldn't be yet.
        self._unkept: list[tuple[Subject, Row]] = []
        self._kept: dict[int, Totals] = {}

    # --- what is known ---

    @property
    def samplers(self) -> list[HostSampler]:
        """One for each host."""
        return list(self._samplers.values())

    def sampler(self, host: str) -> HostSampler:
        """Return a host's.

        Raises:
            HostUnreachable: the operator took it out of the file.
        """
        sampler = self._samplers.get(host)
        if sampler is None:
            raise HostUnreachable
        return sampler

    def up(self, host: str) -> list[Wanted]:
        """Return what is up on a host, as of the last sweep."""
        return list(self._wanted.get(host, ()))

    def track(self, subject: Subject) -> Track | None:
        """Return an instance's or a host's track, if it was sampled lately."""
        if isinstance(subject, str):
            return self._of_hosts.get(subject)
        return self._tracks.get(subject)

    def latest(self, subject: Subject) -> Reading | None:
        """Return how it stands now; None where nothing came in lately."""
        track = self.track(subject)
        reading = track.latest if track is not None else None
        if reading is None or time.monotonic() - reading.counters.at > FRESH_SECONDS:
            return None
        return reading

    def watch(self, host: str | None = None) -> Watch:
        """Have a host, or all of them, sampled even when nothing is up there."""
        names = [host] if host is not None else list(self._samplers)
        self._looking.update(names)
        for name in names:
            if name in self._wake:
                self._wake[name].set()
        return Watch(lambda: self._looking.subtract(names))

    # --- what goes on ---

    def on_event(self, event: Event) -> None:
        """Look at what is up again after what may change it."""
        if event.kind in events.ON_ROSTER or event.kind == events.RESTARTED:
            self._is_stale = True
            for wake in self._wake.values():
                wake.set()

    async def run(self) -> None:
        """Sample until cancelled."""
        async with asyncio.TaskGroup() as group:
            for sampler in self.samplers:
                group.create_task(self._keep_sampling(sampler), name=f"usage {sampler.name}")

    async def sweep(self, name: str) -> bool:
        """Sweep a host once; say whether there is reason to go on."""
        sampler = self._samplers[name]
        wanted = await self._up(name)
        is_watched = self._looking[name] > 0
        if not wanted and not is_watched:
            # Once more, with nothing: streams that nobody reads are let go of.
            await sampler.sweep((), {}, self._of_host(name))
            self._of_host(name).close()
            return False
        await sampler.sweep(wanted, self._tracks, self._of_host(name))
        return True

    async def keep(self) -> None:
        """Write down what is to be kept, and forget what is over."""
        subjects: list[tuple[Subject, Track]] = [*self._tracks.items(), *self._of_hosts.items()]
        rows = self._unkept + [
            (subject, row) for subject, track in subjects for row in track.take_rows()
        ]
        # A host's counters tell nothing of a session or a person: its spans are enough.
        totals = [
            (instance_id, track.totals)
            for instance_id, track in self._tracks.items()
            if track.totals is not None and track.totals is not self._kept.get(instance_id)
        ]
        self._unkept = rows[-_MOST_UNKEPT:]
        if rows or totals:
            await self._timeline.database.write(store.keep, rows, totals)
        self._unkept = []
        self._kept.update(totals)
        self._forget_old()

    async def tidy(self) -> None:
        """Drop from the database what is kept no longer."""
        await self._timeline.database.write(store.tidy, self._timeline.clock())

    async def flush(self) -> None:
        """Write down everything, spans that are open too: the program ends."""
        for track in [*self._tracks.values(), *self._of_hosts.values()]:
            track.close()
        await self.keep()

    def close(self) -> None:
        """Let go of the threads."""
        for sampler in self.samplers:
            sampler.close()

    async def _keep_sampling(self, sampler: HostSampler) -> None:
        name, loop = sampler.name, asyncio.get_running_loop()
        wake = self._wake[name]
        due = loop.time()
        while True:
            wake.clear()
            if not await self.sweep(name):
                await wake.wait()
                due = loop.time()
                continue
            # What a sweep took too long isn't made up for.
            due = max(due + EVERY_SECONDS, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _up(self, name: str) -> list[Wanted]:
        """Return what is up on a host, each with a track."""
        async with self._reading:
            now = time.monotonic()
            if self._is_stale or now - self._read_at > _ROSTER_SECONDS:
                self._is_stale = False
                self._read_at = now
                try:
                    await self._read_roster()
                except BaseException:
                    self._is_stale = True
                    raise
        return self._wanted.get(name, [])

    async def _read_roster(self) -> None:
        found: dict[str, list[Wanted]] = {}
        for instance in await self._lab.instances.up():
            if instance.engine_id is not None:
                one = Wanted(instance.id, instance.engine_id, instance.kind)
                found.setdefault(instance.host, []).append(one)
        up = {one.instance_id: host for host, all_ in found.items() for one in all_}
        new = [instance_id for instance_id in up if instance_id not in self._tracks]
        known = await self._timeline.database.read(store.totals_of, new) if new else {}
        for instance_id in new:
            self._tracks[instance_id] = Track(up[instance_id], known.get(instance_id), is_own=True)
        for all_ in self._wanted.values():
            for one in all_:
                if one.instance_id not in up and one.instance_id in self._tracks:
                    self._tracks[one.instance_id].close()
        self._wanted = found

    def _of_host(self, name: str) -> Track:
        if name not in self._of_hosts:
            self._of_hosts[name] = Track(name, None, is_own=False)
        return self._of_hosts[name]

    def _forget_old(self) -> None:
        """Let go of the tracks of what ended so long ago that nothing of it is in memory."""
        up = {one.instance_id for all_ in self._wanted.values() for one in all_}
        oldest = self._timeline.clock() - timedelta(seconds=KEPT_SECONDS)
        for instance_id, track in list(self._tracks.items()):
            reading = track.latest
            if instance_id in up or (reading is not None and reading.sample.at > oldest):
                continue
            del self._tracks[instance_id]
            self._kept.pop(instance_id, None)
