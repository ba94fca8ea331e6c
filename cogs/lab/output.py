"""What instances print and show, sent privately; those who run the talk can post it for all."""

import io
from typing import Any

import discord
from discord import ui

from bot.lab import ExecResult, Instance, spoken_seconds
from bot.localization import Words
from cogs.controls import Lasting, LastingButton, Press, button, handles, row
from cogs.kit import Interaction, guild_id_of, person_of, services_of, tell, words_for
from cogs.text import coded, fenced, jump_url, one_line, page, printed

# Discord allows 4,000 characters in all; backticks that are taken apart grow.
_SHOWN = 3000
_GROWN = 3700


async def send_output(
    interaction: Interaction,
    instance: Instance,
    head: str,
    text: str,
    *,
    filename: str,
    from_end: bool = False,
) -> None:
    """Show what was printed, as much as fits; the whole as a file where that is more."""
    items: list[ui.Item[Any]] = [ui.TextDisplay(head)]
    file: discord.File | None = None
    if text.strip():
        shown = page(text, _SHOWN, from_end=from_end)
        while len(fenced(shown)) > _GROWN:
            shown = page(shown, len(shown) // 2, from_end=from_end)
        items.append(ui.TextDisplay(fenced(shown)))
        if shown != text:
            file = discord.File(io.BytesIO(text.encode()), filename=filename)
            items.append(ui.File(file))
    items += await posting(interaction, instance)
    await tell(interaction, view=Lasting(*items), file=file)


async def posting(interaction: Interaction, instance: Instance) -> list[ui.Item[Any]]:
    """Return the button with which those who run the talk post a private reply for everybody."""
    services = services_of(interaction)
    session = await services.sessions.get(instance.session_id, instance.guild_id)
    if not services.lab.access.is_staff(person_of(interaction.user), instance, session):
        return []
    return [row(post_button(session.id, words_for(interaction)))]


def post_button(session_id: int, _: Words) -> LastingButton:
    """Return that button alone."""
    return button("lab_post", session_id, _("Publish"))


async def send_logs(
    interaction: Interaction, instance: Instance, printed_bytes: bytes, lines: int
) -> None:
    """Show the last lines of an instance's log."""
    _ = words_for(interaction)
    text = printed(printed_bytes)
    if not text:
        head = _("**{name}** has printed nothing yet.", name=one_line(instance.name))
    else:
        head = _("Last lines of **{name}** (at most {n})", name=one_line(instance.name), n=lines)
    name = f"{instance.name}.log"
    await send_output(interaction, instance, head, text, filename=name, from_end=True)


async def send_result(
    interaction: Interaction, instance: Instance, command: str, result: ExecResult
) -> None:
    """Show what a command came to."""
    _ = words_for(interaction)
    time = spoken_seconds(result.seconds)
    if result.exit_code is None:
        end = _("cut off after {time}", time=time)
    else:
        end = _("exit code {code}, {time}", code=result.exit_code, time=time)
    head = f"**{one_line(instance.name)}** {coded('$ ' + command, 300)}\n-# {end}"
    if result.is_truncated:
        head += " · " + _("the output was longer and is cut off")
    name = f"{instance.name}-output.txt"
    await send_output(interaction, instance, head, printed(result.output), filename=name)


@handles("lab_post")
async def post(press: Press) -> None:
    """Post a private reply for everybody, as it was read by the one who presses."""
    interaction = press.interaction
    services = services_of(interaction)
    session = await services.sessions.get(press.key, guild_id_of(interaction))
    services.lab.access.require_lead(person_of(interaction.user), session)
    await interaction.response.defer()
    message = interaction.message
    if message is None:
        return
    items: list[ui.Item[Any]] = [ui.TextDisplay(text) for text in _texts(message.components)]
    files = [await attachment.to_file() for attachment in message.attachments]
    items += [ui.File(file) for file in files]
    channel = services.channel(session.channel_id)
    sent = await channel.send(view=Lasting(*items), files=files)
    _ = words_for(interaction)
    url = jump_url(session.guild_id, session.channel_id, sent.id)
    await tell(interaction, _("Posted: {url}", url=url))


def _texts(components: Any) -> list[str]:
    found: list[str] = []
    for component in components:
        if isinstance(component, discord.TextDisplay):
            found.append(component.content)
        found += _texts(getattr(component, "children", ()))
    return found
