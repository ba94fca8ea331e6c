"""What the buttons of a card do. Owner and staff only: the services see to that."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.guilds import Person
from bot.lab import Instance, Lab
from cogs.controls import Lasting, Press, handles
from cogs.kit import guild_id_of, person_of, services_of, tell, words_for
from cogs.lab.cards import LAB_CARD
from cogs.lab.following import until_over
from cogs.lab.mine import AMONG_MINE, keep_moving, mine, private_card
from cogs.lab.output import send_logs

_LINES = 50

Work = Callable[[Lab, Instance, Person], Awaitable[Any]]


async def about(press: Press) -> tuple[Lab, Instance, Person]:
    """Return what was pressed on, if the presser may act on it."""
    interaction = press.interaction
    lab = services_of(interaction).lab
    by = person_of(interaction.user)
    return lab, await lab.instances.get(press.key, guild_id_of(interaction), by), by


async def _do(press: Press, work: Work) -> None:
    lab, instance, by = await about(press)
    await press.interaction.response.defer()
    await work(lab, instance, by)
    await show_again(press)


async def show_again(press: Press) -> None:
    """Draw the card anew where it was pressed."""
    interaction = press.interaction
    services = services_of(interaction)
    if await services.live.respond(interaction, LAB_CARD, press.key):
        return
    if press.arg == AMONG_MINE:
        await interaction.edit_original_response(view=await mine(interaction, press.key))
        return
    instance = await services.lab.instances.peek(press.key, guild_id_of(interaction))
    if instance is not None:
        view = Lasting(await private_card(interaction, instance))
        await interaction.edit_original_response(view=view)


@handles("lab_refresh")
async def refresh(press: Press) -> None:
    """Show it with fresh figures."""

    async def nothing(_lab: Lab, _instance: Instance, _by: Person) -> None:
        return

    await _do(press, nothing)


@handles("lab_watch")
async def watch(press: Press) -> None:
    """Have its figures move for some minutes: those of the card that was pressed, and others."""
    _lab, instance, _by = await about(press)
    services = services_of(press.interaction)
    services.moving.watch_card(instance.id)
    await press.interaction.response.defer()
    await show_again(press)
    message = press.interaction.message
    if message is not None and message.flags.ephemeral and press.arg != AMONG_MINE:
        keep_moving(press.interaction, instance)


@handles("lab_restart")
async def restart(press: Press) -> None:
    """Restart it."""
    await _do(press, lambda lab, instance, by: lab.instances.restart(instance, by))


@handles("lab_stop")
async def stop(press: Press) -> None:
    """Stop it."""
    await _do(press, lambda lab, instance, by: lab.instances.stop(instance, by))


@handles("lab_start")
async def start(press: Press) -> None:
    """Start it again."""
    await _do(press, lambda lab, instance, by: lab.instances.start(instance, by))


@handles("lab_extend")
async def extend(press: Press) -> None:
    """Give it more time."""
    await _do(press, lambda lab, instance, by: lab.instances.extend(instance, by))


@handles("lab_remove")
async def remove(press: Press) -> None:
    """Remove it, or take its launch back."""

    async def take_away(lab: Lab, instance: Instance, by: Person) -> None:
        await lab.keeper.take_away(instance, by)
        await until_over(lab, instance)

    await _do(press, take_away)


@handles("lab_publish")
async def publish(press: Press) -> None:
    """Show it to everybody in its channel."""
    await _do(press, lambda lab, instance, by: lab.instances.publish(instance, by, public=True))
    services = services_of(press.interaction)
    instance = await services.lab.instances.peek(press.key, guild_id_of(press.interaction))
    if instance is not None:
        await services.timeline.put_live_message(
            LAB_CARD, instance.id, instance.guild_id, instance.channel_id
        )
        services.live.mark(LAB_CARD, instance.id)


@handles("lab_hide")
async def hide(press: Press) -> None:
    """Have only its owner and staff see it; the public card goes."""
    await _do(press, lambda lab, instance, by: lab.instances.publish(instance, by, public=False))


@handles("lab_freeze")
async def freeze(press: Press) -> None:
    """Freeze it."""
    await _do(press, lambda lab, instance, by: lab.instances.freeze(instance, by, "staff"))


@handles("lab_thaw")
async def thaw(press: Press) -> None:
    """Let it go on."""
    await _do(press, lambda lab, instance, by: lab.instances.thaw(instance, by))


@handles("lab_kill")
async def kill(press: Press) -> None:
    """Remove it at once; its owner is told that staff did."""
    await _do(press, lambda lab, instance, by: lab.keeper.kill(instance, by))


@handles("lab_logs")
async def logs(press: Press) -> None:
    """Show its last lines, privately."""
    lab, instance, by = await about(press)
    await press.interaction.response.defer(ephemeral=True, thinking=True)
    printed = await lab.insides.logs(instance, by, lines=_LINES)
    await send_logs(press.interaction, instance, printed, _LINES)


@handles("lab_extend_soon")
async def extend_soon(press: Press) -> None:
    """Give more time to those of the presser's own that end soon."""
    interaction = press.interaction
    _ = words_for(interaction)
    by = person_of(interaction.user)
    instances = services_of(interaction).lab.instances
    extended = await instances.extend_soon(guild_id_of(interaction), by)
    if not extended:
        await tell(interaction, _("None of yours ends soon."))
        return
    await tell(interaction, view=await mine(interaction, extended[0].id))
