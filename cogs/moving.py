"""Private replies that move by themselves for a while, and what is being watched meanwhile.

A live message (cogs.live) is everybody's and has a row; a private reply can be edited only with
the token of the interaction it answered, for fifteen minutes, and nobody misses it after a
restart: so all of this is in memory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import discord
import structlog

from bot.errors import StudyBotError
from cogs.kit import Interaction, is_trouble
from cogs.live import Face

log = structlog.get_logger(__name__)

# At most one edit in so many seconds, and none with a token that is about to end.
_LOOK_SECONDS = 5.0
_TOKEN_SECONDS = 14 * 60.0
# How long a card moves by itself, and again for whoever watches it.
MOVES_FOR = timedelta(minutes=5)

# Draws the reply; told whether it is for the last time.
Draw = Callable[[bool], Awaitable[Face]]


class Moving:
    """What moves by itself: private replies, cards that are watched, how lists are sorted."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._watched: dict[int, datetime] = {}
        # By the list's key: what its reader wants it sorted by.
        self.sorts: dict[int, str] = {}

    def follow(
        self,
        key: int,
        interaction: Interaction,
        draw: Draw,
        over: timedelta,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Keep the reply to an interaction up to date; an earlier one of this key stands still.

        `hold` is entered for as long as it moves.
        """
        self.leave(key)
        seconds = min(over.total_seconds(), _TOKEN_SECONDS)
        task = self._spawn(self._follow_while(hold, interaction, draw, seconds))
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._done(key, done))

    def leave(self, key: int) -> None:
        """Let a reply stand still as it is."""
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Let all of them stand still."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def watch_card(self, instance_id: int) -> None:
        """Have an instance's cards move for some minutes from now."""
        self._watched[instance_id] = self._clock() + MOVES_FOR

    def is_watched(self, instance_id: int) -> bool:
        """Say whether somebody wants an instance's cards to move."""
        until = self._watched.get(instance_id)
        if until is None:
            return False
        if self._clock() < until:
            return True
        del self._watched[instance_id]
        return False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work, name="moving reply")

    def _done(self, key: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _follow_while(
        self,
        hold: Callable[[], AbstractContextManager[object]],
        interaction: Interaction,
        draw: Draw,
        seconds: float,
    ) -> None:
        with hold():
            await self._follow(interaction, draw, seconds)

    async def _follow(self, interaction: Interaction, draw: Draw, seconds: float) -> None:
        now = asyncio.get_running_loop().time
        ends = now() + seconds
        shown = ""
        is_over = False
        while not is_over:
            await asyncio.sleep(min(_LOOK_SECONDS, max(0.0, ends - now())))
            is_over = now() >= ends
            try:
                face = await draw(is_over)
                if face.digest == shown:
                    continue
                await interaction.edit_original_response(**face.to_edit())
                shown = face.digest
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                if not is_trouble(error):
                    log.info("reply gone", error=str(error))
                    return  # Dismissed, or the token has ended.
                log.warning("reply not shown", error=repr(error))
            except StudyBotError as error:
                log.info("reply stands still", error=str(error))
                return
            except Exception:
                log.exception("following a reply failed")
                return
