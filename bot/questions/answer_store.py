"""SQL of answers."""

import sqlite3
from collections.abc import Collection
from datetime import datetime

from bot.database import Transaction
from bot.moments import from_micros, to_micros
from bot.questions.model import Answer, Question

Reader = sqlite3.Connection | Transaction


def answer_of(row: sqlite3.Row) -> Answer:
    """Map a row of `answers`."""
    return Answer(
        id=row["id"],
        question_id=row["question_id"],
        author_id=row["author_id"],
        body=row["body"],
        supplement=bool(row["supplement"]),
        message_id=row["message_id"],
        answered_at=from_micros(row["answered_at"]),
    )


def insert_answer(
    tx: Transaction,
    question: Question,
    author_id: int,
    body: str,
    *,
    supplement: bool,
    message_id: int | None,
    at: datetime,
) -> Answer:
    """Insert an answer."""
    row = tx.execute(
        "INSERT INTO answers (guild_id, question_id, author_id, body, supplement, message_id,"
        " answered_at) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (question.guild_id, question.id, author_id, body, supplement, message_id, to_micros(at)),
    ).fetchone()
    return answer_of(row)


def answer_by_id(connection: Reader, answer_id: int) -> Answer | None:
    """Return an answer that still stands."""
    row = connection.execute(
        "SELECT * FROM answers WHERE id = ? AND deleted_at IS NULL", (answer_id,)
    ).fetchone()
    return answer_of(row) if row else None


def answer_by_message(connection: Reader, message_id: int) -> Answer | None:
    """Return the answer a message gave, if it still stands."""
    row = connection.execute(
        "SELECT * FROM answers WHERE message_id = ? AND deleted_at IS NULL", (message_id,)
    ).fetchone()
    return answer_of(row) if row else None


def is_taken_back(connection: Reader, session_id: int, message_id: int, body: str) -> bool:
    """Say whether a reply gave an answer that staff have undone, or its author had erased.

    The reply may still stand on Discord: read again, it must not come back.
    """
    rows = connection.execute(
        "SELECT a.body, a.author_id, (SELECT u.kind FROM events e JOIN events u"
        "  ON u.id = e.undone_by WHERE e.session_id = ? AND e.kind = 'question.answered'"
        "  AND json_extract(e.data, '$.answer_id') = a.id) AS undone"
        " FROM answers a WHERE a.message_id = ? AND a.deleted_at IS NOT NULL",
        (session_id, message_id),
    )
    return any(
        (row["author_id"] is None and not row["body"])
        or (row["body"] == body and row["undone"] == "question.undone")
        for row in rows
    )


def answer_messages_of_session(connection: Reader, session_id: int) -> dict[int, int]:
    """Return the messages that gave a session's answers: message → channel.

    A reply stands in the channel of what it replies to.
    """
    rows = connection.execute(
        "SELECT a.message_id, q.channel_id FROM answers a JOIN questions q ON q.id = a.question_id"
        " WHERE q.session_id = ? AND a.message_id IS NOT NULL AND a.deleted_at IS NULL",
        (session_id,),
    )
    return {row[0]: row[1] for row in rows}


def rewrite_answer(tx: Transaction, answer_id: int, body: str) -> None:
    """Give an answer another text."""
    tx.execute("UPDATE answers SET body = ? WHERE id = ?", (body, answer_id))


def delete_answer(tx: Transaction, answer_id: int, at: datetime | None) -> None:
    """Take an answer back; None puts it back in place."""
    tx.execute(
        "UPDATE answers SET deleted_at = ? WHERE id = ?",
        (to_micros(at) if at else None, answer_id),
    )


def answers_of(connection: Reader, question_ids: Collection[int]) -> dict[int, list[Answer]]:
    """Return the standing answers of some questions, oldest first."""
    found: dict[int, list[Answer]] = {}
    wanted = list(question_ids)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT * FROM answers WHERE deleted_at IS NULL AND question_id IN ({marks})"
            " ORDER BY id",
            part,
        )
        for row in rows:
            found.setdefault(row["question_id"], []).append(answer_of(row))
    return found
