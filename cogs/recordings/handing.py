"""What people get of a recording: an address of their own, its chapters, more days."""

import io
from collections.abc import Sequence
from typing import Literal

import discord
from discord import ui

from bot.localization import Words
from bot.recordings import Chapter, Recording, RecordingGone, as_webvtt, as_youtube
from bot.recordings.errors import WebServerOff
from bot.web import link_to
from cogs.controls import Lasting
from cogs.kit import Interaction, in_time, person_of, services_of, tell, words_for
from cogs.recordings.render import on_and_in
from cogs.text import fenced, one_line

Written = Literal["text", "webvtt"]

_FITS = 1800


async def hand_out(interaction: Interaction, recording: Recording) -> None:
    """Tell somebody, and nobody else, where they can watch for the next hours.

    Raises:
        RecordingGone, WebServerOff.
    """
    services = services_of(interaction)
    _ = words_for(interaction)
    if recording.url is not None:
        if recording.is_gone:
            raise RecordingGone
        await tell(interaction, f"[{one_line(recording.title)}]({recording.url})")
        return
    base = services.settings.web_url
    if base is None:
        raise WebServerOff
    async with in_time(interaction):
        token = await services.recordings.issue_link(
            recording.id, recording.guild_id, interaction.user.id
        )
    url = link_to(base, token, _.locale)
    text = _(
        "[Watch “{title}”]({url})\nThis address is for you alone and ends after some hours; press"
        " Watch again for a new one.",
        title=one_line(recording.title),
        url=url,
    )
    await tell(interaction, view=Lasting(ui.TextDisplay(text)))


async def show_chapters(
    interaction: Interaction, recording: Recording, written: Written = "text"
) -> None:
    """Show chapters as text to paste under a video, or as a WebVTT file."""
    if recording.is_gone:
        raise RecordingGone
    _ = words_for(interaction)
    chapters = await services_of(interaction).recordings.chapters(recording)
    if not chapters:
        await tell(
            interaction,
            _("No question was taken and no demo started while this was recorded."),
        )
    elif written == "webvtt":
        data = as_webvtt(chapters, recording.duration)
        await tell(interaction, file=_file(data, f"chapters-{recording.id}.vtt"))
    else:
        await _tell_text(interaction, recording, chapters, _)


async def _tell_text(
    interaction: Interaction, recording: Recording, chapters: Sequence[Chapter], _: Words
) -> None:
    text = as_youtube(chapters, _("Beginning"))
    if len(text) <= _FITS:
        await tell(interaction, fenced(text))
    else:
        await tell(interaction, file=_file(text, f"chapters-{recording.id}.txt"))


def _file(text: str, name: str) -> discord.File:
    return discord.File(io.BytesIO(text.encode()), name)


async def keep(interaction: Interaction, recording: Recording, days: int | None) -> None:
    """Keep a recording longer; the speaker is asked unless they wish it themselves."""
    services = services_of(interaction)
    by = person_of(interaction.user)
    async with in_time(interaction):
        request = await services.keeping.longer(recording, by, days)
    _ = words_for(interaction)
    if request is not None:
        await tell(interaction, _("I have asked the speaker; it stays longer with their yes."))
        return
    changed = await services.recordings.get(recording.id, recording.guild_id)
    if changed.due_at is None:
        await tell(interaction, _("It stays now."))
    else:
        await tell(interaction, _("It goes {when} now.", when=on_and_in(changed.due_at)))
