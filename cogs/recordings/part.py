"""Recordings in a session's set, which stands for their own posts once it is there."""

from collections.abc import Iterable
from datetime import timedelta

from bot.lab import events as lab_events
from bot.localization import Words
from bot.questions import events as question_events
from bot.recordings import Recording, events, spoken_place
from bot.sessions import Session
from bot.timeline import Event
from cogs.archive import SET, Section
from cogs.controls import LastingButton, button
from cogs.kit import Services
from cogs.recordings.render import chapter_lines, end_of, gone_text
from cogs.text import one_line

_SHOWN = 4
_LATELY = timedelta(days=14)
_CHAPTERS = 900
_CHANGED = events.ON_POST | {question_events.NEXT, lab_events.STARTED, lab_events.PUBLISHED}


class RecordingsPart:
    """Says what can be watched until when, and what went."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def marks(self, event: Event) -> Iterable[int]:
        """Return the session whose recordings an event changes."""
        return (event.session_id,) if event.kind in _CHANGED and event.session_id else ()

    async def catch_up(self) -> None:
        """Have sets looked at whose recordings went just before the bot did, however old."""
        since = self._services.clock() - _LATELY
        for live in await self._services.timeline.live_messages():
            if live.kind != SET:
                continue
            session = await self._services.sessions.get(live.key, live.guild_id)
            found = await self._services.recordings.of_session(session, gone=True)
            if any(one.gone_at is not None and one.gone_at > since for one in found):
                self._services.live.mark(SET, live.key)

    async def section(self, session: Session, _: Words) -> Section | None:
        """Show the newest ones with buttons to watch, and chapters where there is but one."""
        found = await self._services.recordings.of_session(session, gone=True)
        there = [one for one in found if not one.is_gone][-_SHOWN:]
        went = [one for one in found if one.is_gone][-_SHOWN:]
        if not found:
            return None
        lines = [f"### {_('Recording')}", *(_described(one, _) for one in there)]
        lines += [f"**{one_line(one.title)}**\n{gone_text(one, _)}" for one in went]
        if len(there) == 1:
            chapters = await self._services.recordings.chapters(there[0])
            if chapters:
                lines.append(chapter_lines(chapters, _, _CHAPTERS))
        return Section("\n".join(lines), tuple(_buttons(there, _)))


def _described(recording: Recording, _: Words) -> str:
    text = f"**{one_line(recording.title)}**"
    if recording.duration is not None:
        text += f" · {spoken_place(recording.duration)}"
    if recording.url is not None:
        text += f" · [{_('Watch')}]({recording.url})"
    return f"{text}\n{end_of(recording, _)}"


def _buttons(recordings: list[Recording], _: Words) -> Iterable[LastingButton]:
    for one in recordings:
        name = f": {one.title}" if len(recordings) > 1 else ""
        if one.is_file:
            yield button("recording_watch", one.id, _("Watch") + name, emoji="▶️")
        yield button("recording_chapters", one.id, _("Chapters") + name)
