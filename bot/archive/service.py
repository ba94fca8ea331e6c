"""Find, export, publish, erase: what reaches across features."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from bot.archive import store
from bot.archive.lab import instances_of, keys_of, lab_records
from bot.archive.markdown import render_markdown
from bot.archive.record import (
    AnswerRecord,
    ChapterRecord,
    QuestionRecord,
    RecordingRecord,
    SessionRecord,
)
from bot.archive.store import PostedExport
from bot.archive.tables import render_csv, render_json
from bot.database import Transaction
from bot.errors import N_, BadInput
from bot.guilds import GuildService, forget_person, forget_unused_names, names
from bot.lab import forget_owners_before
from bot.lab import forget_person as forget_lab_person
from bot.localization import Words, words
from bot.notes import forget_person as forget_note_taker
from bot.notes import forget_posters_before, forget_words, get_notes, revisions_by
from bot.questions import Question, answers_of, attachments, events, of_author, of_session
from bot.recordings import (
    chapters_of,
    forget_in_recordings,
    forget_recorders_before,
    recordings_of_person,
    recordings_of_session,
)
from bot.search import excerpt, index_text, match_query, matches
from bot.sessions import Session
from bot.settings import Settings
from bot.timeline import NewEvent, Timeline, cursor, forget_actor, forget_actors_before, move_cursor
from bot.timeline import after as events_after

ERASED = "person.erased"
EXPORTED = "session.exported"
PUBLISHED = "session.published"
_INDEX = "question_index"
_BATCH = 1000


class NothingToFind(BadInput):
    """No word in it."""

    message = N_("Please write a word to look for.")


class Format(StrEnum):
    """What an export can be."""

    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


# A feature's part of a session's file, read in the same snapshot as the rest.
Section = Callable[[sqlite3.Connection, Session, Words], str | None]

SUFFIXES = {Format.MARKDOWN: "md", Format.CSV: "csv", Format.JSON: "json"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file's name and content."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A question that was found; `excerpt` is Discord Markdown with the hit in bold."""

    question: Question
    session_title: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Erased:
    """What erasing a person reached."""

    sessions: int


