"""`/lab top`, live for ten minutes: a public one is a live message, a private one a reply."""

import asyncio
from datetime import datetime, timedelta

import discord

from bot.errors import Conflict
from bot.localization import Words
from bot.timeline import LiveMessage
from bot.usage import Watch
from cogs.controls import Press, handles
from cogs.kit import (
    Interaction,
    Services,
    guild_id_of,
    leads_here,
    person_of,
    services_of,
    words_for,
    words_of_guild,
)
from cogs.live import Face, Kind
from cogs.usage.sight import Sight, Sort, sight
from cogs.usage.top import top_view

LAB_TOP = "lab_top"

_LIVE_FOR = timedelta(minutes=10)
_LOOK_SECONDS = 5.0


class Tops:
    """Draws the public ones, and has them looked at again while they are live."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._moving: set[int] = set()
        self._watch: Watch | None = None

    def kind(self) -> Kind:
        """Return the kind of live message that public lists are."""
        return Kind(LAB_TOP, self.draw, lambda _event: (), renews=True)

    async def draw(self, live: LiveMessage) -> Face | None:
        """Draw what everybody may see; nothing where there is no lab any more."""
        if not self._services.lab.access.has_lab(live.guild_id):
            return None
        until = (live.posted_at or self._services.clock()) + _LIVE_FOR
        face = await public_face(self._services, live.guild_id, live.key, until)
        if face.still:
            self._services.moving.sorts.pop(live.key, None)
        else:
            self._moving.add(live.key)
        return face

    async def run(self) -> None:
        """Have what is live drawn again every few seconds, until cancelled."""
        try:
            while True:
                moving, self._moving = self._moving, set()
                self._look(bool(moving))
                for key in moving:
                    self._services.live.mark(LAB_TOP, key)
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._look(False)

    def _look(self, is_wanted: bool) -> None:
        """Have the machines sampled while a list is live, also when nothing runs on them."""
        if is_wanted and self._watch is None:
            self._watch = self._services.usage.watch()
        elif not is_wanted and self._watch is not None:
            self._watch.release()
            self._watch = None


async def public_face(services: Services, guild_id: int, key: int, until: datetime) -> Face:
    """Draw a list for everybody, in the guild's language."""
    at = services.clock()
    seen = await sight(services, guild_id, None)
    _ = words_of_guild(services, guild_id)
    if at >= until:
        return Face(_view(services, seen.without_owners(), _, key, None), still=True)
    return Face(_view(services, seen, _, key, until))


async def post_top(interaction: Interaction) -> None:
    """Show the list to everybody, in the reply to the command."""
    await interaction.response.defer(thinking=True)
    await _post(interaction, interaction.id)


async def send_top(interaction: Interaction, key: int | None = None) -> None:
    """Show somebody what they may see, privately, and keep it up to date for a while.

    `key` is of the list that this answers anew; the interaction is acknowledged already.
    """
    services = services_of(interaction)
    key = key or interaction.id
    guild_id, by = guild_id_of(interaction), person_of(interaction.user)
    _ = words_for(interaction)
    until = services.clock() + _LIVE_FOR

    async def draw(is_last: bool) -> Face:
        seen = await sight(services, guild_id, by)
        return Face(_view(services, seen, _, key, None if is_last else until))

    face = await draw(False)
    await interaction.edit_original_response(view=face.view)
    services.moving.follow(key, interaction, draw, _LIVE_FOR, services.usage.watch)


@handles("lab_top_sort")
async def sort(press: Press) -> None:
    """Sort a list differently; of a public one only for those who run the talk."""
    services = services_of(press.interaction)
    chosen = Sort.of(press.value)
    if not _is_public(press.interaction):
        services.moving.sorts[press.key] = chosen
        await press.interaction.response.defer()
        await send_top(press.interaction, press.key)
        return
    if leads_here(press.interaction):
        services.moving.sorts[press.key] = chosen
        if await services.live.respond(press.interaction, LAB_TOP, press.key):
            return
        # It stands still: sorting it takes it up again.
        await press.interaction.response.defer()
        await _post(press.interaction, press.key)
        return
    # Everybody else gets a list of their own.
    services.moving.sorts[press.interaction.id] = chosen
    await press.interaction.response.defer(ephemeral=True, thinking=True)
    await send_top(press.interaction)


@handles("lab_top_go_on")
async def go_on(press: Press) -> None:
    """Have a list that stands still move again."""
    if not _is_public(press.interaction):
        await press.interaction.response.defer()
        await send_top(press.interaction, press.key)
    elif leads_here(press.interaction):
        await press.interaction.response.defer()
        await _post(press.interaction, press.key)
    else:
        await press.interaction.response.defer(ephemeral=True, thinking=True)
        await send_top(press.interaction)


async def _post(interaction: Interaction, key: int) -> None:
    """Draw a public list where it stands, and hand it to the live editor from there."""
    services = services_of(interaction)
    guild_id, at = guild_id_of(interaction), services.clock()
    known = await services.timeline.live_message(LAB_TOP, key)
    if known is not None and known.guild_id != guild_id:
        raise Conflict
    face = await public_face(services, guild_id, key, at + _LIVE_FOR)
    message = await interaction.edit_original_response(view=face.view)
    with services.live.held(LAB_TOP, key):
        await services.timeline.put_live_message(LAB_TOP, key, guild_id, message.channel.id)
        await services.timeline.live_message_posted(LAB_TOP, key, message.id, at, face.digest)


def _is_public(interaction: Interaction) -> bool:
    message = interaction.message
    return message is not None and not message.flags.ephemeral


def _view(
    services: Services, seen: Sight, _: Words, key: int, until: datetime | None
) -> discord.ui.LayoutView:
    chosen = Sort(services.moving.sorts.get(key, Sort.CPU))
    return top_view(seen, _, key=key, sort=chosen, until=until, at=services.clock())
