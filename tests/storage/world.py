"""The rooms on a real SQLite file, with a clock that goes only when told to."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bot.archive import Archive
from bot.database import Database
from bot.guilds import GuildService, Person
from bot.questions import (
    Answers,
    Asking,
    Intake,
    Question,
    Queue,
    Receipt,
    SeenMessage,
    Views,
    Votes,
)
from bot.sessions import NewSession, Session, SessionService
from bot.settings import Settings
from bot.timeline import Event, Timeline, after

GUILD, CHANNEL = 1, 10
SPEAKER = Person(100, "Sato")
MODERATOR = Person(101, "Mori", manages_messages=True)
ALICE, BOB, CAROL = Person(201, "Alice"), Person(202, "Bob"), Person(203, "Carol")


class Clock:
    """Returns the time it was set to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, **passed: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**passed)
        return self.now


def settings(**given: Any) -> Settings:
    """Make settings that read nothing from this machine."""
    return Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue]


@dataclass
class World:
    """Everything below Discord."""

    database: Database
    clock: Clock
    timeline: Timeline
    guilds: GuildService
    sessions: SessionService
    intake: Intake
    asking: Asking
    queue: Queue
    views: Views
    votes: Votes
    answers: Answers
    archive: Archive
    ids: Any = field(default_factory=lambda: count(5_000_000))

    async def start(
        self, channel_id: int = CHANNEL, guild_id: int = GUILD, **given: Any
    ) -> Session:
        """Start a talk of the speaker's."""
        new = NewSession(guild_id, channel_id, given.pop("title", "A talk"), **given)
        return await self.sessions.start(new, SPEAKER)

    def seen(
        self,
        session: Session,
        author: Person,
        *bodies: str,
        message_id: int | None = None,
        **given: Any,
    ) -> SeenMessage:
        """Describe a message that holds questions."""
        return SeenMessage(
            session=session,
            channel_id=session.follow_up_id or session.channel_id,
            message_id=message_id or next(self.ids),
            author=author,
            bodies=bodies,
            sent_at=given.pop("sent_at", None) or self.clock(),
            text=given.pop("text", "\n".join(f"Q. {body}" for body in bodies)),
            **given,
        )

    async def collect(
        self, session: Session, author: Person, *bodies: str, **given: Any
    ) -> Receipt:
        """Have somebody write a message."""
        gap_began = given.pop("gap_began", None)
        return await self.intake.collect(
            self.seen(session, author, *bodies, **given), gap_began=gap_began
        )

    async def ask(self, session: Session, author: Person, body: str) -> Question:
        """Have somebody ask at an unhurried pace."""
        self.clock.on(seconds=30)
        (question,) = (await self.collect(session, author, body)).taken
        return question

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read rows."""

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(sql, parameters)]

        return await self.database.read(work)

    async def events(self, *kinds: str) -> list[Event]:
        """Read the timeline."""
        found = await self.database.read(after, 0, 1_000_000)
        return [event for event in found if not kinds or event.kind in kinds]

    async def waiting(self, session: Session) -> list[str]:
        """Read the texts of the queue, in its order."""
        return [one.body for one in (await self.views.board(session)).upcoming]

    async def question(self, question: Question) -> Question:
        """Read a question again."""
        return await self.views.get(question.id, question.guild_id)


@contextlib.asynccontextmanager
async def world(path: Path, clock: Clock | None = None, **given: Any) -> AsyncIterator[World]:
    """Put the rooms together over a file, as after a start of the program."""
    clock = clock or Clock()
    database = await Database.open(path)
    try:
        timeline = Timeline(database, clock)
        own = settings(**given)
        guilds = GuildService(timeline, own)
        sessions = SessionService(timeline, guilds)
        await guilds.load()
        await sessions.load()
        yield World(
            database,
            clock,
            timeline,
            guilds,
            sessions,
            Intake(timeline, guilds, sessions),
            Asking(timeline, guilds, sessions),
            Queue(timeline, sessions),
            Views(timeline),
            Votes(timeline),
            Answers(timeline, sessions),
            Archive(timeline, guilds, own),
        )
    finally:
        await database.close()


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Read every table of a database file, those inside the search index too."""
    connection = sqlite3.connect(path)
    try:
        names = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        every = {name: f'SELECT * FROM "{name}"' for name in names}
        return {name: connection.execute(sql).fetchall() for name, sql in every.items()}
    finally:
        connection.close()


def numbers(questions: Iterable[Question]) -> list[int]:
    """Return what people call the questions."""
    return [question.number for question in questions]
