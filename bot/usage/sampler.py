"""One host's sampler: all its instances in one sweep, every two seconds, in threads.

What is swept comes from up to three places: its engine's containers, its hypervisor's guests, and
the machine itself where it is this one. Each has a thread of its own, so that one that hangs
holds up neither the others nor anybody's command; what it misses is a hole.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog

from bot.errors import StudyBotError
from bot.lab import Kind
from bot.lab.drivers import Counters
from bot.lab.hosts import Facts, GuestHost, Host
from bot.lab.threads import Threads
from bot.timeline import Clock
from bot.usage import machine
from bot.usage.track import Track

log = structlog.get_logger(__name__)

# What a sweep may take before the next is due.
_LIMIT_SECONDS = 1.8

Read = Callable[[list[str]], Mapping[str, Counters]]
_MACHINE = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance to be sampled: which it is, and its id on the host."""

    instance_id: int
    engine_id: str
    kind: Kind


class Source:
    """One of the places that counters come from, with a thread of its own."""

    def __init__(self, name: str, read: Read) -> None:
        self.name = name
        self._read = read
        self._threads = Threads(1, f"usage:{name}")
        self._under_way: asyncio.Future[None] | None = None
        self.sweep_seconds = 0.0
        self.failures = 0
        # Said when it begins: a machine that is slow for an hour would fill the log.
        self._is_slow = False

    async def sweep(self, tracks: Mapping[str, Track], host: str, clock: Clock) -> None:
        """Read counters once and feed them to `tracks`, which are named by engine id.

        Returns in time whatever happens; while a sweep hangs there is no other.
        """
        if self._under_way is not None and not self._under_way.done():
            self.failures += 1
            return
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._work, dict(tracks), host, clock
        )
        self._under_way = asyncio.ensure_future(work)
        # It may fail when nobody waits for it any more.
        self._under_way.add_done_callback(self._is_over)
        done, _ = await asyncio.wait({self._under_way}, timeout=_LIMIT_SECONDS)
        if not done:
            self.failures += 1
            if not self._is_slow:
                log.warning("usage sweeps take too long", source=self.name)
            self._is_slow = True
            return
        if self._is_slow:
            log.info("usage sweeps come in time again", source=self.name)
        self._is_slow = False

    def close(self) -> None:
        """Let go; a thread that hangs is left to end by itself."""
        self._threads.shutdown(cancel_futures=True)

    def _is_over(self, sweep: "asyncio.Future[None]") -> None:
        if sweep.cancelled() or (error := sweep.exception()) is None:
            return
        self.failures += 1
        if not isinstance(error, StudyBotError):
            log.error("usage sweep failed", source=self.name, exc_info=error)

    def _work(self, tracks: Mapping[str, Track], host: str, clock: Clock) -> None:
        began = time.monotonic()
        wall, counters = clock(), self._read(list(tracks))
        for engine_id, read in counters.items():
            track = tracks.get(engine_id)
            if track is not None:
                track.feed(read, wall + timedelta(seconds=read.at - began), host)
        self.sweep_seconds = time.monotonic() - began


class HostSampler:
    """Sweeps one machine: its engine's containers, its hypervisor's guests, or both."""

    def __init__(
        self, name: str, host: Host | None, guests: GuestHost | None, clock: Clock
    ) -> None:
        self.name = name
        self._host = host
        self._guest_host = guests
        self._clock = clock
        self._machine = Source("machine", lambda _: {_MACHINE: machine.read()})
        self._containers = Source("containers", host.driver.sweep) if host is not None else None
        # One call tells of all guests, on a connection of its own.
        self._guests = (
            Source("guests", lambda _: guests.driver.counters()) if guests is not None else None
        )

    @property
    def sources(self) -> list[Source]:
        """Where its counters come from."""
        all_ = (self._containers, self._guests, self._machine)
        return [source for source in all_ if source is not None]

    @property
    def is_up(self) -> bool:
        """Whether any of its engines answers."""
        return any(one is not None and one.is_up for one in (self._host, self._guest_host))

    @property
    def cpus(self) -> int | None:
        """How many the machine has; None before it was ever reached."""
        facts = self._facts
        return facts.cpus if facts is not None else None

    @property
    def memory_bytes(self) -> int | None:
        """How much the machine has; None before it was ever reached."""
        facts = self._facts
        return facts.memory_bytes if facts is not None else None

    @property
    def is_this_machine(self) -> bool:
        """Whether the host's own figures are those of the machine this program runs on."""
        if self._host is not None and self._host.facts is not None:
            return self._host.facts.reads_cgroups
        facts = self._guest_host.facts if self._guest_host is not None else None
        if facts is None:
            return False
        return not urlsplit(facts.uri).hostname and facts.kernel == os.uname().release

    @property
    def _facts(self) -> Facts | None:
        known = (one.facts for one in (self._host, self._guest_host) if one is not None)
        return next((facts for facts in known if facts is not None), None)

    async def sweep(
        self, wanted: Iterable[Wanted], tracks: Mapping[int, Track], of_host: Track
    ) -> None:
        """Feed what all of them, and the host itself, count now to their tracks."""
        by_kind: dict[Kind, dict[str, Track]] = {Kind.CONTAINER: {}, Kind.GUEST: {}}
        for one in wanted:
            by_kind[one.kind][one.engine_id] = tracks[one.instance_id]
        # Containers in any case: what isn't there any more is let go of.
        sweeps: list[Coroutine[None, None, None]] = []
        if self._containers is not None:
            sweeps.append(self._sweep(self._containers, by_kind[Kind.CONTAINER]))
        if self._guests is not None and by_kind[Kind.GUEST]:
            sweeps.append(self._sweep(self._guests, by_kind[Kind.GUEST]))
        if self.is_this_machine:
            sweeps.append(self._sweep(self._machine, {_MACHINE: of_host}))
        await asyncio.gather(*sweeps)

    def close(self) -> None:
        """Let go of the threads."""
        for source in self.sources:
            source.close()

    async def _sweep(self, source: Source, tracks: Mapping[str, Track]) -> None:
        await source.sweep(tracks, self.name, self._clock)
