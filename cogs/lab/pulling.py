"""A pull as people see it pass: a bar for each layer and for the whole, and a way to stop it."""

import asyncio
import threading
from typing import Any

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
# What is refused is refused by then, and told privately.
_REFUSED_SECONDS = 0.8
_TOKEN_SECONDS = 14 * 60.0

# A pull goes on though nobody can be shown it any more: the next launch finds the image.
_pulls: set["asyncio.Task[Image]"] = set()


async def show_pull(interaction: Interaction, session: Session, text: str) -> None:
    """Pull an image and show how it goes; publicly where those do it who run the talk.

    Raises:
        StudyBotError: it was refused before anything was shown.
    """
    services = services_of(interaction)
    by = person_of(interaction.user)
    public = services.lab.access.role(by, session).is_lead
    _ = words_of_guild(services, session.guild_id) if public else words_for(interaction)
    shown = _Pull(interaction, session, by, text, _)
    work = services.lab.images.pull(session, by, text, shown.take, shown.cancelled)
    task = asyncio.create_task(work, name=f"pull:{text}")
    _pulls.add(task)
    task.add_done_callback(_over)
    began = asyncio.get_running_loop().time()
    await asyncio.wait({task}, timeout=_REFUSED_SECONDS)
    if task.done() and task.exception() is not None:
        await task
    await interaction.response.send_message(view=shown, ephemeral=not public)
    await _until_done(interaction, task, shown)
    seconds = asyncio.get_running_loop().time() - began
    await interaction.edit_original_response(view=Lasting(await _end(task, seconds, text, _)))
    shown.stop()


def _over(task: "asyncio.Task[Image]") -> None:
    _pulls.discard(task)
    if not task.cancelled() and isinstance(error := task.exception(), StudyBotError):
        log.info("pull ended", why=str(error))


async def _until_done(
    interaction: Interaction, task: "asyncio.Task[Image]", shown: "_Pull"
) -> None:
    now = asyncio.get_running_loop().time
    until = now() + _TOKEN_SECONDS
    while not task.done() and now() < until:
        await asyncio.wait({task}, timeout=_EDIT_SECONDS)
        if not task.done() and shown.draw():
            try:
                await interaction.edit_original_response(view=shown)
            except discord.HTTPException as error:
                if not is_trouble(error):
                    raise
                log.warning("pull not shown", error=repr(error))


async def _end(
    task: "asyncio.Task[Image]", seconds: float, text: str, _: Words
) -> ui.TextDisplay[Any]:
    name = coded(text, 200)
    if not task.done():
        return ui.TextDisplay(_("{image} is still being pulled.", image=name))
    try:
        image = await task
    except StudyBotError as error:
        return ui.TextDisplay(f"🔴 {name}: " + _(error.message, **error.params))
    return ui.TextDisplay(
        "✅ "
        + _(
            "{image} is there: {size}, pulled in {time}.",
            image=name,
            size=spoken_size(image.size_bytes),
            time=spoken_seconds(seconds),
        )
    )


class _Pull(Card):
    """The message while it goes on."""

    def __init__(
        self, interaction: Interaction, session: Session, by: Person, text: str, _: Words
    ) -> None:
        super().__init__()
        self._session = session
        self._by = by
        self._words = _
        self.cancelled = threading.Event()
        self._latest: PullProgress | None = None
        head = _("Pulling {image}", image=coded(text, 200))
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

    async def _cancel(self, interaction: Interaction) -> None:
        by = person_of(interaction.user)
        if by.id != self._by.id:
            services_of(interaction).lab.access.require_lead(by, self._session)
        self.cancelled.set()
        await interaction.response.defer()
