"""A talk's life: started, edited, quiet, ended."""

import contextlib
import re
import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.database import Transaction
from bot.errors import Conflict, NotFound
from bot.guilds import LEADS, GuildService, Person, Role, saw_person
from bot.sessions import store
from bot.sessions.errors import (
    BadSlides,
    NoSession,
    SessionAlreadyOpen,
    SessionEnded,
    StaffOnly,
    TitleMissing,
    TitleTooLong,
)
from bot.sessions.model import NewSession, Session, SessionEdit
from bot.timeline import NewEvent, Timeline, put_live_message

STARTED = "session.started"
EDITED = "session.edited"
QUIET = "session.quiet"
CONTINUED = "session.continued"
ENDED = "session.ended"
FOLLOW_UP_OPENED = "session.follow_up_opened"
RETURNED = "session.returned"

# The live messages of a session: what everybody sees, and what staff work with.
BOARD = "board"
PANEL = "panel"

TITLE_LENGTH = 90  # A thread's name has room for 100 characters, ours adds a few.


class SessionService:
    """Sessions and where they are. Holds those that still take questions in memory."""

    def __init__(self, timeline: Timeline, guilds: GuildService) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        # Every channel or thread in which something may be asked right now.
        self._by_channel: dict[int, Session] = {}
        self._marks: dict[int, tuple[int, int, datetime]] = {}

    async def load(self) -> None:
        """Read the sessions that still take questions."""
        sessions = await self._database.read(store.active, self._timeline.clock())
        self._by_channel.clear()
        for session in sorted(sessions, key=lambda session: session.id):
            self._remember(session)

    def at(self, channel_id: int, parent_id: int | None = None) -> Session | None:
        """Return the session that takes questions in a channel or thread, open or late.

        Memory only: this is asked for every message.
        """
        session = self._by_channel.get(channel_id)
        if session is None and parent_id is not None:
            session = self._by_channel.get(parent_id)
        return session

    def require(self, channel_id: int, parent_id: int | None = None) -> Session:
        """Return the open session of a channel or thread.

        Raises:
            NoSession: none is open.
        """
        session = self.at(channel_id, parent_id)
        if session is None or not session.is_open:
            raise NoSession
        return session

    def open_sessions(self, guild_id: int | None = None) -> list[Session]:
        """Return the open sessions, of one guild or all."""
        return [
            session
            for channel_id, session in self._by_channel.items()
            if session.is_open
            and session.channel_id == channel_id
            and guild_id in (None, session.guild_id)
        ]

    def taking_questions(self) -> list[Session]:
        """Return the sessions that take questions, late ones too."""
        return list({session.id: session for session in self._by_channel.values()}.values())

    def roles_of(self, person: Person, session: Session) -> frozenset[Role]:
        """Say what `person` is in `session`."""
        return self._guilds.get(session.guild_id).roles_of(person, session.speaker_ids)

    def is_staff(self, person: Person, session: Session) -> bool:
        """Whether `person` is its speaker, a moderator or a note-taker."""
        return bool(self.roles_of(person, session) - {Role.ATTENDEE})

    def require_lead(self, person: Person, session: Session) -> None:
        """Let the speaker and moderators through.

        Raises:
            StaffOnly: `person` is neither.
        """
        if not self.roles_of(person, session) & LEADS:
            raise StaffOnly

    async def get(self, session_id: int, guild_id: int) -> Session:
        """Return a session of this guild.

        Raises:
            NotFound: there is none with this id here.
        """
        session = await self._database.read(store.get, session_id, guild_id)
        if session is None:
            raise NotFound
        return session

    async def list(self, guild_id: int, limit: int = 25) -> list[Session]:
        """Return a guild's sessions, newest first."""
        return await self._database.read(store.of_guild, guild_id, limit)

    async def start(self, new: NewSession, by: Person, *, replace: bool = False) -> Session:
        """Open a session; `replace` ends the one that is open there.

        Raises:
            SessionAlreadyOpen: one is open there and `replace` is off; carries that one.
            StaffOnly: the guild has a speaker role and `by` lacks it, or the open one isn't
                `by`'s to end.
            TitleMissing, TitleTooLong, BadSlides: what was given can't be used.
        """
        new = NewSession(
            guild_id=new.guild_id,
            channel_id=new.channel_id,
            title=_checked_title(new.title),
            speaker_id=new.speaker_id,
            speaker_name=new.speaker_name,
            slides_url=_checked_slides(new.slides_url),
            moderated=new.moderated,
            scheduled_event_id=new.scheduled_event_id,
        )
        guild = self._guilds.get(new.guild_id)
        lead = guild.roles_of(by) & LEADS
        if guild.speaker_role_id is not None and not lead:
            raise StaffOnly
        at = self._timeline.clock()

        def work(tx: Transaction) -> Session:
            open_one = store.open_in(tx, new.channel_id)
            if open_one is not None:
                if not replace:
                    raise SessionAlreadyOpen(open_one)
                self.require_lead(by, open_one)
                self._end(tx, open_one, at, by.id, "replaced")
            saw_person(tx, new.guild_id, by.id, by.name)
            if new.speaker_id is not None and new.speaker_name:
                saw_person(tx, new.guild_id, new.speaker_id, new.speaker_name)
            try:
                session = store.insert(tx, new, by.id, at)
            except sqlite3.IntegrityError as error:
                raise Conflict from error
            put_live_message(tx, BOARD, session.id, session.guild_id, session.channel_id)
            if guild.staff_channel_id is not None:
                put_live_message(tx, PANEL, session.id, session.guild_id, guild.staff_channel_id)
            self._timeline.append(tx, _event(STARTED, session, by.id), at)
            return self._keep(tx, session)

        return await self._database.write(work)

    async def edit(self, session: Session, by: Person, edit: SessionEdit) -> Session:
        """Change title, speaker, slides or moderation.

        Raises:
            StaffOnly, TitleMissing, TitleTooLong, BadSlides.
            NotFound: it isn't there.
        """
        self.require_lead(by, session)
        values: dict[str, Any] = {}
        if edit.title is not None:
            values["title"] = _checked_title(edit.title)
        if edit.slides_url is not None:
            values["slides_url"] = _checked_slides(edit.slides_url)
        if edit.speaker_id is not None:
            values["speaker_id"] = edit.speaker_id
        if edit.moderated is not None:
            values["moderated"] = edit.moderated

        def work(tx: Transaction) -> Session:
            if store.get(tx, session.id, session.guild_id) is None:
                raise NotFound
            if edit.speaker_id is not None and edit.speaker_name:
                saw_person(tx, session.guild_id, edit.speaker_id, edit.speaker_name)
            changed = store.update(tx, session.id, values)
            data = {"changed": sorted(values)}
            self._timeline.append(tx, _event(EDITED, changed, by.id, data))
            return self._keep(tx, changed)

        return await self._database.write(work)

    async def end(self, session: Session, by: Person) -> Session:
        """End a session.

        Raises:
            SessionEnded: somebody was faster.
            StaffOnly: it isn't `by`'s to do.
        """
        self.require_lead(by, session)
        return await self._finish(session, by.id, "ended")

    async def go_on(self, session: Session, by: Person) -> None:
        """Answer the bot's "is it over?" with no."""
        self.require_lead(by, session)
        at = self._timeline.clock()

        def work(tx: Transaction) -> None:
            self._still_open(tx, session)
            changed = store.update(tx, session.id, {"active_at": at, "asked_at": None})
            self._timeline.append(tx, _event(CONTINUED, changed, by.id), at)
            self._keep(tx, changed)

        await self._database.write(work)

    async def opened_follow_up(self, session: Session, thread_id: int) -> Session:
        """Note the thread for late questions."""

        def work(tx: Transaction) -> Session:
            changed = store.update(tx, session.id, {"follow_up_id": thread_id})
            self._timeline.append(
                tx, _event(FOLLOW_UP_OPENED, changed, None, {"thread_id": thread_id})
            )
            return self._keep(tx, changed)

        return await self._database.write(work)

    async def channel_gone(self, channel_id: int) -> None:
        """End what was open in a channel, or late in a thread, that was deleted."""
        session = self._by_channel.get(channel_id)
        if session is None:
            return
        if session.is_open:
            with contextlib.suppress(SessionEnded):
                await self._finish(session, None, "channel_gone")
        else:
            await self._no_more_late(session)

    async def guild_gone(self, guild_id: int) -> None:
        """End what was open or late in a guild that removed the bot."""
        for session in self.taking_questions():
            if session.guild_id != guild_id:
                continue
            if session.is_open:
                with contextlib.suppress(SessionEnded):
                    await self._finish(session, None, "guild_gone")
            else:
                await self._no_more_late(session)

    def touch(self, session: Session, channel_id: int, message_id: int, at: datetime) -> None:
        """Note that a channel was read up to a message; written by `flush`, seconds later.

        A crash in between only means that a few messages are read twice.
        """
        # History is read while new messages come in: an older one moves nothing back.
        known = self._marks.get(channel_id)
        if known is not None and known[0] == session.id:
            message_id, at = max(message_id, known[1]), max(at, known[2])
        self._marks[channel_id] = (session.id, message_id, at)

    async def flush(self) -> None:
        """Write what `touch` noted."""
        if not self._marks:
            return
        marks, self._marks = self._marks, {}
        try:
            await self._database.write(store.touch, marks)
        except sqlite3.Error:
            self._marks = marks | self._marks
            raise

    async def marks(self, session: Session) -> dict[int, int]:
        """Return how far each channel of a session was read."""
        await self.flush()
        return await self._database.read(store.marks, session.id)

    async def tick(self) -> None:
        """Ask in quiet sessions, end what nobody ended, and let late ones go."""
        await self.flush()
        now = self._timeline.clock()
        for session in await self._database.read(store.active, now):
            if not session.is_open:
                continue
            rules = self._guilds.get(session.guild_id).rules
            quiet = now - session.active_at
            # Nobody is cut off unasked, not even when the bot was away for all of the quiet.
            time_to_say_no = rules.quiet_end - rules.quiet_ask
            # Somebody may end it at the same moment.
            with contextlib.suppress(SessionEnded):
                if now - session.started_at > rules.session_length:
                    await self._finish(session, None, "too_long")
                elif quiet > rules.quiet_ask and session.asked_at is None:
                    await self._ask(session, now)
                elif (
                    quiet > rules.quiet_end
                    and session.asked_at is not None
                    and now - session.asked_at >= time_to_say_no
                ):
                    await self._finish(session, None, "quiet")
        for channel_id, session in list(self._by_channel.items()):
            over = session.late_until is not None and session.late_until <= now
            if not session.is_open and over:
                del self._by_channel[channel_id]

    async def note_return(self, sessions: Iterable[tuple[Session, dict[str, Any]]]) -> None:
        """Record what a pause of the bot meant for sessions, for the one summary each."""

        def work(tx: Transaction) -> None:
            for session, data in sessions:
                self._timeline.append(tx, _event(RETURNED, session, None, data))

        await self._database.write(work)

    async def _ask(self, session: Session, now: datetime) -> None:
        def work(tx: Transaction) -> None:
            self._still_open(tx, session)
            changed = store.update(tx, session.id, {"asked_at": now})
            self._timeline.append(tx, _event(QUIET, changed, None), now)
            self._keep(tx, changed)

        await self._database.write(work)

    async def _finish(self, session: Session, by_id: int | None, reason: str) -> Session:
        at = self._timeline.clock()

        def work(tx: Transaction) -> Session:
            return self._end(tx, self._still_open(tx, session), at, by_id, reason)

        return await self._database.write(work)

    async def _no_more_late(self, session: Session) -> None:
        now = self._timeline.clock()

        def work(tx: Transaction) -> None:
            changed = store.update(tx, session.id, {"late_until": now})
            data = {"changed": ["late_until"]}
            self._timeline.append(tx, _event(EDITED, changed, None, data), now)
            self._keep(tx, changed)

        await self._database.write(work)

    def _end(
        self, tx: Transaction, session: Session, at: datetime, by_id: int | None, reason: str
    ) -> Session:
        late = self._guilds.get(session.guild_id).rules.late
        if reason in {"channel_gone", "guild_gone"}:
            late = timedelta(0)
        ended = store.update(tx, session.id, {"ended_at": at, "late_until": at + late})
        self._timeline.append(tx, _event(ENDED, ended, by_id, {"reason": reason}), at)
        return self._keep(tx, ended)

    def _still_open(self, tx: Transaction, session: Session) -> Session:
        """Read a session again.

        Raises:
            SessionEnded: it ended since it was read.
        """
        current = store.get(tx, session.id, session.guild_id)
        if current is None or not current.is_open:
            raise SessionEnded
        return current

    def _keep(self, tx: Transaction, session: Session) -> Session:
        """Have the memory follow the row when (and only if) this is committed."""
        tx.after_commit(partial(self._remember, session))
        return session

    def _remember(self, session: Session) -> None:
        known = self._by_channel.get(session.channel_id)
        # A newer session in the same channel takes the place of an ended one.
        if known is None or known.id <= session.id:
            if session.is_open:
                self._by_channel[session.channel_id] = session
            else:
                self._by_channel.pop(session.channel_id, None)
        if session.follow_up_id is None:
            return
        if session.late_until is not None and session.late_until > self._timeline.clock():
            self._by_channel[session.follow_up_id] = session
        elif (late := self._by_channel.get(session.follow_up_id)) and late.id == session.id:
            del self._by_channel[session.follow_up_id]


def _event(
    kind: str, session: Session, actor_id: int | None, data: dict[str, Any] | None = None
) -> NewEvent:
    return NewEvent(kind, session.guild_id, session.id, session.channel_id, actor_id, data or {})


def _checked_title(title: str) -> str:
    title = " ".join(title.split())
    if not title:
        raise TitleMissing
    if len(title) > TITLE_LENGTH:
        raise TitleTooLong(length=len(title), most=TITLE_LENGTH)
    return title


def _checked_slides(url: str | None) -> str | None:
    if url is None or not url.strip():
        return None
    url = url.strip()
    if not re.fullmatch(r"https?://[^\s<>]{1,1000}", url):
        raise BadSlides
    return url
