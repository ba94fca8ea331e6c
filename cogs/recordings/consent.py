"""Asking a speaker whether the talk may be recorded, and telling everybody that it is."""

from collections.abc import Iterable
from typing import Any

import discord
from discord import ui

from bot.archive import ERASED
from bot.localization import Words
from bot.recordings import CONSENT, MOST_DAYS, Consent, events
from bot.recordings.errors import BadDays
from bot.sessions import EDITED, Session
from bot.timeline import Event, LiveMessage
from cogs.controls import Lasting, Press, button, handles, row
from cogs.kit import (
    Form,
    Interaction,
    Services,
    guild_id_of,
    in_time,
    person_of,
    services_of,
    show_there,
    tell,
    words_for,
    words_of_guild,
)
from cogs.live import Face, Kind
from cogs.recordings.posts import only
from cogs.recordings.render import notice

_YES, _NO = "1", "0"


class ConsentMessages:
    """The question in the channel, which becomes the notice."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def kind(self) -> Kind:
        """Return the live message."""
        return Kind(CONSENT, self._face, _marks)

    async def _face(self, live: LiveMessage) -> Face | None:
        session = await self._services.sessions.get(live.key, live.guild_id)
        said = await self._services.consents.of(session)
        _ = words_of_guild(self._services, live.guild_id)
        if said.recorded:
            return Face(Lasting(ui.TextDisplay("🔴 " + notice(said, _))))
        speaker_id = said.speaker_id
        if said.recorded is not None or speaker_id is None:
            return None
        days = self._services.consents.default_days(live.guild_id)
        text = f"<@{speaker_id}> " + question(days, _)
        view = Lasting(ui.TextDisplay(text), choices(session, days, _))
        return Face(view, mentions=only(speaker_id))


def _marks(event: Event) -> Iterable[int]:
    asked = event.kind in (events.CONSENT_ASKED, events.CONSENTED)
    if event.kind == ERASED:
        return event.data["sessions"]
    # Another speaker has not been asked.
    if (asked or event.kind == EDITED) and event.session_id is not None:
        return (event.session_id,)
    return ()


def question(days: int, _: Words) -> str:
    """Write what a speaker is asked."""
    return _.plural(
        "May this talk be recorded, with your slides, and the recording be kept for {n} day?"
        " Without your yes, none is added here.",
        "May this talk be recorded, with your slides, and the recording be kept for {n} days?"
        " Without your yes, none is added here.",
        days,
    )


def choices(session: Session, days: int, _: Words) -> ui.ActionRow[Any]:
    """Make the buttons a speaker answers with."""
    yes = _.plural("Yes, {n} day", "Yes, {n} days", days)
    return row(
        button("consent_yes", session.id, yes, arg=days, style=discord.ButtonStyle.primary),
        button("consent_choose", session.id, _("Other terms…")),
        button("consent_no", session.id, _("Don't record")),
    )


class ConsentForm(Form):
    """Takes a speaker's own terms."""

    def __init__(self, _: Words, session: Session, days: int) -> None:
        super().__init__(_("Recording this talk"))
        self._session = session
        self._days = ui.TextInput[Any](
            custom_id="days", default=str(days), required=False, max_length=3
        )
        self._slides = ui.Select[Any](
            custom_id="slides",
            options=[
                discord.SelectOption(label=_("With the slides"), value=_YES, default=True),
                discord.SelectOption(label=_("Without the slides"), value=_NO),
            ],
        )
        self.add_item(
            ui.Label(
                text=_("Days until it is deleted"),
                description=_("Left empty: it stays until you say otherwise"),
                component=self._days,
            )
        )
        self.add_item(ui.Label(text=_("Slides"), component=self._slides))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Write the answer down."""
        days = _number(self._days.value)
        slides = _YES in self._slides.values
        await _answer(interaction, self._session, recorded=True, days=days, slides=slides)


def _number(typed: str) -> int | None:
    typed = typed.strip()
    if not typed:
        return None
    if not typed.isdecimal():
        raise BadDays(most=MOST_DAYS)
    return int(typed)


@handles("consent_yes")
async def agree(press: Press) -> None:
    """The speaker says yes to what was asked."""
    session = await _session_of(press)
    await _answer(press.interaction, session, recorded=True, days=press.arg, slides=True)


@handles("consent_no")
async def refuse(press: Press) -> None:
    """The speaker says no."""
    session = await _session_of(press)
    await _answer(press.interaction, session, recorded=False, days=None, slides=False)


@handles("consent_choose")
async def choose(press: Press) -> None:
    """The speaker names their own terms."""
    session = await _session_of(press)
    services = services_of(press.interaction)
    services.consents.require_speaker(person_of(press.interaction.user), session)
    days = services.consents.default_days(session.guild_id)
    form = ConsentForm(words_for(press.interaction), session, days)
    await press.interaction.response.send_modal(form)


async def _session_of(press: Press) -> Session:
    services = services_of(press.interaction)
    return await services.sessions.get(press.key, guild_id_of(press.interaction))


async def _answer(
    interaction: Interaction, session: Session, *, recorded: bool, days: int | None, slides: bool
) -> None:
    consents = services_of(interaction).consents
    by = person_of(interaction.user)
    async with in_time(interaction):
        said = await consents.answer(session, by, recorded=recorded, days=days, slides=slides)
    text = thanks(said, words_for(interaction))
    message = interaction.message
    if message is not None and message.flags.ephemeral:
        await show_there(interaction, view=Lasting(ui.TextDisplay(text)))
    else:
        await tell(interaction, text)


def thanks(said: Consent, _: Words) -> str:
    """Say what an answer means, and how to change it."""
    change = _("You can change that with /recording consent.")
    if not said.recorded:
        return _("Thank you: this talk is not recorded.") + " " + change
    if said.days is None:
        kept = _("Thank you: this talk may be recorded, and the recording stays.")
    else:
        kept = _.plural(
            "Thank you: this talk may be recorded; the recording is deleted after {n} day.",
            "Thank you: this talk may be recorded; the recording is deleted after {n} days.",
            said.days,
        )
    if not said.slides:
        kept += " " + _("The slides are not part of the recording.")
    return kept + " " + change
