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
    }
)

# What changes how many run and wait.
ON_ROSTER = frozenset(
    {REQUESTED, STARTED, FAILED, STOPPED, RESUMED, DIED, LOST, FROZEN, THAWED, REMOVED}
)

# What /lab audit and the export show.
AUDITED = tuple(
    sorted(ON_CARD | {REFUSED, EXECUTED, LOGS_READ, IMAGE_PULLED, IMAGE_REMOVED, CLOSED, OPENED}
           | {CLEARED, BANNED, UNBANNED})
)  # fmt: skip


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
