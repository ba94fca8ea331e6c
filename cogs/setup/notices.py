"""What the card of `/setup` tells: which permissions the bot lacks, and what it keeps."""

import discord

from bot.guilds import Guild
from bot.localization import Words
from bot.settings import Settings
from cogs.kit import Interaction, services_of
from cogs.permissions import (
    IN_NOTES_CHANNEL,
    IN_SERVER,
    IN_STAFF_CHANNEL,
    IN_STAFF_THREAD,
    IN_TALK,
    missing,
    spoken,
)

# The whole card holds 4,000 characters; this much of it is left for permissions.
_FITS = 1200


def lacking(interaction: Interaction, guild: Guild, _: Words) -> str:
    """Say which permissions the bot lacks, place by place."""
    server = interaction.guild
    if server is None:
        return ""
    lines: list[str] = []
    for channel_id, needed in _places(interaction, guild, server).items():
        channel = server.get_channel_or_thread(channel_id)
        if channel is None:
            lines.append(
                _("- <#{channel}>: I can't see it; it may be deleted.", channel=channel_id)
            )
            continue
        held = channel.permissions_for(server.me)
        if lacks := missing(held, needed):
            names = spoken(lacks, _)
            lines.append(_("- <#{channel}>: {names}", channel=channel_id, names=names))
    if lacks := missing(server.me.guild_permissions, IN_SERVER):
        lines.append(_("- Whole server: {names}", names=spoken(lacks, _)))
    if not lines:
        return _("**Permissions:** I have all I need here.")
    head = _("**Permissions I lack** (Server Settings → Roles, or the channel's settings):")
    return _as_fits(head, lines, _)


def _as_fits(head: str, lines: list[str], _: Words) -> str:
    text = head
    for index, line in enumerate(lines):
        if len(text) + len(line) > _FITS:
            left = len(lines) - index
            return text + "\n" + _.plural("- … and {n} more", "- … and {n} more", left)
        text += "\n" + line
    return text


def _places(
    interaction: Interaction, guild: Guild, server: discord.Guild
) -> dict[int, frozenset[str]]:
    """Return what is needed where: here, where sessions are open, and at the staff's."""
    services = services_of(interaction)
    here = interaction.channel
    if isinstance(here, discord.Thread):
        here = here.parent
    talks = [session.channel_id for session in services.sessions.open_sessions(guild.id)]
    places: dict[int, frozenset[str]] = {}
    if here is not None and here.id != guild.staff_channel_id:
        places[here.id] = IN_TALK
    for channel_id in talks:
        places[channel_id] = IN_TALK
    if guild.notes_channel_id is not None:
        notes = places.get(guild.notes_channel_id, frozenset[str]())
        places[guild.notes_channel_id] = notes | IN_NOTES_CHANNEL
    staff_id = guild.staff_channel_id
    if staff_id is not None:
        is_thread = server.get_thread(staff_id) is not None
        needed = IN_STAFF_THREAD if is_thread else IN_STAFF_CHANNEL
        places[staff_id] = places.get(staff_id, frozenset()) | needed
    return places


def privacy(settings: Settings, _: Words) -> str:
    """Say what is kept, for how long, and how a person gets at it."""
    return _(
        "**Privacy:** I keep questions, answers and votes with who wrote them, display names, and"
        " when things happened. {askers} days after a session the askers' and voters' ids go;"
        " after {audit} days, who did what. Everybody sees their own with /me export and has it"
        " erased with /me erase. Please tell your members.",
        askers=settings.study_bot_forget_askers_days,
        audit=settings.study_bot_audit_days,
    )
