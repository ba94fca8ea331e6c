"""The end of a recording, whoever brings it about."""

from datetime import datetime

from bot.database import Transaction
from bot.recordings import events, store
from bot.recordings.errors import RecordingGone
from bot.recordings.model import GoneWhy, Recording
from bot.timeline import Timeline


def let_go(
    timeline: Timeline,
    tx: Transaction,
    recording: Recording,
    why: GoneWhy,
    at: datetime,
    by_id: int | None = None,
) -> Recording:
    """End a recording within `tx`: its links open nothing more, its file is to be deleted."""
    gone = store.update(tx, recording.id, gone_at=at, gone_why=why)
    store.revoke_links(tx, at, recording_id=recording.id)
    timeline.append(tx, events.event(events.GONE, gone, by_id, why=str(why)), at)
    return gone


def require_present(tx: Transaction, recording: Recording) -> Recording:
    """Read a recording again.

    Raises:
        RecordingGone: it ended since it was read.
    """
    current = store.get(tx, recording.id, recording.guild_id)
    if current is None or current.is_gone:
        raise RecordingGone
    return current
