"""A talk's life."""

from bot.sessions.errors import NoSession, SessionAlreadyOpen, SessionEnded, StaffOnly
from bot.sessions.model import NewSession, Session, SessionEdit
from bot.sessions.service import (
    BOARD,
    CONTINUED,
    EDITED,
    ENDED,
    FOLLOW_UP_OPENED,
    PANEL,
    QUIET,
    RETURNED,
    STARTED,
    SessionService,
)
from bot.sessions.store import get as get_session
from bot.sessions.store import session_of

__all__ = [
    "BOARD",
    "CONTINUED",
    "EDITED",
    "ENDED",
    "FOLLOW_UP_OPENED",
    "PANEL",
    "QUIET",
    "RETURNED",
    "STARTED",
    "NewSession",
    "NoSession",
    "Session",
    "SessionAlreadyOpen",
    "SessionEdit",
    "SessionEnded",
    "SessionService",
    "StaffOnly",
    "get_session",
    "session_of",
]
