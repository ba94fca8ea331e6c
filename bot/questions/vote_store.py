"""SQL of votes."""

import sqlite3
from collections.abc import Iterable

from bot.database import Transaction
from bot.questions.model import Question

Reader = sqlite3.Connection | Transaction


def vote(tx: Transaction, question_id: int, user_id: int, via: str, *, on: bool) -> None:
    """Put or take back one way of voting."""
    if on:
        tx.execute(
            "INSERT OR IGNORE INTO votes (question_id, user_id, via) VALUES (?, ?, ?)",
            (question_id, user_id, via),
        )
    else:
        tx.execute(
            "DELETE FROM votes WHERE question_id = ? AND user_id = ? AND via = ?",
            (question_id, user_id, via),
        )


def clear_votes(tx: Transaction, question_id: int, via: str) -> None:
    """Take back everybody's votes of one way."""
    tx.execute("DELETE FROM votes WHERE question_id = ? AND via = ?", (question_id, via))


def set_votes(tx: Transaction, question_id: int, via: str, user_ids: Iterable[int]) -> None:
    """Make one way's votes exactly those of `user_ids`."""
    clear_votes(tx, question_id, via)
    tx.executemany(
        "INSERT OR IGNORE INTO votes (question_id, user_id, via) VALUES (?, ?, ?)",
        [(question_id, user_id, via) for user_id in user_ids],
    )


def merge_votes(tx: Transaction, source: Question, target: Question) -> None:
    """Give `target` the votes that `source` has now, and its author's wish."""
    via = _merged_via(source.id)
    clear_votes(tx, target.id, via)
    tx.execute(
        "INSERT OR IGNORE INTO votes (question_id, user_id, via)"
        " SELECT DISTINCT ?, user_id, ? FROM votes WHERE question_id = ? AND user_id IS NOT ?",
        (target.id, via, source.id, target.author_id),
    )
    if source.author_id is not None and source.author_id != target.author_id:
        vote(tx, target.id, source.author_id, via, on=True)


def unmerge_votes(tx: Transaction, source_id: int, target_id: int) -> None:
    """Take from the target what `merge_votes` gave it."""
    clear_votes(tx, target_id, _merged_via(source_id))


def _merged_via(source_id: int) -> str:
    return f"merged:{source_id}"


def count_votes(tx: Transaction, question_id: int) -> tuple[int, bool]:
    """Recount a question's votes, one a person; return the number and whether it changed."""
    number = tx.execute(
        "SELECT count(DISTINCT user_id) FROM votes WHERE question_id = ?", (question_id,)
    ).fetchone()[0]
    changed = tx.execute(
        "UPDATE questions SET votes = ? WHERE id = ? AND votes <> ?",
        (number, question_id, number),
    ).rowcount
    return number, bool(changed)


def has_voted(connection: Reader, question_id: int, user_id: int, via: str) -> bool:
    """Say whether a person voted in one way."""
    return (
        connection.execute(
            "SELECT 1 FROM votes WHERE question_id = ? AND user_id = ? AND via = ?",
            (question_id, user_id, via),
        ).fetchone()
        is not None
    )
