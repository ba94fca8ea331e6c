"""After a pause: what people wrote, changed, deleted and voted meanwhile is read up on.

Events of a pause are lost, so on start (and whenever Discord could not resume) the channels
of open sessions are read again from the session's start on. Collecting is safe to repeat.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import discord
import structlog

from bot.database import fact, from_micros, put_fact, to_micros
from bot.sessions import Session
from cogs.kit import Services
from cogs.questions.listener import VOTES, Listener, plain_emoji

log = structlog.get_logger(__name__)

_ALIVE_AT = "alive_at"
_MOST_MESSAGES = 10_000
# Shorter pauses (a reconnect, a restart) need no summary unless something was taken.
_WORTH_SAYING = timedelta(seconds=60)


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

    async def note_alive(self) -> None:
        """Note that the bot is here; a pause begins at the last such note."""
        now = self._services.clock()
        await self._services.timeline.database.write(put_fact, _ALIVE_AT, str(to_micros(now)))

    async def last_alive(self) -> datetime | None:
        """Return when the bot was here last."""
        noted = await self._services.timeline.database.read(fact, _ALIVE_AT)
        return from_micros(int(noted)) if noted else None

    async def run(self, client: discord.Client, away_since: datetime | None) -> None:
        """Read up on every session that takes questions, and say once what came of it."""
        async with self._lock:
            back = self._services.clock()
            for session in self._services.sessions.taking_questions():
                if client.get_guild(session.guild_id) is None:
                    continue
                try:
                    tally = await self._read(client, session, away_since)
                except discord.HTTPException as error:
                    log.warning("could not read up", session_id=session.id, error=str(error))
                    continue
                await self._note(session, away_since, back, tally)

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
        self, client: discord.Client, session: Session, away_since: datetime | None
    ) -> Tally:
        tally = Tally()
        known = await self._services.intake.messages_of(session)
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
                    if not message.author.bot:
                        tally.taken += await self._take(message, session, known, away_since)
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
            tally.withdrawn = await self._services.intake.messages_deleted(gone)
            await self._services.answers.messages_deleted(gone)
        return tally

    async def _take(
        self,
        message: discord.Message,
        session: Session,
        known: dict[int, int],
        away_since: datetime | None,
    ) -> int:
        changed = message.edited_at is not None and (
            away_since is None or message.edited_at >= away_since
        )
        fresh = message.id not in known
        self._services.sessions.touch(session, message.channel.id, message.id, message.created_at)
        number = 0
        if fresh or changed:
            in_gap = away_since is not None and message.created_at >= away_since
            receipt = await self._listener.follow(
                message, session, is_new=fresh, gap_began=away_since if in_gap else None
            )
            if fresh and receipt is not None:
                number = len(receipt.taken)
        if message.id in known or number:
            await self._count_votes(message)
        return number

    async def _count_votes(self, message: discord.Message) -> None:
        """Make the votes those that stand on the message now."""
        found: dict[str, list[int]] = {emoji: [] for emoji in VOTES}
        for reaction in message.reactions:
            emoji = plain_emoji(reaction.emoji)
            if emoji not in found:
                continue
            if reaction.count > int(reaction.me):
                found[emoji] = [user.id async for user in reaction.users() if not user.bot]
        await self._services.votes.set_reactions(message.id, found)

    def _places(self, client: discord.Client, session: Session) -> list[int]:
        if not session.is_open:
            return [session.follow_up_id] if session.follow_up_id is not None else []
        guild = client.get_guild(session.guild_id)
        if guild is None:
            return [session.channel_id]
        inside = [thread.id for thread in guild.threads if thread.parent_id == session.channel_id]
        return [session.channel_id, *inside]
