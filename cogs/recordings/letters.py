"""What the courier tells of recordings: that one goes tomorrow."""

from collections.abc import Mapping

from discord import ui

from bot.recordings import NoRecording, events
from bot.timeline import Event
from cogs.controls import Lasting, button, row
from cogs.courier import Letter, Renderer
from cogs.kit import Services, words_of_guild
from cogs.recordings.render import on_and_in, watch_button
from cogs.text import one_line

_MORE_DAYS = 7


class RecordingLetters:
    """Letters about recordings."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def renderers(self) -> Mapping[str, Renderer]:
        """Return how events read, by kind."""
        return {events.REMINDED: self.reminded}

    async def reminded(self, event: Event) -> Letter | None:
        """Say that a recording goes soon; nothing when it went, or was kept, meanwhile."""
        try:
            recording = await self._services.recordings.get(
                event.data["recording_id"], event.guild_id
            )
        except NoRecording:
            return None
        if recording.is_gone or recording.due_at is None or recording.reminded_at is None:
            return None
        _ = words_of_guild(self._services, event.guild_id)
        title, when = one_line(recording.title), on_and_in(recording.due_at)
        more = _.plural("Keep it for {n} more day", "Keep it for {n} more days", _MORE_DAYS)
        longer = button("recording_longer", recording.id, more, arg=_MORE_DAYS)
        if recording.is_file:
            text = _("The recording “{title}” is deleted {when}.", title=title, when=when)
            buttons = row(watch_button(recording, _), longer)
        else:
            text = _("The link to “{title}” is taken off {when}.", title=title, when=when)
            text += f" [{_('Watch')}]({recording.url})"
            buttons = row(longer)
        return Letter(recording.channel_id, view=Lasting(ui.TextDisplay(text), buttons))
