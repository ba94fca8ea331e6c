"""What guests print on their serial consoles, kept from their start on.

All consoles are read in libvirt's one event thread, a few times a second each. What asks the
hypervisor for something (attach, let go) happens in the caller's thread or in one of ours, since
a hypervisor that hangs must hold up nobody's console.

Reading is dear: what a guest writes comes in packets of a few bytes, and 100 KB a second of
them cost libvirt's client a third of a processor and its server half of one, neither of which
counts against the guest. So each guest has an allowance (a token bucket) that holds a whole
boot and refills slowly. One that floods its console is let go of whenever that is used up: it
can cost no more, and what it prints meanwhile is lost.
"""

import contextlib
import threading
import time
from dataclasses import dataclass, field

import structlog

from bot.errors import StudyBotError
from bot.lab.drivers.libvirt import loop, refusals
from bot.lab.drivers.libvirt.library import Connection, Stream, libvirt
from bot.lab.drivers.libvirt.link import Link
from bot.lab.drivers.libvirt.ring import Ring

log = structlog.get_logger(__name__)

_CHUNK = 64 * 1024
# After each look a console rests: what comes meanwhile waits, and is one look's work.
_REST_MILLISECONDS = 100
# A boot with all its messages is some 100 KB; 8 KiB a second are a hundred full lines.
BURST_BYTES = 256 * 1024
REFILL_BYTES_PER_SECOND = 8 * 1024
_FLOOD_REST_SECONDS = 2.0
# A stream that ended is taken up again soon if its guest still runs (it was reverted to a
# snapshot, say), later if somebody else has its console, or libvirtd is away.
_AGAIN_SECONDS = 0.3
_LATER_SECONDS = 3.0
_NOTHING_YET = -2
_ENDS = libvirt.VIR_STREAM_EVENT_HANGUP | libvirt.VIR_STREAM_EVENT_ERROR
_READS = libvirt.VIR_STREAM_EVENT_READABLE


class Allowance:
    """How many bytes of a console may be read: a token bucket.

    It may be overdrawn, since what has come can't be left unread: then it takes longer to be
    paid back. Times are seconds on a clock that never goes back.
    """

    def __init__(self, now: float) -> None:
        self._bytes = float(BURST_BYTES)
        self._filled = now

    def take(self, size: int, now: float) -> bool:
        """Take what was read, in bytes; return whether anything is left."""
        refill = (now - self._filled) * REFILL_BYTES_PER_SECOND
        self._bytes = min(float(BURST_BYTES), self._bytes + refill) - size
        self._filled = now
        return self._bytes > 0

    def rest(self) -> float:
        """Return for how many seconds nothing may be read, being used up."""
        return _FLOOD_REST_SECONDS + max(0.0, -self._bytes) / REFILL_BYTES_PER_SECOND


@dataclass(eq=False, slots=True)
class _Follower:
    """One guest's console. `stream` None: not attached; `due`: when to attach it again.

    Whoever touches the stream holds the lock: libvirt frees one that is given up although
    another thread is just reading from it.
    """

    engine_id: str
    ring: Ring = field(default_factory=Ring)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stream: Stream | None = None
    connection: Connection | None = None
    is_over: bool = False  # the stream is: to be let go of
    due: float | None = None
    allowance: Allowance = field(default_factory=lambda: Allowance(time.monotonic()))


