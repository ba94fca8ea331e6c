"""Brings what stands on Discord up to the notes: part by part, each step noted.

A step that was interrupted is found again: by its nonce within minutes, in the channel's
history after that. So a set is never posted twice, nor left half done.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import discord
import structlog

from bot.archive import ERASED
from bot.notes import NoteMessage, Plan, digest_of, events
from bot.sessions import Session
from bot.timeline import Consumer, Delivery
from cogs.archive import SET
from cogs.kit import Services
from cogs.notes.errors import PlaceGone
from cogs.notes.places import Places, Writable
from cogs.notes.render import head
from cogs.text import jump_url

log = structlog.get_logger(__name__)

T = TypeVar("T")

_UNKNOWN_CHANNEL = 10003
_OLD_MESSAGE_EDITS = 30046
_PATIENCE = 20
_PAUSE_SECONDS = 6.0
# Question time is written down as it goes: several changes make one edit.
_GATHER_SECONDS = 3.0
_CLOCK_SLACK = timedelta(seconds=30)
_MOST_READ = 2000


class _MessageGone(Exception):
    """Somebody deleted a message while the set was being brought up."""


@dataclass(frozen=True, slots=True)
class Published:
    """What stands on Discord now."""

    url: str
    parts: int
    changed: int


class NotesPublisher:
    """Posts and edits sets of notes, one at a time for each session."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._places = Places(services)
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def consumers(self) -> tuple[Consumer, ...]:
        """Return what the dispatcher calls: after a post, a question, an erasing."""
        return (
            Consumer(
                name="notes",
                kinds=frozenset({events.POSTED, *events.QUESTION_TIME_CHANGED}),
                lane=lambda event: event.session_id or 0,
                deliver=self.deliver,
            ),
            Consumer(
                name="notes_erased",
                kinds=frozenset({ERASED}),
                lane=lambda event: event.guild_id,
                deliver=self.erased,
            ),
        )

    async def deliver(self, delivery: Delivery) -> None:
        """Show what one event changed, unless a later one's state is shown already."""
        event = delivery.event
        session_id, is_post = event.session_id, event.kind == events.POSTED
        if session_id is None or not await self._services.notes.is_due(session_id, event.id):
            return
        if not is_post:
            await asyncio.sleep(_GATHER_SECONDS)
        await self.publish(session_id, event.guild_id, event.id, looks=is_post)

    async def erased(self, delivery: Delivery) -> None:
        """Take erased words out of question time."""
        event = delivery.event
        for session_id in event.data["sessions"]:
            await self.publish(session_id, event.guild_id, event.id)

    async def publish(
        self, session_id: int, guild_id: int, event_id: int, *, looks: bool = False
    ) -> Published | None:
        """Have the notes stand as of an event; None where there are none.

        `looks`: also for messages that people deleted.

        Raises:
            DeliveryImpossible: a sentence of what stands in the way.
        """
        async with self._turns[session_id]:
            plan = await self._services.notes.plan(session_id, guild_id)
            if plan is None:
                return None
            if plan.notes.shown_event < event_id:
                try:
                    await self._bring_up(plan, looks=looks)
                except discord.Forbidden as error:
                    raise await self._places.refused(plan, error) from error
                except discord.NotFound as error:
                    if error.code != _UNKNOWN_CHANNEL:
                        raise
                    raise PlaceGone from error
            self._services.live.mark(SET, session_id)
            return await self._published(plan.session)

    async def _published(self, session: Session) -> Published:
        (latest,) = await self._services.notes.history(session, 1)
        first, *_parts = await self._services.notes.messages(session.id)
        url = jump_url(session.guild_id, first.channel_id, first.message_id)
        return Published(url, latest.parts, latest.changed)

    async def _bring_up(self, plan: Plan, *, looks: bool) -> None:
        notes = self._services.notes
        channel, first_id = await self._places.opened(plan, head(plan))
        rows = [row for row in plan.messages if row.channel_id == channel.id]
        if first_id is not None and all(row.message_id != first_id for row in rows):
            row = await notes.begin_message(plan, channel.id, head(plan))
            await notes.message_sent(plan, row, first_id, channel.id, counts=False)
            rows.insert(0, replace(row, message_id=first_id))
        if plan.notes.channel_id != channel.id:
            await notes.opened(plan, channel.id)
        sender = _Sender(self._services, plan, channel)
        if looks:
            rows = await sender.looked_at(rows)
        while True:
            try:
                rows = await sender.brought_up(rows)
                break
            except _MessageGone:
                there = await notes.messages(plan.session.id)
                rows = [row for row in there if row.channel_id == channel.id]
        await sender.take_away([row for row in plan.messages if row.channel_id != channel.id])
        ids = [row.message_id or 0 for row in rows[1:]]
        await notes.complete(plan, channel.id, ids)


