"""What the courier tells of notes: a watched address that can't be read any more."""

from collections.abc import Mapping

from bot.notes import events
from bot.sessions import Session
from bot.timeline import Event
from cogs.courier import Letter, Renderer
from cogs.kit import Services, words_of_guild
from cogs.text import one_line


class NotesLetters:
    """Letters about notes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def renderers(self) -> Mapping[str, Renderer]:
        """Return how events read, by kind."""
        return {events.WATCH_FAILING: self.failing}

    async def failing(self, event: Event) -> Letter | None:
        """Say that the notes' address can't be read; nothing when that is over meanwhile."""
        if event.session_id is None:
            return None
        session = await self._services.sessions.get(event.session_id, event.guild_id)
        watch = await self._services.watches.of(session)
        if watch is None or not watch.failures:
            return None
        _ = words_of_guild(self._services, event.guild_id)
        text = _(
            "The notes of “{title}” can't be read from their address any more. I go on trying"
            " until the session ends; /notes unwatch stops that. Address: {url}",
            title=one_line(session.title),
            url=f"<{watch.url}>",
        )
        return Letter(self._place(session), text=text)

    def _place(self, session: Session) -> int:
        staff = self._services.guilds.get(session.guild_id).staff_channel_id
        return staff or session.channel_id
