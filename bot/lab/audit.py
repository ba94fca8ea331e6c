"""Who did what in the lab, when, and with what outcome: for moderators."""

from dataclasses import dataclass

from bot.guilds import Person
from bot.lab import events, store
from bot.lab.access import Access
from bot.lab.model import Instance
from bot.timeline import Event, Timeline


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, and the instance it was about, if any."""

    event: Event
    instance: Instance | None


class Audit:
    """The lab's part of the timeline, read backwards."""

    def __init__(self, timeline: Timeline, access: Access) -> None:
        self._database = timeline.database
        self._access = access

    async def latest(
        self, guild_id: int, by: Person, *, about: int | None = None, limit: int = 100
    ) -> list[Entry]:
        """Return what happened last in a guild; of one person what they did, and what theirs met.

        Raises:
            LabOff, NoLab, ModeratorsOnly.
        """
        self._access.require_lab(guild_id)
        self._access.require_moderator(by, guild_id)
        found = await self._database.read(
            store.audited, guild_id, events.AUDITED, about=about, limit=limit
        )
        return [Entry(event, instance) for event, instance in found]
