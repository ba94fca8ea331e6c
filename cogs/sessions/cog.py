"""`/session start`, `end`, `status`, `list`, `edit`, `publish`."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.questions import State
from bot.sessions import NewSession, Session, SessionEdit
from cogs.archive import SessionSets
from cogs.controls import Press, handles
from cogs.kit import (
    Interaction,
    Services,
    T,
    guild_id_of,
    in_time,
    person_of,
    services_of,
    session_here,
    show_there,
    tell,
    words_for,
)
from cogs.sessions import render
from cogs.sessions.starting import EventCard, StartForm, begin, check_channel, find_event
from cogs.text import one_line
from cogs.visible import ChosenSession, latest, sessions_of

ASession = app_commands.Transform[Session, ChosenSession]

_LISTED = 25


class SessionsCog(commands.Cog):
    """Starts and ends talks."""

    group = app_commands.Group(
        name="session", description=T("A talk from start to end"), guild_only=True
    )

    def __init__(self, services: Services, sets: SessionSets) -> None:
        self._services = services
        self._sets = sets

    @group.command(name="start", description=T("Start a session in this channel"))
    @app_commands.describe(
        title=T("What the talk is called; left out: tonight's event"),
        speaker=T("Who speaks; left out: you, or who made the event"),
        slides=T("Address of the slides"),
        moderated=T("Questions wait for approval (off by default)"),
    )
    async def start(
        self,
        interaction: Interaction,
        title: app_commands.Range[str, 1, 90] | None = None,
        speaker: discord.Member | None = None,
        slides: str | None = None,
        moderated: bool = False,
    ) -> None:
        """Start a session with a title, from tonight's event, or through a form."""
        check_channel(interaction)
        guild_id = guild_id_of(interaction)
        if title is None:
            event = find_event(interaction)
            if event is None:
                await interaction.response.send_modal(
                    StartForm(words_for(interaction), speaker, slides, moderated)
                )
            else:
                card = EventCard(words_for(interaction), event, speaker, slides, moderated)
                await tell(interaction, view=card)
            return
        await begin(
            interaction,
            NewSession(
                guild_id=guild_id,
                channel_id=interaction.channel_id or 0,
                title=title,
                speaker_id=speaker.id if speaker else None,
                speaker_name=speaker.display_name if speaker else None,
                slides_url=slides,
                moderated=moderated,
            ),
        )

    @group.command(name="end", description=T("End the session of this channel"))
    async def end(self, interaction: Interaction) -> None:
        """End it; late questions go on in a thread."""
        session = session_here(interaction)
        async with in_time(interaction):
            ended = await self._services.sessions.end(session, person_of(interaction.user))
        _ = words_for(interaction)
        await tell(interaction, _("“{title}” has ended.", title=one_line(ended.title)))

    @group.command(name="status", description=T("How the session of this channel stands"))
    async def status(self, interaction: Interaction) -> None:
        """Show title, speaker, times and counts, privately."""
        session = session_here(interaction)
        board = await self._services.views.board(session)
        _ = words_for(interaction)
        counts = board.counts
        speaker = session.speaker_ids[0]
        lines = [
            f"**{one_line(session.title)}**",
            _("Speaker: {mention}", mention=f"<@{speaker}>") if speaker else "",
            _("Slides: {url}", url=f"<{session.slides_url}>") if session.slides_url else "",
            _("Started: {when}", when=discord.utils.format_dt(session.started_at, "R")),
            _(
                "Open {open} · answered {answered} · missed {missed} · pending {pending}",
                open=board.open_count,
                answered=counts.get(State.ANSWERED, 0),
                missed=counts.get(State.MISSED, 0),
                pending=counts.get(State.PENDING, 0),
            ),
            _("Questions wait for approval.") if session.moderated else "",
        ]
        await tell(interaction, "\n".join(part for part in lines if part))

    @group.command(name="list", description=T("The sessions of this server"))
    async def list(self, interaction: Interaction) -> None:
        """List sessions, newest first, privately."""
        sessions = await sessions_of(interaction)
        await tell(interaction, render.listing(sessions[:_LISTED], words_for(interaction)))

    @group.command(name="edit", description=T("Change title, speaker, slides or moderation"))
    @app_commands.describe(
        title=T("What the talk is called"),
        speaker=T("Who speaks"),
        slides=T("Address of the slides"),
        moderated=T("Questions wait for approval"),
    )
    async def edit(
        self,
        interaction: Interaction,
        title: app_commands.Range[str, 1, 90] | None = None,
        speaker: discord.Member | None = None,
        slides: str | None = None,
        moderated: bool | None = None,
    ) -> None:
        """Change the open session."""
        change = SessionEdit(
            title=title,
            speaker_id=speaker.id if speaker else None,
            speaker_name=speaker.display_name if speaker else None,
            slides_url=slides,
            moderated=moderated,
        )
        session = session_here(interaction)
        async with in_time(interaction):
            await self._services.sessions.edit(session, person_of(interaction.user), change)
        _ = words_for(interaction)
        await tell(interaction, _("Changed."))

    @group.command(
        name="publish", description=T("Post all that came of a session as one set (staff only)")
    )
    @app_commands.describe(session=T("Which session; left out: the one here, or the last one"))
    async def publish(self, interaction: Interaction, session: ASession | None = None) -> None:
        """Post the set in the talk's channel, or say where it stands."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        session = session or await latest(interaction)
        self._services.notes.require_staff(person_of(interaction.user), session)
        url = await self._sets.publish(session, interaction.user.id)
        _ = words_for(interaction)
        await tell(interaction, _("The set stands, and is kept up to date: {url}", url=url))


@handles("session_go_on")
async def go_on(press: Press) -> None:
    """Somebody says the quiet session goes on."""
    session = await _session_of(press)
    services = services_of(press.interaction)
    async with in_time(press.interaction):
        await services.sessions.go_on(session, person_of(press.interaction.user))
    _ = words_for(press.interaction)
    await _close_question(press, _("It goes on."))


@handles("session_end")
async def end_quiet(press: Press) -> None:
    """Somebody says the quiet session is over."""
    session = await _session_of(press)
    services = services_of(press.interaction)
    async with in_time(press.interaction):
        await services.sessions.end(session, person_of(press.interaction.user))
    _ = words_for(press.interaction)
    await _close_question(press, _("The session has ended."))


async def _session_of(press: Press) -> Session:
    services = services_of(press.interaction)
    return await services.sessions.get(press.key, guild_id_of(press.interaction))


async def _close_question(press: Press, text: str) -> None:
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(text))
    await show_there(press.interaction, view=view)
