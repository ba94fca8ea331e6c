"""SQL of the timeline, its deliveries and the live messages."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.database import Transaction
from bot.moments import from_micros, from_micros_or_none, to_micros
from bot.timeline.model import Delivery, Event, LiveMessage, NewEvent

_EVENT = (
    "e.id, e.kind, e.guild_id, e.session_id, e.channel_id, e.actor_id, e.at, e.data, e.undone_by"
)

Reader = sqlite3.Connection | Transaction

_to_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one a call


def append(tx: Transaction, event: NewEvent, at: datetime) -> int:
    """Put `event` at the timeline's end and return its id."""
    cursor = tx.execute(
        "INSERT INTO events (guild_id, session_id, channel_id, kind, actor_id, at, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            event.guild_id,
            event.session_id,
            event.channel_id,
            event.kind,
            event.actor_id,
            to_micros(at),
            _to_json(dict(event.data)),
        ),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one; for the type checker
    return cursor.lastrowid


def event_of(row: sqlite3.Row) -> Event:
    """Map a row of `events`."""
    return Event(
        id=row["id"],
        kind=row["kind"],
        guild_id=row["guild_id"],
        session_id=row["session_id"],
        channel_id=row["channel_id"],
        actor_id=row["actor_id"],
        at=from_micros(row["at"]),
        data=json.loads(row["data"]),
        undone_by=row["undone_by"],
    )


def after(connection: Reader, event_id: int, limit: int) -> list[Event]:
    """Return up to `limit` events behind `event_id`, in order."""
    rows = connection.execute(
        f"SELECT {_EVENT} FROM events e WHERE e.id > ? ORDER BY e.id LIMIT ?",
        (event_id, limit),
    )
    return [event_of(row) for row in rows]


def of_session(connection: Reader, session_id: int, kinds: Sequence[str] = ()) -> list[Event]:
    """Return a session's events in order, of some kinds or all."""
    marks = ",".join("?" * len(kinds))
    only = f" AND e.kind IN ({marks})" if kinds else ""
    rows = connection.execute(
        f"SELECT {_EVENT} FROM events e WHERE e.session_id = ?{only} ORDER BY e.id",
        (session_id, *kinds),
    )
    return [event_of(row) for row in rows]


def latest_to_undo(
    connection: Reader,
    session_id: int,
    kinds: Sequence[str],
    unless: str,
    before: int | None = None,
) -> Event | None:
    """Return the session's last event of `kinds` that nobody has undone.

    Events whose data say yes to `unless` are passed over, and those not before `before`.
    """
    marks = ",".join("?" * len(kinds))
    row = connection.execute(
        f"SELECT {_EVENT} FROM events e WHERE e.session_id = ? AND e.undone_by IS NULL"
        f" AND e.kind IN ({marks}) AND json_extract(e.data, ?) IS NOT 1"
        " AND e.id < coalesce(?, e.id + 1) ORDER BY e.id DESC LIMIT 1",
        (session_id, *kinds, f"$.{unless}", before),
    ).fetchone()
    return event_of(row) if row else None


def mark_undone(tx: Transaction, event_id: int, by_event_id: int) -> None:
    """Note that `by_event_id` took `event_id` back."""
    tx.execute("UPDATE events SET undone_by = ? WHERE id = ?", (by_event_id, event_id))


def forget_actor(tx: Transaction, guild_id: int, user_id: int) -> None:
    """Take a person's id out of the guild's events."""
    tx.execute(
        "UPDATE events SET actor_id = NULL WHERE guild_id = ? AND actor_id = ?",
        (guild_id, user_id),
    )


def forget_actors_before(tx: Transaction, before: datetime) -> int:
    """Take everybody's ids out of events older than `before`; return how many."""
    return tx.execute(
        "UPDATE events SET actor_id = NULL WHERE at < ? AND actor_id IS NOT NULL",
        (to_micros(before),),
    ).rowcount


def cursor(connection: Reader, name: str) -> int:
    """Return how far `name` has read; 0 at the beginning."""
    row = connection.execute("SELECT event_id FROM cursors WHERE name = ?", (name,)).fetchone()
    return row[0] if row else 0


def unfinished(connection: Reader, name: str) -> tuple[int, list[Delivery]]:
    """Return how far `name` has read and what is still to be delivered, at one moment."""
    return cursor(connection, name), pending(connection)