class Consoles:
    """Follows the consoles of a hypervisor's guests."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._followers: dict[str, _Follower] = {}
        self._resting: list[_Follower] = []
        self._alarm: loop.Alarm | None = None
        self._changed = threading.Condition()
        self._is_closed = False

    def start(self, engine_id: str, *, afresh: bool = True) -> None:
        """Follow a guest that is just being started, from its first byte.

        `afresh`: forget what it printed when it ran before, and how much.

        Raises:
            libvirtError: it can't be.
        """
        follower = self._follower(engine_id)
        self._let_go(follower)
        if afresh:
            follower.ring.clear()
            follower.allowance = Allowance(time.monotonic())
        self._attach(follower, libvirt.VIR_DOMAIN_CONSOLE_FORCE)

    def ring(self, engine_id: str, *, is_running: bool) -> Ring:
        """Return what is kept of a guest's; one that runs and isn't followed yet will be."""
        follower = self._follower(engine_id)
        if is_running and follower.stream is None and follower.due is None:
            self._soon(follower, 0.0)
        return follower.ring

    def forget(self, engine_id: str) -> None:
        """Keep nothing of a guest any more."""
        with self._changed:
            follower = self._followers.pop(engine_id, None)
        if follower is not None:
            self._let_go(follower)

    def close(self) -> None:
        """Follow none any more, so that others can; this may wait for the hypervisor."""
        with self._changed:
            self._is_closed = True
            followers = list(self._followers.values())
            self._followers.clear()
            self._changed.notify_all()
        for follower in followers:
            self._let_go(follower)
        if self._alarm is not None:
            self._alarm.drop()

    # --- in any thread ---

    def _follower(self, engine_id: str) -> _Follower:
        with self._changed:
            if self._alarm is None:
                self._alarm = loop.Alarm(_REST_MILLISECONDS, self._wake)
                # Also finds out when the connection is another, which no stream may tell.
                threading.Thread(target=self._keep, name="guest consoles", daemon=True).start()
            return self._followers.setdefault(engine_id, _Follower(engine_id))

    def _attach(self, follower: _Follower, flags: int = 0) -> None:
        with follower.lock:
            follower.due = None
            connection = self._link.connection()
            domain = connection.lookupByUUIDString(follower.engine_id)
            if not domain.isActive():
                return
            stream = connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
            domain.openConsole(None, stream, flags)
            follower.stream, follower.connection, follower.is_over = stream, connection, False
            stream.eventAddCallback(_READS | _ENDS, self._happened, follower)

    def _let_go(self, follower: _Follower) -> None:
        """Let go of a stream, whatever state it is in."""
        with follower.lock:
            stream, follower.stream, follower.due = follower.stream, None, None
            connection, follower.connection = follower.connection, None
            if stream is None:
                return
            if not follower.is_over:
                with contextlib.suppress(libvirt.libvirtError):
                    stream.eventRemoveCallback()
            if connection is not None and connection.isAlive():
                with contextlib.suppress(libvirt.libvirtError):
                    stream.abort()

    def _soon(self, follower: _Follower, seconds: float) -> None:
        with self._changed:
            if self._is_closed:
                return
            follower.due = time.monotonic() + seconds
            self._changed.notify_all()

    # --- in the event thread: nothing here may wait ---

    def _happened(self, stream: Stream, events: int, follower: _Follower) -> None:
        # Being attached, libvirt calls again at once; being let go of, it is of no interest.
        if follower.lock.acquire(blocking=False):
            try:
                if follower.stream is stream and not follower.is_over:
                    self._read(stream, events, follower)
            finally:
                follower.lock.release()

    def _read(self, stream: Stream, events: int, follower: _Follower) -> None:
        is_over = bool(events & _ENDS) and not events & _READS
        read = 0
        try:
            while not is_over and read < BURST_BYTES:
                data: bytes | int = stream.recv(_CHUNK)
                if isinstance(data, int):
                    is_over = data != _NOTHING_YET
                    break
                is_over = not data
                read += len(data)
                follower.ring.add(data)
        except libvirt.libvirtError:
            is_over = True
        is_flood = not follower.allowance.take(read, time.monotonic())
        with contextlib.suppress(libvirt.libvirtError):
            if is_over or is_flood:
                follower.is_over = True
                stream.eventRemoveCallback()
                self._soon(follower, follower.allowance.rest() if is_flood else _AGAIN_SECONDS)
            else:
                stream.eventUpdateCallback(_ENDS)
                self._rest(follower)

    def _rest(self, follower: _Follower) -> None:
        if not self._resting and self._alarm is not None:
            self._alarm.set()
        self._resting.append(follower)

    def _wake(self) -> None:
        resting, self._resting = self._resting, []
        for follower in resting:
            if follower.lock.acquire(blocking=False):
                try:
                    stream = follower.stream
                    if stream is not None and not follower.is_over:
                        with contextlib.suppress(libvirt.libvirtError):
                            stream.eventUpdateCallback(_READS | _ENDS)
                finally:
                    follower.lock.release()

    # --- in the keeper's thread ---

    def _keep(self) -> None:
        while True:
            with self._changed:
                if self._is_closed:
                    return
                self._changed.wait(self._patience())
                followers = list(self._followers.values())
            for follower in followers:
                self._look_after(follower)

    def _patience(self) -> float:
        dues = [one.due for one in self._followers.values() if one.due is not None]
        if not dues:
            return _LATER_SECONDS
        return min(_LATER_SECONDS, max(0.0, min(dues) - time.monotonic()))

    def _look_after(self, follower: _Follower) -> None:
        connection = follower.connection
        is_lost = connection is not None and not connection.isAlive()
        if (is_lost or follower.is_over) and follower.stream is not None:
            due = follower.due or time.monotonic()
            self._let_go(follower)
            follower.due = due
        if follower.due is None or follower.due > time.monotonic():
            return
        if self._followers.get(follower.engine_id) is not follower:
            return  # forgotten since
        try:
            self._attach(follower)
        except (libvirt.libvirtError, StudyBotError) as error:
            if refusals.code_of(error) == libvirt.VIR_ERR_NO_DOMAIN:
                return
            log.debug("guest console not attached", guest=follower.engine_id, error=str(error))
            self._soon(follower, _LATER_SECONDS)
