"""What was used over a time: from memory while it reaches, else from what is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.timeline import Timeline
from bot.usage import store
from bot.usage.model import Point
from bot.usage.ring import EVERY_SECONDS, KEPT_SECONDS
from bot.usage.sampling import Sampling
from bot.usage.spans import MINUTE, TEN_SECONDS
from bot.usage.store import Subject

# More points than this nobody can tell apart on a phone.
_MOST_POINTS = 400
# A reading may be as much younger than the sweep it belongs to.
_SWEEP = timedelta(seconds=EVERY_SECONDS)
_KEPT = timedelta(seconds=KEPT_SECONDS)


@dataclass(frozen=True, slots=True)
class History:
    """Points in order, over a time. Where nothing was known there are none."""

    since: datetime
    until: datetime
    points: tuple[Point, ...]


class Histories:
    """Finds the finest figures there are of a time."""

    def __init__(self, timeline: Timeline, sampling: Sampling) -> None:
        self._database = timeline.database
        self._clock = timeline.clock
        self._sampling = sampling

    def recent(self, subject: Subject, over: timedelta) -> tuple[Point, ...]:
        """Return what is in memory of the last minutes, at once."""
        track = self._sampling.track(subject)
        return () if track is None else tuple(track.ring.points(self._clock() - over))

    async def of(self, subject: Subject, since: datetime, until: datetime) -> History:
        """Return a history: two seconds, ten seconds or a minute a point, as it is kept."""
        if self._clock() - since <= _KEPT:
            recent = self.recent(subject, self._clock() - since)
            # After a start of the bot, memory doesn't reach as far back as the rows.
            older = await self._kept(subject, since, recent[0].at if recent else until)
            points = (*older, *(point for point in recent if point.at <= until + _SWEEP))
        else:
            points = await self._kept(subject, since, until)
        return History(since, until, tuple(points))

    async def _kept(self, subject: Subject, since: datetime, until: datetime) -> Sequence[Point]:
        if until - since <= timedelta(seconds=_MOST_POINTS * TEN_SECONDS):
            fine = await self._database.read(store.points, subject, TEN_SECONDS, since, until)
            if fine:
                return fine
        return await self._database.read(store.points, subject, MINUTE, since, until)
