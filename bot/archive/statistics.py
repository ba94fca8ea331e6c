"""Figures of a session: how many questions, when they came, how long they waited."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.archive.record import QuestionRecord, SessionRecord
from bot.errors import N_
from bot.localization import Words

# In the order of a question's life.
STATES = {
    "answered": N_("Answered"),
    "current": N_("Current"),
    "open": N_("Open"),
    "missed": N_("Missed"),
    "skipped": N_("Skipped"),
    "merged": N_("Merged"),
}
_MINUTE = timedelta(minutes=1)
# A session that nobody ended must not make a list without end.
_MOST_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Figures:
    """A session in numbers.

    `by_state` has the states that occur, in the order of `STATES`. `per_minute` counts what
    was asked in each minute since the session began; `late` is what came after its end.
    `waits` are the times from asking to answering, shortest first. `favourite` is the number
    of the question with the most votes, the first of several.
    """

    total: int
    by_state: Mapping[str, int]
    per_minute: tuple[int, ...]
    late: int
    waits: tuple[timedelta, ...]
    votes: int
    favourite: int | None
    favourite_votes: int

    @property
    def median_wait(self) -> timedelta | None:
        """The wait that half of the answered questions stayed below."""
        seconds = [wait.total_seconds() for wait in self.waits]
        return timedelta(seconds=statistics.median(seconds)) if seconds else None

    @property
    def p90_wait(self) -> timedelta | None:
        """The wait within which nine of ten were answered (nearest rank)."""
        return self.waits[math.ceil(len(self.waits) * 0.9) - 1] if self.waits else None


def figures_of(record: SessionRecord) -> Figures:
    """Count what everybody could see, jokes included."""
    seen = record.seen(include_jokes=True)
    states = Counter(question.state for question in seen)
    in_time = [question for question in seen if not _is_late(question, record.ended_at)]
    favourite = max(seen, key=lambda question: (question.votes, -question.number), default=None)
    return Figures(
        total=len(seen),
        by_state={state: states[state] for state in STATES if states[state]},
        per_minute=_per_minute(record, in_time),
        late=len(seen) - len(in_time),
        waits=tuple(
            sorted(
                max(question.closed_at - question.asked_at, timedelta(0))
                for question in seen
                if question.state == "answered" and question.closed_at
            )
        ),
        votes=sum(question.votes for question in seen),
        favourite=favourite.number if favourite and favourite.votes else None,
        favourite_votes=favourite.votes if favourite else 0,
    )


def summary(figures: Figures, words: Words) -> str:
    """Say the figures in a few lines."""
    _ = words
    if not figures.total:
        return _("No questions yet.")
    states = _(", ").join(
        _("{state} {n}", state=_(STATES[state]), n=n) for state, n in figures.by_state.items()
    )
    lines = [words.plural("{n} question ({states})", "{n} questions ({states})", figures.total,
                          states=states)]  # fmt: skip
    if figures.median_wait is not None and figures.p90_wait is not None:
        lines.append(
            _(
                "Half were answered within {median}, nine of ten within {p90}.",
                median=duration(figures.median_wait, words),
                p90=duration(figures.p90_wait, words),
            )
        )
    if figures.votes and figures.favourite:
        lines.append(
            words.plural(
                "{n} vote; the most for #{number}: {most}",
                "{n} votes; the most for #{number}: {most}",
                figures.votes,
                number=figures.favourite,
                most=figures.favourite_votes,
            )
        )
    if figures.late:
        lines.append(words.plural("{n} came after the end.", "{n} came after the end.",
                                  figures.late))  # fmt: skip
    return "\n".join(lines)


def duration(time: timedelta, words: Words) -> str:
    """Say a length of time as people do: 40 s, 12 min, 1 h 05 min."""
    _ = words
    seconds = round(time.total_seconds())
    if seconds < 60:
        return _("{n} s", n=seconds)
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("{n} min", n=minutes)
    return _("{hours} h {minutes} min", hours=minutes // 60, minutes=f"{minutes % 60:02}")


def _is_late(question: QuestionRecord, ended_at: datetime | None) -> bool:
    return ended_at is not None and question.asked_at > ended_at


def _per_minute(record: SessionRecord, questions: list[QuestionRecord]) -> tuple[int, ...]:
    asked = [max(0, (question.asked_at - record.started_at) // _MINUTE) for question in questions]
    length = (record.ended_at - record.started_at) // _MINUTE + 1 if record.ended_at else 0
    length = min(max([length, *(minute + 1 for minute in asked)]), _MOST_MINUTES)
    counts = Counter(min(minute, length - 1) for minute in asked)
    return tuple(counts[minute] for minute in range(length))
