"""A session's notes: taken, kept, planned as messages, searched."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from bot.database import Transaction
from bot.errors import NotFound
from bot.guilds import GuildService, Person, saw_person
from bot.notes import events, store
from bot.notes.errors import NoNotes, NotesEmpty, NotesTooLong
from bot.notes.model import Document, Part
from bot.notes.posts import (
    NoteHit,
    NoteMessage,
    Origin,
    Place,
    Plan,
    PostedNotes,
    Revision,
)
from bot.notes.question_time import Entry, with_question_time
from bot.notes.rendering import render
from bot.notes.splitting import split
from bot.questions import Question, StaffOnly, State, answers_of, of_session
from bot.search import excerpt, match_query, matches
from bot.sessions import Session, SessionService, get_session
from bot.timeline import NewEvent, Timeline

MOST_MESSAGES = 150
_WIDTH = 100
_TOLD = (State.ANSWERED, State.MISSED)


def digest_of(text: str) -> str:
    """Tell one text of a message from another; Discord strips what stands around it."""
    return hashlib.sha256(text.strip().encode()).hexdigest()


class Notes:
    """Keeps what note-takers wrote, and what of it stands on Discord."""

    def __init__(self, timeline: Timeline, guilds: GuildService, sessions: SessionService) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        self._sessions = sessions

    def require_staff(self, by: Person, session: Session) -> None:
        """Let the speaker, note-takers and moderators through.

        Raises:
            StaffOnly: `by` is none of them.
        """
        if not self._sessions.is_staff(by, session):
            raise StaffOnly

    async def get(self, session: Session) -> PostedNotes | None:
        """Return a session's notes."""
        return await self._database.read(store.get, session.id)

    async def require(self, session: Session) -> PostedNotes:
        """Return a session's notes.

        Raises:
            NoNotes: there are none.
        """
        notes = await self.get(session)
        if notes is None:
            raise NoNotes
        return notes

    async def post(
        self,
        session: Session,
        by: Person | None,
        source: str,
        origin: Origin,
        place: Place | None = None,
    ) -> int:
        """Take notes, or a new state of them; return the event after which they are due.

        They are posted by whoever acts on the event. `place` is needed the first time.

        Raises:
            StaffOnly: `by` has no say here.
            NotesEmpty, NotesTooLong: nobody could read them.
        """
        if by is not None:
            self.require_staff(by, session)
        locale = self._guilds.get(session.guild_id).locale
        parts = await asyncio.to_thread(_split, source, (), locale)
        if not parts:
            raise NotesEmpty
        if len(parts) > MOST_MESSAGES:
            raise NotesTooLong(n=len(parts), most=MOST_MESSAGES)
        at = self._timeline.clock()

        def work(tx: Transaction) -> int:
            if get_session(tx, session.id, session.guild_id) is None:
                raise NotFound
            known = store.get(tx, session.id)
            where = place or (known.place if known else None)
            if where is None:
                raise NoNotes
            if by is not None:
                saw_person(tx, session.guild_id, by.id, by.name)
            by_id = by.id if by is not None else None
            number = store.put(tx, session.id, session.guild_id, source, where, by_id, origin, at)
            data = {"revision": number, "origin": origin}
            return self._timeline.append(tx, _event(events.POSTED, session, by_id, data), at)

        return await self._database.write(work)

    async def is_due(self, session_id: int, event_id: int) -> bool:
        """Say whether there are notes that don't show yet what an event changed."""
        notes = await self._database.read(store.get, session_id)
        return notes is not None and notes.shown_event < event_id

    async def messages(self, session_id: int) -> list[NoteMessage]:
        """Return the messages of a session's notes, the head's first."""
        return await self._database.read(store.messages, session_id)

    async def plan(self, session_id: int, guild_id: int) -> Plan | None:
        """Return what should stand on Discord now; None where there are no notes."""

        def work(
            connection: sqlite3.Connection,
        ) -> tuple[Session, PostedNotes, list[NoteMessage], list[Entry], int] | None:
            notes = store.get(connection, session_id)
            session = get_session(connection, session_id, guild_id)
            if notes is None or session is None:
                return None
            entries = _entries(connection, session_id)
            there = store.messages(connection, session_id)
            return session, notes, there, entries, store.last_event(connection)

        found = await self._database.read(work)
        if found is None:
            return None
        session, notes, there, entries, event_id = found
        locale = self._guilds.get(guild_id).locale
        # Long notes take a while: not on the event loop.
        parts = await asyncio.to_thread(_split, notes.source, entries, locale)
        return Plan(session, notes, parts, tuple(there), event_id, locale)

    async def document(self, session: Session) -> Document:
        """Return the notes as they were written, without what the bot adds.

        Raises:
            NoNotes: there are none.
        """
        notes = await self.require(session)
        locale = self._guilds.get(session.guild_id).locale
        return await asyncio.to_thread(render, notes.source, locale=locale)

    async def history(self, session: Session, limit: int = 15) -> list[Revision]:
        """Return the states of the notes, newest first.

        Raises:
            NoNotes: there are none.
        """
        found = await self._database.read(store.revisions, session.id, limit)
        if not found:
            raise NoNotes
        return found

    async def find(
        self,
        guild_id: int,
        query: str,
        limit: int = 10,
        *,
        channel_ids: Collection[int] | None = None,
    ) -> list[NoteHit]:
        """Search this guild's notes, newest first; `channel_ids`: only what stands in these."""
        match = match_query(query)
        if match is None:
            return []
        found = await self._database.read(store.find, guild_id, match, limit * 3, channel_ids)
        hits = (
            NoteHit(
                session_id=row["session_id"],
                session_title=row["title"],
                guild_id=row["guild_id"],
                channel_id=row["channel_id"],
                message_id=row["message_id"],
                heading_path=path,
                excerpt=excerpt(row["plain"], query, _WIDTH),
            )
            for row, path in found
            if matches(row["plain"], query)
        )
        return list(islice(hits, limit))

    # What is noted while messages are sent: each step by itself, so that a crash loses none.

    async def opened(self, plan: Plan, channel_id: int | None) -> None:
        """Note where the messages go from now on; None: that place is gone."""
        await self._database.write(store.opened, plan.session.id, channel_id)

    async def begin_message(self, plan: Plan, channel_id: int, text: str) -> NoteMessage:
        """Note that a message is about to be sent."""
        return await self._database.write(
            store.begin_message,
            plan.session.id,
            channel_id,
            digest_of(text),
            self._timeline.clock(),
        )

    async def message_sent(
        self, plan: Plan, row: NoteMessage, message_id: int, channel_id: int, *, counts: bool
    ) -> None:
        """Note that a message stands; `counts`: as a changed part."""

        def work(tx: Transaction) -> None:
            store.message_sent(tx, row.id, message_id, channel_id)
            if counts:
                store.count_change(tx, plan.session.id)

        await self._database.write(work)

    async def message_shows(self, plan: Plan, row: NoteMessage, text: str, *, counts: bool) -> None:
        """Note that a message was edited; `counts`: as a changed part."""

        def work(tx: Transaction) -> None:
            store.message_shows(tx, row.id, digest_of(text))
            if counts:
                store.count_change(tx, plan.session.id)

        await self._database.write(work)

    async def message_differs(self, row: NoteMessage) -> None:
        """Note that a message says something else than it should."""
        await self._database.write(store.message_shows, row.id, "")

    async def message_gone(self, row: NoteMessage) -> None:
        """Forget a message that stands no more."""
        await self._database.write(store.drop_message, row.id)

    async def complete(self, plan: Plan, channel_id: int, message_ids: Sequence[int]) -> None:
        """Note that everything stands; from now on it is found there."""

        def passages() -> Iterable[tuple[int, tuple[str, ...], str]]:
            for part, message_id in zip(plan.parts, message_ids, strict=True):
                for passage in part.passages:
                    yield message_id, passage.heading_path, passage.plain

        found = list(passages())
        session, at = plan.session, self._timeline.clock()

        def work(tx: Transaction) -> None:
            store.put_passages(tx, session.id, session.guild_id, channel_id, found)
            store.complete(tx, session.id, plan.notes.revision, plan.event_id, len(plan.parts), at)

        await self._database.write(work)


def _split(source: str, entries: Sequence[Entry], locale: str) -> tuple[Part, ...]:
    return split(with_question_time(render(source, locale=locale), entries))


def _entries(connection: sqlite3.Connection, session_id: int) -> list[Entry]:
    """Return what question time brought, in the order of the talk.

    Jokes are left out as in exports, and so is what attendees added: nobody looked at that
    before the bot would say it.
    """
    told = [
        question
        for question in of_session(connection, session_id)
        if question.state in _TOLD and not question.joke and question.body
    ]
    given = answers_of(connection, [question.id for question in told])
    return [
        Entry(
            question.body,
            tuple(
                answer.body
                for answer in given.get(question.id, ())
                if answer.body and not answer.supplement
            ),
            question.state is State.MISSED,
        )
        for question in sorted(told, key=_when)
    ]


def _when(question: Question) -> tuple[float, int]:
    at = question.taken_at or question.closed_at or question.asked_at
    return at.timestamp(), question.number


def _event(
    kind: str, session: Session, actor_id: int | None, data: Mapping[str, object]
) -> NewEvent:
    return NewEvent(kind, session.guild_id, session.id, session.channel_id, actor_id, data)
