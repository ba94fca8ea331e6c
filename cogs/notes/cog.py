"""`/notes post`, `history`, `watch`, `unwatch`, `import-answers`."""

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.notes import MOST_BYTES, FileTooBig, Place, decode
from bot.sessions import Session
from cogs.controls import Lasting
from cogs.kit import Interaction, Services, T, in_time, person_of, tell, words_for
from cogs.notes.forms import NotesForm
from cogs.notes.importing import ImportCard
from cogs.notes.places import ChosenPlace, place_for
from cogs.notes.posting import show_posted
from cogs.notes.publisher import NotesPublisher
from cogs.notes.render import history
from cogs.visible import ChosenSession, latest

ASession = app_commands.Transform[Session, ChosenSession]
APlace = app_commands.Transform[Place, ChosenPlace]

_SESSION = T("Which session; left out: the one here, or the last one")


class NotesCog(commands.Cog):
    """Lecture notes."""

    group = app_commands.Group(
        name="notes", description=T("Lecture notes of a session"), guild_only=True
    )

    def __init__(self, services: Services, publisher: NotesPublisher) -> None:
        self._services = services
        self._publisher = publisher

    @group.command(
        name="post", description=T("Post notes, or change those that stand (staff only)")
    )
    @app_commands.describe(
        file=T("A Markdown or text file; without file and address: a form"),
        url=T("Address of the notes: HedgeDoc, HackMD, GitHub, any text"),
        to=T("Channel, thread or forum to post in; left out: where they stand, or as set up"),
        session=_SESSION,
    )
    async def post(
        self,
        interaction: Interaction,
        file: discord.Attachment | None = None,
        url: str | None = None,
        to: APlace | None = None,
        session: ASession | None = None,
    ) -> None:
        """Take notes from a file, an address or a form, and post them."""
        session = session or await latest(interaction)
        self._services.notes.require_staff(person_of(interaction.user), session)
        if file is None and url is None:
            known = await self._services.notes.get(session)
            form = NotesForm(words_for(interaction), self._publisher, session, to, known)
            await interaction.response.send_modal(form)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        if file is not None:
            text = await _read(file)
        else:
            fetched = await self._services.fetcher.fetch(url or "")
            text = fetched.text if fetched else ""
        origin = "file" if file is not None else "url"
        place = await place_for(interaction, session, to)
        by = person_of(interaction.user)
        event_id = await self._services.notes.post(session, by, text, origin, place)
        await show_posted(interaction, self._publisher, session, event_id)

    @group.command(name="history", description=T("When the notes changed, and by whom"))
    @app_commands.describe(session=_SESSION)
    async def history(self, interaction: Interaction, session: ASession | None = None) -> None:
        """List the states of the notes, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        found = await self._services.notes.history(session or await latest(interaction))
        text = history(found, words_for(interaction))
        await tell(interaction, view=Lasting(ui.TextDisplay(text)))

    @group.command(
        name="watch",
        description=T("Post notes from an address again whenever they change (staff only)"),
    )
    @app_commands.describe(
        url=T("Address of the notes: HedgeDoc, HackMD, GitHub, any text"),
        to=T("Channel, thread or forum to post in; left out: where they stand, or as set up"),
    )
    async def watch(self, interaction: Interaction, url: str, to: APlace | None = None) -> None:
        """Post what is there now, and look again until the session ends."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        session = await latest(interaction)
        place = await place_for(interaction, session, to)
        by = person_of(interaction.user)
        event_id = await self._services.watches.watch(session, by, url, place)
        await show_posted(interaction, self._publisher, session, event_id, watched=True)

    @group.command(name="unwatch", description=T("Stop reading the notes' address (staff only)"))
    async def unwatch(self, interaction: Interaction) -> None:
        """Stop; what was posted stays."""
        session = await latest(interaction)
        async with in_time(interaction):
            await self._services.watches.unwatch(session, person_of(interaction.user))
        _ = words_for(interaction)
        await tell(interaction, _("I no longer read the notes' address. What is posted stays."))

    @group.command(
        name="import-answers",
        description=T("Take the answers in the notes for the questions asked here (staff only)"),
    )
    @app_commands.describe(session=_SESSION)
    async def import_answers(
        self, interaction: Interaction, session: ASession | None = None
    ) -> None:
        """Show what was found in the notes; writing waits for the button."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        session = session or await latest(interaction)
        by = person_of(interaction.user)
        found = await self._services.answer_import.proposals(session, by)
        await tell(interaction, view=ImportCard(words_for(interaction), session, found))


async def _read(file: discord.Attachment) -> str:
    """Return the text of an attachment.

    Raises:
        FileTooBig, NotText.
    """
    if file.size > MOST_BYTES:
        raise FileTooBig(most=MOST_BYTES // 1024 // 1024)
    return decode(await file.read())
