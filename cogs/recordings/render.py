"""How recordings read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import discord
from discord import ui

from bot.localization import Words
from bot.recordings import Chapter, Consent, GoneWhy, Recording, spoken_place
from cogs.controls import Lasting, button, row
from cogs.live import with_time
from cogs.text import one_line

# All texts of a message hold 4,000 characters together.
_CHAPTERS = 2400
_LIST = 1900


def post(recording: Recording, chapters: Sequence[Chapter], _: Words) -> Lasting:
    """Draw the post of a recording that is there."""
    lines = [f"### 🎬 {one_line(recording.title)}"]
    if recording.duration is not None:
        lines.append(_("Length: {length}", length=spoken_place(recording.duration)))
    if recording.url is not None:
        lines.append(f"[{_('Watch')}]({recording.url})")
    lines.append(end_of(recording, _))
    items: list[ui.Item[Any]] = [ui.TextDisplay("\n".join(lines))]
    if chapters:
        items.append(ui.TextDisplay(chapter_lines(chapters, _)))
    return Lasting(ui.Container[Any](*items, _buttons(recording, _)))


def gone(recording: Recording, _: Words) -> Lasting:
    """Draw what is left of a recording's post."""
    text = f"### {one_line(recording.title)}\n{gone_text(recording, _)}"
    return Lasting(ui.Container[Any](ui.TextDisplay(text)))


def gone_text(recording: Recording, _: Words) -> str:
    """Say why and when a recording went."""
    when = with_time(recording.gone_at or recording.added_at, "f")
    if recording.is_file:
        text = {
            GoneWhy.EXPIRED: _("Its time was over: this recording was deleted {when}.", when=when),
            GoneWhy.REMOVED: _("This recording was deleted {when}.", when=when),
            GoneWhy.WITHDRAWN: _(
                "The speaker no longer wants it shown: this recording was deleted {when}.",
                when=when,
            ),
        }[recording.gone_why or GoneWhy.REMOVED]
    else:
        text = {
            GoneWhy.EXPIRED: _("Its time was over: the link was taken off {when}.", when=when),
            GoneWhy.REMOVED: _("The link was taken off {when}.", when=when),
            GoneWhy.WITHDRAWN: _(
                "The speaker no longer wants it shown: the link was taken off {when}.", when=when
            ),
        }[recording.gone_why or GoneWhy.REMOVED]
        text += "\n-# " + _(
            "The recording itself is held elsewhere: I can't delete it there, only whoever put it"
            " there can."
        )
    return text


def end_of(recording: Recording, _: Words) -> str:
    """Say when a recording that is there goes."""
    if recording.due_at is None:
        return _("It stays.")
    when = on_and_in(recording.due_at)
    if recording.is_file:
        return _("It is deleted {when}.", when=when)
    return _("The link is taken off {when}.", when=when)


def _buttons(recording: Recording, _: Words) -> ui.ActionRow[Any]:
    chapters = button("recording_chapters", recording.id, _("Chapters"))
    if not recording.is_file:
        return row(chapters)
    return row(watch_button(recording, _), chapters)


def watch_button(recording: Recording, _: Words) -> Any:
    """Make the button that hands out an address."""
    style = discord.ButtonStyle.primary
    return button("recording_watch", recording.id, _("Watch"), style=style, emoji="▶️")


def chapter_lines(chapters: Sequence[Chapter], _: Words, most: int = _CHAPTERS) -> str:
    """List chapters, as many as `most` characters hold."""
    text = f"**{_('Chapters')}**"
    for index, chapter in enumerate(chapters):
        line = f"\n`{spoken_place(chapter.at)}` {one_line(chapter.title)}"
        if len(text) + len(line) > most:
            left = len(chapters) - index
            return text + "\n" + _("… and {n} more; /recording chapters has them all.", n=left)
        text += line
    return text


def listing(recordings: Sequence[Recording], _: Words) -> str:
    """List recordings, newest first, as many as fit a message."""
    if not recordings:
        return _("There is no recording here yet. Add one with /recording add.")
    text = _("Recordings, newest first:")
    for index, recording in enumerate(recordings):
        end = with_time(recording.due_at) if recording.due_at else _("stays")
        size = f" · {recording.size_bytes / 1_000_000:.1f} MB" if recording.is_file else ""
        line = (
            f"\n- **{one_line(recording.title)}** <#{recording.channel_id}>{size}"
            f" · {with_time(recording.added_at, 'd')} → {end}"
        )
        if len(text) + len(line) > _LIST:
            return text + "\n" + _("… and {n} more.", n=len(recordings) - index)
        text += line
    return text


def added(recording: Recording, said: Consent, _: Words) -> str:
    """Say what was added, and what the one who added it has to look after."""
    title = one_line(recording.title)
    if recording.due_at is None:
        text = _("“{title}” was added. It stays until somebody removes it.", title=title)
    else:
        goes = on_and_in(recording.due_at)
        text = _("“{title}” was added. It goes {when}.", title=title, when=goes)
    if not said.slides:
        text += "\n" + _(
            "The speaker agreed to it without the slides. If they can be seen in it, remove it"
            " with /recording remove and add one without them."
        )
    return text


def on_and_in(moment: datetime) -> str:
    """Write a time as a date, and how far off it is."""
    return f"{with_time(moment, 'f')} ({with_time(moment)})"


def notice(said: Consent, _: Words) -> str:
    """Tell everybody that they are recorded."""
    if said.days is None:
        text = _("This session is recorded. What is said in the call is recorded, too.")
    else:
        text = _recorded_for(said.days, _)
    return text if said.slides else text + " " + _("The slides are not part of the recording.")


def _recorded_for(days: int, _: Words) -> str:
    return _.plural(
        "This session is recorded; the recording is deleted after {n} day. What is said in the"
        " call is recorded, too.",
        "This session is recorded; the recording is deleted after {n} days. What is said in the"
        " call is recorded, too.",
        days,
    )


def spoken_shift(length: timedelta) -> str:
    """Write by how much chapters are moved."""
    sign = "-" if length < timedelta() else "+"
    return sign + spoken_place(abs(length))
