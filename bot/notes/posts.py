"""Posted notes: where they go, which messages they are, what changed when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.notes.model import Part
from bot.sessions import Session

PlaceKind = Literal["channel", "thread", "forum"]
Origin = Literal["file", "url", "text", "watch"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where notes go: into a channel, a thread opened in it, or a post of a forum.

    `readable_id` is the channel whose permissions say who may read them.
    """

    kind: PlaceKind
    channel_id: int
    readable_id: int


@dataclass(frozen=True, slots=True)
class PostedNotes:
    """A session's notes. `channel_id` is where their messages stand, once they do."""

    session_id: int
    guild_id: int
    source: str
    revision: int
    place: Place
    channel_id: int | None
    shown_event: int


@dataclass(frozen=True, slots=True)
class NoteMessage:
    """One message of the set; without `message_id` it is being sent since `begun_at`."""

    id: int
    channel_id: int
    message_id: int | None
    digest: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of the notes; `posted_at` is empty until all its messages stand."""

    number: int
    at: datetime
    by_id: int | None
    origin: Origin
    parts: int
    changed: int
    posted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What should stand on Discord, and what does, as of the event `event_id`."""

    session: Session
    notes: PostedNotes
    parts: tuple[Part, ...]
    messages: tuple[NoteMessage, ...]
    event_id: int
    locale: str


@dataclass(frozen=True, slots=True)
class NoteHit:
    """A passage that was found; `excerpt` is Discord Markdown with the hit in bold."""

    session_id: int
    session_title: str
    guild_id: int
    channel_id: int
    message_id: int
    heading_path: tuple[str, ...]
    excerpt: str


@dataclass(frozen=True, slots=True)
class Watch:
    """An address that is read again and again; `etag` and `modified` are its server's."""

    session_id: int
    guild_id: int
    url: str
    by_id: int | None
    etag: str | None
    modified: str | None
    digest: str
    failures: int
    due_at: datetime
