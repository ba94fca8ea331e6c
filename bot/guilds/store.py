"""SQL of guilds and people."""

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

from bot.database import Transaction
from bot.moments import to_micros

Reader = sqlite3.Connection | Transaction

ROLE_COLUMNS = ("speaker_role_id", "moderator_role_id", "note_taker_role_id", "lab_role_id")
COLUMNS = ("staff_channel_id", "notes_channel_id", *ROLE_COLUMNS, "locale", "time_zone")


def all_guilds(connection: Reader) -> list[dict[str, Any]]:
    """Return the rows of all guilds that chose something."""
    return [dict(row) for row in connection.execute("SELECT * FROM guilds")]


def choices(connection: Reader, guild_id: int) -> dict[str, int]:
    """Return what a guild chose itself, by name."""
    row = connection.execute(
        "SELECT choices FROM guilds WHERE guild_id = ?", (guild_id,)
    ).fetchone()
    return json.loads(row[0]) if row else {}


def put(tx: Transaction, guild_id: int, changes: dict[str, Any], choices: dict[str, int]) -> None:
    """Write some columns and the choices of a guild."""
    tx.execute("INSERT OR IGNORE INTO guilds (guild_id) VALUES (?)", (guild_id,))
    for column, value in changes.items():
        if column not in COLUMNS:
            raise KeyError(column)
        tx.execute(
            f"UPDATE guilds SET {column} = ? WHERE guild_id = ?",
            (value, guild_id),
        )
    tx.execute(
        "UPDATE guilds SET choices = ? WHERE guild_id = ?",
        (json.dumps(choices, sort_keys=True), guild_id),
    )


def saw_person(tx: Transaction, guild_id: int, user_id: int, name: str) -> None:
    """Keep a person's display name."""
    tx.execute(
        "INSERT INTO people (guild_id, user_id, name) VALUES (?, ?, ?)"
        " ON CONFLICT (guild_id, user_id) DO UPDATE SET name = excluded.name"
        " WHERE name <> excluded.name",
        (guild_id, user_id, name),
    )


def names(connection: Reader, guild_id: int, user_ids: Collection[int]) -> dict[int, str]:
    """Return the known display names of some people."""
    found: dict[int, str] = {}
    wanted = list(user_ids)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT user_id, name FROM people WHERE guild_id = ? AND name <> ''"
            f" AND user_id IN ({marks})",
            (guild_id, *part),
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def mute(tx: Transaction, guild_id: int, user_id: int, until: datetime | None) -> None:
    """Hide a person's open questions until then; None shows them again."""
    tx.execute(
        "INSERT INTO people (guild_id, user_id, name, muted_until) VALUES (?, ?, '', ?)"
        " ON CONFLICT (guild_id, user_id) DO UPDATE SET muted_until = excluded.muted_until",
        (guild_id, user_id, to_micros(until) if until else None),
    )


def muted(connection: Reader, guild_id: int, user_ids: Collection[int]) -> set[int]:
    """Return who of some people is timed out, kicked or banned."""
    marks = ",".join("?" * len(user_ids))
    rows = connection.execute(
        f"SELECT user_id FROM people WHERE guild_id = ? AND muted_until IS NOT NULL"
        f" AND user_id IN ({marks})",
        (guild_id, *user_ids),
    )
    return {row[0] for row in rows}


def lift_expired_mutes(tx: Transaction, now: datetime) -> list[int]:
    """Drop mutes that have run out; return the guilds they were in."""
    rows = tx.execute(
        "UPDATE people SET muted_until = NULL WHERE muted_until <= ? RETURNING guild_id",
        (to_micros(now),),
    ).fetchall()
    return sorted({row[0] for row in rows})


def forget_person(tx: Transaction, guild_id: int, user_id: int) -> None:
    """Drop a person's name; a mute stays, without it erasing would lift a punishment."""
    tx.execute(
        "DELETE FROM people WHERE guild_id = ? AND user_id = ? AND muted_until IS NULL",
        (guild_id, user_id),
    )
    tx.execute(
        "UPDATE people SET name = '' WHERE guild_id = ? AND user_id = ?", (guild_id, user_id)
    )


def forget_unused_names(tx: Transaction) -> None:
    """Drop names that no question, answer or session needs any more; a mute stays."""
    unused = (
        "NOT EXISTS (SELECT 1 FROM questions q WHERE q.guild_id = people.guild_id"
        "  AND q.author_id = people.user_id)"
        " AND NOT EXISTS (SELECT 1 FROM answers a WHERE a.guild_id = people.guild_id"
        "  AND a.author_id = people.user_id)"
        " AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.guild_id = people.guild_id"
        "  AND (s.speaker_id = people.user_id OR s.started_by = people.user_id))"
        " AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.guild_id = people.guild_id"
        "  AND i.owner_id = people.user_id)"
        " AND NOT EXISTS (SELECT 1 FROM note_revisions r JOIN notes n"
        "  ON n.session_id = r.session_id"
        "  WHERE n.guild_id = people.guild_id AND r.by_id = people.user_id)"
        " AND NOT EXISTS (SELECT 1 FROM recordings r WHERE r.guild_id = people.guild_id"
        "  AND r.added_by = people.user_id)"
    )
    tx.execute(f"DELETE FROM people WHERE muted_until IS NULL AND {unused}")
    tx.execute(f"UPDATE people SET name = '' WHERE name <> '' AND {unused}")
