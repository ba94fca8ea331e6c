"""A pull as people see it pass: a bar for each layer and for the whole, and a way to stop it."""

import asyncio
import threading
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

import discord
import structlog
from discord import ui

from bot.errors import StudyBotError
from bot.guilds import Person
from bot.lab import Image, PullProgress, spoken_seconds, spoken_size
from bot.localization import Words
from bot.sessions import Session
from cogs.controls import Lasting
from cogs.kit import (
    Card,
    Interaction,
    Services,
    is_trouble,
    person_of,
    services_of,
    words_for,
    words_of_guild,
)
from cogs.lab.stages import layer_lines, pull_total
from cogs.text import coded

log = structlog.get_logger(__name__)

_EDIT_SECONDS = 2.0
_TOKEN_SECONDS = 14 * 60.0

T = TypeVar("T")


class Pulling:
    """Shows pulls, each in the reply to its command."""

    def __init__(self, services: Services) -> None:
        self._images = services.lab.images
        self._access = services.lab.access
        self._guild_words = partial(words_of_guild, services)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def begin(self, interaction: Interaction, session: Session, text: str) -> None:
        """Pull an image and show how it goes; publicly where those do it who run the talk.

        Raises:
            TemplatesOnly, ImageNotAllowed, HostUnreachable: it isn't even tried.
        """
        by = person_of(interaction.user)
        name = self._images.check_pull(session, by, text)
        public = self._access.role(by, session).is_lead
        _ = self._guild_words(session.guild_id) if public else words_for(interaction)
        shown = _Pull(interaction, session, by, name, _)
        await interaction.response.send_message(view=shown, ephemeral=not public)
        # It goes on though nobody can be shown it any more: the next launch finds the image.
        task = self._spawn(self._images.pull(session, by, text, shown.take, shown.cancelled))
        self._spawn(self._follow(interaction, task, shown))

    async def close(self) -> None:
        """Show nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(
        self, interaction: Interaction, task: "asyncio.Task[Image]", shown: "_Pull"
    ) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            while not task.done() and now() < began + _TOKEN_SECONDS:
                await asyncio.wait({task}, timeout=_EDIT_SECONDS)
                if not task.done() and shown.draw():
                    await _edit(interaction, shown)
            await _edit(interaction, Lasting(await shown.end(task, now() - began)))
        except discord.HTTPException as error:
            log.info("pull not shown any more", error=str(error))
        finally:
            shown.stop()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            expected = isinstance(error, StudyBotError)
            log.info("pull ended", error=str(error), exc_info=None if expected else error)


async def _edit(interaction: Interaction, view: ui.LayoutView) -> None:
    try:
        await interaction.edit_original_response(view=view)
    except discord.HTTPException as error:
        if not is_trouble(error):
            raise
        log.warning("pull not shown", error=repr(error))


class _Pull(Card):
    """The message while it goes on."""

    def __init__(
        self, interaction: Interaction, session: Session, by: Person, name: str, _: Words
    ) -> None:
        super().__init__()
        self._session = session
        self._by = by
        self._name = coded(name, 200)
        self._words = _
        self.cancelled = threading.Event()
        self._latest: PullProgress | None = None
        head = _("Pulling {image}", image=self._name)
        self._total = ui.TextDisplay[Any](_("Asking the registry…"))
        self._layers = ui.TextDisplay[Any]("-# …")
        cancel = ui.Button[Any](label=_("Cancel"))
        cancel.callback = self._cancel
        self.add_item(
            ui.Container[Any](
                ui.TextDisplay(f"### ⏬ {head}\n-# {interaction.user.mention}"),
                self._total,
                self._layers,
                ui.ActionRow[Any](cancel),
                accent_colour=discord.Colour(0x5865F2),
            )
        )
        self.draw()

    def take(self, progress: PullProgress) -> None:
        """Take note of how far it is; called in another thread."""
        self._latest = progress

    def draw(self) -> bool:
        """Bring the texts up to date; say whether that changed them."""
        if self._latest is None or not self._latest.layers:
            return False
        texts = (pull_total(self._latest), layer_lines(self._latest, self._words))
        changed = texts != (self._total.content, self._layers.content)
        self._total.content, self._layers.content = texts
        return changed

    async def end(self, task: "asyncio.Task[Image]", seconds: float) -> ui.TextDisplay[Any]:
        """Return what stands there when it is over."""
        _, name = self._words, self._name
        if not task.done():
            return ui.TextDisplay(_("{image} is still being pulled.", image=name))
        try:
            image = await task
        except StudyBotError as error:
            return ui.TextDisplay(f"🔴 {name}: " + _(error.message, **error.params))
        told = _(
            "{image} is there: {size}, pulled in {time}.",
            image=name,
            size=spoken_size(image.size_bytes),
            time=spoken_seconds(seconds),
        )
        return ui.TextDisplay(f"✅ {told}")

    async def _cancel(self, interaction: Interaction) -> None:
        by = person_of(interaction.user)
        if by.id != self._by.id:
            services_of(interaction).lab.access.require_lead(by, self._session)
        self.cancelled.set()
        await interaction.response.defer()
