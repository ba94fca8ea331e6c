"""Rules that hold however a question came in: limits, its first state, withdrawing."""

from datetime import datetime, timedelta

from bot.database import Transaction
from bot.guilds import Guild, Person
from bot.moments import to_micros
from bot.questions import events, store
from bot.questions.errors import TooFast, TooManyOpen
from bot.questions.model import UNFINISHED, Question, State
from bot.sessions import Session
from bot.timeline import Timeline


def check_limits(
    tx: Transaction, session: Session, by: Person, guild: Guild, now: datetime, *, anonymous: bool
) -> None:
    """Let a person ask one more question.

    Raises:
        TooManyOpen, TooFast: not now.
    """
    waiting, hidden, last = store.load_of(tx, session, by.id)
    if waiting >= guild.rules.open_questions:
        raise TooManyOpen(n=waiting)
    if anonymous and hidden >= guild.rules.anonymous_open:
        raise TooManyOpen(n=hidden)
    if last is not None:
        passed = timedelta(microseconds=to_micros(now) - last)
        if timedelta(0) <= passed < guild.rules.question_pace:
            left = guild.rules.question_pace - passed
            raise TooFast(seconds=int(left.total_seconds()) + 1)


def withdraw(
    tx: Transaction, timeline: Timeline, question: Question, actor_id: int | None, *, followed: bool
) -> None:
    """Withdraw an unfinished question; `followed`: because its message went, not by hand."""
    if question.state not in UNFINISHED:
        return  # What was answered stays in the record; /me erase takes the words out.
    question, change = events.change(
        tx, question.id, events.closing(State.WITHDRAWN, timeline.clock())
    )
    timeline.append(
        tx,
        events.event(events.WITHDRAWN, question, actor_id, changes=[change], followed=followed),
    )
