"""After a pause: what people wrote, changed, deleted and voted meanwhile is read up on.

Events of a pause are lost, so on start (and whenever Discord could not resume) the channels
of open sessions are read again from the session's start on. Collecting is safe to repeat.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
import discord
import structlog

from bot.database import fact, put_fact
from bot.moments import from_micros, to_micros
from bot.questions import parse_answer, parse_questions
from bot.sessions import Session
from cogs.kit import Services, is_trouble, person_of
from cogs.questions.listener import (
    ADD,
    LATER,
    TAKEN,
    VOTES,
    Listener,
    carries,
    plain_emoji,
    seen_message,
)

log = structlog.get_logger(__name__)

_ALIVE_AT = "alive_at"
_MOST_MESSAGES = 10_000
# Shorter pauses (a reconnect, a restart) need no summary unless something was taken.
_WORTH_SAYING = timedelta(seconds=60)
# A pause is noticed late: the bot notes every few seconds that it is here, and a connection
# that died silently shows only when a heartbeat stays unanswered.
_UNNOTICED = timedelta(minutes=3)
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0


@dataclass(slots=True)
class Tally:
    """What reading up on a session found."""

    taken: int = 0
    withdrawn: int = 0


class CatchUp:
    """Reads what happened while the bot was away."""

    def __init__(self, services: Services, listener: Listener) -> None:
        self._services = services
        self._listener = listener
        self._lock = asyncio.Lock()
        self._changed: set[int] = set()
        self._members: dict[tuple[int, int], discord.Member | None] = {}

    @property
    def is_reading(self) -> bool:
        """Whether something is being read up right now."""
        return self._lock.locked()

    async def note_alive(self) -> None:
        """Note that the bot is here; a pause begins at the last such note."""
        now = self._services.clock()
        await self._services.timeline.database.write(put_fact, _ALIVE_AT, str(to_micros(now)))

    async def last_alive(self) -> datetime | None:
        """Return when the bot was here last."""
        noted = await self._services.timeline.database.read(fact, _ALIVE_AT)
        return from_micros(int(noted)) if noted else None

    async def run(self, client: discord.Client, away_since: datetime | None) -> None:
        """Read up on every session that takes questions, and say once what came of it.

        While Discord is in trouble, this goes on trying: what isn't read now is lost.
        """
        async with self._lock:
            back = self._services.clock()
            self._members.clear()
            for session in self._services.sessions.taking_questions():
                if client.get_guild(session.guild_id) is not None:
                    tally = await self._read_surely(client, session, away_since)
                    await self._note(session, away_since, back, tally)

    async def _read_surely(
        self, client: discord.Client, session: Session, away_since: datetime | None
    ) -> Tally:
        pause = _FIRST_RETRY_SECONDS
        tally = Tally()
        while True:
            self._changed = self._listener.changed = set[int]()
            try:
                await self._read(client, session, away_since, tally)
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                if not is_trouble(error):
                    log.warning("could not read up", session_id=session.id, error=str(error))
                    return tally
                log.warning(
                    "reading up failed", session_id=session.id, error=str(error), again_in_s=pause
                )
            else:
                return tally
            finally:
                self._listener.changed = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_RETRY_SECONDS)

    async def _note(
        self, session: Session, away_since: datetime | None, back: datetime, tally: Tally
    ) -> None:
        if away_since is None or not session.is_open:
            return
        if not tally.taken and back - away_since < _WORTH_SAYING:
            return
        since = max(away_since, session.started_at)
        data = {"from": to_micros(since), "to": to_micros(back), "taken": tally.taken}
        await self._services.sessions.note_return([(session, data)])

    async def _read(
        self, client: discord.Client, session: Session, away_since: datetime | None, tally: Tally
    ) -> None:
        questions = await self._services.intake.messages_of(session)
        known = questions | await self._services.answers.messages_of(session)
        posts = await self._services.intake.posts_of(session)
        standing = await self._services.timeline.live_messages()
        began = away_since - _UNNOTICED if away_since is not None else None
        seen: set[int] = set()
        complete: set[int] = set()
        for channel_id in self._places(client, session):
            channel = self._services.channel(channel_id)
            number = 0
            try:
                async for message in channel.history(
                    limit=_MOST_MESSAGES, after=session.started_at, oldest_first=True
                ):
                    number += 1
                    seen.add(message.id)
                    if message.id in posts:
                        self._listener.mark(message, TAKEN)
                        await self._count_votes(message)
                    elif not message.author.bot:
                        asks = message.id in questions
                        tally.taken += await self._take(message, session, asks, began)
            except (discord.NotFound, discord.Forbidden) as error:
                log.warning("could not read up", channel_id=channel_id, error=str(error))
                continue
            if number < _MOST_MESSAGES:
                complete.add(channel_id)
        gone = [
            message_id
            for message_id, channel_id in known.items()
            if channel_id in complete and message_id not in seen
        ]
        if gone:
            tally.withdrawn += await self._services.intake.messages_deleted(gone)
            await self._services.answers.messages_deleted(gone)
        for live in standing:
            if live.channel_id in complete and live.message_id not in seen:
                self._services.live.lost(live)

    async def _take(
        self, message: discord.Message, session: Session, asks: bool, began: datetime | None
    ) -> int:
        """Bring what is kept of a message in step; return how many questions were taken.

        Messages from before the pause were decided on when they came: of those, only what
        was changed since is looked at.
        """
        self._services.sessions.touch(session, message.channel.id, message.id, message.created_at)
        current = await self._fresh(message)
        if current is None:
            return 0
        message = current
        is_changed = message.edited_at is not None and (began is None or message.edited_at >= began)
        is_new = not asks and (began is None or message.created_at >= began)
        number = 0
        if is_changed or (is_new and not carries(message, LATER)):
            await self._know_roles(message, session)
            receipt = await self._listener.follow(
                message, session, is_new=is_new and not is_changed, gap_began=began
            )
            if receipt is not None and not asks:
                number = len(receipt.taken)
        elif asks:
            self._listener.mark(message, TAKEN)
        if not asks and not number:
            number = await self._add_marked(message, session)
        if asks or number:
            await self._count_votes(message)
        return number

    async def _know_roles(self, message: discord.Message, session: Session) -> None:
        """Have the author of a question or an answer as a member: history tells no roles."""
        if isinstance(message.author, discord.Member) or not (
            parse_questions(message.content) or parse_answer(message.content)
        ):
            return
        member = await self._member(session, message.author.id)
        if member is not None:
            message.author = member

    async def _member(self, session: Session, user_id: int) -> discord.Member | None:
        guild = self._services.client().get_guild(session.guild_id)
        key = (session.guild_id, user_id)
        if guild is not None and key not in self._members:
            try:
                self._members[key] = await guild.fetch_member(user_id)
            except discord.NotFound:
                self._members[key] = None  # Left meanwhile: nobody's roles any more.
        return self._members.get(key)

    async def _add_marked(self, message: discord.Message, session: Session) -> int:
        """Take a message that staff marked with ❓ meanwhile; return how many that were."""
        marks = [one for one in message.reactions if plain_emoji(one.emoji) in ADD]
        if not marks or not message.content.strip():
            return 0
        if await self._services.intake.of_message(message.id):
            return 0  # It was one, and was taken back.
        for mark in marks:
            async for user in mark.users():
                member = None if user.bot else await self._member(session, user.id)
                if member is None:
                    continue
                by = person_of(member)
                if self._services.sessions.is_staff(by, session):
                    seen = seen_message(message, session, (message.content,))
                    await self._services.intake.add(seen, by)
                    self._listener.mark(message, TAKEN)
                    return 1
        return 0

    async def _fresh(self, message: discord.Message) -> discord.Message | None:
        """Return a message from history as it is now; None when it was deleted meanwhile."""
        while message.id in self._changed:
            self._changed.discard(message.id)
            try:
                message = await message.channel.fetch_message(message.id)
            except discord.NotFound:
                return None
        return message

    async def _count_votes(self, message: discord.Message) -> None:
        """Make the votes those that stand on the message now."""
        current: discord.Message | None = message
        while current is not None:
            found: dict[str, list[int]] = {emoji: [] for emoji in VOTES}
            for reaction in current.reactions:
                emoji = plain_emoji(reaction.emoji)
                if emoji in found and reaction.count > int(reaction.me):
                    found[emoji] = [user.id async for user in reaction.users() if not user.bot]
            if message.id not in self._changed:
                await self._services.votes.set_reactions(message.id, found)
                return
            current = await self._fresh(current)

    def _places(self, client: discord.Client, session: Session) -> list[int]:
        if not session.is_open:
            return [session.follow_up_id] if session.follow_up_id is not None else []
        guild = client.get_guild(session.guild_id)
        if guild is None:
            return [session.channel_id]
        inside = [thread.id for thread in guild.threads if thread.parent_id == session.channel_id]
        return [session.channel_id, *inside]
