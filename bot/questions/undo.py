"""How a change is taken back."""

from typing import Any

from bot.database import Transaction
from bot.questions import events, store, vote_store
from bot.questions.errors import CannotUndo
from bot.questions.model import State
from bot.timeline import Event


def put_votes_back(tx: Transaction, undone: Event, guild_id: int) -> None:
    """Put the votes back where an undone merge or reopening had moved them."""
    question_id = undone.data["question_id"]
    if undone.kind == events.MERGED:
        vote_store.unmerge_votes(tx, question_id, undone.data["into"])
        vote_store.count_votes(tx, undone.data["into"])
    elif undone.kind == events.REOPENED and "parted_from" in undone.data:
        source = store.get(tx, question_id, guild_id)
        target = store.get(tx, undone.data["parted_from"], guild_id)
        if source is not None and target is not None:
            vote_store.merge_votes(tx, source, target)
            vote_store.count_votes(tx, target.id)


def put_back(tx: Transaction, changes: Any) -> list[dict[str, Any]]:
    """Undo changes in reverse; return what that changed.

    Raises:
        CannotUndo: something newer stands on one of them.
    """
    reverse: list[dict[str, Any]] = []
    for change in reversed(list(changes)):
        now = store.state_columns(tx, change["id"])
        if any(now[name] != value for name, value in change["after"].items()):
            raise CannotUndo
        before = dict(change["before"])
        # Two can't be current: whoever stands there now has newer rights.
        if before.get("state") == State.CURRENT:
            standing = store.current_beside(tx, change["id"])
            if standing is not None:
                raise CannotUndo
        store.update(tx, change["id"], before)
        reverse.append({"id": change["id"], "before": change["after"], "after": before})
    return reverse
