"""Which session a command means, and whether the person may know of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import discord
from discord import app_commands

from bot.errors import N_, NotFound
from bot.guilds import Role
from bot.sessions import Session
from cogs.kit import Interaction, channel_ids_of, guild_id_of, person_of, services_of
from cogs.text import plain_line

# As many as Discord shows.
CHOICES = 25
# Enough for years of talks; reading them takes about a millisecond.
_LISTED = 500


class NoSessionYet(NotFound):
    """Nothing has been held here."""

    message = N_("There has been no session here yet. Start one with /session start.")


async def sessions_of(interaction: Interaction) -> list[Session]:
    """Return the sessions a person may know of, newest first.

    What was said in a channel is for those who can read it. The talks of channels that are
    gone are for moderators.
    """
    services = services_of(interaction)
    guild_id = guild_id_of(interaction)
    found = await services.sessions.list(guild_id, _LISTED)
    server, member = interaction.guild, interaction.user
    if server is None or not isinstance(member, discord.Member):
        return []
    there = {channel.id: channel for channel in server.text_channels}
    roles = services.guilds.get(guild_id).roles_of(person_of(member))

    def is_known(session: Session) -> bool:
        channel = there.get(session.channel_id)
        if channel is None:
            return Role.MODERATOR in roles
        return channel.permissions_for(member).read_message_history

    return [session for session in found if is_known(session)]


async def visible_channels(interaction: Interaction) -> frozenset[int]:
    """Return the channels whose talks a person may know of."""
    return frozenset(session.channel_id for session in await sessions_of(interaction))


def readable_channels(interaction: Interaction) -> frozenset[int]:
    """Return the channels and forums whose messages a person may read."""
    server, member = interaction.guild, interaction.user
    if server is None or not isinstance(member, discord.Member):
        return frozenset()
    # Threads are read by those who read the channel they are in.
    return frozenset(
        channel.id
        for channel in server.channels
        if (held := channel.permissions_for(member)).view_channel and held.read_message_history
    )


async def latest(interaction: Interaction) -> Session:
    """Return the session a bare command means: the one here, else the last one.

    Raises:
        NoSessionYet: there was none.
    """
    channel_id, parent_id = channel_ids_of(interaction.channel)
    here = services_of(interaction).sessions.at(channel_id, parent_id)
    if here is not None:
        return here
    found = await sessions_of(interaction)
    in_channel = [one for one in found if one.channel_id in (channel_id, parent_id)]
    for session in [*in_channel, *found]:
        return session
    raise NoSessionYet


class ChosenSession(app_commands.Transformer):
    """A session by its id, chosen from a list of titles; by a title where one was typed."""

    async def transform(self, interaction: Interaction, value: Any, /) -> Session:
        """Return the session.

        Raises:
            NotFound: there is none like that, or not for this person.
        """
        for session in await sessions_of(interaction):
            if value in (str(session.id), session.title):
                return session
        raise NotFound

    async def autocomplete(
        self, interaction: Interaction, value: Any, /
    ) -> list[app_commands.Choice[Any]]:
        """Return the sessions whose titles hold what was typed, newest first."""
        found = await sessions_of(interaction)
        return titled_choices(
            interaction, str(value), [(one.started_at, one.title, one.id) for one in found]
        )


def titled_choices(
    interaction: Interaction, typed: str, found: Iterable[tuple[datetime, str, int]]
) -> list[app_commands.Choice[str]]:
    """Return those whose day or title holds what was typed, each as (time, title, id) before."""
    zone = services_of(interaction).guilds.get(guild_id_of(interaction)).time_zone
    names = ((f"{at.astimezone(zone):%Y-%m-%d} {title}", one_id) for at, title, one_id in found)
    return [
        app_commands.Choice(name=plain_line(name), value=str(one_id))
        for name, one_id in names
        if typed.casefold() in name.casefold()
    ][:CHOICES]
