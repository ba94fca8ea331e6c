"""A guild's own choices, and who a person is in it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.errors import N_


class Role(StrEnum):
    """What a person may do in a session."""

    SPEAKER = "speaker"
    MODERATOR = "moderator"
    NOTE_TAKER = "note_taker"
    ATTENDEE = "attendee"


# Who runs a talk, and may do what others would be disturbed by.
LEADS = frozenset({Role.SPEAKER, Role.MODERATOR})

ROLE_NAMES = {
    Role.SPEAKER: N_("Speaker"),
    Role.MODERATOR: N_("Moderator"),
    Role.NOTE_TAKER: N_("Note-taker"),
    Role.ATTENDEE: N_("Attendee"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the bot met them just now."""

    id: int
    name: str
    role_ids: frozenset[int] = frozenset()
    manages_messages: bool = False
    manages_guild: bool = False
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits that hold in a guild: its own choices over the installation's defaults."""

    open_questions: int
    question_pace: timedelta
    anonymous: bool
    anonymous_open: int
    late: timedelta
    quiet_ask: timedelta
    quiet_end: timedelta
    session_length: timedelta
    show_names: bool
    notes_thread: bool
    recording_days: int

    def as_choices(self) -> dict[str, int]:
        """Return them by the names and in the units of `CHOICES`."""
        return {
            "open_questions": self.open_questions,
            "question_pace_seconds": int(self.question_pace.total_seconds()),
            "anonymous": int(self.anonymous),
            "anonymous_open": self.anonymous_open,
            "late_hours": int(self.late.total_seconds() // 3600),
            "quiet_ask_minutes": int(self.quiet_ask.total_seconds() // 60),
            "quiet_end_minutes": int(self.quiet_end.total_seconds() // 60),
            "session_hours": int(self.session_length.total_seconds() // 3600),
            "show_names": int(self.show_names),
            "notes_thread": int(self.notes_thread),
            "recording_days": self.recording_days,
        }


@dataclass(frozen=True, slots=True)
class Guild:
    """A guild's settings, complete: what it didn't choose has the default."""

    id: int
    locale: str
    time_zone: ZoneInfo
    rules: Rules
    staff_channel_id: int | None = None
    notes_channel_id: int | None = None
    speaker_role_id: int | None = None
    moderator_role_id: int | None = None
    note_taker_role_id: int | None = None
    lab_role_id: int | None = None

    def roles_of(self, person: Person, speaker_ids: Collection[int | None] = ()) -> frozenset[Role]:
        """Say what `person` is here; `speaker_ids` are the session's own speakers.

        Without a moderator role, Manage Messages is the moderator.
        """
        roles = {Role.ATTENDEE}
        if person.manages_guild or person.manages_messages:
            roles.add(Role.MODERATOR)
        if self.moderator_role_id in person.role_ids:
            roles.add(Role.MODERATOR)
        if person.id in speaker_ids or self.speaker_role_id in person.role_ids:
            roles.add(Role.SPEAKER)
        if self.note_taker_role_id in person.role_ids:
            roles.add(Role.NOTE_TAKER)
        return frozenset(roles)


# What a guild may choose with /setup, and the bounds of each.
CHOICES: dict[str, tuple[int, int]] = {
    "open_questions": (1, 100),
    "question_pace_seconds": (0, 3600),
    "anonymous": (0, 1),
    "anonymous_open": (1, 100),
    "late_hours": (0, 720),
    "quiet_ask_minutes": (1, 1440),
    "quiet_end_minutes": (2, 2880),
    "session_hours": (1, 48),
    "show_names": (0, 1),
    "notes_thread": (0, 1),
    "recording_days": (1, 365),
}

# How people read them. In a form, a label holds 45 characters.
CHOICE_NAMES = {
    "open_questions": N_("Open questions per person"),
    "question_pace_seconds": N_("Seconds between two messages with questions"),
    "anonymous": N_("Anonymous questions"),
    "anonymous_open": N_("Open anonymous questions per person"),
    "late_hours": N_("Hours for late questions"),
    "quiet_ask_minutes": N_("Quiet minutes before I ask"),
    "quiet_end_minutes": N_("Quiet minutes before a session ends"),
    "session_hours": N_("Longest session in hours"),
    "show_names": N_("Names in exports"),
    "notes_thread": N_("Notes without a channel of their own"),
    "recording_days": N_("Days for which recordings are kept"),
}
