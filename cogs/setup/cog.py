"""`/setup`."""

from discord import app_commands
from discord.ext import commands

from cogs.kit import Interaction, Services, T, guild_id_of, person_of, tell
from cogs.setup.card import SetupCard


class SetupCog(commands.Cog):
    """Sets a server up."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @app_commands.command(
        name="setup", description=T("Staff channel, roles, language, limits; what I lack here")
    )
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def setup(self, interaction: Interaction) -> None:
        """Show the present choices privately, to be changed in place."""
        by = person_of(interaction.user)
        self._services.guilds.require_moderator(guild_id_of(interaction), by)
        await tell(interaction, view=SetupCard(interaction))
