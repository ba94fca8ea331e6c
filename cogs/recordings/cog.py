"""`/recording add`, `keep`, `extend`, `remove`, `list`, `offset`, `chapters`, `consent`."""

from datetime import datetime

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.recordings import (
    MOST_DAYS,
    NewRecording,
    Recording,
    Upload,
    parse_moment,
    parse_shift,
)
from bot.sessions import Session
from cogs.controls import Lasting
from cogs.kit import Interaction, Services, T, person_of, tell, words_for
from cogs.recordings import presses as presses  # noqa: PLC0414 - registers what buttons do
from cogs.recordings.choices import (
    ChosenRecording,
    host_files,
    latest_recording,
    recordings_for,
)
from cogs.recordings.consent import choices, question
from cogs.recordings.handing import Written, keep, show_chapters
from cogs.recordings.render import added, listing, spoken_shift
from cogs.text import one_line
from cogs.visible import ChosenSession, latest

ASession = app_commands.Transform[Session, ChosenSession]
ARecording = app_commands.Transform[Recording, ChosenRecording]
Days = app_commands.Range[int, 1, MOST_DAYS]

_SESSION = T("Which session; left out: the one here, or the last one")
_RECORDING = T("Which recording; left out: the last one here")


class RecordingsCog(commands.Cog):
    """Recordings of talks."""

    group = app_commands.Group(
        name="recording", description=T("Recordings of a session"), guild_only=True
    )

    def __init__(self, services: Services) -> None:
        self._services = services

    @group.command(name="add", description=T("Add a recording the speaker agreed to (staff only)"))
    @app_commands.describe(
        url=T("Where it is, when it is held elsewhere"),
        file=T("The recording as an attachment"),
        host_file=T("A file of this server's recordings folder on the host"),
        title=T("What it is called; left out: as the session"),
        days=T("Days until it goes; left out: as agreed with the speaker"),
        starts_at=T("When the recording begins, like 19:30; left out: with the session"),
        session=_SESSION,
    )
    async def add(
        self,
        interaction: Interaction,
        url: str | None = None,
        file: discord.Attachment | None = None,
        host_file: str | None = None,
        title: app_commands.Range[str, 1, 100] | None = None,
        days: Days | None = None,
        starts_at: str | None = None,
        session: ASession | None = None,
    ) -> None:
        """Take a recording in; its post stands in the session's channel."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        session = session or await latest(interaction)
        upload = Upload(file.filename, file.size, file.url) if file is not None else None
        begins = self._moment(starts_at, session) if starts_at else None
        new = NewRecording(url, upload, host_file, title, days, begins)
        by = person_of(interaction.user)
        recording = await self._services.recordings.add(session, by, new)
        said = await self._services.consents.of(session)
        await tell(interaction, added(recording, said, words_for(interaction)))

    @add.autocomplete("host_file")
    async def _host_files(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return await host_files(interaction, typed)

    @group.command(name="keep", description=T("Keep a recording for good (the speaker is asked)"))
    @app_commands.describe(recording=_RECORDING)
    async def keep(self, interaction: Interaction, recording: ARecording | None = None) -> None:
        """Ask the speaker whether it may stay."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await keep(interaction, recording or await latest_recording(interaction), None)

    @group.command(name="extend", description=T("Keep a recording longer (the speaker is asked)"))
    @app_commands.describe(days=T("How many days longer"), recording=_RECORDING)
    async def extend(
        self, interaction: Interaction, days: Days, recording: ARecording | None = None
    ) -> None:
        """Ask the speaker whether it may stay longer."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await keep(interaction, recording or await latest_recording(interaction), days)

    @group.command(name="remove", description=T("Take a recording away, its file too (staff only)"))
    @app_commands.describe(recording=T("Which recording"))
    async def remove(self, interaction: Interaction, recording: ARecording) -> None:
        """Take it away now."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._services.recordings.remove(recording, person_of(interaction.user))
        _ = words_for(interaction)
        await tell(interaction, _("“{title}” is removed.", title=one_line(recording.title)))

    @group.command(name="list", description=T("The recordings there are"))
    async def list(self, interaction: Interaction) -> None:
        """List the recordings a person may watch, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        text = listing(await recordings_for(interaction), words_for(interaction))
        await tell(interaction, view=Lasting(ui.TextDisplay(text)))

    @group.command(name="offset", description=T("Move all chapters of a recording (staff only)"))
    @app_commands.describe(
        by=T("How much later, like 90 or 1:30; earlier: -90"), recording=_RECORDING
    )
    async def offset(
        self, interaction: Interaction, by: str, recording: ARecording | None = None
    ) -> None:
        """Move them, and say by how much they are moved in all."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        recording = recording or await latest_recording(interaction)
        person, length = person_of(interaction.user), parse_shift(by)
        moved = await self._services.recordings.shift(recording, person, length)
        _ = words_for(interaction)
        text = _("The chapters are moved by {shift} in all.", shift=spoken_shift(moved.shift))
        await tell(interaction, text)

    @group.command(name="chapters", description=T("A recording's chapters, to copy"))
    @app_commands.describe(
        recording=_RECORDING, form=T("Text for a video's description, or a WebVTT file")
    )
    @app_commands.choices(
        form=[
            app_commands.Choice(name=T("Text, as YouTube takes it"), value="text"),
            app_commands.Choice(name=T("WebVTT file"), value="webvtt"),
        ]
    )
    async def chapters(
        self,
        interaction: Interaction,
        recording: ARecording | None = None,
        form: Written = "text",
    ) -> None:
        """Show what was asked and shown when."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await show_chapters(interaction, recording or await latest_recording(interaction), form)

    @group.command(
        name="consent", description=T("Say whether your talk may be recorded (speaker only)")
    )
    @app_commands.describe(session=_SESSION)
    async def consent(self, interaction: Interaction, session: ASession | None = None) -> None:
        """Ask the speaker again, privately."""
        session = session or await latest(interaction)
        consents = self._services.consents
        consents.require_speaker(person_of(interaction.user), session)
        days = consents.default_days(session.guild_id)
        _ = words_for(interaction)
        text = (
            question(days, _)
            + "\n-# "
            + _("With a no, the recordings that are here already are removed at once.")
        )
        asked = ui.TextDisplay[ui.LayoutView](text)
        await tell(interaction, view=Lasting(asked, choices(session, days, _)))

    def _moment(self, typed: str, session: Session) -> datetime:
        zone = self._services.guilds.get(session.guild_id).time_zone
        return parse_moment(typed, session.started_at, zone)
