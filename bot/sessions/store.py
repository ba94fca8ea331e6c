"""SQL of sessions."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.database import Transaction
from bot.moments import from_micros, from_micros_or_none, to_micros
from bot.sessions.model import NewSession, Session

Reader = sqlite3.Connection | Transaction

_MICROS = {"started_at", "ended_at", "late_until", "active_at", "asked_at"}
_COLUMNS = {
    "title",
    "speaker_id",
    "slides_url",
    "moderated",
    "ended_at",
    "late_until",
    "follow_up_id",
    "active_at",
    "asked_at",
    "started_by",
}


def session_of(row: sqlite3.Row) -> Session:
    """Map a row of `sessions`."""
    return Session(
        id=row["id"],
        guild_id=row["guild_id"],
        channel_id=row["channel_id"],
        title=row["title"],
        speaker_id=row["speaker_id"],
        started_by=row["started_by"],
        slides_url=row["slides_url"],
        moderated=bool(row["moderated"]),
        started_at=from_micros(row["started_at"]),
        ended_at=from_micros_or_none(row["ended_at"]),
        late_until=from_micros_or_none(row["late_until"]),
        follow_up_id=row["follow_up_id"],
        scheduled_event_id=row["scheduled_event_id"],
        active_at=from_micros(row["active_at"]),
        asked_at=from_micros_or_none(row["asked_at"]),
    )


def insert(tx: Transaction, new: NewSession, by_id: int, at: datetime) -> Session:
    """Insert an open session.

    Raises:
        sqlite3.IntegrityError: one is open in that channel.
    """
    now = to_micros(at)
    row = tx.execute(
        "INSERT INTO sessions (guild_id, channel_id, title, speaker_id, started_by, slides_url,"
        " moderated, scheduled_event_id, started_at, active_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (
            new.guild_id,
            new.channel_id,
            new.title,
            new.speaker_id,
            by_id,
            new.slides_url,
            new.moderated,
            new.scheduled_event_id,
            now,
            now,
        ),
    ).fetchone()
    return session_of(row)


def update(tx: Transaction, session_id: int, values: Mapping[str, Any]) -> Session:
    """Write some columns and return the session."""
    for column, value in values.items():
        if column not in _COLUMNS:
            raise KeyError(column)
        stored = to_micros(value) if column in _MICROS and value is not None else value
        tx.execute(
            f"UPDATE sessions SET {column} = ? WHERE id = ?",
            (stored, session_id),
        )
    return session_of(tx.execute("SELECT * FROM sessions WHERE id = ?", (session_id,)).fetchone())


def get(connection: Reader, session_id: int, guild_id: int) -> Session | None:
    """Return a session of this guild."""
    row = connection.execute(
        "SELECT * FROM sessions WHERE id = ? AND guild_id = ?", (session_id, guild_id)
    ).fetchone()
    return session_of(row) if row else None


def open_in(connection: Reader, channel_id: int) -> Session | None:
    """Return the session that is open in a channel."""
    row = connection.execute(
        "SELECT * FROM sessions WHERE channel_id = ? AND ended_at IS NULL", (channel_id,)
    ).fetchone()
    return session_of(row) if row else None


def active(connection: Reader, at: datetime) -> list[Session]:
    """Return all sessions that still take questions: open, or with late ones."""
    rows = connection.execute(
        "SELECT * FROM sessions WHERE ended_at IS NULL OR late_until > ?", (to_micros(at),)
    )
    return [session_of(row) for row in rows]


def of_guild(connection: Reader, guild_id: int, limit: int) -> list[Session]:
    """Return a guild's sessions, newest first."""
    rows = connection.execute(
        "SELECT * FROM sessions WHERE guild_id = ? ORDER BY started_at DESC, id DESC LIMIT ?",
        (guild_id, limit),
    )
    return [session_of(row) for row in rows]


def touch(tx: Transaction, marks: Mapping[int, tuple[int, int, datetime]]) -> None:
    """Write how far channels were read: channel → (session, message, time of the last one)."""
    for channel_id, (session_id, message_id, at) in marks.items():
        tx.execute(
            "INSERT INTO channel_marks (channel_id, session_id, message_id) VALUES (?, ?, ?)"
            " ON CONFLICT (channel_id) DO UPDATE SET message_id ="
            " max(message_id, excluded.message_id), session_id = excluded.session_id",
            (channel_id, session_id, message_id),
        )
        tx.execute(
            "UPDATE sessions SET active_at = max(active_at, ?1),"
            " asked_at = CASE WHEN asked_at > ?1 THEN asked_at END WHERE id = ?2",
            (to_micros(at), session_id),
        )


def marks(connection: Reader, session_id: int) -> dict[int, int]:
    """Return how far each channel of a session was read: channel → message."""
    rows = connection.execute(
        "SELECT channel_id, message_id FROM channel_marks WHERE session_id = ?", (session_id,)
    )
    return {row[0]: row[1] for row in rows}
