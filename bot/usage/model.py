"""What usage is told in. Each name says its unit; None is what the platform doesn't tell."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from bot.lab.drivers import Counters


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of what only ever grows was used, under the names that `Counters` has."""

    cpu_seconds: float | None = None
    cpu_throttled_seconds: float | None = None
    disk_read_bytes: float | None = None
    disk_written_bytes: float | None = None
    disk_read_operations: float | None = None
    disk_write_operations: float | None = None
    network_received_bytes: float | None = None
    network_sent_bytes: float | None = None
    network_received_packets: float | None = None
    network_sent_packets: float | None = None

    def plus(self, more: "Amounts") -> "Amounts":
        """Add up; what one of them doesn't know, the other's figure stands for."""
        return Amounts(*(_sum(one, other) for one, other in zip(self, more, strict=True)))

    def __iter__(self) -> Iterator[float | None]:
        return (getattr(self, name) for name in AMOUNTS)


AMOUNTS = tuple(field.name for field in fields(Amounts))


@dataclass(frozen=True, slots=True)
class Sample:
    """What an instance or a host used between two readings, and holds at the later one.

    `at` is when the later one was taken, `seconds` the time between them: 0 where there was no
    earlier one, or none lately, and then nothing is known that is counted by the second.
    `cpus` is in CPUs: 1.0 is the whole of one. `throttled_share` is the share of the time in
    which it was held back by its limit. `memory_bytes` is what counts against the limit but
    `cache_bytes`, the cache of files that the kernel takes back when it needs to (so it is
    what `docker stats` shows). `disk_is_partial`: what was written may be more, for the
    platform doesn't see buffered writes.
    """

    at: datetime
    seconds: float
    cpus: float | None = None
    throttled_share: float | None = None
    memory_bytes: float | None = None
    cache_bytes: float | None = None
    memory_limit_bytes: float | None = None
    disk_read_bytes_per_s: float | None = None
    disk_written_bytes_per_s: float | None = None
    disk_reads_per_s: float | None = None
    disk_writes_per_s: float | None = None
    network_received_bytes_per_s: float | None = None
    network_sent_bytes_per_s: float | None = None
    network_received_packets_per_s: float | None = None
    network_sent_packets_per_s: float | None = None
    processes: float | None = None
    disk_is_partial: bool = False


# What of a sample is a number that may be absent.
FIGURES = tuple(
    field.name for field in fields(Sample) if field.name not in ("at", "seconds", "disk_is_partial")
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The latest of an instance or a host: rates, and the counters behind them."""

    sample: Sample
    counters: Counters


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, mean (over time) and most of a figure in a span."""

    least: float
    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class Point:
    """A span of a history: it ends at `at`, and `seconds` of it were observed.

    Each of the figures is named as in `Sample`; those that weren't known are left out. With
    `after_hole` nothing is known of the time right before it: a line must not be drawn there.
    """

    at: datetime
    seconds: float
    figures: "dict[str, Spread]"
    after_hole: bool = False

    def mean(self, figure: str) -> float | None:
        """Return a figure's mean, None where it isn't known."""
        spread = self.figures.get(figure)
        return None if spread is None else spread.mean


@dataclass(frozen=True, slots=True)
class Totals:
    """All that was used since the start, and the most of it at a time.

    `amounts` is exact even over times in which nobody looked, as the platform counts on.
    `observed_seconds` is for how long rates and memory are known; what was used most
    (`peaks`, named as in `Sample`) and the memory's mean are over that time. `last` is the last
    reading's counters, to go on from.
    """

    first_at: datetime
    last_at: datetime
    observed_seconds: float
    amounts: Amounts
    memory_byte_seconds: float
    memory_seconds: float
    peaks: "dict[str, float]"
    last: Counters
    # The host on which `last` was read: another one counts anew.
    host: str
    disk_is_partial: bool = False

    @property
    def mean_memory_bytes(self) -> float | None:
        """The memory's mean over the time it was observed."""
        return self.memory_byte_seconds / self.memory_seconds if self.memory_seconds else None


# What is kept the most of.
PEAKS = (
    "cpus",
    "memory_bytes",
    "disk_read_bytes_per_s",
    "disk_written_bytes_per_s",
    "network_received_bytes_per_s",
    "network_sent_bytes_per_s",
    "processes",
)


def _sum(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
