"""`/image`: what containers are made from."""

from discord import app_commands
from discord.ext import commands

from cogs.kit import (
    Interaction,
    Services,
    T,
    guild_id_of,
    person_of,
    session_here,
    tell,
    words_for,
)
from cogs.lab.choices import local_image, what_to_run
from cogs.lab.finding import found_view, image_list
from cogs.lab.pulling import Pulling
from cogs.text import coded

AnImage = app_commands.Range[str, 1, 200]


class ImagesCog(commands.Cog):
    """Lists, searches, pulls and removes images."""

    group = app_commands.Group(
        name="image", description=T("Images on the lab's host"), guild_only=True
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pulling = Pulling(services)

    async def cog_unload(self) -> None:
        """Show pulls no longer."""
        await self._pulling.close()

    @group.command(name="list", description=T("The catalogue, and the images that are there"))
    async def list(self, interaction: Interaction) -> None:
        """List them as the engine does, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        found = await self._services.lab.images.local(guild_id_of(interaction))
        await tell(interaction, view=image_list(interaction, found))

    @group.command(name="search", description=T("Search the public hub for images"))
    @app_commands.describe(term=T("What to look for"))
    async def search(self, interaction: Interaction, term: app_commands.Range[str, 2, 100]) -> None:
        """Show what the hub has, privately; where it can't be reached, what is here."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await tell(interaction, view=await found_view(interaction, term))

    @group.command(name="pull", description=T("Pull an image, with its progress"))
    @app_commands.describe(image=T("The image, like nginx:1.27"))
    @app_commands.autocomplete(image=what_to_run)
    async def pull(self, interaction: Interaction, image: AnImage) -> None:
        """Pull it; those who run the talk show everybody how it goes."""
        await self._pulling.begin(interaction, session_here(interaction), image)

    @group.command(name="remove", description=T("Remove an image that was pulled"))
    @app_commands.describe(image=T("The image, like nginx:1.27"))
    @app_commands.autocomplete(image=local_image)
    async def remove(self, interaction: Interaction, image: AnImage) -> None:
        """Remove it from the hosts."""
        session = session_here(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        by = person_of(interaction.user)
        removed = await self._services.lab.images.remove(session, by, image)
        _ = words_for(interaction)
        await tell(interaction, _("{image} is removed.", image=coded(removed, 200)))
