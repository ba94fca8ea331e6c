"""All containers' counters in one sweep that never waits for the engine.

Where the kernel shows them their files are read, even while the engine hangs. Elsewhere each has
a stream of statistics that the engine keeps sending, and a sweep takes what came last. How one is
to be read is found out aside, by the next sweep.
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bot.lab.drivers.base import Counters
from bot.lab.drivers.counting import Counting, from_statistics
from bot.lab.drivers.refusals import Refused
from bot.lab.drivers.transport import SSH_STREAMS
from bot.lab.drivers.wire import Stream, Wire
from bot.lab.errors import LabError
from bot.lab.model import HostSettings
from bot.lab.threads import Threads

# The engine sends about once a second: what is older than this isn't so any more.
STALE_AFTER = 5.0
_AGAIN_AFTER = 4.0
_SILENCE = 15.0
_FINDERS = 4


class Sweeping:
    """Sweeps over one engine's containers; one sweep at a time."""

    def __init__(self, settings: HostSettings, counting: Counting) -> None:
        self._counting = counting
        self._finders = Threads(_FINDERS, f"lab-find:{settings.name}")
        self._finding: set[str] = set()
        self._again_at: dict[str, float] = {}
        self._streams: dict[str, Statistics] = {}
        self._swept: set[str] = set()
        self._lines = Lines(settings)

    def sweep(self, engine_ids: Sequence[str]) -> dict[str, Counters]:
        """Read those that can be read at once."""
        self._let_go(set(engine_ids))
        found: dict[str, Counters] = {}
        for engine_id in engine_ids:
            counters = self._read(engine_id)
            if counters is not None:
                found[engine_id] = counters
        return found

    def close(self) -> None:
        """End what goes on aside."""
        self._let_go(set())
        self._finders.shutdown(cancel_futures=True)
        self._lines.close()

    def _read(self, engine_id: str) -> Counters | None:
        group = self._counting.known(engine_id)
        if group is not None:
            self._swept.add(engine_id)
            group.keep_open()
            try:
                return group.read()
            except OSError:  # it ended, or was started anew under another parent
                self._counting.forget(engine_id)
        stream = self._streams.get(engine_id)
        if stream is not None and stream.is_alive:
            return stream.latest()
        if engine_id not in self._finding and time.monotonic() >= self._again_at.get(engine_id, 0):
            if self._counting.is_elsewhere(engine_id):
                self._again_at[engine_id] = time.monotonic() + _AGAIN_AFTER
                self._streams[engine_id] = Statistics(self._lines, engine_id)
            else:
                self._finding.add(engine_id)
                self._finders.submit(self._find, engine_id)
        return None

    def _find(self, engine_id: str) -> None:
        try:
            if self._counting.find(engine_id) is None:
                return  # the next sweep opens a stream
        except (LabError, Refused, OSError):
            self._again_at[engine_id] = time.monotonic() + _AGAIN_AFTER
        finally:
            self._finding.discard(engine_id)

    def _let_go(self, kept: set[str]) -> None:
        for engine_id in self._streams.keys() - kept:
            self._streams.pop(engine_id).cut()
        for engine_id in self._again_at.keys() - kept:
            self._again_at.pop(engine_id, None)
        for engine_id in self._swept - kept:
            self._swept.discard(engine_id)
            group = self._counting.known(engine_id)
            if group is not None:
                group.let_go()


class Lines:
    """Connections for statistics alone: a stream that lasts must not stand in anybody's way.

    Over SSH each carries only so many streams; everywhere else one is enough.
    """

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        self._most = SSH_STREAMS if (settings.docker or "").startswith("ssh:") else None
        self._lock = threading.Lock()
        self._carried: dict[Wire, int] = {}

    def take(self) -> Wire:
        """Return one that has room."""
        with self._lock:
            for wire, carried in self._carried.items():
                if self._most is None or carried < self._most:
                    self._carried[wire] += 1
                    return wire
            wire = Wire(self._settings)
            self._carried[wire] = 1
            return wire

    def give_back(self, wire: Wire) -> None:
        """Note that a stream ended; a connection that carries none is closed."""
        with self._lock:
            left = self._carried.get(wire, 0) - 1
            if left > 0:
                self._carried[wire] = left
                return
            self._carried.pop(wire, None)
        wire.close()

    def close(self) -> None:
        """Close all."""
        with self._lock:
            wires = list(self._carried)
            self._carried.clear()
        for wire in wires:
            wire.close()


class Statistics:
    """One container's statistics as the engine keeps sending them, read in a thread."""

    def __init__(self, lines: Lines, engine_id: str) -> None:
        self._lines = lines
        self._engine_id = engine_id
        self._latest: Counters | None = None
        self._stream: Stream | None = None
        self._is_cut = False
        self._thread = threading.Thread(
            target=self._work, name=f"lab-stats:{engine_id[:12]}", daemon=True
        )
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether anything can still come."""
        return self._thread.is_alive()

    def latest(self) -> Counters | None:
        """Return what came last, unless that was long ago."""
        counters = self._latest
        if counters is None or time.monotonic() - counters.at > STALE_AFTER:
            return None
        return counters

    def cut(self) -> None:
        """End it."""
        self._is_cut = True
        stream = self._stream
        if stream is not None:
            stream.cut()

    def _work(self) -> None:
        wire = self._lines.take()
        path = f"/containers/{self._engine_id}/stats"
        try:
            with (
                suppress(LabError, Refused),
                wire.stream("GET", path, query={"stream": "true"}, seconds=_SILENCE) as stream,
            ):
                self._stream = stream
                for line in lines(stream):
                    if self._is_cut:
                        return
                    self._take(line)
        finally:
            self._lines.give_back(wire)

    def _take(self, line: bytes) -> None:
        try:
            answer = json.loads(line)
        except ValueError:
            return
        # Of one that isn't running the engine sends empty statistics.
        is_running = answer.get("pids_stats") or answer.get("memory_stats")
        self._latest = from_statistics(answer) if is_running else None


def lines(stream: Stream) -> Iterator[bytes]:
    """Put lines together again from what comes in pieces."""
    pending = b""
    for chunk in stream.chunks():
        *whole, pending = (pending + chunk).split(b"\n")
        yield from whole
