"""A launch as people see it pass: in the reply to the command, which ends as the card.

A public reply is a live message from the moment its id is known, so whatever happens to this
process, the live editor goes on with it. A private one can be edited only with the command's
own token, which lives for fifteen minutes.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine
from typing import Any

import aiohttp
import discord
import structlog
from discord import ui

from bot.lab import Instance, Kind, Lab, Stage
from cogs.controls import Lasting
from cogs.kit import Interaction, Services, is_trouble, tell, words_for, words_of_guild
from cogs.lab.card import Reader, card
from cogs.lab.cards import LAB_CARD
from cogs.lab.look import look_at
from cogs.lab.mine import keep_moving
from cogs.live import Face

log = structlog.get_logger(__name__)

_TOKEN_SECONDS = 14 * 60.0
_TAKEN_BACK_SECONDS = 5.0
# On average one edit in one and a half seconds; the first few at once.
_EDITS, _WINDOW_SECONDS = 3, 4.5

_GUEST_IS_UP = (Stage.BOOTED, Stage.ADDRESSED, Stage.ANSWERING)


class Pace:
    """Spaces edits: a few at once, then no more than so many in a time."""

    def __init__(self, edits: int, seconds: float) -> None:
        self._seconds = seconds
        self._edits: deque[float] = deque(maxlen=edits)

    async def wait(self) -> None:
        """Wait until the next edit may be made, and count it."""
        now = asyncio.get_running_loop().time
        if len(self._edits) == self._edits.maxlen:
            await asyncio.sleep(self._edits[0] + self._seconds - now())
        self._edits.append(now())


async def until_over(lab: Lab, instance: Instance) -> None:
    """Wait a while for a launch that was taken back to end, so that its end can be shown."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TAKEN_BACK_SECONDS):
            async with contextlib.aclosing(lab.launcher.progress.watch(instance.id)) as moments:
                async for moment in moments:
                    if moment.is_over:
                        return


class ReplyGone(Exception):
    """The reply was dismissed, deleted, or can't be edited any more."""


class Following:
    """Keeps replies to `/container run` and `/vm create` up to date."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, interaction: Interaction, instance: Instance) -> None:
        """Answer the command with how far it is, and follow the launch from there."""
        if instance.public and interaction.response.is_done():
            # It took so long that somebody was asked for patience, privately: a refusal would
            # be theirs alone. So the answer is theirs, and the card a message of its own.
            await self._hand_over(instance)
            _ = words_for(interaction)
            text = _("“{name}” is on its way. Its card is in this channel.", name=instance.name)
            await tell(interaction, text)
            return
        reply = _Reply(self._services, interaction, instance)
        try:
            message_id = await reply.send()
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            if not instance.public:
                raise
            log.warning("launch not shown", instance_id=instance.id, error=str(error))
            await self._hand_over(instance)
            return
        self._spawn(self._follow(reply, message_id))

    async def close(self) -> None:
        """Leave everything to the live editor."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _hand_over(self, instance: Instance) -> None:
        """Have the live editor post the card by itself."""
        await self._services.timeline.put_live_message(
            LAB_CARD, instance.id, instance.guild_id, instance.channel_id
        )
        self._services.live.mark(LAB_CARD, instance.id)

    async def _follow(self, reply: "_Reply", message_id: int) -> None:
        instance = reply.instance
        try:
            if not instance.public:
                await self._until_it_is_up(reply)
                return
            with self._services.live.held(LAB_CARD, instance.id):
                await reply.keep(message_id)
                await self._until_it_is_up(reply)
        except ReplyGone:
            log.info("reply gone", instance_id=instance.id)
        except Exception:
            # The launch itself goes on: /lab mine shows it.
            log.exception("following a launch failed", instance_id=instance.id)

    async def _until_it_is_up(self, reply: "_Reply") -> None:
        pace = Pace(_EDITS, _WINDOW_SECONDS)
        progress = self._services.lab.launcher.progress
        # How a public one boots is the live editor's to show, every few seconds.
        is_guest = reply.instance.kind is Kind.GUEST
        try:
            async with asyncio.timeout(_TOKEN_SECONDS):
                async with contextlib.aclosing(progress.watch(reply.instance.id)) as moments:
                    async for moment in moments:
                        is_up = is_guest and moment.stage in _GUEST_IS_UP
                        if moment.is_over or (is_up and reply.instance.public):
                            break
                        await pace.wait()
                        await reply.draw(figures=is_up)
                await reply.draw(figures=False)
        except TimeoutError:
            await reply.draw(figures=False, is_last=True)
            return
        if not reply.instance.public:
            await pace.wait()
            await reply.draw(figures=True)
            # A public one moves as every live message does.
            keep_moving(reply.interaction, reply.instance)


class _Reply:
    """The reply to one command."""

    def __init__(self, services: Services, interaction: Interaction, instance: Instance) -> None:
        self._services = services
        self.interaction = interaction
        self.instance = instance
        self._shown = ""

    async def send(self) -> int:
        """Answer with the first look; return the message's id."""
        face = await self._face(figures=False, is_last=False)
        response = self.interaction.response
        if response.is_done():
            message_id = (await self.interaction.edit_original_response(**face.to_edit())).id
        else:
            private = not self.instance.public
            message_id = (
                await response.send_message(**face.to_send(), ephemeral=private)
            ).message_id
        self._shown = face.digest
        return message_id or 0

    async def keep(self, message_id: int) -> None:
        """Have the live editor know the message, in case this process ends."""
        one, timeline = self.instance, self._services.timeline
        await timeline.put_live_message(LAB_CARD, one.id, one.guild_id, one.channel_id)
        await timeline.live_message_posted(
            LAB_CARD, one.id, message_id, self._services.clock(), self._shown
        )

    async def draw(self, *, figures: bool, is_last: bool = False) -> None:
        """Show how it stands now, unless that looks the same.

        Raises:
            ReplyGone: nobody can see it any more.
        """
        face = await self._face(figures=figures, is_last=is_last)
        if face.digest == self._shown:
            return
        try:
            await self.interaction.edit_original_response(**face.to_edit())
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            if not is_trouble(error):
                raise ReplyGone from error
            log.warning("launch not shown", instance_id=self.instance.id, error=repr(error))
            return
        self._shown = face.digest
        if self.instance.public:
            await self._services.timeline.live_message_shows(
                LAB_CARD, self.instance.id, face.digest
            )

    async def _face(self, *, figures: bool, is_last: bool) -> Face:
        services, one = self._services, self.instance
        now = await services.lab.instances.peek(one.id, one.guild_id) or one
        look = await look_at(
            services, now, figures=figures, picture=now.public, login=not now.public
        )
        _ = words_for(self.interaction)
        reader = Reader.OWNER
        if one.public:
            _, reader = words_of_guild(services, one.guild_id), Reader.EVERYBODY
        items: list[ui.Item[Any]] = [card(look, _, reader)]
        if is_last and not one.public:
            text = _("I can't update this message any longer: /lab mine shows how it stands.")
            items.append(ui.TextDisplay(text))
        return Face(Lasting(*items), pictures=look.pictures)
