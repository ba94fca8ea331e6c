"""SQL of what speakers were asked and said."""

from datetime import datetime

from bot.database import Transaction
from bot.moments import from_micros, from_micros_or_none, to_micros
from bot.recordings.model import Consent, Request
from bot.recordings.store import Reader
from bot.sessions import Session


def consent(connection: Reader, session: Session) -> Consent:
    """Return what a session's present speaker said; unanswered where they said nothing."""
    speaker_id = session.speaker_ids[0]
    row = connection.execute(
        "SELECT * FROM recording_consents WHERE session_id = ?", (session.id,)
    ).fetchone()
    if row is None or row["speaker_id"] != speaker_id:
        return Consent(session.id, session.guild_id, speaker_id)
    return Consent(
        session_id=row["session_id"],
        guild_id=row["guild_id"],
        speaker_id=row["speaker_id"],
        answered_at=from_micros_or_none(row["answered_at"]),
        recorded=None if row["recorded"] is None else bool(row["recorded"]),
        days=row["days"],
        slides=bool(row["slides"]),
    )


def put_consent(tx: Transaction, consent: Consent) -> None:
    """Write what a speaker said."""
    tx.execute(
        "INSERT OR REPLACE INTO recording_consents"
        " (session_id, guild_id, speaker_id, answered_at, recorded, days, slides)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            consent.session_id,
            consent.guild_id,
            consent.speaker_id,
            None if consent.answered_at is None else to_micros(consent.answered_at),
            consent.recorded,
            consent.days,
            consent.slides,
        ),
    )


def put_request(
    tx: Transaction,
    recording_id: int,
    guild_id: int,
    days: int | None,
    by_id: int,
    at: datetime,
) -> Request:
    """Write a question to a speaker; it takes the place of one that waits."""
    tx.execute(
        "DELETE FROM recording_requests WHERE recording_id = ? AND answered_at IS NULL",
        (recording_id,),
    )
    row = tx.execute(
        "INSERT INTO recording_requests (recording_id, guild_id, days, asked_by, asked_at)"
        " VALUES (?, ?, ?, ?, ?) RETURNING id",
        (recording_id, guild_id, days, by_id, to_micros(at)),
    ).fetchone()
    return Request(row["id"], recording_id, guild_id, days, by_id, at, None, None)


def request(connection: Reader, request_id: int, guild_id: int) -> Request | None:
    """Return a question to a speaker."""
    row = connection.execute(
        "SELECT * FROM recording_requests WHERE id = ? AND guild_id = ?", (request_id, guild_id)
    ).fetchone()
    if row is None:
        return None
    return Request(
        id=row["id"],
        recording_id=row["recording_id"],
        guild_id=row["guild_id"],
        days=row["days"],
        asked_by=row["asked_by"],
        asked_at=from_micros(row["asked_at"]),
        answered_at=from_micros_or_none(row["answered_at"]),
        granted=None if row["granted"] is None else bool(row["granted"]),
    )


def answer_request(tx: Transaction, request_id: int, at: datetime, *, granted: bool) -> None:
    """Write a speaker's answer."""
    tx.execute(
        "UPDATE recording_requests SET answered_at = ?, granted = ? WHERE id = ?",
        (to_micros(at), granted, request_id),
    )
