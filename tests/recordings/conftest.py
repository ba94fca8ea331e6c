"""Recordings over a real file, a real folder, and clocks that go only when told to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.guilds import Person
from bot.recordings import (
    Consents,
    Keeping,
    NewRecording,
    Reading,
    Recording,
    RecordingFiles,
    RecordingService,
    Retention,
    load_signer,
)
from bot.sessions import Session
from tests.storage.world import GUILD, SPEAKER, Clock, World, world


class Clocks:
    """The calendar, which can be set, and the time since the machine's start, which can't."""

    def __init__(self, wall: Clock) -> None:
        self.wall = wall
        self.boot = "first boot"
        self.since_boot = timedelta(hours=1)

    def __call__(self) -> Reading:
        return Reading(self.wall(), self.boot, self.since_boot)

    def on(self, **passed: float) -> None:
        """Let time pass."""
        self.wall.on(**passed)
        self.since_boot += timedelta(**passed)

    def reboot(self) -> None:
        """Start the machine anew."""
        self.boot += " and another"
        self.since_boot = timedelta(seconds=20)


@dataclass
class Studio:
    """Everything about recordings, and the world they are of."""

    world: World
    clocks: Clocks
    root: Path
    data: Path
    files: RecordingFiles
    consents: Consents
    service: RecordingService
    keeping: Keeping
    retention: Retention

    async def talk(self, *, agreed: bool = True, days: int | None = 7, **given: Any) -> Session:
        """Start a talk whose speaker agreed."""
        session = await self.world.start(**given)
        if agreed:
            await self.consents.answer(session, SPEAKER, recorded=True, days=days, slides=True)
        return session

    def put(self, name: str, data: bytes = b"sound", guild_id: int = GUILD) -> Path:
        """Lay a file into a guild's own folder."""
        folder = self.root / str(guild_id)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(data)
        return path

    async def add(
        self, session: Session, by: Person = SPEAKER, name: str = "talk.mp4", **given: Any
    ) -> Recording:
        """Add a file of the guild's folder."""
        if not (self.root / str(session.guild_id) / name).exists():
            self.put(name, guild_id=session.guild_id)
        return await self.service.add(session, by, NewRecording(host_file=name, **given))

    async def again(self, recording: Recording) -> Recording:
        """Read a recording again."""
        return await self.service.get(recording.id, recording.guild_id)

    async def look(self, **passed: float) -> None:
        """Let time pass, then have what is due go."""
        self.clocks.on(**passed)
        await self.retention.tick()


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with world(tmp_path / "data" / "study-bot.sqlite3") as made:
        yield studio_over(made, tmp_path)


def studio_over(made: World, folder: Path, clocks: Clocks | None = None) -> Studio:
    """Put the rooms of recordings together."""
    clocks = clocks or Clocks(made.clock)
    root = folder / "recordings"
    files = RecordingFiles(root, folder / "data" / "kept", 10 * 1024 * 1024)
    consents = Consents(made.timeline, made.guilds, made.sessions)
    service = RecordingService(
        made.timeline,
        made.guilds,
        made.sessions,
        consents,
        files,
        load_signer(folder / "data"),
        clocks,
        is_served=True,
    )
    keeping = Keeping(made.timeline, made.sessions, consents)
    retention = Retention(made.timeline, files, clocks)
    return Studio(made, clocks, root, folder / "data", files, consents, service, keeping, retention)