class Archive:
    """Reads whole sessions; owns the search index and what erasing means."""

    def __init__(self, timeline: Timeline, guilds: GuildService, settings: Settings) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        self._settings = settings
        self._sections: list[Section] = []

    def add_section(self, section: Section) -> None:
        """Have a feature's Markdown stand in each session's file, between notes and questions.

        `section` returns it with its heading, or None where there is nothing to say.
        """
        self._sections.append(section)

    async def record(
        self,
        session: Session,
        *,
        locale: str | None = None,
        show_names: bool | None = None,
        everything: bool = False,
    ) -> SessionRecord:
        """Return everything an export knows of a session; `everything`: private parts too."""
        guild = self._guilds.get(session.guild_id)
        named = guild.rules.show_names if show_names is None else show_names
        _ = words(locale or guild.locale)

        def work(connection: sqlite3.Connection) -> SessionRecord:
            record = _record(
                connection,
                session,
                str(guild.time_zone),
                _,
                show_names=named,
                everything=everything,
            )
            found = (section(connection, session, _) for section in self._sections)
            return replace(record, sections=tuple(text for text in found if text))

        return await self._database.read(work)

    async def export(
        self,
        session: Session,
        format_: Format,
        *,
        locale: str | None = None,
        jokes: bool = False,
        everything: bool = False,
    ) -> Export:
        """Write a session as a file, in the guild's language and with its choice about names.

        `everything`: with what attendees did in the lab, which nobody but the operator sees.
        """
        guild = self._guilds.get(session.guild_id)
        record = await self.record(session, locale=locale, everything=everything)
        shown = guild.rules.show_names
        _ = words(locale or guild.locale)
        # Thousands of questions take a while to write: not on the event loop.
        data = await asyncio.to_thread(_written, record, format_, _, jokes, shown)
        day = session.started_at.astimezone(guild.time_zone).strftime("%Y%m%d")
        return Export(f"{day}-session-{session.id}.{SUFFIXES[format_]}", data)

    async def find(
        self,
        guild_id: int,
        query: str,
        limit: int = 10,
        *,
        channel_ids: Collection[int] | None = None,
    ) -> list[Hit]:
        """Search this guild's questions and answers, newest first.

        `channel_ids`: only talks of these channels.

        Raises:
            NothingToFind: `query` holds no word.
        """
        match = match_query(query)
        if match is None:
            raise NothingToFind
        await self.catch_up()
        found = await self._database.read(store.find, guild_id, match, limit * 3, channel_ids)
        hits = [
            Hit(question, title, excerpt(text, query))
            for question, text, title in found
            if matches(text, query)
        ]
        return hits[:limit]

    async def catch_up(self) -> None:
        """Bring the search index up to what has happened."""
        while True:
            behind = await self._database.read(cursor, _INDEX)
            news = await self._database.read(events_after, behind, _BATCH)
            if not news:
                return
            touched = {
                event.data["question_id"]
                for event in news
                if event.kind in events.TEXT_CHANGED and "question_id" in event.data
            }

            def work(tx: Transaction, touched: set[int] = touched, last: int = news[-1].id) -> None:
                # Read here, so that nothing is written that was erased a moment ago.
                found = store.texts(tx, touched)
                store.put_index(tx, [(key, index_text(text)) for key, text in found.items()])
                move_cursor(tx, _INDEX, last)

            await self._database.write(work)

    async def posted(self, posted: PostedExport, by_id: int) -> None:
        """Remember a file the bot posted for `by_id`, so that erasing reaches it."""

        def work(tx: Transaction) -> None:
            store.put_posted(tx, posted)
            data = {"message_id": posted.message_id, "format": posted.format}
            self._timeline.append(
                tx,
                NewEvent(
                    EXPORTED, posted.guild_id, posted.session_id, posted.channel_id, by_id, data
                ),
            )

        await self._database.write(work)

    async def published(self, session: Session, message_id: int, by_id: int | None = None) -> None:
        """Note that a session's set was posted in its channel."""

        def work(tx: Transaction) -> None:
            data = {"message_id": message_id}
            event = NewEvent(
                PUBLISHED, session.guild_id, session.id, session.channel_id, by_id, data
            )
            self._timeline.append(tx, event)

        await self._database.write(work)

    async def stale_posts(self, guild_id: int) -> list[PostedExport]:
        """Return the posted files that must still be made anew since somebody was erased."""
        return await self._database.read(store.stale_exports, guild_id)

    async def made_anew(self, posted: PostedExport) -> None:
        """Note that a posted file shows the present state again."""
        await self._database.write(store.made_anew, posted)

    async def forget_posted(self, message_id: int) -> None:
        """Forget a posted file that is gone."""
        await self._database.write(store.drop_posted, message_id)

    async def of_person(self, guild_id: int, user_id: int) -> bytes:
        """Return everything kept about a person in a guild, as JSON."""

        def work(connection: store.Reader) -> dict[str, Any]:
            asked = of_author(connection, guild_id, user_id, limit=-1)
            files = attachments(connection, [question.id for question in asked])
            earlier = store.earlier_texts(connection, guild_id, user_id)
            rows = connection.execute(
                "SELECT body, supplement, answered_at FROM answers WHERE guild_id = ?"
                " AND author_id = ? AND body <> ''",
                (guild_id, user_id),
            ).fetchall()
            votes = connection.execute(
                "SELECT DISTINCT question_id FROM votes v JOIN questions q ON q.id = v.question_id"
                " WHERE q.guild_id = ? AND v.user_id = ?",
                (guild_id, user_id),
            ).fetchall()
            return {
                "guild_id": str(guild_id),
                "user_id": str(user_id),
                "name": names(connection, guild_id, [user_id]).get(user_id),
                "questions": [
                    {
                        "session_id": question.session_id,
                        "number": question.number,
                        "text": question.body,
                        "earlier_texts": earlier.get(question.id, []),
                        "attachments": files.get(question.id, []),
                        "state": str(question.state),
                        "anonymous": question.anonymous,
                        "asked_at": question.asked_at.isoformat(),
                    }
                    for question in asked
                ],
                "answers": [{"text": row[0], "supplement": bool(row[1])} for row in rows],
                "votes": [row[0] for row in votes],
                "lab": instances_of(connection, guild_id, user_id),
                "ssh_keys": keys_of(connection, guild_id, user_id),
                "notes_posted": revisions_by(connection, guild_id, user_id),
                "recordings": recordings_of_person(connection, guild_id, user_id),
                "sessions_run": store.sessions_run_by(connection, guild_id, user_id),
            }

        found = await self._database.read(work)
        return json.dumps(found, ensure_ascii=False, indent=2).encode()

    async def erase(self, guild_id: int, user_id: int, *, words_too: bool) -> Erased:
        """Forget a person in a guild: the name alone, or what they wrote as well.

        Live messages follow by themselves; the files posted of their sessions are stale
        from now on.
        """
        at = self._timeline.clock()

        def work(tx: Transaction) -> Erased:
            sessions = store.sessions_of_person(tx, guild_id, user_id)
            asked, answered = store.posts_of_person(tx, guild_id, user_id)
            if words_too:
                touched = store.erase_words(tx, guild_id, user_id, at)
                entries = store.texts(tx, touched)
                store.put_index(tx, [(key, index_text(text)) for key, text in entries.items()])
                store.scour_index(tx)
                forget_words(tx, sessions)
            store.erase_ids(tx, guild_id, user_id)
            forget_lab_person(tx, guild_id, user_id)
            forget_note_taker(tx, guild_id, user_id)
            forget_in_recordings(self._timeline, tx, guild_id, user_id, at)
            forget_person(tx, guild_id, user_id)
            forget_actor(tx, guild_id, user_id)
            data = {"question_ids": asked, "answer_ids": answered, "sessions": sessions}
            event_id = self._timeline.append(tx, NewEvent(ERASED, guild_id, data=data), at)
            store.mark_posted(tx, sessions, event_id)
            return Erased(len(sessions))

        return await self._database.write(work)

    async def forget_old(self) -> None:
        """Forget ids and names that are older than the settings allow."""
        now = self._timeline.clock()
        askers = now - timedelta(days=self._settings.study_bot_forget_askers_days)
        audit = now - timedelta(days=self._settings.study_bot_audit_days)

        def work(tx: Transaction) -> None:
            store.forget_askers_before(tx, askers)
            store.forget_reveals_before(tx, audit)
            forget_actors_before(tx, audit)
            forget_owners_before(tx, audit)
            forget_posters_before(tx, audit)
            forget_recorders_before(tx, audit)
            forget_unused_names(tx)

        await self._database.write(work)


