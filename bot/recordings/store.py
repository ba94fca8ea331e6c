"""SQL of recordings."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.database import Transaction
from bot.moments import from_micros, from_micros_or_none, to_micros
from bot.recordings.model import GoneWhy, Recording, Source

Reader = sqlite3.Connection | Transaction

_TIMES = frozenset({"starts_at", "added_at", "due_at", "reminded_at", "gone_at", "deleted_at"})
_LENGTHS = frozenset({"duration", "shift", "due_counted"})
_COLUMNS = frozenset(
    {
        "guild_id",
        "session_id",
        "channel_id",
        "source",
        "url",
        "path",
        "file_name",
        "media_type",
        "size_bytes",
        "title",
        "added_by",
        "gone_why",
        *_TIMES,
        *_LENGTHS,
    }
)
_MICROSECOND = timedelta(microseconds=1)


def micros(length: timedelta) -> int:
    """Store a length of time as microseconds."""
    return length // _MICROSECOND


def length_of(stored: int) -> timedelta:
    """Read back what `micros` stored."""
    return stored * _MICROSECOND


def length_or_none(stored: int | None) -> timedelta | None:
    """Read back a length that may be absent."""
    return None if stored is None else length_of(stored)


def _stored(column: str, value: Any) -> Any:
    if column not in _COLUMNS:
        raise KeyError(column)
    if value is None:
        return None
    if column in _TIMES:
        return to_micros(value)
    return micros(value) if column in _LENGTHS else value


def recording_of(row: sqlite3.Row) -> Recording:
    """Map a row of `recordings`."""
    return Recording(
        id=row["id"],
        guild_id=row["guild_id"],
        session_id=row["session_id"],
        channel_id=row["channel_id"],
        source=Source(row["source"]),
        url=row["url"],
        path=row["path"],
        file_name=row["file_name"],
        media_type=row["media_type"],
        size_bytes=row["size_bytes"],
        title=row["title"],
        duration=length_or_none(row["duration"]),
        starts_at=from_micros(row["starts_at"]),
        shift=length_of(row["shift"]),
        added_by=row["added_by"],
        added_at=from_micros(row["added_at"]),
        due_at=from_micros_or_none(row["due_at"]),
        due_counted=length_or_none(row["due_counted"]),
        reminded_at=from_micros_or_none(row["reminded_at"]),
        gone_at=from_micros_or_none(row["gone_at"]),
        gone_why=GoneWhy(row["gone_why"]) if row["gone_why"] else None,
        deleted_at=from_micros_or_none(row["deleted_at"]),
    )


def insert(tx: Transaction, values: Mapping[str, Any]) -> Recording:
    """Put a recording there.

    Raises:
        sqlite3.IntegrityError: its file is another's.
    """
    stored = [_stored(column, value) for column, value in values.items()]
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    row = tx.execute(
        f"INSERT INTO recordings ({columns}) VALUES ({marks}) RETURNING *",
        stored,
    ).fetchone()
    return recording_of(row)


def update(tx: Transaction, recording_id: int, **values: Any) -> Recording:
    """Write some columns and return the recording."""
    stored = [_stored(column, value) for column, value in values.items()]
    changes = ", ".join(f"{column} = ?" for column in values)
    row = tx.execute(
        f"UPDATE recordings SET {changes} WHERE id = ? RETURNING *",
        (*stored, recording_id),
    ).fetchone()
    return recording_of(row)


def get(connection: Reader, recording_id: int, guild_id: int) -> Recording | None:
    """Return a recording of this guild."""
    row = connection.execute(
        "SELECT * FROM recordings WHERE id = ? AND guild_id = ?", (recording_id, guild_id)
    ).fetchone()
    return recording_of(row) if row else None


def of_guild(connection: Reader, guild_id: int, limit: int) -> list[Recording]:
    """Return a guild's recordings that are there, newest first."""
    rows = connection.execute(
        "SELECT * FROM recordings WHERE guild_id = ? AND gone_at IS NULL ORDER BY id DESC LIMIT ?",
        (guild_id, limit),
    )
    return [recording_of(row) for row in rows]


