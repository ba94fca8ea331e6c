"""Time that has surely passed: what clocks say can't be taken back, nor brought on by setting one.

A recording goes when its calendar time has come *and* as much time as was promised has been
counted. While a machine runs, time is counted by the clock that nobody can set (it goes on in
sleep, and while the bot is restarted). Only across a boot the calendar has to be asked how long
the machine was off; in the first minutes after one, time servers may still correct it, so it is
followed until then and nothing goes meanwhile.

- The clock is set back: the calendar time has not come, nothing goes early.
- It is set forward, wrongly: not enough time was counted, nothing goes early. Staying so for a
  day of counted time it is believed, as after a virtual machine was stopped and went on.
- It was wrong when the recording was added, and is right now: counting is not affected.
"""

import os
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.moments import utc_now

# Machines ask time servers within the first minutes.
SETTLE = timedelta(minutes=15)
BELIEVE_AFTER = timedelta(days=1)
# Less than this is ordinary correcting.
_STEP = timedelta(minutes=2)
_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clocks say: the calendar, and the time since this boot."""

    wall: datetime
    boot: str
    since_boot: timedelta


@dataclass(frozen=True, slots=True)
class Counted:
    """How much time was counted since the first look, and what the last look saw.

    `settling_since`: since when (in time since the boot) a new boot is being followed;
    `counted_before`, `wall_before`: the last look before it. `ahead`: how far the calendar
    was set forward (or, below zero, back) since; `ahead_since`: in counted time, when.
    """

    counted: timedelta
    last: Reading
    settling_since: timedelta | None
    counted_before: timedelta
    wall_before: datetime
    ahead: timedelta = _NONE
    ahead_since: timedelta | None = None

    @property
    def is_settled(self) -> bool:
        """Whether something may go by it."""
        return self.settling_since is None


def begin(reading: Reading) -> Counted:
    """Count from now on."""
    return Counted(_NONE, reading, None, _NONE, reading.wall)


def advance(state: Counted, reading: Reading) -> Counted:
    """Count what has passed since the last look."""
    if reading.boot != state.last.boot:
        state = replace(
            state,
            settling_since=reading.since_boot,
            counted_before=state.counted,
            wall_before=state.last.wall,
            ahead=_NONE,
            ahead_since=None,
        )
        return _followed(state, reading)
    if state.settling_since is not None:
        state = _followed(state, reading)
        if reading.since_boot - (state.settling_since or _NONE) >= SETTLE:
            state = replace(state, settling_since=None)
        return state
    return _run(state, reading)


def _followed(state: Counted, reading: Reading) -> Counted:
    """Go by the calendar, which alone knows how long the machine was off."""
    off = max(_NONE, reading.wall - state.wall_before)
    return replace(state, counted=state.counted_before + off, last=reading)


def _run(state: Counted, reading: Reading) -> Counted:
    passed = max(_NONE, reading.since_boot - state.last.since_boot)
    counted = state.counted + passed
    ahead = state.ahead + (reading.wall - state.last.wall) - passed
    since = state.ahead_since
    if abs(ahead) < _STEP:
        # Corrected, or never far off.
        return replace(state, counted=counted, last=reading, ahead=ahead, ahead_since=None)
    if since is None:
        since = counted
    if counted - since >= BELIEVE_AFTER:
        return replace(
            state, counted=counted + max(_NONE, ahead), last=reading, ahead=_NONE, ahead_since=None
        )
    return replace(state, counted=counted, last=reading, ahead=ahead, ahead_since=since)


def read_clocks() -> Reading:
    """Read this machine's clocks."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        since = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        # No Linux: the process is all that can be told apart.
        boot, since = f"process {os.getpid()}", time.monotonic_ns()
    return Reading(utc_now(), boot, timedelta(microseconds=since // 1000))
