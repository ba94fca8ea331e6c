"""Private cards: one's own, and for staff everybody's; lists from which one is chosen."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import discord
from discord import ui

from bot.lab import Instance, Kind
from bot.localization import Words
from cogs.controls import Lasting, Press, handles, row, select
from cogs.kit import Interaction, guild_id_of, person_of, services_of, tell, words_for
from cogs.lab.card import Reader, card, state_of
from cogs.lab.look import addresses, look_at
from cogs.lab.tables import clipped, instance_line
from cogs.live import Face
from cogs.moving import MOVES_FOR
from cogs.text import plain_line

# Goes along with presses on a card that stands among one's own.
AMONG_MINE = 1

_CHOICES = 25
_ENDED_SHOWN = timedelta(hours=24)


async def private_card(
    interaction: Interaction, instance: Instance, arg: int | None = None
) -> ui.Container[Any]:
    """Draw a card for the one who asked, with fresh figures."""
    is_own = instance.owner_id == interaction.user.id
    look = await look_at(services_of(interaction), instance, login=is_own)
    reader = Reader.OWNER if is_own else Reader.STAFF
    return card(look, words_for(interaction), reader, arg=arg)


async def send_card(interaction: Interaction, instance: Instance) -> None:
    """Show an instance as it is now, privately."""
    lab = services_of(interaction).lab
    now = await lab.instances.peek(instance.id, instance.guild_id) or instance
    await tell(interaction, view=Lasting(await private_card(interaction, now)))


def keep_moving(interaction: Interaction, instance: Instance) -> None:
    """Have a private card, the reply to an interaction, move while its look does by itself."""
    services = services_of(interaction)

    async def draw(_is_last: bool) -> Face:
        now = await services.lab.instances.peek(instance.id, instance.guild_id) or instance
        return Face(Lasting(await private_card(interaction, now)))

    key = interaction.message.id if interaction.message is not None else interaction.id
    services.moving.follow(key, interaction, draw, MOVES_FOR)


async def mine(interaction: Interaction, chosen: int | None = None) -> Lasting:
    """Draw one's own instances: a card, and the others to choose from.

    Those that ended lately are among them, with the reason.
    """
    services = services_of(interaction)
    _ = words_for(interaction)
    found = await services.lab.instances.mine(guild_id_of(interaction), interaction.user.id)
    since = services.clock() - _ENDED_SHOWN
    own = [one for one in found if one.ended_at is None or one.ended_at > since]
    if not own:
        return Lasting(
            ui.TextDisplay(
                _("You have nothing in the lab. Start something: /container run or /vm create.")
            )
        )
    alive = [one for one in own if one.is_alive]
    shown = next((one for one in own if one.id == chosen), (alive or own)[0])
    items: list[ui.Item[Any]] = [await private_card(interaction, shown, AMONG_MINE)]
    if len(own) > 1:
        ordered = [*alive, *(one for one in own if not one.is_alive)]
        placeholder = _("Show another one ({n})", n=len(own))
        items.append(row(select("lab_mine", 0, placeholder, _options(ordered, shown.id, _))))
    return Lasting(*items)


def listing(
    interaction: Interaction,
    found: Sequence[Instance],
    theirs: Sequence[Instance],
    kind: Kind = Kind.CONTAINER,
) -> Lasting:
    """List instances of a kind, and offer the cards of those the person may act on."""
    services = services_of(interaction)
    _ = words_for(interaction)
    found = [one for one in found if one.kind is kind]
    theirs = [one for one in theirs if one.kind is kind]
    if not found:
        return Lasting(ui.TextDisplay(_("Nothing runs here that you may see.")))
    where = addresses(services)
    lines = [instance_line(one, where, _) for one in found]
    head = _.plural("**{n} container**", "**{n} containers**", len(found))
    if kind is Kind.GUEST:
        head = _.plural("**{n} virtual machine**", "**{n} virtual machines**", len(found))
    items: list[ui.Item[Any]] = [ui.TextDisplay(clipped(head, lines, _))]
    if theirs:
        items.append(row(select("lab_show", 0, _("Show the card of…"), _options(theirs, None, _))))
    return Lasting(*items)


def _options(found: Sequence[Instance], shown: int | None, _: Words) -> list[discord.SelectOption]:
    return [
        discord.SelectOption(
            label=plain_line(f"{one.name} — {state_of(one, _)}"),
            value=str(one.id),
            description=plain_line(one.template or one.image),
            default=one.id == shown,
        )
        for one in found[:_CHOICES]
    ]


@handles("lab_mine")
async def show_mine(press: Press) -> None:
    """Show one's own: a new private message from a button, another card from the select."""
    if not press.values:
        await press.interaction.response.defer(ephemeral=True, thinking=True)
        await tell(press.interaction, view=await mine(press.interaction))
        return
    await press.interaction.response.defer()
    view = await mine(press.interaction, int(press.value))
    await press.interaction.edit_original_response(view=view)


@handles("lab_show")
async def show(press: Press) -> None:
    """Show the card of what was chosen from a list."""
    interaction = press.interaction
    await interaction.response.defer(ephemeral=True, thinking=True)
    instances = services_of(interaction).lab.instances
    by = person_of(interaction.user)
    instance = await instances.get(int(press.value), guild_id_of(interaction), by)
    await send_card(interaction, instance)