def plan(tx: Transaction, name: str, event_id: int, wanted: Iterable[tuple[int, str, int]]) -> None:
    """Record what has to be delivered (event, consumer, lane) and move the cursor behind it."""
    tx.executemany(
        "INSERT OR IGNORE INTO deliveries (event_id, consumer, lane, state)"
        " VALUES (?, ?, ?, 'pending')",
        list(wanted),
    )
    move_cursor(tx, name, event_id)


def move_cursor(tx: Transaction, name: str, event_id: int) -> None:
    """Note how far `name` has read."""
    tx.execute(
        "INSERT INTO cursors (name, event_id) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET event_id = excluded.event_id",
        (name, event_id),
    )


def pending(connection: Reader) -> list[Delivery]:
    """Return every delivery still to be made, in the order of the events."""
    rows = connection.execute(
        f"SELECT {_EVENT}, d.consumer, d.lane, d.tried_at FROM deliveries d"
        " JOIN events e ON e.id = d.event_id WHERE d.state = 'pending' ORDER BY e.id"
    )
    return [
        Delivery(event_of(row), row["consumer"], row["lane"], from_micros_or_none(row["tried_at"]))
        for row in rows
    ]


def begin_delivery(tx: Transaction, event_id: int, consumer: str, at: datetime) -> None:
    """Note when a delivery was first tried."""
    tx.execute(
        "UPDATE deliveries SET tried_at = ? WHERE event_id = ? AND consumer = ?"
        " AND tried_at IS NULL",
        (to_micros(at), event_id, consumer),
    )


def end_delivery(
    tx: Transaction, event_id: int, consumer: str, result: int | None, error: str | None
) -> None:
    """Close a delivery: done with its result (a message id), or failed for good."""
    tx.execute(
        "UPDATE deliveries SET state = ?, result = ?, error = ?"
        " WHERE event_id = ? AND consumer = ?",
        ("failed" if error else "done", result, error, event_id, consumer),
    )


def drop_old_deliveries(tx: Transaction, before: datetime) -> None:
    """Delete closed deliveries of events older than `before`."""
    tx.execute(
        "DELETE FROM deliveries WHERE state <> 'pending' AND event_id IN"
        " (SELECT id FROM events WHERE at < ?)",
        (to_micros(before),),
    )


def _live_of(row: sqlite3.Row) -> LiveMessage:
    return LiveMessage(
        kind=row["kind"],
        key=row["key"],
        guild_id=row["guild_id"],
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        posted_at=from_micros_or_none(row["posted_at"]),
        digest=row["digest"],
    )


def live_message(connection: Reader, kind: str, key: int) -> LiveMessage | None:
    """Return one live message."""
    row = connection.execute(
        "SELECT * FROM live_messages WHERE kind = ? AND key = ?", (kind, key)
    ).fetchone()
    return _live_of(row) if row else None


def live_messages(connection: Reader) -> list[LiveMessage]:
    """Return all live messages."""
    return [_live_of(row) for row in connection.execute("SELECT * FROM live_messages")]


def some_live_messages(connection: Reader, wanted: Iterable[tuple[str, int]]) -> list[LiveMessage]:
    """Return those of some live messages, by kind and key, that there are."""
    found = (live_message(connection, kind, key) for kind, key in wanted)
    return [one for one in found if one is not None]


def put_live_message(tx: Transaction, kind: str, key: int, guild_id: int, channel_id: int) -> None:
    """Make a live message, or move it to another channel (to be posted afresh there)."""
    tx.execute(
        "INSERT INTO live_messages (kind, key, guild_id, channel_id) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (kind, key) DO UPDATE SET channel_id = excluded.channel_id,"
        " message_id = NULL, posted_at = NULL, digest = NULL"
        " WHERE channel_id <> excluded.channel_id",
        (kind, key, guild_id, channel_id),
    )


def live_message_posted(
    tx: Transaction, kind: str, key: int, message_id: int, at: datetime, digest: str
) -> None:
    """Note where a live message stands now."""
    tx.execute(
        "UPDATE live_messages SET message_id = ?, posted_at = ?, digest = ?"
        " WHERE kind = ? AND key = ?",
        (message_id, to_micros(at), digest, kind, key),
    )


def live_message_shows(tx: Transaction, kind: str, key: int, digest: str) -> None:
    """Note what a live message looks like now."""
    tx.execute(
        "UPDATE live_messages SET digest = ? WHERE kind = ? AND key = ?", (digest, kind, key)
    )


def drop_live_message(tx: Transaction, kind: str, key: int) -> None:
    """Forget a live message; what it showed last stays on Discord."""
    tx.execute("DELETE FROM live_messages WHERE kind = ? AND key = ?", (kind, key))