class _Sender:
    """Sends and edits the messages of one set in one channel."""

    def __init__(self, services: Services, plan: Plan, channel: Writable) -> None:
        self._services = services
        self._notes = services.notes
        self._plan = plan
        self._channel = channel

    async def looked_at(self, rows: list[NoteMessage]) -> list[NoteMessage]:
        """Return the rows of messages that still stand; those that read otherwise are noted."""
        known = {row.message_id: row for row in rows if row.message_id is not None}
        if not known:
            return rows
        seen: dict[int, str] = {}
        try:
            async for message in self._channel.history(
                limit=_MOST_READ, after=discord.Object(min(known) - 1), oldest_first=True
            ):
                if message.id in known:
                    seen[message.id] = message.content
                if message.id >= max(known):
                    break
        except discord.Forbidden:
            return rows  # Nothing can be said without Read Message History.
        there: list[NoteMessage] = []
        for row in rows:
            if row.message_id is None or row.message_id in seen:
                there.append(await self._as_read(row, seen.get(row.message_id or 0)))
            elif not await self._is_gone(row):
                there.append(row)
        return there

    async def _as_read(self, row: NoteMessage, content: str | None) -> NoteMessage:
        if content is None or digest_of(content) == row.digest:
            return row
        await self._notes.message_differs(row)
        return replace(row, digest="")

    async def _is_gone(self, row: NoteMessage) -> bool:
        """Look at one message that wasn't among those read."""
        try:
            await self._channel.fetch_message(row.message_id or 0)
        except discord.NotFound:
            await self._notes.message_gone(row)
            return True
        return False

    async def brought_up(self, rows: list[NoteMessage]) -> list[NoteMessage]:
        """Have the messages say what they should; return their rows, the head's first.

        Raises:
            _MessageGone: one was deleted meanwhile; its row is gone, look again.
        """
        texts = [head(self._plan), *(part.text for part in self._plan.parts)]
        shown: list[NoteMessage] = []
        waiting = list(rows)
        for at, text in enumerate(texts):
            row = await self._next(waiting)
            if row is None:
                row = await self._sent(text, counts=at > 0)
            elif at > 0:
                row = await self._edited(row, text, counts=True)
            shown.append(row)
        await self.take_away(waiting)
        urls = [
            jump_url(self._plan.session.guild_id, row.channel_id, row.message_id)
            for row in shown[1:]
        ]
        shown[0] = await self._edited(shown[0], head(self._plan, urls), counts=False)
        return shown

    async def take_away(self, rows: list[NoteMessage]) -> None:
        """Delete messages that aren't needed any more, the last first."""
        for row in reversed(rows):
            if row.message_id is not None:
                channel = self._services.channel(row.channel_id)
                try:
                    await channel.get_partial_message(row.message_id).delete()
                except (discord.NotFound, discord.Forbidden) as error:
                    log.info("note not deleted", message_id=row.message_id, error=str(error))
            await self._notes.message_gone(row)

    async def _next(self, waiting: list[NoteMessage]) -> NoteMessage | None:
        """Return the next message that stands; one whose sending was interrupted is looked for."""
        while waiting:
            row = waiting.pop(0)
            if row.message_id is not None:
                return row
            found = await self._interrupted(row)
            if found is not None:
                await self._notes.message_sent(
                    self._plan, row, found, self._channel.id, counts=True
                )
                return replace(row, message_id=found)
            await self._notes.message_gone(row)
        return None

    async def _interrupted(self, row: NoteMessage) -> int | None:
        own_id = self._services.own_id()
        known = {
            other.message_id
            for other in self._plan.messages
            if other.message_id is not None and other.channel_id == self._channel.id
        }
        # It came after those that are known; the time says less, as clocks differ.
        after = discord.Object(max(known)) if known else row.begun_at - _CLOCK_SLACK
        async for message in self._channel.history(
            limit=_MOST_READ, after=after, oldest_first=True
        ):
            if message.author.id != own_id or message.id in known:
                continue
            if digest_of(message.content) == row.digest:
                return message.id
        return None

    async def _sent(self, text: str, *, counts: bool) -> NoteMessage:
        row = await self._notes.begin_message(self._plan, self._channel.id, text)
        message = await self._channel.send(text, nonce=f"note{row.id}", suppress_embeds=True)
        await self._notes.message_sent(self._plan, row, message.id, self._channel.id, counts=counts)
        return replace(row, message_id=message.id)

    async def _edited(self, row: NoteMessage, text: str, *, counts: bool) -> NoteMessage:
        digest = digest_of(text)
        if row.digest == digest:
            return row
        message = self._channel.get_partial_message(row.message_id or 0)
        try:
            await _patiently(lambda: message.edit(content=text))
        except discord.NotFound as error:
            if error.code == _UNKNOWN_CHANNEL:
                raise
            await self._notes.message_gone(row)
            raise _MessageGone from error
        await self._notes.message_shows(self._plan, row, text, counts=counts)
        return replace(row, digest=digest)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again after a pause where Discord allows few edits of older messages."""
    for _ in range(_PATIENCE):
        try:
            return await ask()
        except discord.HTTPException as error:
            if error.code != _OLD_MESSAGE_EDITS:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
    return await ask()
