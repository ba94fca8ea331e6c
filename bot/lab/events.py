"""The kinds of event the lab appends. Each names an instance, an image's role, or a person."""

from typing import Any

from bot.lab.model import Instance
from bot.timeline import NewEvent

REQUESTED = "lab.requested"
REFUSED = "lab.refused"
LAUNCHING = "lab.launching"
STARTED = "lab.started"
READY = "lab.ready"
FAILED = "lab.failed"
STOPPED = "lab.stopped"
RESUMED = "lab.resumed"
RESTARTED = "lab.restarted"
DIED = "lab.died"
LOST = "lab.lost"
EXECUTED = "lab.executed"
LOGS_READ = "lab.logs_read"
EXTENDED = "lab.extended"
POSTPONED = "lab.postponed"
FROZEN = "lab.frozen"
THAWED = "lab.thawed"
PUBLISHED = "lab.published"
REMOVED = "lab.removed"
IMAGE_PULLED = "lab.image_pulled"
IMAGE_REMOVED = "lab.image_removed"
CLOSED = "lab.closed"
OPENED = "lab.opened"
CLEARED = "lab.cleared"
BANNED = "lab.banned"
UNBANNED = "lab.unbanned"
KEY_ADDED = "lab.key_added"
KEY_REMOVED = "lab.key_removed"
# A guest got further in its boot, or more became known of it.
BOOTING = "lab.booting"
PAUSED = "lab.paused"
UNPAUSED = "lab.unpaused"
SCREEN_SEEN = "lab.screen_seen"
KEYS_PRESSED = "lab.keys_pressed"
SNAPSHOT_MADE = "lab.snapshot_made"
SNAPSHOT_DELETED = "lab.snapshot_deleted"
REVERTED = "lab.reverted"
# One for all of a session's instances that they concern, told in one message.
WARNED = "lab.warned"
ENDED_FOR_OWNERS = "lab.ended_for_owners"
RECOVERED = "lab.recovered"

# What changes how an instance's card looks.
ON_CARD = frozenset(
    {
        REQUESTED,
        LAUNCHING,
        STARTED,
        READY,
        FAILED,
        STOPPED,
        RESUMED,
        RESTARTED,
        DIED,
        LOST,
        EXTENDED,
        POSTPONED,
        FROZEN,
        THAWED,
        PUBLISHED,
        REMOVED,
        BOOTING,
        REVERTED,
        SNAPSHOT_MADE,
        SNAPSHOT_DELETED,
    }
)

# What changes how many run and wait.
ON_ROSTER = frozenset(
    {REQUESTED, STARTED, FAILED, STOPPED, RESUMED, DIED, LOST, FROZEN, THAWED, REMOVED}
)

# What /lab audit and the export show.
_ALSO_AUDITED = frozenset(
    {
        REFUSED,
        EXECUTED,
        LOGS_READ,
        IMAGE_PULLED,
        IMAGE_REMOVED,
        CLOSED,
        OPENED,
        CLEARED,
        BANNED,
        UNBANNED,
        PAUSED,
        UNPAUSED,
        SCREEN_SEEN,
        KEYS_PRESSED,
        KEY_ADDED,
        KEY_REMOVED,
    }
)
# A guest's way through its boot is no deed of anybody's.
AUDITED = tuple(sorted((ON_CARD | _ALSO_AUDITED) - {BOOTING}))


def event(kind: str, instance: Instance, actor_id: int | None = None, **data: Any) -> NewEvent:
    """Make an event about one instance."""
    return NewEvent(
        kind,
        instance.guild_id,
        instance.session_id,
        instance.channel_id,
        actor_id,
        {"instance_id": instance.id, **data},
    )
