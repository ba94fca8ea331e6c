"""When a machine of the lab runs short of memory or disk, and when that is over. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from bot.errors import N_


class Resource(StrEnum):
    """What a machine can run short of."""

    MEMORY = "memory"
    DISK = "disk"
    POOL = "pool"


RESOURCE_NAMES = {
    Resource.MEMORY: N_("memory"),
    Resource.DISK: N_("disk"),
    Resource.POOL: N_("disk for virtual machines"),
}

# Short below the first, and no more above the second: what swings around one bound would have
# staff told again and again.
_SHORT_SHARE = 0.10
_ENOUGH_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a resource is left."""

    free_bytes: float
    total_bytes: float

    @property
    def share(self) -> float:
        """The free share of the whole."""
        return self.free_bytes / self.total_bytes if self.total_bytes else 1.0


def is_short(room: Room, *, was_short: bool) -> bool:
    """Say whether there is too little left."""
    return room.share < (_ENOUGH_SHARE if was_short else _SHORT_SHARE)
