"""Keeping a recording longer than agreed: the speaker says yes or no to it."""

from datetime import timedelta

from bot.database import Transaction
from bot.guilds import Person
from bot.recordings import asking_store, events, store
from bot.recordings.consents import Consents, check_days
from bot.recordings.ending import require_present
from bot.recordings.errors import (
    AlreadyAnswered,
    NobodyToAsk,
    NoRecording,
    StaysAlready,
)
from bot.recordings.model import Recording, Request
from bot.sessions import Session, SessionService
from bot.timeline import Timeline, put_live_message

# The live message that asks the speaker; its key is the request.
REQUEST = "recording_ask"

REMIND_BEFORE = timedelta(days=1)


class Keeping:
    """Has recordings stay longer."""

    def __init__(self, timeline: Timeline, sessions: SessionService, consents: Consents) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._sessions = sessions
        self._consents = consents

    async def longer(self, recording: Recording, by: Person, days: int | None) -> Request | None:
        """Keep a recording `days` longer, or for good (None).

        Returns None when it was done (the speaker wishes it), else what the speaker is asked.

        Raises:
            StaffOnly, BadDays, StaysAlready, RecordingGone, NobodyToAsk.
        """
        session = await self._session_of(recording)
        self._consents.require_staff(by, session)
        check_days(days)
        speaker_id = session.speaker_ids[0]
        at = self._timeline.clock()

        def work(tx: Transaction) -> Request | None:
            current = require_present(tx, recording)
            if current.due_at is None:
                raise StaysAlready
            if by.id == speaker_id:
                self._apply(tx, current, days, by.id)
                return None
            if speaker_id is None:
                raise NobodyToAsk
            request = asking_store.put_request(tx, current.id, current.guild_id, days, by.id, at)
            put_live_message(tx, REQUEST, request.id, session.guild_id, session.channel_id)
            asked = events.event(events.ASKED, current, by.id, request_id=request.id)
            self._timeline.append(tx, asked, at)
            return request

        return await self._database.write(work)

    async def request(
        self, request_id: int, guild_id: int
    ) -> tuple[Request, Recording, Session] | None:
        """Return a question to a speaker, what it is about, and whose talk it is."""

        def work(connection: store.Reader) -> tuple[Request, Recording] | None:
            request = asking_store.request(connection, request_id, guild_id)
            if request is None:
                return None
            recording = store.get(connection, request.recording_id, guild_id)
            return None if recording is None else (request, recording)

        found = await self._database.read(work)
        if found is None:
            return None
        return (*found, await self._session_of(found[1]))

    async def answer(self, request_id: int, guild_id: int, by: Person, *, granted: bool) -> None:
        """Write down what the speaker says, and do it where it is a yes.

        Raises:
            NoRecording: nothing was asked.
            SpeakerOnly, AlreadyAnswered, RecordingGone.
        """
        found = await self.request(request_id, guild_id)
        if found is None:
            raise NoRecording
        _request, recording, session = found
        self._consents.require_speaker(by, session)
        at = self._timeline.clock()

        def work(tx: Transaction) -> None:
            request = asking_store.request(tx, request_id, guild_id)
            if request is None or request.answered_at is not None:
                raise AlreadyAnswered
            current = require_present(tx, recording)
            asking_store.answer_request(tx, request_id, at, granted=granted)
            data = {"request_id": request_id, "granted": granted}
            answered = events.event(events.ANSWERED, current, by.id, **data)
            self._timeline.append(tx, answered, at)
            if granted and current.due_at is not None:
                self._apply(tx, current, request.days, by.id)

        await self._database.write(work)

    def _apply(self, tx: Transaction, current: Recording, days: int | None, by_id: int) -> None:
        due_at = due_counted = None
        if days is not None and current.due_at is not None and current.due_counted is not None:
            more = timedelta(days=days)
            due_at, due_counted = current.due_at + more, current.due_counted + more
        changed = store.update(
            tx, current.id, due_at=due_at, due_counted=due_counted, reminded_at=None
        )
        data = {"changed": ["due_at"]}
        self._timeline.append(tx, events.event(events.CHANGED, changed, by_id, **data))

    async def _session_of(self, recording: Recording) -> Session:
        return await self._sessions.get(recording.session_id, recording.guild_id)
