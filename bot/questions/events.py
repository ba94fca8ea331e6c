"""The kinds of event this room appends, and how a change is written down in them.

`data["changes"]` lists what a change did to questions: `{"id", "before", "after"}` with the
columns that differ. Undo puts `before` back where `after` still stands.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.database import Transaction
from bot.moments import to_micros
from bot.questions import store
from bot.questions.model import Question, State
from bot.timeline import NewEvent

ASKED = "question.asked"
EDITED = "question.edited"
WITHDRAWN = "question.withdrawn"
RETURNED = "question.returned"
VOTED = "question.voted"
APPROVED = "question.approved"
REJECTED = "question.rejected"
NEXT = "question.next"
CLOSED = "question.closed"
REOPENED = "question.reopened"
JOKE = "question.joke"
MERGED = "question.merged"
MOVED = "question.moved"
REVEALED = "question.revealed"
ANSWERED = "question.answered"
ANSWER_EDITED = "question.answer_edited"
ANSWER_REMOVED = "question.answer_removed"
UNDONE = "question.undone"

# What staff can take back, newest first. Edits and withdrawals follow a person's own message
# and are taken back there.
UNDOABLE = (
    APPROVED,
    REJECTED,
    NEXT,
    CLOSED,
    REOPENED,
    JOKE,
    MERGED,
    MOVED,
    ANSWERED,
)

# After these the index of /find is out of date.
TEXT_CHANGED = (ASKED, EDITED, ANSWERED, ANSWER_EDITED, ANSWER_REMOVED, UNDONE)


def event(
    kind: str,
    question: Question,
    actor_id: int | None,
    *,
    changes: Sequence[Mapping[str, Any]] = (),
    **data: Any,
) -> NewEvent:
    """Describe something that happened to `question`."""
    data["question_id"] = question.id
    if changes:
        data["changes"] = list(changes)
    return NewEvent(
        kind, question.guild_id, question.session_id, question.channel_id, actor_id, data
    )


def change(
    tx: Transaction, question_id: int, values: Mapping[str, Any]
) -> tuple[Question, dict[str, Any]]:
    """Write some columns; return the question and the change to put into an event."""
    before = store.state_columns(tx, question_id)
    differs = {name: value for name, value in values.items() if before[name] != value}
    if not differs:
        differs = {"state": before["state"]}
    question = store.update(tx, question_id, differs)
    return question, {
        "id": question_id,
        "before": {name: before[name] for name in differs},
        "after": {name: _plain(value) for name, value in differs.items()},
    }


def closing(state: State, at: datetime) -> dict[str, Any]:
    """Return the columns that close a question."""
    return {"state": str(state), "closed_at": to_micros(at)}


def micros(at: datetime) -> int:
    """Write a time as the columns hold it."""
    return to_micros(at)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
