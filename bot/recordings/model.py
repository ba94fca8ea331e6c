"""A recording, what its speaker agreed to, and what is handed out of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path


class Source(StrEnum):
    """Where a recording is."""

    LINK = "link"
    UPLOAD = "upload"
    FOLDER = "folder"


class GoneWhy(StrEnum):
    """Why a recording is no longer there."""

    EXPIRED = "expired"
    REMOVED = "removed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a session.

    `path` is below the folder of recordings. Chapters count from `starts_at`, moved by
    `shift`. `due_at` is when it goes (None: it stays), `due_counted` the same moment in
    counted time; it goes when both have come.
    """

    id: int
    guild_id: int
    session_id: int
    channel_id: int
    source: Source
    url: str | None
    path: str | None
    file_name: str
    media_type: str
    size_bytes: int
    title: str
    duration: timedelta | None
    starts_at: datetime
    shift: timedelta
    added_by: int | None
    added_at: datetime
    due_at: datetime | None
    due_counted: timedelta | None
    reminded_at: datetime | None
    gone_at: datetime | None
    gone_why: GoneWhy | None
    deleted_at: datetime | None

    @property
    def is_file(self) -> bool:
        """Whether the bot holds it."""
        return self.source is not Source.LINK

    @property
    def is_gone(self) -> bool:
        """Whether it is over: expired, removed, or consent was withdrawn."""
        return self.gone_at is not None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a session's speaker said: `recorded` is None until they did.

    `days` is how long it may be kept (None: as long as staff like).
    """

    session_id: int
    guild_id: int
    speaker_id: int | None
    answered_at: datetime | None = None
    recorded: bool | None = None
    days: int | None = None
    slides: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A question to the speaker: may this be kept `days` longer (None: for good)?"""

    id: int
    recording_id: int
    guild_id: int
    days: int | None
    asked_by: int | None
    asked_at: datetime
    answered_at: datetime | None
    granted: bool | None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A place in a recording that has a name."""

    at: timedelta
    title: str


@dataclass(frozen=True, slots=True)
class Served:
    """A recording somebody may watch just now, until `expires_at`."""

    path: Path
    media_type: str
    file_name: str
    title: str
    chapters: tuple[Chapter, ...]
    expires_at: datetime
    size_bytes: int
    locale: str
    link_id: int
    duration: timedelta | None


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file of a guild's own folder."""

    name: str
    size_bytes: int
