"""What recordings know of a person: told to them, and taken out."""

from datetime import datetime
from typing import Any

from bot.database import Transaction
from bot.moments import to_micros
from bot.recordings import store
from bot.recordings.ending import let_go
from bot.recordings.model import GoneWhy
from bot.recordings.store import Reader
from bot.timeline import Timeline


def recordings_of_person(connection: Reader, guild_id: int, user_id: int) -> dict[str, Any]:
    """Return what a guild's recordings know of a person."""
    added = connection.execute(
        "SELECT id FROM recordings WHERE guild_id = ? AND added_by = ?", (guild_id, user_id)
    ).fetchall()
    said = connection.execute(
        "SELECT session_id, recorded, days, slides FROM recording_consents"
        " WHERE guild_id = ? AND speaker_id = ? AND answered_at IS NOT NULL",
        (guild_id, user_id),
    ).fetchall()
    links = connection.execute(
        "SELECT count(*) FROM download_links WHERE guild_id = ? AND user_id = ?",
        (guild_id, user_id),
    ).fetchone()[0]
    return {
        "added": [row[0] for row in added],
        "consents": [
            {
                "session_id": row["session_id"],
                "recorded": bool(row["recorded"]),
                "days": row["days"],
                "slides": bool(row["slides"]),
            }
            for row in said
        ],
        "links": links,
    }


def forget_in_recordings(
    timeline: Timeline, tx: Transaction, guild_id: int, user_id: int, at: datetime
) -> None:
    """Take a person's id out of a guild's recordings.

    With a speaker goes what they said yes to: the recordings of their talks.
    """
    spoken = tx.execute(
        "SELECT session_id FROM recording_consents WHERE guild_id = ? AND speaker_id = ?",
        (guild_id, user_id),
    ).fetchall()
    for row in spoken:
        for recording in store.of_session(tx, row[0]):
            let_go(timeline, tx, recording, GoneWhy.WITHDRAWN, at)
    key = {"guild": guild_id, "user": user_id}
    asked = "guild_id = :guild AND asked_by = :user"
    for sql in (
        "DELETE FROM recording_consents WHERE guild_id = :guild AND speaker_id = :user",
        "DELETE FROM download_links WHERE guild_id = :guild AND user_id = :user",
        "UPDATE recordings SET added_by = NULL WHERE guild_id = :guild AND added_by = :user",
        f"UPDATE recording_requests SET asked_by = NULL WHERE {asked}",  # noqa: S608 - the condition is one of ours
    ):
        tx.execute(sql, key)


def forget_recorders_before(tx: Transaction, before: datetime) -> None:
    """Forget who added recordings, and who asked to keep them, before then."""
    micros = to_micros(before)
    tx.execute(
        "UPDATE recordings SET added_by = NULL WHERE added_by IS NOT NULL AND added_at < ?",
        (micros,),
    )
    tx.execute(
        "UPDATE recording_requests SET asked_by = NULL WHERE asked_by IS NOT NULL AND asked_at < ?",
        (micros,),
    )
