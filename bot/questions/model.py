"""A question, what belongs to it, and views over many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.errors import N_
from bot.guilds import Person
from bot.sessions import Session


class State(StrEnum):
    """Where a question is in its life."""

    PENDING = "pending"
    OPEN = "open"
    CURRENT = "current"
    ANSWERED = "answered"
    MISSED = "missed"
    SKIPPED = "skipped"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"


STATE_NAMES = {
    State.PENDING: N_("Pending"),
    State.OPEN: N_("Open"),
    State.CURRENT: N_("Current"),
    State.ANSWERED: N_("Answered"),
    State.MISSED: N_("Missed"),
    State.SKIPPED: N_("Skipped"),
    State.MERGED: N_("Merged"),
    State.WITHDRAWN: N_("Withdrawn"),
}

UNFINISHED = (State.PENDING, State.OPEN, State.CURRENT)


class Source(StrEnum):
    """How a question came in."""

    MESSAGE = "message"
    STAFF = "staff"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a session; `number` is what people call it (#12).

    `channel_id` and `message_id` say where it stands on Discord; a message may hold several,
    told apart by `ordinal` (from 0).
    """

    id: int
    guild_id: int
    session_id: int
    number: int
    state: State
    body: str
    author_id: int | None
    anonymous: bool
    source: Source
    channel_id: int
    message_id: int | None
    ordinal: int
    asked_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None
    joke: bool
    late: bool
    rank: int | None
    merged_into: int | None
    votes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the speaker, a note-taker or a moderator; or an attendee's supplement."""

    id: int
    question_id: int
    author_id: int | None
    body: str
    supplement: bool
    message_id: int | None
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message of somebody's in a session's channel, with the questions found in it.

    `bodies` holds the questions' texts in order, an empty one for a bare prefix; `text` is
    the whole message, for those that staff took without a prefix.
    """

    session: Session
    channel_id: int
    message_id: int
    author: Person
    bodies: tuple[str, ...]
    sent_at: datetime
    attachments: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message: the reactions it should carry, and the questions taken."""

    taken: tuple[Question, ...] = ()
    is_empty: bool = False
    is_over_limit: bool = False


@dataclass(frozen=True, slots=True)
class AnswerReceipt:
    """What became of an answer."""

    question: Question
    answer: Answer


@dataclass(frozen=True, slots=True)
class Board:
    """What a session's board shows."""

    session: Session
    current: Question | None
    upcoming: tuple[Question, ...]
    counts: Mapping[State, int]
    names: Mapping[int, str] = field(default_factory=dict[int, str])
    pending: tuple[Question, ...] = ()

    @property
    def open_count(self) -> int:
        """How many wait, the current one not counted."""
        return self.counts.get(State.OPEN, 0)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list."""

    questions: tuple[Question, ...]
    offset: int
    total: int
    names: Mapping[int, str] = field(default_factory=dict[int, str])
