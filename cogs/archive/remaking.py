"""Posted files are made anew after a person had themselves erased.

Which ones still must be stands in their rows, so a crash in between, or a channel that can't
be reached just then, only puts it off.
"""

import asyncio
from dataclasses import dataclass

import discord
import structlog

from bot.archive import ERASED, Format, PostedExport
from bot.errors import N_, StudyBotError
from bot.timeline import Consumer, Delivery
from cogs.archive.files import file_of
from cogs.kit import Services

log = structlog.get_logger(__name__)


class PostsUnreached(StudyBotError):
    """Some files couldn't be changed; worth another try."""

    message = N_("{n} posted files couldn't be changed.")


@dataclass(slots=True)
class Unreached:
    """How many files couldn't be changed, and how many of these for want of a permission."""

    number: int = 0
    forbidden: int = 0


class Remaking:
    """Makes the stale files of a server anew: at once, and again until it worked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turn = asyncio.Lock()

    def consumer(self) -> Consumer:
        """Return what the dispatcher calls after each erasing."""
        return Consumer(
            name="posted_exports",
            kinds=frozenset({ERASED}),
            lane=lambda event: event.guild_id,
            deliver=self.deliver,
        )

    async def deliver(self, delivery: Delivery) -> None:
        """Make anew what the press on the button didn't get done.

        Raises:
            PostsUnreached: to be called again later.
        """
        unreached = await self.make_anew(delivery.event.guild_id)
        if unreached.number > unreached.forbidden:
            raise PostsUnreached(n=unreached.number)

    async def make_anew(self, guild_id: int) -> Unreached:
        """Replace the stale files of a server by what is kept now."""
        unreached = Unreached()
        async with self._turn:
            for post in await self._services.archive.stale_posts(guild_id):
                try:
                    await self._replace(post)
                except discord.NotFound:
                    await self._services.archive.forget_posted(post.message_id)
                except discord.HTTPException as error:
                    log.warning(
                        "posted file not changed", message_id=post.message_id, error=str(error)
                    )
                    unreached.number += 1
                    unreached.forbidden += isinstance(error, discord.Forbidden)
        return unreached

    async def _replace(self, post: PostedExport) -> None:
        archive = self._services.archive
        session = await self._services.sessions.get(post.session_id, post.guild_id)
        export = await archive.export(
            session, Format(post.format), locale=post.locale, jokes=post.jokes
        )
        message = self._services.channel(post.channel_id).get_partial_message(post.message_id)
        await message.edit(attachments=[file_of(export)])
        await archive.made_anew(post)
