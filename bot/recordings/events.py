"""The kinds of event this room appends. Each names a recording, a request, or a session."""

from typing import Any

from bot.recordings.model import Recording
from bot.timeline import NewEvent

CONSENT_ASKED = "recording.consent_asked"
CONSENTED = "recording.consented"
ADDED = "recording.added"
CHANGED = "recording.changed"
ASKED = "recording.asked"
ANSWERED = "recording.answered"
REMINDED = "recording.reminded"
GONE = "recording.gone"

# After these a recording's post looks otherwise.
ON_POST = frozenset({ADDED, CHANGED, ANSWERED, REMINDED, GONE})


def event(kind: str, recording: Recording, actor_id: int | None = None, **data: Any) -> NewEvent:
    """Make an event about one recording."""
    return NewEvent(
        kind,
        recording.guild_id,
        recording.session_id,
        recording.channel_id,
        actor_id,
        {"recording_id": recording.id, **data},
    )
