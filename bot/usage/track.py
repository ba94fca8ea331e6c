"""One instance's or host's figures as they come in: the last minutes, spans, totals."""

from datetime import datetime

from bot.lab.drivers import Counters
from bot.usage import rates
from bot.usage.model import Reading, Totals
from bot.usage.ring import Ring
from bot.usage.spans import Row, Spans


class Track:
    """Takes readings, in one thread at a time; others may read what it shows."""

    def __init__(self, host: str, totals: Totals | None, *, is_own: bool) -> None:
        """Make one; `totals` to go on from.

        `is_own`: all that is counted was used by this one, as is so of an instance.
        """
        self.host = host
        self.ring = Ring()
        self.latest: Reading | None = None
        self.totals = totals
        self._is_own = is_own
        self._before: Counters | None = None
        self._spans = Spans()
        self._closed: list[Row] = []

    def feed(self, counters: Counters, at: datetime, host: str) -> None:
        """Take a reading. One that was taken already says nothing new."""
        before = self._before if host == self.host else None
        if before is not None and counters.at <= before.at:
            return
        taken = rates.used(before, counters) if before is not None else None
        sample = rates.sample(before, counters, at, taken)
        self.host, self._before = host, counters
        totals, is_own = self.totals, self._is_own
        if totals is None:
            self.totals = rates.begin(counters, at, host, is_own=is_own)
        else:
            since_last = taken if totals.last is before else None
            self.totals = rates.add(
                totals, counters, sample, host, is_own=is_own, since_last=since_last
            )
        self.ring.put(sample)
        self._closed += self._spans.put(sample)
        self.latest = Reading(sample, counters)

    def close(self) -> None:
        """End the spans that are open: nothing more comes for now."""
        self._closed += self._spans.close()

    def take_rows(self) -> list[Row]:
        """Hand over the spans that are over; whoever takes them keeps them."""
        taken: list[Row] = []
        # Taken one by one: another may be put there meanwhile.
        while self._closed:
            taken.append(self._closed.pop(0))
        return taken
