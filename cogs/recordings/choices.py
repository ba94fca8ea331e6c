"""Recordings and files to choose from, for those who may know of them."""

from typing import Any

import discord
from discord import app_commands

from bot.errors import NotFound
from bot.guilds import Role
from bot.recordings import NoRecording, Recording
from cogs.kit import Interaction, guild_id_of, person_of, services_of
from cogs.text import plain_line
from cogs.visible import CHOICES, NoSessionYet, latest, titled_choices, visible_channels


def require_visible(interaction: Interaction, recording: Recording) -> None:
    """Let through who can see the channel a recording belongs to.

    Whoever may see nothing there learns nothing either, not even that there is one.

    Raises:
        NoRecording.
    """
    server, member = interaction.guild, interaction.user
    if server is None or not isinstance(member, discord.Member):
        raise NoRecording
    channel = server.get_channel(recording.channel_id)
    if channel is None:
        # Its channel is gone: as with talks, it is the moderators' now.
        roles = services_of(interaction).guilds.get(server.id).roles_of(person_of(member))
        if Role.MODERATOR not in roles:
            raise NoRecording
        return
    held = channel.permissions_for(member)
    if not (held.view_channel and held.read_message_history):
        raise NoRecording


async def recordings_for(interaction: Interaction) -> list[Recording]:
    """Return the recordings a person may know of, newest first."""
    found = await services_of(interaction).recordings.of_guild(guild_id_of(interaction))
    visible = await visible_channels(interaction)
    return [recording for recording in found if recording.channel_id in visible]


async def latest_recording(interaction: Interaction) -> Recording:
    """Return the recording a bare command means: this channel's last one, else the last one.

    Raises:
        NoRecording: there is none.
    """
    found = await recordings_for(interaction)
    here = [one for one in found if one.channel_id == interaction.channel_id]
    for recording in [*here, *found]:
        return recording
    raise NoRecording


class ChosenRecording(app_commands.Transformer):
    """A recording by its id, chosen from a list of titles; by a title where one was typed."""

    async def transform(self, interaction: Interaction, value: Any, /) -> Recording:
        """Return the recording.

        Raises:
            NoRecording: there is none like that, or not for this person.
        """
        for recording in await recordings_for(interaction):
            if value in (str(recording.id), recording.title):
                return recording
        raise NoRecording

    async def autocomplete(
        self, interaction: Interaction, value: Any, /
    ) -> list[app_commands.Choice[Any]]:
        """Return the recordings whose titles hold what was typed, newest first."""
        found = await recordings_for(interaction)
        return titled_choices(
            interaction, str(value), [(one.starts_at, one.title, one.id) for one in found]
        )


async def host_files(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Return the files of this server's own folder, for staff alone."""
    services = services_of(interaction)
    try:
        session = await latest(interaction)
    except (NoSessionYet, NotFound):
        return []
    if not services.sessions.is_staff(person_of(interaction.user), session):
        return []
    return [
        # A choice whose value is too long can't be sent at all.
        app_commands.Choice(
            name=plain_line(f"{file.name} ({file.size_bytes / 1_000_000:.1f} MB)"),
            value=file.name,
        )
        for file in await services.recordings.host_files(guild_id_of(interaction))
        if typed.casefold() in file.name.casefold() and len(file.name) <= 100
    ][:CHOICES]