def _written(record: SessionRecord, format_: Format, _: Any, jokes: bool, shown: bool) -> bytes:
    if format_ is Format.MARKDOWN:
        return render_markdown(record, _, include_jokes=jokes, show_names=shown).encode()
    if format_ is Format.CSV:
        return render_csv(record, _, include_jokes=jokes, show_names=shown)
    return render_json(record, include_jokes=jokes, show_names=shown)


def _recordings(
    connection: sqlite3.Connection, session: Session, locale: str
) -> tuple[RecordingRecord, ...]:
    return tuple(
        RecordingRecord(
            title=recording.title,
            duration=recording.duration,
            ends_at=recording.due_at,
            chapters=tuple(
                ChapterRecord(chapter.at, chapter.title)
                for chapter in chapters_of(connection, recording, locale)
            ),
        )
        for recording in recordings_of_session(connection, session.id)
    )


def _record(
    connection: sqlite3.Connection,
    session: Session,
    time_zone: str,
    words: Words,
    *,
    show_names: bool,
    everything: bool,
) -> SessionRecord:
    questions = of_session(connection, session.id)
    ids = [question.id for question in questions]
    given = answers_of(connection, ids)
    files = attachments(connection, ids)
    people = {question.author_id for question in questions if question.author_id}
    people |= {answer.author_id for found in given.values() for answer in found if answer.author_id}
    people |= {one for one in session.speaker_ids if one}
    known = names(connection, session.guild_id, people) if show_names else {}
    numbers = {question.id: question.number for question in questions}

    def question_record(question: Question) -> QuestionRecord:
        link = None
        if question.message_id is not None:
            link = (
                f"https://discord.com/channels/{question.guild_id}/{question.channel_id}"
                f"/{question.message_id}"
            )
        return QuestionRecord(
            number=question.number,
            body=question.body,
            asker_name=None if question.anonymous else known.get(question.author_id or 0),
            state=str(question.state),
            is_joke=question.joke,
            is_anonymous=question.anonymous,
            votes=question.votes,
            asked_at=question.asked_at,
            closed_at=question.closed_at,
            merged_into=numbers.get(question.merged_into or 0),
            jump_url=link,
            attachments=tuple(files.get(question.id, ())),
            answers=tuple(
                AnswerRecord(
                    body=answer.body,
                    author_name=known.get(answer.author_id or 0),
                    is_supplement=answer.supplement,
                    answered_at=answer.answered_at,
                )
                for answer in given.get(question.id, ())
            ),
        )

    return SessionRecord(
        title=session.title,
        speaker_name=known.get(session.speaker_ids[0] or 0),
        slides_url=session.slides_url,
        started_at=session.started_at,
        ended_at=session.ended_at,
        time_zone=time_zone,
        questions=tuple(question_record(question) for question in questions if question.body),
        lab=lab_records(connection, session, show_names=show_names, everything=everything),
        notes=notes.source if (notes := get_notes(connection, session.id)) else None,
        recordings=_recordings(connection, session, words.locale),
    )
