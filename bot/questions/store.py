"""SQL of questions, votes and answers."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.database import Transaction
from bot.moments import from_micros, from_micros_or_none, to_micros
from bot.questions.model import Question, SeenMessage, Source, State
from bot.sessions import Session
from bot.timeline import Event, event_of

Reader = sqlite3.Connection | Transaction

# Lifted ones first, then by votes, then by age.
ORDER = "q.rank IS NULL, q.rank, q.votes DESC, q.number"

# A question is hidden while its author is timed out, kicked or banned.
_VISIBLE = (
    "NOT EXISTS (SELECT 1 FROM people p WHERE p.guild_id = q.guild_id"
    " AND p.user_id = q.author_id AND p.muted_until > :now)"
)

# What a change of state may touch, and so what undo puts back.
CHANGEABLE = ("state", "rank", "merged_into", "joke", "taken_at", "closed_at")


def question_of(row: sqlite3.Row) -> Question:
    """Map a row of `questions`."""
    return Question(
        id=row["id"],
        guild_id=row["guild_id"],
        session_id=row["session_id"],
        number=row["number"],
        state=State(row["state"]),
        body=row["body"],
        author_id=row["author_id"],
        anonymous=bool(row["anonymous"]),
        source=Source(row["source"]),
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        ordinal=row["ordinal"],
        asked_at=from_micros(row["asked_at"]),
        taken_at=from_micros_or_none(row["taken_at"]),
        closed_at=from_micros_or_none(row["closed_at"]),
        joke=bool(row["joke"]),
        late=bool(row["late"]),
        rank=row["rank"],
        merged_into=row["merged_into"],
        votes=row["votes"],
    )


def insert(
    tx: Transaction,
    seen: SeenMessage,
    body: str,
    *,
    state: State,
    source: Source,
    ordinal: int,
    anonymous: bool = False,
    message_id: int | None,
) -> Question:
    """Insert a question with the session's next number."""
    number = tx.execute(
        "UPDATE sessions SET next_number = next_number + 1 WHERE id = ? RETURNING next_number - 1",
        (seen.session.id,),
    ).fetchone()[0]
    late = not seen.session.is_open
    question_id = tx.execute(
        "INSERT INTO questions (guild_id, session_id, number, state, body, author_id, anonymous,"
        " source, channel_id, message_id, ordinal, asked_at, late)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            seen.session.guild_id,
            seen.session.id,
            number,
            state,
            body,
            seen.author.id,
            anonymous,
            source,
            seen.channel_id,
            message_id,
            ordinal,
            to_micros(seen.sent_at),
            late,
        ),
    ).lastrowid
    assert question_id is not None  # noqa: S101 - an INSERT has one; for the type checker
    # Put together here, not read back: this is done for every question of a burst.
    return Question(
        id=question_id,
        guild_id=seen.session.guild_id,
        session_id=seen.session.id,
        number=number,
        state=state,
        body=body,
        author_id=seen.author.id,
        anonymous=anonymous,
        source=source,
        channel_id=seen.channel_id,
        message_id=message_id,
        ordinal=ordinal,
        asked_at=seen.sent_at,
        taken_at=None,
        closed_at=None,
        joke=False,
        late=late,
        rank=None,
        merged_into=None,
        votes=0,
    )


def put_attachments(tx: Transaction, question_id: int, filenames: Sequence[str]) -> None:
    """Keep the references to a new question's attachments."""
    if filenames:
        tx.executemany(
            "INSERT INTO question_attachments (question_id, filename) VALUES (?, ?)",
            [(question_id, name) for name in filenames],
        )


def replace_attachments(tx: Transaction, question_id: int, filenames: Sequence[str]) -> None:
    """Bring the references to a question's attachments in step with its message."""
    tx.execute("DELETE FROM question_attachments WHERE question_id = ?", (question_id,))
    put_attachments(tx, question_id, filenames)


def update(tx: Transaction, question_id: int, values: Mapping[str, Any]) -> Question:
    """Write some of the columns in `CHANGEABLE` and return the question."""
    columns = [column for column in CHANGEABLE if column in values]
    assignments = ", ".join(f"{column} = ?" for column in columns)
    row = tx.execute(
        f"UPDATE questions SET {assignments} WHERE id = ? RETURNING *",
        (*(values[column] for column in columns), question_id),
    ).fetchone()
    return question_of(row)


def state_columns(connection: Reader, question_id: int) -> dict[str, Any]:
    """Return a question's columns of `CHANGEABLE`, as stored."""
    row = connection.execute("SELECT * FROM questions WHERE id = ?", (question_id,)).fetchone()
    return {column: row[column] for column in CHANGEABLE}


