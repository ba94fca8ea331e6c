"""Counters → amounts → rates and totals. Pure: no clock, no file, no machine.

A counter only grows, unless what it counts begins anew (a restart), or it has no more digits
(a wrap at 32 or 64 bits, with some platforms' networks and disks). Between two readings of
different lives nothing can be said about a rate, but all that the new life counted was used.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.lab.drivers import Counters
from bot.usage.model import AMOUNTS, PEAKS, Amounts, Sample, Totals

# Readings are two seconds apart. Over much longer than that a rate would hide what happened.
LONGEST_GAP_SECONDS = 10.0

_CPU = frozenset({"cpu_seconds", "cpu_throttled_seconds"})
_DISK = frozenset(name for name in AMOUNTS if name.startswith("disk_"))
_NETWORK = frozenset(name for name in AMOUNTS if name.startswith("network_"))
_ALL = frozenset(AMOUNTS)
_NONE = frozenset[str]()
_WRAP_BITS = (32, 64)

_RATES = {
    "cpus": "cpu_seconds",
    "throttled_share": "cpu_throttled_seconds",
    "disk_read_bytes_per_s": "disk_read_bytes",
    "disk_written_bytes_per_s": "disk_written_bytes",
    "disk_reads_per_s": "disk_read_operations",
    "disk_writes_per_s": "disk_write_operations",
    "network_received_bytes_per_s": "network_received_bytes",
    "network_sent_bytes_per_s": "network_sent_bytes",
    "network_received_packets_per_s": "network_received_packets",
    "network_sent_packets_per_s": "network_sent_packets",
}


@dataclass(frozen=True, slots=True)
class Used:
    """What was used between two readings; of what is in `anew` it is what is known at least."""

    seconds: float
    amounts: Amounts
    anew: frozenset[str]


def used(before: Counters, now: Counters) -> Used:
    """Take one reading from the next."""
    steps = {name: _step(name, before, now) for name in AMOUNTS}
    fell = {name for name, step in steps.items() if step is not None and step < 0}
    if not fell:
        return Used(now.at - before.at, Amounts(**steps), _NONE)
    anew = _NONE
    if "cpu_seconds" in fell:
        # Processor time never goes back while something lives: everything was made anew.
        anew = _ALL
    else:
        for group in (_CPU, _DISK, _NETWORK):
            if fell & group:
                anew |= group if group is not _CPU else fell & group
    return Used(
        now.at - before.at,
        Amounts(*(_value(now, name) if name in anew else steps[name] for name in AMOUNTS)),
        anew,
    )


def everything(now: Counters) -> Amounts:
    """Return all that was ever counted, for what was never seen before."""
    return Amounts(*(_value(now, name) for name in AMOUNTS))


def sample(
    before: Counters | None, now: Counters, at: datetime, taken: Used | None = None
) -> Sample:
    """Make a sample of two readings, or of one alone; `taken`, where that is known already."""
    rates: dict[str, float] = {}
    seconds = now.at - before.at if before is not None else 0.0
    if before is not None and 0 < seconds <= LONGEST_GAP_SECONDS:
        taken = taken or used(before, now)
        for figure, name in _RATES.items():
            amount: float | None = getattr(taken.amounts, name)
            if amount is not None and name not in taken.anew:
                rates[figure] = amount / seconds
    return Sample(
        at=at,
        # Without one rate that holds, it is as after a hole.
        seconds=seconds if rates else 0.0,
        memory_bytes=now.memory_bytes,
        cache_bytes=now.memory_cache_bytes,
        memory_limit_bytes=now.memory_limit_bytes,
        processes=now.processes,
        disk_is_partial=now.disk_is_partial,
        **rates,
    )


def begin(now: Counters, at: datetime, host: str, *, is_own: bool) -> Totals:
    """Begin to sum up. `is_own`: whatever is counted so far was used by this one, since its start.

    What a host counted before anybody looked isn't.
    """
    return Totals(
        first_at=at,
        last_at=at,
        observed_seconds=0.0,
        amounts=everything(now) if is_own else used(now, now).amounts,
        memory_byte_seconds=0.0,
        memory_seconds=0.0,
        peaks=_peaks({}, sample(None, now, at)),
        last=now,
        host=host,
        disk_is_partial=now.disk_is_partial,
    )


def add(
    totals: Totals,
    now: Counters,
    taken: Sample,
    host: str,
    *,
    is_own: bool,
    since_last: Used | None = None,
) -> Totals:
    """Add a reading, and the sample that was made of it.

    `since_last`: what was used since `totals.last`, where that is known already.
    """
    before = totals.last
    memory_seconds = memory = 0.0
    if taken.seconds and now.memory_bytes is not None and before.memory_bytes is not None:
        memory_seconds = taken.seconds
        memory = (now.memory_bytes + before.memory_bytes) / 2 * memory_seconds
    # Another host counts from nothing, whatever its figures are.
    is_same = host == totals.host
    step = (since_last or used(before, now)) if is_same else None
    amounts = step.amounts if step is not None else everything(now)
    if is_own:
        amounts = _from_nothing(before, now, amounts)
    return Totals(
        first_at=totals.first_at,
        last_at=taken.at,
        observed_seconds=totals.observed_seconds + taken.seconds,
        amounts=totals.amounts.plus(amounts),
        memory_byte_seconds=totals.memory_byte_seconds + memory,
        memory_seconds=totals.memory_seconds + memory_seconds,
        peaks=_peaks(totals.peaks, taken),
        last=_known(before, now) if is_same else now,
        host=host,
        disk_is_partial=totals.disk_is_partial or now.disk_is_partial,
    )


def _from_nothing(before: Counters, now: Counters, amounts: Amounts) -> Amounts:
    """Where a counter shows for the first time, count all of it."""
    first = {name: _value(now, name) for name in AMOUNTS if _value(before, name) is None}
    return replace(amounts, **first) if first else amounts


def _step(name: str, before: Counters, now: Counters) -> float | None:
    """Return how far a counter went: below zero where it began anew."""
    old, new = _value(before, name), _value(now, name)
    if old is None or new is None:
        return None
    if new < old and name not in _CPU:
        for bits in _WRAP_BITS:
            # From the last quarter into the first: that is on, not back.
            if 2**bits * 3 // 4 <= old < 2**bits and new < 2**bits // 4:
                return new + 2**bits - old
    return new - old


def _value(counters: Counters, name: str) -> float | None:
    return getattr(counters, name)


def _known(before: Counters, now: Counters) -> Counters:
    """Keep of a counter that is missing once what was known of it, so that nothing is lost."""
    missing = {
        name: _value(before, name)
        for name in AMOUNTS
        if _value(now, name) is None and _value(before, name) is not None
    }
    return replace(now, **missing) if missing else now  # pyright: ignore[reportArgumentType] - as it was


def _peaks(known: dict[str, float], taken: Sample) -> dict[str, float]:
    found = dict(known)
    for figure in PEAKS:
        value: float | None = getattr(taken, figure)
        if value is not None and value >= found.get(figure, value):
            found[figure] = value
    return found


def mean(values: Iterable[tuple[float, float]]) -> float | None:
    """Return the mean of (value, weight) pairs."""
    total = weight = 0.0
    for value, each in values:
        total, weight = total + value * each, weight + each
    return total / weight if weight else None
