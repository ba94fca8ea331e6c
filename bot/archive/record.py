"""What an export knows of a session: plain values, in the shape people read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# Waiting for approval or taken back: nobody else ever saw these, or should any more.
_UNSEEN = ("pending", "withdrawn")


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One answer; a supplement is an attendee's."""

    body: str
    author_name: str | None
    is_supplement: bool
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class QuestionRecord:
    """One question; `merged_into` is the number of the one it became part of."""

    number: int
    body: str
    asker_name: str | None
    state: str
    is_joke: bool
    is_anonymous: bool
    votes: int
    asked_at: datetime
    closed_at: datetime | None
    merged_into: int | None
    jump_url: str | None
    attachments: tuple[str, ...]
    answers: tuple[AnswerRecord, ...]


@dataclass(frozen=True, slots=True)
class LabRecord:
    """One thing that happened in the lab: who did what with which instance, and its outcome."""

    at: datetime
    what: str
    by_name: str | None
    instance: str | None
    image: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class ChapterRecord:
    """A place in a recording that has a name."""

    at: timedelta
    title: str


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording that is there; not where: that is for those who may watch. It goes `ends_at`."""

    title: str
    duration: timedelta | None
    ends_at: datetime | None
    chapters: tuple[ChapterRecord, ...]


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session, its questions in the order they were asked."""

    title: str
    speaker_name: str | None
    slides_url: str | None
    started_at: datetime
    ended_at: datetime | None
    time_zone: str
    questions: tuple[QuestionRecord, ...]
    lab: tuple[LabRecord, ...] = ()
    # The note-taker's Markdown as it was written.
    notes: str | None = None
    recordings: tuple[RecordingRecord, ...] = ()
    # Markdown of features that add something of their own, each with its heading.
    sections: tuple[str, ...] = ()

    def seen(self, *, include_jokes: bool) -> tuple[QuestionRecord, ...]:
        """Return the questions that everybody may see; what was merged goes with its target."""
        by_number = {question.number: question for question in self.questions}
        return tuple(
            question
            for question in self.questions
            if _is_seen(question) and (include_jokes or not _is_joke(question, by_number))
        )


def target_of(
    question: QuestionRecord, by_number: Mapping[int, QuestionRecord]
) -> QuestionRecord | None:
    """Follow a merged question to the one that stands for it; None where there is none."""
    passed = {question.number}
    found: QuestionRecord | None = question
    while found and found.state == "merged":
        found = by_number.get(found.merged_into or 0)
        if found and found.number in passed:
            return None
        passed |= {found.number} if found else set()
    return found if found is not question else None


def _is_seen(question: QuestionRecord) -> bool:
    return question.state not in _UNSEEN


def _is_joke(question: QuestionRecord, by_number: Mapping[int, QuestionRecord]) -> bool:
    target = target_of(question, by_number)
    return question.is_joke or (target is not None and target.is_joke)
