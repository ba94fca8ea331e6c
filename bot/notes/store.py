"""SQL of posted notes."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

from bot.database import Transaction
from bot.moments import from_micros, from_micros_or_none, to_micros
from bot.notes.posts import NoteMessage, Origin, Place, PostedNotes, Revision, Watch
from bot.search import index_text

Reader = sqlite3.Connection | Transaction

# Heading, text, session's title and where it stands.
Found = tuple[sqlite3.Row, tuple[str, ...]]


def get(connection: Reader, session_id: int) -> PostedNotes | None:
    """Return a session's notes."""
    row = connection.execute("SELECT * FROM notes WHERE session_id = ?", (session_id,)).fetchone()
    if row is None:
        return None
    return PostedNotes(
        session_id=row["session_id"],
        guild_id=row["guild_id"],
        source=row["source"],
        revision=row["revision"],
        place=Place(row["place"], row["place_id"], row["readable_id"]),
        channel_id=row["channel_id"],
        shown_event=row["shown_event"],
    )


def put(
    tx: Transaction,
    session_id: int,
    guild_id: int,
    source: str,
    place: Place,
    by_id: int | None,
    origin: Origin,
    at: datetime,
) -> int:
    """Write a new state of the notes; return its number."""
    number = tx.execute(
        "INSERT INTO notes (session_id, guild_id, source, revision, place, place_id, readable_id)"
        " VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET"
        " source = excluded.source, revision = revision + 1,"
        " channel_id = CASE WHEN place = excluded.place AND place_id = excluded.place_id"
        "  THEN channel_id END,"
        " place = excluded.place, place_id = excluded.place_id, readable_id = excluded.readable_id"
        " RETURNING revision",
        (session_id, guild_id, source, place.kind, place.channel_id, place.readable_id),
    ).fetchone()[0]
    tx.execute(
        "INSERT INTO note_revisions (session_id, number, at, by_id, origin) VALUES (?, ?, ?, ?, ?)",
        (session_id, number, to_micros(at), by_id, origin),
    )
    return number


def revisions(connection: Reader, session_id: int, limit: int) -> list[Revision]:
    """Return the states of a session's notes, newest first."""
    rows = connection.execute(
        "SELECT * FROM note_revisions WHERE session_id = ? ORDER BY number DESC LIMIT ?",
        (session_id, limit),
    )
    return [
        Revision(
            number=row["number"],
            at=from_micros(row["at"]),
            by_id=row["by_id"],
            origin=row["origin"],
            parts=row["parts"],
            changed=row["changed"],
            posted_at=from_micros_or_none(row["posted_at"]),
        )
        for row in rows
    ]


def messages(connection: Reader, session_id: int) -> list[NoteMessage]:
    """Return the messages of a session's notes, in order."""
    rows = connection.execute(
        "SELECT * FROM note_messages WHERE session_id = ? ORDER BY id", (session_id,)
    )
    return [_message_of(row) for row in rows]


def _message_of(row: sqlite3.Row) -> NoteMessage:
    return NoteMessage(
        id=row["id"],
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        digest=row["digest"],
        begun_at=from_micros(row["begun_at"]),
    )


def begin_message(
    tx: Transaction, session_id: int, channel_id: int, digest: str, at: datetime
) -> NoteMessage:
    """Note that a message is about to be sent."""
    row = tx.execute(
        "INSERT INTO note_messages (session_id, channel_id, digest, begun_at)"
        " VALUES (?, ?, ?, ?) RETURNING *",
        (session_id, channel_id, digest, to_micros(at)),
    ).fetchone()
    return _message_of(row)


def message_sent(tx: Transaction, row_id: int, message_id: int, channel_id: int) -> None:
    """Note that a message stands."""
    tx.execute(
        "UPDATE note_messages SET message_id = ?, channel_id = ? WHERE id = ?",
        (message_id, channel_id, row_id),
    )


def message_shows(tx: Transaction, row_id: int, digest: str) -> None:
    """Note what a message says now."""
    tx.execute("UPDATE note_messages SET digest = ? WHERE id = ?", (digest, row_id))


def drop_message(tx: Transaction, row_id: int) -> None:
    """Forget a message."""
    tx.execute("DELETE FROM note_messages WHERE id = ?", (row_id,))


def count_change(tx: Transaction, session_id: int) -> None:
    """Count a changed part of the state that is being posted."""
    tx.execute(
        "UPDATE note_revisions SET changed = changed + 1 WHERE session_id = ?1 AND posted_at IS"
        " NULL AND number = (SELECT revision FROM notes WHERE session_id = ?1)",
        (session_id,),
    )


def opened(tx: Transaction, session_id: int, channel_id: int | None) -> None:
    """Note where the messages go; None: the place is gone."""
    tx.execute("UPDATE notes SET channel_id = ? WHERE session_id = ?", (channel_id, session_id))


def complete(
    tx: Transaction, session_id: int, revision: int, event_id: int, parts: int, at: datetime
) -> None:
    """Note that all messages show the state as of an event."""
    tx.execute(
        "UPDATE notes SET shown_event = max(shown_event, ?) WHERE session_id = ?",
        (event_id, session_id),
    )
    tx.execute(
        "UPDATE note_revisions SET parts = ?, posted_at = coalesce(posted_at, ?)"
        " WHERE session_id = ? AND number <= ? AND posted_at IS NULL",
        (parts, to_micros(at), session_id, revision),
    )