def rewrite(tx: Transaction, question: Question, body: str, at: datetime) -> Question:
    """Give a question another text, keeping the old one in its history."""
    tx.execute(
        "INSERT INTO question_revisions (question_id, until_at, body) VALUES (?, ?, ?)",
        (question.id, to_micros(at), question.body),
    )
    row = tx.execute(
        "UPDATE questions SET body = ? WHERE id = ? RETURNING *", (body, question.id)
    ).fetchone()
    return question_of(row)


def place(tx: Transaction, question_id: int, ordinal: int) -> None:
    """Set a question's place in its message."""
    tx.execute("UPDATE questions SET ordinal = ? WHERE id = ?", (ordinal, question_id))


def attach_message(tx: Transaction, question_id: int, message_id: int) -> None:
    """Note the message that shows a question asked with /ask."""
    tx.execute("UPDATE questions SET message_id = ? WHERE id = ?", (message_id, question_id))


def get(connection: Reader, question_id: int, guild_id: int) -> Question | None:
    """Return a question of this guild."""
    row = connection.execute(
        "SELECT * FROM questions WHERE id = ? AND guild_id = ?", (question_id, guild_id)
    ).fetchone()
    return question_of(row) if row else None


def by_number(connection: Reader, session_id: int, number: int) -> Question | None:
    """Return a session's question #`number`."""
    row = connection.execute(
        "SELECT * FROM questions WHERE session_id = ? AND number = ?", (session_id, number)
    ).fetchone()
    return question_of(row) if row else None


def of_message(connection: Reader, message_id: int) -> list[Question]:
    """Return the questions a message holds, in their order in it."""
    rows = connection.execute(
        "SELECT * FROM questions WHERE message_id = ? ORDER BY ordinal, id", (message_id,)
    )
    return [question_of(row) for row in rows]


def of_session(connection: Reader, session_id: int) -> list[Question]:
    """Return all questions of a session by number."""
    rows = connection.execute(
        "SELECT * FROM questions WHERE session_id = ? ORDER BY number", (session_id,)
    )
    return [question_of(row) for row in rows]


def messages_of_session(connection: Reader, session_id: int) -> dict[int, int]:
    """Return the messages that hold a session's living questions: message → channel."""
    rows = connection.execute(
        "SELECT DISTINCT message_id, channel_id FROM questions WHERE session_id = ?"
        " AND message_id IS NOT NULL AND state <> 'withdrawn' AND source <> 'ask'",
        (session_id,),
    )
    return {row[0]: row[1] for row in rows}


def posts_of_session(connection: Reader, session_id: int) -> set[int]:
    """Return the bot's messages that show a session's living questions of the form."""
    rows = connection.execute(
        "SELECT message_id FROM questions WHERE session_id = ? AND message_id IS NOT NULL"
        " AND source = 'ask' AND state <> 'withdrawn'",
        (session_id,),
    )
    return {row[0] for row in rows}


def current(connection: Reader, session_id: int) -> Question | None:
    """Return the question being answered."""
    row = connection.execute(
        "SELECT * FROM questions WHERE session_id = ? AND state = 'current'", (session_id,)
    ).fetchone()
    return question_of(row) if row else None


def current_beside(connection: Reader, question_id: int) -> Question | None:
    """Return the question being answered in the session of another one."""
    row = connection.execute(
        "SELECT q.* FROM questions q JOIN questions o ON o.session_id = q.session_id"
        " WHERE o.id = ? AND q.id <> o.id AND q.state = 'current'",
        (question_id,),
    ).fetchone()
    return question_of(row) if row else None


def queue(
    connection: Reader,
    session_id: int,
    now: datetime,
    *,
    states: Collection[State] = (State.OPEN,),
    limit: int = -1,
    offset: int = 0,
) -> list[Question]:
    """Return visible questions in the order they will be taken."""
    wanted = ", ".join(f"'{State(state)}'" for state in states)
    rows = connection.execute(
        f"SELECT * FROM questions q WHERE q.session_id = :session AND q.state IN ({wanted})"
        f" AND {_VISIBLE} ORDER BY q.state = 'current' DESC, {ORDER} LIMIT :limit OFFSET :offset",
        {"session": session_id, "now": to_micros(now), "limit": limit, "offset": offset},
    )
    return [question_of(row) for row in rows]