def of_session(connection: Reader, session_id: int, *, gone: bool = False) -> list[Recording]:
    """Return a session's recordings in order; with those that are `gone`, too."""
    also = "" if gone else " AND gone_at IS NULL"
    rows = connection.execute(
        f"SELECT * FROM recordings WHERE session_id = ?{also} ORDER BY id",
        (session_id,),
    )
    return [recording_of(row) for row in rows]


def alive(connection: Reader) -> list[Recording]:
    """Return all recordings that are there."""
    rows = connection.execute("SELECT * FROM recordings WHERE gone_at IS NULL ORDER BY id")
    return [recording_of(row) for row in rows]


def with_end(connection: Reader) -> list[Recording]:
    """Return all recordings that are there and will go, those due first."""
    rows = connection.execute(
        "SELECT * FROM recordings WHERE gone_at IS NULL AND due_at IS NOT NULL ORDER BY due_at"
    )
    return [recording_of(row) for row in rows]


def undeleted(connection: Reader) -> list[Recording]:
    """Return gone recordings whose file is still to be deleted."""
    rows = connection.execute(
        "SELECT * FROM recordings WHERE gone_at IS NOT NULL AND deleted_at IS NULL"
        " AND path IS NOT NULL"
    )
    return [recording_of(row) for row in rows]


def paths(connection: Reader) -> set[str]:
    """Return the files that are recordings."""
    rows = connection.execute(
        "SELECT path FROM recordings WHERE path IS NOT NULL AND deleted_at IS NULL"
    )
    return {row[0] for row in rows}


def put_link(
    tx: Transaction, recording: Recording, user_id: int, at: datetime, until: datetime, most: int
) -> int:
    """Note that somebody was handed an address; of theirs, only the newest `most` stay good."""
    link_id = tx.execute(
        "INSERT INTO download_links (recording_id, guild_id, user_id, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?) RETURNING id",
        (recording.id, recording.guild_id, user_id, to_micros(at), to_micros(until)),
    ).fetchone()[0]
    tx.execute(
        "UPDATE download_links SET revoked_at = :at WHERE recording_id = :recording"
        " AND user_id = :user AND revoked_at IS NULL AND id NOT IN (SELECT id FROM download_links"
        " WHERE recording_id = :recording AND user_id = :user ORDER BY id DESC LIMIT :most)",
        {"at": to_micros(at), "recording": recording.id, "user": user_id, "most": most},
    )
    return link_id


def link(connection: Reader, link_id: int) -> tuple[sqlite3.Row, Recording] | None:
    """Return a link's row and its recording."""
    row = connection.execute("SELECT * FROM download_links WHERE id = ?", (link_id,)).fetchone()
    if row is None:
        return None
    recording = get(connection, row["recording_id"], row["guild_id"])
    return None if recording is None else (row, recording)


def revoke_links(
    tx: Transaction,
    at: datetime,
    *,
    recording_id: int | None = None,
    guild_id: int | None = None,
    user_id: int | None = None,
) -> int:
    """Take links back: a recording's, a guild's, or those of one person there; return how many."""
    return tx.execute(
        "UPDATE download_links SET revoked_at = :at WHERE revoked_at IS NULL"
        " AND (:recording IS NULL OR recording_id = :recording)"
        " AND (:guild IS NULL OR guild_id = :guild) AND (:user IS NULL OR user_id = :user)",
        {"at": to_micros(at), "recording": recording_id, "guild": guild_id, "user": user_id},
    ).rowcount


def drop_links_before(tx: Transaction, before: datetime) -> None:
    """Forget who was handed links that ended before."""
    tx.execute("DELETE FROM download_links WHERE expires_at < ?", (to_micros(before),))
