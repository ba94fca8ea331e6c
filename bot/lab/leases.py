"""When an instance ends. Pure."""

from datetime import datetime, timedelta

from bot.sessions import Session


def first_end(at: datetime, lifetime: timedelta | None) -> datetime | None:
    """Return when something that starts now ends by itself; None: with its session."""
    return None if lifetime is None else at + lifetime


def latest(deadline: datetime | None, session: Session | None, grace: timedelta) -> datetime | None:
    """Return when an instance ends: its deadline, or the session's end and its grace."""
    if session is None or session.ended_at is None:
        return deadline
    end = session.ended_at + grace
    return end if deadline is None else min(deadline, end)
