"""Recordings go when their time has come: a reminder a day ahead, then link and file.

Due dates are rows, so a bot that was away catches up. First the row says that it is gone (from
then on nothing is handed out), then the file is deleted, then the row says so too: whatever
stops the program in between, the next look goes on from there.
"""

import asyncio
import contextlib
from datetime import datetime, timedelta

import structlog

from bot.database import Transaction
from bot.recordings import events, store
from bot.recordings.counted import Counted
from bot.recordings.counting import Clocks, look
from bot.recordings.ending import let_go
from bot.recordings.files import RecordingFiles
from bot.recordings.keeping import REMIND_BEFORE
from bot.recordings.model import GoneWhy, Recording
from bot.timeline import Event, Timeline

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 30.0
_LINKS_KEPT = timedelta(days=1)


class Retention:
    """Lets recordings go."""

    def __init__(self, timeline: Timeline, files: RecordingFiles, clocks: Clocks) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._files = files
        self._clocks = clocks
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Look now and again, and at once when one was taken away, until cancelled."""
        await self.tidy()
        while True:
            self._news.clear()
            await self.tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _LOOK_SECONDS)

    def on_event(self, event: Event) -> None:
        """Have the file of a recording that went deleted soon."""
        if event.kind == events.GONE:
            self._news.set()

    async def tidy(self) -> None:
        """Delete what fetches of an interrupted run left behind."""
        known = await self._database.read(store.paths)
        removed = await asyncio.to_thread(self._files.tidy, known)
        if removed:
            log.info("unfinished recordings deleted", files=removed)

    async def tick(self) -> None:
        """Count time, remind, let go what is due, delete its files."""
        await self._database.write(self._look)
        for recording in await self._database.read(store.undeleted):
            await self._delete(recording)

    def _look(self, tx: Transaction) -> None:
        reading = self._clocks()
        state = look(tx, reading)
        now = reading.wall
        for recording in store.with_end(tx):
            if _has_come(recording, now, state, timedelta()):
                if state.is_settled:
                    let_go(self._timeline, tx, recording, GoneWhy.EXPIRED, now)
            elif _to_remind(recording, now, state):
                reminded = store.update(tx, recording.id, reminded_at=now)
                self._timeline.append(tx, events.event(events.REMINDED, reminded), now)
        store.drop_links_before(tx, now - _LINKS_KEPT)

    async def _delete(self, recording: Recording) -> None:
        try:
            await asyncio.to_thread(self._files.delete, recording.guild_id, recording.path or "")
        except OSError as error:
            # Tried again at every look: what was promised to go must go.
            log.warning("recording not deleted", recording_id=recording.id, error=str(error))
            return
        at = self._timeline.clock()
        await self._database.write(store.update, recording.id, deleted_at=at)


def _has_come(recording: Recording, now: datetime, state: Counted, before: timedelta) -> bool:
    if recording.due_at is None or recording.due_counted is None:
        return False
    return recording.due_at - before <= now and recording.due_counted - before <= state.counted


def _to_remind(recording: Recording, now: datetime, state: Counted) -> bool:
    if recording.reminded_at is not None or recording.due_at is None:
        return False
    # One that is there for a day only was announced less than that ago.
    lives_longer = recording.due_at - recording.added_at > REMIND_BEFORE * 1.5
    return lives_longer and _has_come(recording, now, state, REMIND_BEFORE)
