"""What is there, in memory: for autocomplete, which must not ask anybody."""

import asyncio

import structlog

from bot.guilds import Person
from bot.lab import events, store
from bot.lab.access import Access
from bot.lab.model import Instance
from bot.sessions import EDITED, Session, get_session
from bot.timeline import Event, Timeline

log = structlog.get_logger(__name__)

_CHANGES = events.ON_CARD | {EDITED}

Known = list[tuple[Instance, Session | None]]


class Directory:
    """The instances that haven't ended, as of the last events."""

    def __init__(self, timeline: Timeline, access: Access) -> None:
        self._database = timeline.database
        self._access = access
        self._guilds: dict[int, Known] = {}
        self._stale: set[int] = set()
        self._reader: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read what there is."""
        for instance in await self._database.read(store.alive):
            self._stale.add(instance.guild_id)
        await self._read()

    async def close(self) -> None:
        """Read no more."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    def on_event(self, event: Event) -> None:
        """Read a guild's instances again, soon, after what changes them."""
        if event.kind not in _CHANGES:
            return
        self._stale.add(event.guild_id)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="lab directory")

    def theirs(self, guild_id: int, by: Person) -> list[Instance]:
        """Return what `by` may act on: their own, and as staff everybody's; own ones first."""
        found = [
            instance
            for instance, session in self._guilds.get(guild_id, ())
            if instance.owner_id == by.id or self._access.is_staff(by, instance, session)
        ]
        return sorted(found, key=lambda one: (one.owner_id != by.id, one.name))

    def seen(self, guild_id: int, by: Person) -> list[Instance]:
        """Return what `by` may know of: what they may act on, and public ones; own ones first."""
        theirs = self.theirs(guild_id, by)
        known = {one.id for one in theirs}
        found = [instance for instance, _session in self._guilds.get(guild_id, ())]
        others = [one for one in found if one.public and one.id not in known]
        return theirs + sorted(others, key=lambda one: one.name)

    async def _read(self) -> None:
        while self._stale:
            guild_id = self._stale.pop()
            try:
                self._guilds[guild_id] = await self._database.read(alive_with_sessions, guild_id)
            except Exception:
                log.exception("directory of instances not read", guild_id=guild_id)


def alive_with_sessions(connection: store.Reader, guild_id: int) -> Known:
    """Return a guild's instances that haven't ended, each with its session."""
    sessions: dict[int, Session | None] = {}
    found: Known = []
    for instance in store.alive(connection, guild_id=guild_id):
        if instance.session_id not in sessions:
            session = get_session(connection, instance.session_id, guild_id)
            sessions[instance.session_id] = session
        found.append((instance, sessions[instance.session_id]))
    return found
