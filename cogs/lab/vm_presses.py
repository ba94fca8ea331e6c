"""What the buttons do that only guests' cards have."""

from dataclasses import replace

from bot.lab import Instance
from cogs.controls import Press, handles
from cogs.kit import Interaction, person_of, services_of, tell, words_for
from cogs.lab.look import login_of
from cogs.lab.output import send_output
from cogs.lab.presses import about, show_again
from cogs.lab.vm_card import login_lines
from cogs.text import one_line, printed

_LINES = 50


async def send_console(interaction: Interaction, instance: Instance, lines: int) -> None:
    """Show the last lines of a guest's console; the answer is private."""
    guests = services_of(interaction).lab.guests
    found = await guests.console(instance, person_of(interaction.user), lines=lines)
    _ = words_for(interaction)
    text, name = printed(found), one_line(instance.name)
    head = _("Last lines of the console of **{name}** (at most {n})", name=name, n=lines)
    if not text:
        head = _("The console of **{name}** has shown nothing yet.", name=name)
    await send_output(
        interaction, instance, head, text, filename=f"{instance.name}.log", from_end=True
    )


async def stop_guest(interaction: Interaction, instance: Instance) -> str:
    """Stop a guest; return what there is to say where that took force, else nothing."""
    guests = services_of(interaction).lab.guests
    stopped, forced = await guests.stop(instance, person_of(interaction.user))
    if not forced:
        return ""
    _, name = words_for(interaction), one_line(stopped.name)
    return _("**{name}** didn't shut down in time, so its plug was pulled.", name=name)


@handles("vm_console")
async def console(press: Press) -> None:
    """Show its console's last lines, privately."""
    _lab, instance, _by = await about(press)
    await press.interaction.response.defer(ephemeral=True, thinking=True)
    await send_console(press.interaction, instance, _LINES)


@handles("vm_stop")
async def stop(press: Press) -> None:
    """Shut it down; whoever pressed is told where that took force."""
    _lab, instance, _by = await about(press)
    await press.interaction.response.defer()
    note = await stop_guest(press.interaction, instance)
    await show_again(press)
    if note:
        await tell(press.interaction, note)


@handles("vm_login")
async def login(press: Press) -> None:
    """Tell how to log in: to its owner and staff, never on a card that everybody sees."""
    _lab, instance, by = await about(press)
    interaction = press.interaction
    await interaction.response.defer(ephemeral=True, thinking=True)
    found = await login_of(services_of(interaction), instance)
    _ = words_for(interaction)
    if found is None:
        await tell(interaction, _("It has no address yet."))
        return
    if instance.owner_id != by.id:
        # Whose key it knows is between it and its owner.
        found = replace(found, has_key=True)
    await tell(interaction, "\n".join(login_lines(instance, found, _)))


@handles("vm_resume")
async def resume(press: Press) -> None:
    """Let a paused guest go on."""
    lab, instance, by = await about(press)
    await press.interaction.response.defer()
    await lab.guests.resume(instance, by)
    await show_again(press)
