"""The timeline: appended in the transaction of the change, read by everything else."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from bot.database import Database, Transaction
from bot.moments import utc_now
from bot.timeline import store
from bot.timeline.model import Event, LiveMessage, NewEvent

Clock = Callable[[], datetime]


class Timeline:
    """What happened, in order. Appending wakes whoever waits for news, after the commit."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self.database = database
        self.clock = clock
        self._news = asyncio.Event()

    def append(self, tx: Transaction, event: NewEvent, at: datetime | None = None) -> int:
        """Append `event` within `tx`; return its id."""
        event_id = store.append(tx, event, at or self.clock())
        tx.after_commit(self.wake)
        return event_id

    async def write(self, event: NewEvent) -> None:
        """Append an event that goes with no change of anything else."""
        await self.database.write(self.append, event)

    def wake(self) -> None:
        """Tell the dispatcher that there is something to look at."""
        self._news.set()

    async def news(self) -> None:
        """Wait until something was appended since the last call."""
        await self._news.wait()
        self._news.clear()

    async def of_session(self, session_id: int, *kinds: str) -> list[Event]:
        """Return a session's events in order."""
        return await self.database.read(store.of_session, session_id, kinds)

    async def live_message(self, kind: str, key: int) -> LiveMessage | None:
        """Return one live message's row."""
        return await self.database.read(store.live_message, kind, key)

    async def some_live_messages(self, wanted: Iterable[tuple[str, int]]) -> list[LiveMessage]:
        """Return the rows of some live messages, by kind and key; not all may have one."""
        return await self.database.read(store.some_live_messages, wanted)

    async def live_messages(self) -> list[LiveMessage]:
        """Return the rows of all live messages."""
        return await self.database.read(store.live_messages)

    async def put_live_message(self, kind: str, key: int, guild_id: int, channel_id: int) -> None:
        """Have a live message stand in `channel_id` from now on."""
        await self.database.write(store.put_live_message, kind, key, guild_id, channel_id)

    async def live_message_posted(
        self, kind: str, key: int, message_id: int, at: datetime, digest: str
    ) -> None:
        """Note that a live message was posted."""
        await self.database.write(store.live_message_posted, kind, key, message_id, at, digest)

    async def live_message_shows(self, kind: str, key: int, digest: str) -> None:
        """Note that a live message was edited."""
        await self.database.write(store.live_message_shows, kind, key, digest)

    async def drop_live_message(self, kind: str, key: int) -> None:
        """Let a live message stand still for good."""
        await self.database.write(store.drop_live_message, kind, key)
