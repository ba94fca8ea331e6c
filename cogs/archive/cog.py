"""`/find`, `/export`, `/stats`, `/me export`, `/me erase`."""

from discord import app_commands, ui
from discord.ext import commands

from bot.archive import Format
from bot.sessions import Session
from cogs.archive.erasing import EraseCard
from cogs.archive.files import as_file, post_export, send_export
from cogs.archive.remaking import Remaking
from cogs.archive.render import found
from cogs.archive.stats import show_statistics
from cogs.controls import Lasting
from cogs.kit import Interaction, Services, T, guild_id_of, tell, words_for
from cogs.visible import ChosenSession, latest, readable_channels, visible_channels

ASession = app_commands.Transform[Session, ChosenSession]


class ArchiveCog(commands.Cog):
    """What reaches over sessions, and a person's own data."""

    me = app_commands.Group(
        name="me", description=T("What is kept about you in this server"), guild_only=True
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._remaking = Remaking(services)
        services.dispatcher.add_consumer(self._remaking.consumer())

    @app_commands.command(
        name="find", description=T("Search the questions, answers and notes of this server")
    )
    @app_commands.guild_only()
    @app_commands.describe(words=T("What to look for; several words must all be in it"))
    async def find(self, interaction: Interaction, words: app_commands.Range[str, 1, 100]) -> None:
        """Show what was found, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild_id = guild_id_of(interaction)
        hits = await self._services.archive.find(
            guild_id, words, channel_ids=await visible_channels(interaction)
        )
        notes = await self._services.notes.find(
            guild_id, words, channel_ids=readable_channels(interaction)
        )
        text = found(hits, notes, words, words_for(interaction))
        await tell(interaction, view=Lasting(ui.TextDisplay(text)))

    @app_commands.command(
        name="export", description=T("A session's questions and answers as a file")
    )
    @app_commands.guild_only()
    @app_commands.rename(format_="format")
    @app_commands.describe(
        format_=T("Kind of file (Markdown if left out)"),
        session=T("Which session; left out: the one here, or the last one"),
        jokes=T("With the questions marked as jokes"),
        public=T("Post it here for everybody (staff only)"),
    )
    @app_commands.choices(
        format_=[
            app_commands.Choice(name="Markdown", value="markdown"),
            app_commands.Choice(name="CSV", value="csv"),
            app_commands.Choice(name="JSON", value="json"),
        ]
    )
    async def export(
        self,
        interaction: Interaction,
        format_: str = "markdown",
        session: ASession | None = None,
        jokes: bool = False,
        public: bool = False,
    ) -> None:
        """Hand out the file privately, or post it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        session = session or await latest(interaction)
        give = post_export if public else send_export
        await give(interaction, session, Format(format_), jokes=jokes)

    @app_commands.command(
        name="stats", description=T("How many questions, when, and how long they waited")
    )
    @app_commands.guild_only()
    @app_commands.describe(session=T("Which session; left out: the one here, or the last one"))
    async def stats(self, interaction: Interaction, session: ASession | None = None) -> None:
        """Show a picture and its text, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await show_statistics(interaction, session or await latest(interaction))

    @me.command(name="export", description=T("Everything kept about you here, as a file"))
    async def export_me(self, interaction: Interaction) -> None:
        """Hand out a person's own data, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        data = await self._services.archive.of_person(guild_id_of(interaction), interaction.user.id)
        _ = words_for(interaction)
        text = _("This is what I keep about you in this server.")
        await tell(interaction, text, file=as_file(data, "me.json"))

    @me.command(name="erase", description=T("Have your name, or your words too, forgotten here"))
    @app_commands.describe(what=T("What to erase"))
    @app_commands.choices(
        what=[
            app_commands.Choice(name=T("My name only"), value="name"),
            app_commands.Choice(name=T("My name and what I wrote"), value="words"),
        ]
    )
    async def erase_me(self, interaction: Interaction, what: str) -> None:
        """Say what it means, and ask once more."""
        _ = words_for(interaction)
        card = EraseCard(_, self._remaking, words_too=what == "words")
        await tell(interaction, view=card)
