"""The ways into a session: tonight's event, a form, in place of another."""

from datetime import timedelta
from typing import Any

import discord
from discord import ui

from bot.errors import N_, BadInput, NotAllowed
from bot.localization import Words
from bot.sessions import NewSession, Session, SessionAlreadyOpen
from cogs.controls import Lasting
from cogs.kit import (
    Card,
    Form,
    Interaction,
    guild_id_of,
    in_time,
    person_of,
    services_of,
    show_there,
    tell,
    words_for,
)
from cogs.permissions import missing, spoken
from cogs.recordings.consent import choices, question
from cogs.text import one_line, plain_line

_TONIGHT = timedelta(hours=12)
_TITLE_LENGTH = 90


def find_event(interaction: Interaction) -> discord.ScheduledEvent | None:
    """Return the scheduled event that is on, or comes next within twelve hours."""
    if interaction.guild is None:
        return None
    now = services_of(interaction).clock()
    waiting = (discord.EventStatus.scheduled, discord.EventStatus.active)
    near = [
        event
        for event in interaction.guild.scheduled_events
        if event.status in waiting and -_TONIGHT < event.start_time - now < _TONIGHT
    ]
    return min(near, key=lambda event: abs(event.start_time - now), default=None)


class NotATextChannel(BadInput):
    """A voice channel's chat, a thread, a forum."""

    message = N_(
        "A session needs an ordinary text channel: the chat of a voice channel or a stage holds"
        " no threads, and a thread belongs to its channel. Please start it in a text channel."
    )


class RightsMissing(NotAllowed):
    """The bot can't work in this channel."""

    message = N_("I can't run a session here, these permissions are missing: {names}.")


def check_channel(interaction: Interaction) -> None:
    """Let a session start only where it can be held.

    Raises:
        NotATextChannel, RightsMissing.
    """
    if not isinstance(interaction.channel, discord.TextChannel):
        raise NotATextChannel
    lacking = missing(interaction.app_permissions, NEEDED_PERMISSIONS)
    if lacking:
        raise RightsMissing(names=spoken(lacking, words_for(interaction)))


# Without these a session can't be held at all; /setup lists the rest.
NEEDED_PERMISSIONS = frozenset(
    {"view_channel", "send_messages", "read_message_history", "add_reactions"}
)


async def begin(interaction: Interaction, new: NewSession, *, replace: bool = False) -> None:
    """Start the session and post its board; offer to end the one that is open there."""
    services = services_of(interaction)
    check_channel(interaction)
    _ = words_for(interaction)
    try:
        async with in_time(interaction):
            session = await services.sessions.start(
                new, person_of(interaction.user), replace=replace
            )
    except SessionAlreadyOpen as error:
        await _turn_into(interaction, ReplaceCard(_, error.session, new))
        return
    text = _(
        "“{title}” has started. Questions that begin with Q. are collected here.",
        title=one_line(session.title),
    )
    consents = services.consents
    if session.speaker_ids[0] == interaction.user.id:
        days = consents.default_days(session.guild_id)
        asked = ui.TextDisplay[Any](question(days, _))
        view = Lasting(ui.TextDisplay(text), asked, choices(session, days, _))
    else:
        await consents.ask(session)
        view = Lasting(ui.TextDisplay(text))
    await _turn_into(interaction, view)


async def _turn_into(interaction: Interaction, view: ui.LayoutView) -> None:
    """Answer privately; the card whose button was pressed becomes the answer."""
    if interaction.type is discord.InteractionType.component:
        await show_there(interaction, view=view)
    else:
        await tell(interaction, view=view)


class StartForm(Form):
    """Asks for the title (and the slides) of a session."""

    def __init__(
        self, _: Words, speaker: discord.Member | None, slides: str | None, moderated: bool
    ) -> None:
        super().__init__(_("Start a session"))
        self._speaker = speaker
        self._moderated = moderated
        self._title = ui.TextInput[Any](max_length=_TITLE_LENGTH)
        self._slides = ui.TextInput[Any](required=False, default=slides, max_length=1000)
        self.add_item(ui.Label(text=_("Title"), component=self._title))
        self.add_item(ui.Label(text=_("Address of the slides"), component=self._slides))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Start it."""
        await begin(
            interaction,
            NewSession(
                guild_id=guild_id_of(interaction),
                channel_id=interaction.channel_id or 0,
                title=self._title.value,
                speaker_id=self._speaker.id if self._speaker else None,
                speaker_name=self._speaker.display_name if self._speaker else None,
                slides_url=self._slides.value or None,
                moderated=self._moderated,
            ),
        )


class EventCard(Card):
    """Shows tonight's event and starts it at a press."""

    def __init__(
        self,
        _: Words,
        event: discord.ScheduledEvent,
        speaker: discord.Member | None,
        slides: str | None,
        moderated: bool,
    ) -> None:
        super().__init__()
        self._words = _
        self._event = event
        self._speaker = speaker
        self._slides = slides
        self._moderated = moderated
        speaker_id = speaker.id if speaker else event.creator_id
        self.add_item(
            ui.Container[Any](
                ui.TextDisplay(
                    "\n".join(
                        [
                            f"### {one_line(event.name)}",
                            _("Speaker: {mention}", mention=f"<@{speaker_id}>")
                            if speaker_id
                            else "",
                            discord.utils.format_dt(event.start_time, "f"),
                        ]
                    )
                )
            )
        )
        start = ui.Button[Any](
            label=_("Start this session"), style=discord.ButtonStyle.primary, custom_id="start"
        )
        start.callback = self._start
        other = ui.Button[Any](label=_("Another title…"), custom_id="other")
        other.callback = self._other
        self.add_item(ui.ActionRow[Any](start, other))

    async def _start(self, interaction: Interaction) -> None:
        creator = self._event.creator
        speaker = self._speaker or creator
        await begin(
            interaction,
            NewSession(
                guild_id=guild_id_of(interaction),
                channel_id=interaction.channel_id or 0,
                title=plain_line(self._event.name, _TITLE_LENGTH),
                speaker_id=self._speaker.id if self._speaker else self._event.creator_id,
                speaker_name=speaker.display_name if speaker else None,
                slides_url=self._slides,
                moderated=self._moderated,
                scheduled_event_id=self._event.id,
            ),
        )

    async def _other(self, interaction: Interaction) -> None:
        await interaction.response.send_modal(
            StartForm(self._words, self._speaker, self._slides, self._moderated)
        )


class ReplaceCard(Card):
    """Offers to end the open session and start the new one."""

    def __init__(self, _: Words, before: Session, new: NewSession) -> None:
        super().__init__()
        self._new = new
        self.add_item(
            ui.TextDisplay(
                _(
                    "“{title}” is open here already. Shall I end it and start “{new}”?",
                    title=one_line(before.title),
                    new=one_line(new.title),
                )
            )
        )
        replace = ui.Button[Any](
            label=_("End that one and start"), style=discord.ButtonStyle.danger, custom_id="replace"
        )
        replace.callback = self._replace
        self.add_item(ui.ActionRow[Any](replace))

    async def _replace(self, interaction: Interaction) -> None:
        await begin(interaction, self._new, replace=True)
