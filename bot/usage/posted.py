"""Where a session's report was posted, for what leads there."""

from bot.database import Transaction
from bot.sessions import Session
from bot.timeline import NewEvent, Timeline

REPORTED = "usage.reported"


class Posted:
    """Remembers it, in the timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    async def note(self, session: Session, channel_id: int, message_id: int) -> None:
        """Note that a session's report stands there."""

        def work(tx: Transaction) -> None:
            data = {"message_id": message_id}
            event = NewEvent(REPORTED, session.guild_id, session.id, channel_id, data=data)
            self._timeline.append(tx, event)

        await self._timeline.database.write(work)

    async def place(self, session: Session) -> tuple[int, int] | None:
        """Return its channel and message; None while there is none."""
        for event in reversed(await self._timeline.of_session(session.id, REPORTED)):
            if event.channel_id is not None:
                return event.channel_id, event.data["message_id"]
        return None
