"""One talk."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A talk; open until `ended_at`.

    Late questions are taken in the thread `follow_up_id` until `late_until`.
    """

    id: int
    guild_id: int
    channel_id: int
    title: str
    speaker_id: int | None
    started_by: int | None
    slides_url: str | None
    moderated: bool
    started_at: datetime
    ended_at: datetime | None
    late_until: datetime | None
    follow_up_id: int | None
    scheduled_event_id: int | None
    active_at: datetime
    asked_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether the talk goes on."""
        return self.ended_at is None

    @property
    def speaker_ids(self) -> tuple[int | None, ...]:
        """Who may do what a speaker may: the named one, and whoever started for them."""
        if self.speaker_id is None:
            return (self.started_by,)
        return (self.speaker_id, self.started_by)


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a session is started with."""

    guild_id: int
    channel_id: int
    title: str
    speaker_id: int | None = None
    speaker_name: str | None = None
    slides_url: str | None = None
    moderated: bool = False
    scheduled_event_id: int | None = None


@dataclass(frozen=True, slots=True)
class SessionEdit:
    """What of a session is changed; None leaves it as it is."""

    title: str | None = None
    speaker_id: int | None = None
    speaker_name: str | None = None
    slides_url: str | None = None
    moderated: bool | None = None
