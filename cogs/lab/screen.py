"""A guest's screen as a picture in the channel, and keys to press: so that everybody sees it.

Public where the guest is, private where it isn't. The live picture is one task a message, a few
at once, for two minutes; it doesn't outlive the process, and a press starts it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import discord
import structlog
from discord import ui

from bot.errors import N_, Conflict, LimitReached, StudyBotError
from bot.guilds import Person
from bot.lab import Instance
from bot.lab.errors import ContainerGone
from bot.localization import Words
from cogs.controls import Lasting, Press, button, handles, row
from cogs.kit import (
    Interaction,
    Services,
    guild_id_of,
    is_trouble,
    person_of,
    words_for,
    words_of_guild,
)
from cogs.lab.keyboard import KEYS, TypeForm, key_rows
from cogs.live import Face, with_time
from cogs.pictures import Picture, fitted
from cogs.text import one_line

log = structlog.get_logger(__name__)

_PIXELS = 1600
_LIVE_EVERY_SECONDS = 5.0
_LIVE_SECONDS = 120.0
_MOST_LIVE = 4
# Discord waits for three.
_ANSWER_SECONDS = 2.0
# What a system takes to show what a key did.
_SETTLE_SECONDS = 0.4

Work = Callable[[Instance, Person], Awaitable[None]]


class TooManyLive(LimitReached):
    """Each costs the host and Discord an edit every few seconds."""

    message = N_("{n} screens are live already, and that is the most. Refresh works meanwhile.")


class NotPublicAnyMore(Conflict):
    """The message is seen by people who may not see the guest."""

    message = N_("Its screen isn't public any more. /vm screen shows it to you alone.")


class Screens:
    """Shows screens, presses keys, and keeps the live ones going."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._guests = services.lab.guests
        self._instances = services.lab.instances
        # By message: until when, and what draws it.
        self._live: dict[int, tuple[datetime, asyncio.Task[None]]] = {}
        for verb, handler in (
            ("vm_screen", self._open),
            ("vm_look", self._look),
            ("vm_live", self._toggle),
            ("vm_key", self._press),
            ("vm_type", self._type),
        ):
            handles(verb)(handler)

    async def begin(self, interaction: Interaction, instance: Instance) -> None:
        """Answer with a guest's screen.

        Raises:
            NotRunning, NotSupported, ContainerGone, HostUnreachable: told privately.
        """
        drawing = asyncio.create_task(self._face(interaction, instance))
        try:
            if instance.public:
                # A refusal is for the one who asked; only a picture is for everybody.
                await asyncio.wait({drawing}, timeout=_ANSWER_SECONDS)
                if drawing.done():
                    await interaction.response.send_message(**(await drawing).to_send())
                    return
            await interaction.response.defer(ephemeral=not instance.public, thinking=True)
            await interaction.edit_original_response(**(await drawing).to_edit())
        finally:
            drawing.cancel()  # Where Discord doesn't take the answer.

    async def close(self) -> None:
        """End the live ones."""
        tasks = [task for _until, task in self._live.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- presses ---

    async def _about(self, press: Press) -> tuple[Instance, Person]:
        by = person_of(press.interaction.user)
        guild_id = guild_id_of(press.interaction)
        return await self._instances.get(press.key, guild_id, by), by

    async def _open(self, press: Press) -> None:
        """Show the screen in a message of its own, from a card."""
        instance, _by = await self._about(press)
        await self.begin(press.interaction, instance)

    async def _look(self, press: Press) -> None:
        """Show a fresh picture."""

        async def nothing(_instance: Instance, _by: Person) -> None:
            return

        await self._do(press, nothing, pause=0.0)

    async def _press(self, press: Press) -> None:
        """Press a key, then show what it did."""
        place = press.arg if press.arg is not None and press.arg < len(KEYS) else 0
        _label, keys = KEYS[place]
        await self._do(press, lambda instance, by: self._guests.press(instance, by, keys))

    async def _type(self, press: Press) -> None:
        """Ask for a text to type."""
        instance, _by = await self._about(press)
        form = TypeForm(words_for(press.interaction), instance, self._typed)
        await press.interaction.response.send_modal(form)

    async def _typed(self, interaction: Interaction, instance: Instance, text: str) -> None:
        by = person_of(interaction.user)
        # Whoever pressed may have lost the right to, and it may have ended, since then.
        instance = await self._instances.get(instance.id, instance.guild_id, by)
        _check_seen(interaction, instance)
        await interaction.response.defer()
        await self._guests.type_text(instance, by, text)
        await asyncio.sleep(_SETTLE_SECONDS)
        await self._show(interaction, instance)

    async def _do(self, press: Press, work: Work, *, pause: float = _SETTLE_SECONDS) -> None:
        instance, by = await self._about(press)
        _check_seen(press.interaction, instance)
        await press.interaction.response.defer()
        await work(instance, by)
        await asyncio.sleep(pause)
        await self._show(press.interaction, instance)

    async def _toggle(self, press: Press) -> None:
        """Have the picture move for a while, or stand still again."""
        instance, _by = await self._about(press)
        interaction = press.interaction
        _check_seen(interaction, instance)
        await interaction.response.defer()
        message_id = interaction.message.id if interaction.message is not None else 0
        known = self._live.pop(message_id, None)
        if known is not None:
            known[1].cancel()
            await self._show(interaction, instance)
            return
        if len(self._live) >= _MOST_LIVE:
            raise TooManyLive(n=_MOST_LIVE)
        until = self._services.clock() + timedelta(seconds=_LIVE_SECONDS)
        task = self._spawn(self._follow(interaction, instance, message_id))
        self._live[message_id] = (until, task)

    # --- the live picture ---

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work, name="live screen")

    async def _follow(self, interaction: Interaction, instance: Instance, message_id: int) -> None:
        own = asyncio.current_task()
        shown = ""
        why: StudyBotError | None = None
        try:
            async with asyncio.timeout(_LIVE_SECONDS):
                while True:
                    await self._check_shown(instance)
                    face = await self._face(interaction, instance, moves=True)
                    if face.digest != shown and not await self._edit(interaction, face):
                        return
                    shown = face.digest
                    await asyncio.sleep(_LIVE_EVERY_SECONDS)
        except TimeoutError:
            pass
        except StudyBotError as error:
            why = error
        finally:
            if self._live.get(message_id, (None, None))[1] is own:
                del self._live[message_id]
        await self._end(interaction, instance, why)

    async def _check_shown(self, instance: Instance) -> None:
        """Let through what may still be shown where it is.

        Raises:
            ContainerGone: it has ended. NotPublicAnyMore.
        """
        now = await self._instances.peek(instance.id, instance.guild_id)
        if now is None or not now.is_alive:
            raise ContainerGone
        if instance.public and not now.public:
            raise NotPublicAnyMore

    async def _end(
        self, interaction: Interaction, instance: Instance, why: StudyBotError | None
    ) -> None:
        """Have it stand still, with its last picture and the reason, where there is one."""
        if why is None:
            try:
                await self._check_shown(instance)
                face = await self._face(interaction, instance)
            except StudyBotError as error:
                why = error
            else:
                await self._edit(interaction, face)
                return
        _ = self._words(interaction, instance)
        text = one_line(_(why.message, **why.params), 300)
        items = [ui.TextDisplay[Any](f"{self._title(instance)}\n{text}"), *self._rows(instance, _)]
        await self._edit(interaction, Face(Lasting(*items), pictures=()))

    # --- drawing ---

    async def _show(self, interaction: Interaction, instance: Instance) -> None:
        face = await self._face(interaction, instance)
        await interaction.edit_original_response(**face.to_edit())

    async def _edit(self, interaction: Interaction, face: Face) -> bool:
        """Edit the message; False once nobody can see it any more."""
        try:
            await interaction.edit_original_response(**face.to_edit())
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            if not is_trouble(error):
                return False
            log.warning("screen not shown", error=repr(error))
        return True

    async def _face(
        self, interaction: Interaction, instance: Instance, *, moves: bool = False
    ) -> Face:
        # That somebody looks on is no news every few seconds.
        by = None if moves else person_of(interaction.user)
        png = await self._guests.screen(instance, by)
        picture = Picture.named("screen", await fitted(png, _PIXELS))
        message_id = interaction.message.id if interaction.message is not None else 0
        until = self._live.get(message_id, (None, None))[0]
        _ = self._words(interaction, instance)
        told = with_time(self._services.clock(), "T")
        if until is not None:
            told = _("a new picture every few seconds until {time}", time=with_time(until, "T"))
        items = [
            ui.TextDisplay[Any](f"{self._title(instance)}\n-# {told}"),
            picture.item(_("The screen of {name}", name=instance.name)),
            *self._rows(instance, _, is_live=moves or until is not None),
        ]
        return Face(Lasting(*items), pictures=(picture,))

    def _words(self, interaction: Interaction, instance: Instance) -> Words:
        if instance.public:
            return words_of_guild(self._services, instance.guild_id)
        return words_for(interaction)

    def _title(self, instance: Instance) -> str:
        return f"### 🖥 {one_line(instance.name)}"

    def _rows(
        self, instance: Instance, _: Words, *, is_live: bool = False
    ) -> list[ui.ActionRow[Any]]:
        key = instance.id
        live = _("Stop live") if is_live else _("Live")
        first = (
            button("vm_look", key, _("Refresh")),
            button("vm_live", key, live),
            button("vm_type", key, _("Type…")),
        )
        return [row(*first), *key_rows(key)]


def _check_seen(interaction: Interaction, instance: Instance) -> None:
    """Let through what may be seen by those who see the message that was pressed on.

    Raises:
        NotPublicAnyMore.
    """
    message = interaction.message
    if message is not None and not instance.public and not message.flags.ephemeral:
        raise NotPublicAnyMore