def put_passages(
    tx: Transaction,
    session_id: int,
    guild_id: int,
    channel_id: int,
    passages: Iterable[tuple[int, tuple[str, ...], str]],
) -> None:
    """Replace what is searched of a session's notes: (message, headings, words)."""
    tx.execute(
        "DELETE FROM notes_index WHERE rowid IN"
        " (SELECT id FROM note_passages WHERE session_id = ?)",
        (session_id,),
    )
    tx.execute("DELETE FROM note_passages WHERE session_id = ?", (session_id,))
    for message_id, path, plain in passages:
        if not plain.strip():
            continue
        row = tx.execute(
            "INSERT INTO note_passages (guild_id, session_id, channel_id, message_id, path, plain)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (
                guild_id,
                session_id,
                channel_id,
                message_id,
                json.dumps(path, ensure_ascii=False),
                plain,
            ),
        ).fetchone()
        tx.execute(
            "INSERT INTO notes_index (rowid, text) VALUES (?, ?)",
            (row[0], indexed(guild_id, plain)),
        )


def indexed(guild_id: int, plain: str) -> str:
    """Return what stands in the index for a passage: its guild is a word of it.

    So a common word in a small guild isn't looked for among everybody's.
    """
    return f"{index_text(plain)} guild{guild_id}"


def find(
    connection: Reader,
    guild_id: int,
    match: str,
    limit: int,
    channel_ids: Collection[int] | None = None,
) -> list[Found]:
    """Return a guild's passages that match, newest first; `channel_ids`: who may be read."""
    among = None if channel_ids is None else json.dumps(sorted(channel_ids))
    rows = connection.execute(
        "SELECT p.*, s.title FROM notes_index i JOIN note_passages p ON p.id = i.rowid"
        " JOIN notes n ON n.session_id = p.session_id JOIN sessions s ON s.id = p.session_id"
        " WHERE notes_index MATCH :match AND p.guild_id = :guild"
        " AND (:among IS NULL OR n.readable_id IN (SELECT value FROM json_each(:among)))"
        " ORDER BY i.rowid DESC LIMIT :limit",
        {"match": f"{match} guild{guild_id}", "guild": guild_id, "among": among, "limit": limit},
    )
    return [(row, tuple(json.loads(row["path"]))) for row in rows]


def put_watch(tx: Transaction, watch: Watch) -> None:
    """Write a watch; a session has one."""
    tx.execute(
        "INSERT OR REPLACE INTO note_watches (session_id, guild_id, url, by_id, etag, modified,"
        " digest, failures, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            watch.session_id,
            watch.guild_id,
            watch.url,
            watch.by_id,
            watch.etag,
            watch.modified,
            watch.digest,
            watch.failures,
            to_micros(watch.due_at),
        ),
    )


def watches(connection: Reader, session_id: int | None = None) -> list[Watch]:
    """Return all watches, or a session's."""
    rows = connection.execute(
        "SELECT * FROM note_watches WHERE ?1 IS NULL OR session_id = ?1", (session_id,)
    )
    return [
        Watch(
            session_id=row["session_id"],
            guild_id=row["guild_id"],
            url=row["url"],
            by_id=row["by_id"],
            etag=row["etag"],
            modified=row["modified"],
            digest=row["digest"],
            failures=row["failures"],
            due_at=from_micros(row["due_at"]),
        )
        for row in rows
    ]


def drop_watch(tx: Transaction, session_id: int) -> bool:
    """Stop watching for a session; say whether something was watched."""
    found = tx.execute("DELETE FROM note_watches WHERE session_id = ?", (session_id,))
    return found.rowcount > 0


def last_event(connection: Reader) -> int:
    """Return the id of the timeline's last event."""
    return connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]


def revisions_by(connection: Reader, guild_id: int, user_id: int) -> list[dict[str, int]]:
    """Return which notes a person posted: sessions and how often."""
    rows = connection.execute(
        "SELECT r.session_id, count(*) FROM note_revisions r"
        " JOIN notes n ON n.session_id = r.session_id"
        " WHERE n.guild_id = ? AND r.by_id = ? GROUP BY r.session_id",
        (guild_id, user_id),
    )
    return [{"session_id": row[0], "times_posted": row[1]} for row in rows]


def forget_words(tx: Transaction, session_ids: Collection[int]) -> None:
    """Take what is searched of some sessions' notes out; it comes back as they are posted anew.

    Words somebody had erased may stand in it, out of question time.
    """
    for session_id in session_ids:
        put_passages(tx, session_id, 0, 0, ())
    # Taking a text out only notes that it is gone.
    tx.execute("INSERT INTO notes_index (notes_index) VALUES ('optimize')")


def forget_person(tx: Transaction, guild_id: int, user_id: int) -> None:
    """Take a person's id out of a guild's notes; the text itself is the community's."""
    tx.execute(
        "UPDATE note_revisions SET by_id = NULL WHERE by_id = ? AND session_id IN"
        " (SELECT session_id FROM notes WHERE guild_id = ?)",
        (user_id, guild_id),
    )
    tx.execute(
        "UPDATE note_watches SET by_id = NULL WHERE by_id = ? AND guild_id = ?",
        (user_id, guild_id),
    )


def forget_posters_before(tx: Transaction, before: datetime) -> None:
    """Forget who posted notes before then."""
    tx.execute(
        "UPDATE note_revisions SET by_id = NULL WHERE by_id IS NOT NULL AND at < ?",
        (to_micros(before),),
    )
