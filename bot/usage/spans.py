"""From samples to what is kept: spans of ten seconds and of a minute, as least, mean and most.

Pure. Spans begin at whole multiples of their length; one that is begun anew, as after the
clock was set back, is put together with what is there of it already.
"""

from dataclasses import dataclass, field
from datetime import datetime

from bot.usage.model import FIGURES, Sample, Spread

TEN_SECONDS = 10
MINUTE = 60

# What is kept of a figure: all three where its peaks tell something, else the mean alone.
SPREAD = (
    "cpus",
    "memory_bytes",
    "disk_read_bytes_per_s",
    "disk_written_bytes_per_s",
    "network_received_bytes_per_s",
    "network_sent_bytes_per_s",
)
MEANS = tuple(name for name in FIGURES if name not in SPREAD)


@dataclass(slots=True)
class _Sum:
    least: float
    most: float
    total: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """One span. `at` is its beginning in seconds since 1970; `seconds` of it were observed."""

    span: int
    at: int
    seconds: float
    figures: dict[str, Spread]


@dataclass(slots=True)
class Gathering:
    """One subject's span that isn't over yet."""

    span: int
    _at: int | None = None
    _seconds: float = 0.0
    _sums: dict[str, _Sum] = field(default_factory=dict[str, _Sum])

    def put(self, sample: Sample) -> Row | None:
        """Add a sample; return the span before when this is the first of another."""
        at = _beginning(sample.at, self.span)
        closed = self.close() if self._at is not None and at != self._at else None
        self._at = at
        # A sample without rates still says what is held.
        weight = sample.seconds or 1e-3
        self._seconds += sample.seconds
        for name in FIGURES:
            value: float | None = getattr(sample, name)
            if value is None:
                continue
            known = self._sums.get(name)
            if known is None:
                self._sums[name] = _Sum(value, value, value * weight, weight)
            else:
                known.least = min(known.least, value)
                known.most = max(known.most, value)
                known.total += value * weight
                known.seconds += weight
        return closed

    def close(self) -> Row | None:
        """End the span; None when nothing was put there."""
        at, self._at = self._at, None
        if at is None:
            return None
        row = Row(
            self.span,
            at,
            self._seconds,
            {
                name: Spread(one.least, one.total / one.seconds, one.most)
                for name, one in self._sums.items()
            },
        )
        self._seconds, self._sums = 0.0, {}
        return row


class Spans:
    """One subject's spans of both lengths: minutes are put together of tens of seconds."""

    def __init__(self) -> None:
        self._tens = Gathering(TEN_SECONDS)
        self._minute: Row | None = None

    def put(self, sample: Sample) -> list[Row]:
        """Add a sample; return the spans that are over with it."""
        closed = self._tens.put(sample)
        return [] if closed is None else [closed, *self._add(closed)]

    def close(self) -> list[Row]:
        """End both."""
        closed = self._tens.close()
        rows = [] if closed is None else [closed, *self._add(closed)]
        if self._minute is not None:
            rows.append(self._minute)
            self._minute = None
        return rows

    def _add(self, ten: Row) -> list[Row]:
        part = Row(MINUTE, ten.at // MINUTE * MINUTE, ten.seconds, ten.figures)
        minute, self._minute = self._minute, part
        if minute is None:
            return []
        if minute.at != part.at:
            return [minute]
        self._minute = together(minute, part)
        return []


def together(one: Row, other: Row) -> Row:
    """Make one span of two parts of it."""
    figures = dict(one.figures)
    for name, spread in other.figures.items():
        known = figures.get(name)
        figures[name] = spread if known is None else _both(known, one, spread, other)
    return Row(one.span, one.at, one.seconds + other.seconds, figures)


def _both(known: Spread, one: Row, spread: Spread, other: Row) -> Spread:
    # Rows without any observed time still hold what is held: they weigh the same then.
    weights = (one.seconds, other.seconds) if one.seconds + other.seconds else (1.0, 1.0)
    mean = (known.mean * weights[0] + spread.mean * weights[1]) / sum(weights)
    return Spread(min(known.least, spread.least), mean, max(known.most, spread.most))


def _beginning(at: datetime, span: int) -> int:
    return int(at.timestamp()) // span * span