def counts(connection: Reader, session_id: int, now: datetime) -> dict[State, int]:
    """Return how many visible questions a session has by state."""
    rows = connection.execute(
        f"SELECT q.state, count(*) FROM questions q WHERE q.session_id = :session"
        f" AND {_VISIBLE} GROUP BY q.state",
        {"session": session_id, "now": to_micros(now)},
    )
    return {State(row[0]): row[1] for row in rows}


def of_author(
    connection: Reader,
    guild_id: int,
    author_id: int,
    session_id: int | None = None,
    limit: int = 200,
) -> list[Question]:
    """Return a person's questions in a guild or one session, newest first."""
    only = " AND session_id = :session" if session_id is not None else ""
    rows = connection.execute(
        f"SELECT * FROM questions WHERE guild_id = :guild AND author_id = :author{only}"
        " ORDER BY id DESC LIMIT :limit",
        {"guild": guild_id, "author": author_id, "session": session_id, "limit": limit},
    )
    return [question_of(row) for row in rows]


def load_of(
    connection: Reader, session: Session, author_id: int, but_message_id: int | None = None
) -> tuple[int, int, int | None]:
    """Return a person's (waiting, anonymous ones among them, last asked at in microseconds).

    Questions of the message `but_message_id` don't count as asked before. The guild is named
    for its index: a session holds thousands of questions, a person in a guild few.
    """
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE state IN ('pending', 'open', 'current')),"
        " count(*) FILTER (WHERE anonymous AND state IN ('pending', 'open', 'current')),"
        " max(asked_at) FILTER"
        "  (WHERE source <> 'staff' AND (?1 IS NULL OR message_id IS NOT ?1))"
        " FROM questions WHERE guild_id = ? AND session_id = ? AND author_id = ?",
        (but_message_id, session.guild_id, session.id, author_id),
    ).fetchone()
    return row[0], row[1], row[2]


def takes_votes(connection: Reader, session_id: int, now: datetime) -> bool:
    """Say whether a session goes on, or still takes late questions.

    Afterwards its counts stand still: who voted is forgotten one day, the number is not.
    """
    found = connection.execute(
        "SELECT 1 FROM sessions WHERE id = ? AND (ended_at IS NULL OR late_until > ?)",
        (session_id, to_micros(now)),
    ).fetchone()
    return found is not None


def texts_since(
    connection: Reader, session_id: int, author_id: int, since: datetime, but_message_id: int
) -> set[str]:
    """Return what a person asked since then by other messages, and didn't take back."""
    rows = connection.execute(
        "SELECT body FROM questions WHERE session_id = ? AND author_id = ? AND asked_at >= ?"
        " AND message_id IS NOT ? AND state <> 'withdrawn'",
        (session_id, author_id, to_micros(since), but_message_id),
    )
    return {row[0] for row in rows}


def attachments(connection: Reader, question_ids: Collection[int]) -> dict[int, list[str]]:
    """Return the names of some questions' attachments."""
    found: dict[int, list[str]] = {}
    wanted = list(question_ids)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT question_id, filename FROM question_attachments"
            f" WHERE question_id IN ({marks}) ORDER BY rowid",
            part,
        )
        for row in rows:
            found.setdefault(row[0], []).append(row[1])
    return found


def reveal(tx: Transaction, question_id: int, by_id: int, reason: str, at: datetime) -> None:
    """Record who looked behind an anonymous question, and why."""
    tx.execute(
        "INSERT INTO reveals (question_id, by_id, reason, at) VALUES (?, ?, ?, ?)",
        (question_id, by_id, reason, to_micros(at)),
    )


def guild_of_question(connection: Reader, question_id: int) -> int:
    """Return the guild a question belongs to."""
    row = connection.execute(
        "SELECT guild_id FROM questions WHERE id = ?", (question_id,)
    ).fetchone()
    return row[0]


def answered_events(connection: Reader, question: Question) -> list[Event]:
    """Return the events with which a question's answers came in, latest first, undone ones not."""
    return _events_about(connection, question, ("question.answered",))


def departure(connection: Reader, question: Question) -> Event | None:
    """Return how a withdrawn question went: with its message, by hand, or turned down."""
    kinds = ("question.withdrawn", "question.rejected")
    return next(iter(_events_about(connection, question, kinds)), None)


def _events_about(connection: Reader, question: Question, kinds: Sequence[str]) -> list[Event]:
    marks = ",".join("?" * len(kinds))
    rows = connection.execute(
        f"SELECT * FROM events WHERE session_id = ? AND kind IN ({marks})"
        " AND undone_by IS NULL AND json_extract(data, '$.question_id') = ? ORDER BY id DESC",
        (question.session_id, *kinds, question.id),
    )
    return [event_of(row) for row in rows]
