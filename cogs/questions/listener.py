"""What people do in the chat: messages, edits, deletions, reactions.

Guards and calls only. Raw events are used for edits, deletions and reactions, since cached
ones miss everything older than the cache.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import aiohttp
import discord
import structlog
from discord.ext import commands

from bot.questions import Receipt, SeenMessage, parse_answer, parse_questions
from bot.sessions import Session
from cogs.kit import Services, channel_ids_of, is_trouble, person_of

log = structlog.get_logger(__name__)

T = TypeVar("T")

_LAST_SECONDS = 4.0
# After these discord.py has given up by itself already.
_PAUSES = (1, 2, 4, 8, 16, 30)

TAKEN, EMPTY, LATER, ANSWERED, SUPPLEMENT = "📝", "✏️", "⏳", "✅", "💬"
VOTES = frozenset({"👍", TAKEN})
ADD = frozenset({"❓", "❔"})


def plain_emoji(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    """Return an emoji without its variation selector, which clients add at will."""
    return str(emoji).replace("\ufe0f", "")


class Listener(commands.Cog):
    """Follows the chat of open sessions."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reactions: set[asyncio.Task[None]] = set()
        # While history is being read: the messages people changed, so that what was read of
        # them is out of date.
        self.changed: set[int] | None = None

    async def cog_unload(self) -> None:
        """Let receipts that are on their way arrive; the rest is marked after the next start."""
        if self._reactions:
            await asyncio.wait(self._reactions, timeout=_LAST_SECONDS)
        for task in self._reactions:
            task.cancel()
        await asyncio.gather(*self._reactions, return_exceptions=True)

    async def on_message(self, message: discord.Message) -> None:
        """Take questions and answers from a new message; called by the client itself."""
        if message.author.bot or message.guild is None:
            if message.type is discord.MessageType.pins_add:
                await self._unannounce_pin(message)
            return
        session = self._services.sessions.at(*channel_ids_of(message.channel))
        if session is None:
            return
        self._services.sessions.touch(session, message.channel.id, message.id, message.created_at)
        await self.follow(message, session, is_new=True)

    async def follow(
        self,
        message: discord.Message,
        session: Session,
        *,
        is_new: bool,
        gap_began: datetime | None = None,
    ) -> Receipt | None:
        """Bring what is kept of a message in step with it."""
        reply_to = message.reference.message_id if message.reference else None
        if reply_to is not None and await self._follow_answer(
            message, session, reply_to, is_new=is_new
        ):
            return None
        bodies = tuple(parsed.body for parsed in parse_questions(message.content))
        if is_new and not bodies:
            return None
        receipt = await self._services.intake.collect(
            seen_message(message, session, bodies), gap_began=gap_began
        )
        self._acknowledge(message, receipt)
        return receipt

    async def _follow_answer(
        self, message: discord.Message, session: Session, reply_to: int, *, is_new: bool
    ) -> bool:
        parsed = parse_answer(message.content)
        if parsed is None:
            # Nothing is kept of a new message. It must not wait here: its deletion, told of
            # in the same moment after a reconnect, would overtake it.
            return not is_new and await self._services.answers.message_edited(
                session, message.id, None
            )
        receipt = await self._services.answers.reply(
            session,
            person_of(message.author),
            replied_to=reply_to,
            message_id=message.id,
            body=parsed.body,
            ordinal=parsed.ordinal,
            at=message.created_at,
        )
        if receipt is None:
            return False
        self.mark(message, SUPPLEMENT if receipt.answer.supplement else ANSWERED)
        return True

    def _acknowledge(self, message: discord.Message, receipt: Receipt) -> None:
        for emoji, due in (
            (TAKEN, bool(receipt.taken)),
            (EMPTY, receipt.is_empty),
            (LATER, receipt.is_over_limit),
        ):
            if due:
                self.mark(message, emoji)

    def mark(self, message: discord.Message, emoji: str) -> None:
        """Add a reaction unless the message is known to carry it."""
        if not carries(message, emoji):
            self.react(message, emoji)

    def react(self, message: discord.Message | discord.PartialMessage, emoji: str) -> None:
        """Add a reaction without waiting: Discord takes about four a second."""
        task = asyncio.create_task(_react(message, emoji))
        self._reactions.add(task)
        task.add_done_callback(self._reactions.discard)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Follow an edit; link previews unfurling look like one and change nothing."""
        message = payload.message
        self._note_changed(payload.message_id)
        if message.author.bot or payload.guild_id is None:
            return
        session = self._services.sessions.at(*self._place(payload.channel_id, payload.guild_id))
        if session is None:
            return
        await self.follow(message, session, is_new=False)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Withdraw what stood in a deleted message."""
        await self._deleted([payload.message_id], payload.channel_id, payload.guild_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Withdraw what stood in many."""
        await self._deleted(sorted(payload.message_ids), payload.channel_id, payload.guild_id)

    async def _deleted(
        self, message_ids: Sequence[int], channel_id: int, guild_id: int | None
    ) -> None:
        self._note_changed(*message_ids)
        for message_id in message_ids:
            self._services.live.message_deleted(message_id)
        if self._services.sessions.at(*self._place(channel_id, guild_id)) is None:
            return
        await self._services.intake.messages_deleted(message_ids)
        await self._services.answers.messages_deleted(message_ids)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Count a vote, or take a message that staff mark with ❓."""
        await self._reacted(payload, on=True)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        """Take a vote back."""
        await self._reacted(payload, on=False)

    async def _reacted(self, payload: discord.RawReactionActionEvent, *, on: bool) -> None:
        emoji = plain_emoji(payload.emoji)
        if emoji not in VOTES and emoji not in ADD:
            return
        self._note_changed(payload.message_id)
        place = self._place(payload.channel_id, payload.guild_id)
        session = self._services.sessions.at(*place)
        if session is None or payload.user_id == self._services.own_id():
            return
        if emoji in VOTES:
            if payload.member is None or not payload.member.bot:
                await self._services.votes.reacted(
                    payload.message_id, payload.user_id, emoji, on=on
                )
        elif on and payload.member is not None and not payload.member.bot:
            await self._add_marked(payload, payload.member, session)

    async def _add_marked(
        self,
        payload: discord.RawReactionActionEvent,
        member: discord.Member,
        session: Session,
    ) -> None:
        by = person_of(member)
        if not self._services.sessions.is_staff(by, session):
            return
        channel = self._services.channel(payload.channel_id)
        try:
            message = await _persistently(lambda: channel.fetch_message(payload.message_id))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.info("could not read what was marked", error=str(error))
            return
        if message.author.bot or not message.content.strip():
            return
        await self._services.intake.add(seen_message(message, session, (message.content,)), by)
        self.react(message, TAKEN)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        """Take all votes by reaction back."""
        self._note_changed(payload.message_id)
        await self._services.votes.reactions_cleared(payload.message_id, VOTES)

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(
        self, payload: discord.RawReactionClearEmojiEvent
    ) -> None:
        """Take the votes of one emoji back."""
        self._note_changed(payload.message_id)
        emoji = plain_emoji(payload.emoji)
        if emoji in VOTES:
            await self._services.votes.reactions_cleared(payload.message_id, [emoji])

    async def _unannounce_pin(self, message: discord.Message) -> None:
        """Delete the line Discord writes when the bot pins its board."""
        own = message.guild is not None and message.author.id == message.guild.me.id
        if own and self._services.sessions.at(*channel_ids_of(message.channel)) is not None:
            try:
                await message.delete()
            except discord.HTTPException as error:
                log.info("could not delete the pin's line", error=str(error))

    def _note_changed(self, *message_ids: int) -> None:
        if self.changed is not None:
            self.changed.update(message_ids)

    def _place(self, channel_id: int, guild_id: int | None) -> tuple[int, int | None]:
        return channel_id, self._services.parent_of(guild_id, channel_id)


def carries(message: discord.Message, emoji: str) -> bool:
    """Say whether a message carried the bot's own reaction when it was read."""
    plain = plain_emoji(emoji)
    return any(one.me and plain_emoji(one.emoji) == plain for one in message.reactions)


def seen_message(
    message: discord.Message, session: Session, bodies: tuple[str, ...]
) -> SeenMessage:
    """Describe a message as the services know them."""
    return SeenMessage(
        session=session,
        channel_id=message.channel.id,
        message_id=message.id,
        author=person_of(message.author),
        bodies=bodies,
        sent_at=message.created_at.astimezone(UTC),
        attachments=tuple(file.filename for file in message.attachments),
        text=message.content,
    )


async def _react(message: discord.Message | discord.PartialMessage, emoji: str) -> None:
    try:
        await _persistently(lambda: message.add_reaction(emoji))
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        # Deleted meanwhile, a missing permission, twenty reactions already: the question is
        # taken all the same, and the board shows it.
        log.info("could not react", emoji=emoji, error=str(error))


async def _persistently(request: Callable[[], Awaitable[T]]) -> T:
    """Make a request, again and again while Discord is in trouble."""
    for pause in _PAUSES:
        try:
            return await request()
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            if not is_trouble(error):
                raise
        await asyncio.sleep(pause)
    return await request()
