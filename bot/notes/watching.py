"""Addresses that are read again while a session goes on, so that notes show up by themselves."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.database import Transaction
from bot.errors import StudyBotError
from bot.guilds import Person, saw_person
from bot.notes import events, store
from bot.notes.errors import NotWatching, SessionOver
from bot.notes.fetching import Fetched, Fetcher
from bot.notes.posts import Place, Watch
from bot.notes.service import Notes
from bot.sessions import Session, get_session
from bot.timeline import NewEvent, Timeline

log = structlog.get_logger(__name__)

PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=5)
# So many failures in a row are worth telling.
TELL_AFTER = 3


class Watches:
    """Reads watched addresses again, politely."""

    def __init__(self, timeline: Timeline, notes: Notes, fetcher: Fetcher) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._notes = notes
        self._fetcher = fetcher

    async def of(self, session: Session) -> Watch | None:
        """Return what is watched for a session."""
        found = await self._database.read(store.watches, session.id)
        return found[0] if found else None

    async def watch(self, session: Session, by: Person, url: str, place: Place | None) -> int:
        """Read an address now and again until the session ends; return the event to post for.

        Raises:
            StaffOnly, SessionOver, SourceProblem, NotesEmpty, NotesTooLong.
        """
        self._notes.require_staff(by, session)
        if not session.is_open:
            raise SessionOver
        fetched = await self._fetcher.fetch(url)
        assert fetched is not None  # noqa: S101 - nothing was asked to be new; for the type checker
        event_id = await self._notes.post(session, by, fetched.text, "url", place)
        watch = Watch(
            session_id=session.id,
            guild_id=session.guild_id,
            url=url.strip(),
            by_id=by.id,
            etag=fetched.etag,
            modified=fetched.modified,
            digest=_digest(fetched.text),
            failures=0,
            due_at=self._timeline.clock() + PAUSE,
        )

        def work(tx: Transaction) -> None:
            saw_person(tx, session.guild_id, by.id, by.name)
            store.put_watch(tx, watch)
            self._timeline.append(tx, _event(events.WATCHED, session, by.id))

        await self._database.write(work)
        return event_id

    async def unwatch(self, session: Session, by: Person) -> None:
        """Stop reading.

        Raises:
            StaffOnly, NotWatching.
        """
        self._notes.require_staff(by, session)

        def work(tx: Transaction) -> None:
            if not store.drop_watch(tx, session.id):
                raise NotWatching
            self._timeline.append(tx, _event(events.UNWATCHED, session, by.id))

        await self._database.write(work)

    async def tick(self) -> None:
        """Read what is due; one that fails doesn't keep the others from it."""
        now = self._timeline.clock()
        for watch in await self._database.read(store.watches):
            if watch.due_at <= now:
                await self._look(watch)

    async def _look(self, watch: Watch) -> None:
        session = await self._database.read(get_session, watch.session_id, watch.guild_id)
        if session is None or not session.is_open:
            await self._database.write(store.drop_watch, watch.session_id)
            return
        try:
            fetched = await self._fetcher.fetch(watch.url, etag=watch.etag, modified=watch.modified)
            if fetched is not None and _digest(fetched.text) != watch.digest:
                await self._notes.post(session, None, fetched.text, "watch")
        except StudyBotError as error:
            await self._failed(watch, session, error)
        else:
            await self._keep(_read(watch, fetched, self._timeline.clock()))

    async def _failed(self, watch: Watch, session: Session, error: StudyBotError) -> None:
        log.info("watched notes failed", session_id=session.id, why=str(error))
        failures = watch.failures + 1
        pause = min(PAUSE * 2 ** max(0, failures - TELL_AFTER), _LONGEST_PAUSE)
        later = replace(watch, failures=failures, due_at=self._timeline.clock() + pause)

        def work(tx: Transaction) -> None:
            if failures == TELL_AFTER:
                self._timeline.append(tx, _event(events.WATCH_FAILING, session, None))

        await self._keep(later, work)

    async def _keep(
        self, watch: Watch, further: Callable[[Transaction], None] | None = None
    ) -> None:
        def work(tx: Transaction) -> None:
            # It may have been stopped, or another address been chosen, while this was read.
            known = store.watches(tx, watch.session_id)
            if known and known[0].url == watch.url:
                store.put_watch(tx, watch)
                if further is not None:
                    further(tx)

        await self._database.write(work)


def _read(watch: Watch, fetched: Fetched | None, now: datetime) -> Watch:
    if fetched is None:
        return replace(watch, failures=0, due_at=now + PAUSE)
    return replace(
        watch,
        etag=fetched.etag,
        modified=fetched.modified,
        digest=_digest(fetched.text),
        failures=0,
        due_at=now + PAUSE,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _event(kind: str, session: Session, actor_id: int | None) -> NewEvent:
    return NewEvent(kind, session.guild_id, session.id, session.channel_id, actor_id)
