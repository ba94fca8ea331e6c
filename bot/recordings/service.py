"""Recordings: added with the speaker's consent, listed, moved, removed, handed out."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.database import Transaction
from bot.guilds import GuildService, Person, saw_person
from bot.moments import from_micros
from bot.recordings import chapters, events, store
from bot.recordings.consents import Consents
from bot.recordings.counting import Clocks, look
from bot.recordings.ending import let_go, require_present
from bot.recordings.errors import (
    BadUrl,
    FileInUse,
    LinkForged,
    LinkRevoked,
    NoRecording,
    NoTitle,
    OneSource,
    RecordingGone,
    WebServerOff,
)
from bot.recordings.files import RecordingFiles, media_type_of
from bot.recordings.links import Signer
from bot.recordings.model import Chapter, GoneWhy, HostFile, Recording, Served, Source
from bot.recordings.probing import duration_of
from bot.sessions import Session, SessionService
from bot.timeline import Timeline, put_live_message

# The live message that is a recording's post; its key is the recording.
POST = "recording"

LINK_LIFE = timedelta(hours=6)
_LINKS_EACH = 10
_TITLE = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody attached in Discord."""

    name: str
    size_bytes: int
    url: str


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What is added: one of `url`, `upload` and `host_file`.

    `days` None: as many as were agreed; `starts_at` None: with the session.
    """

    url: str | None = None
    upload: Upload | None = None
    host_file: str | None = None
    title: str | None = None
    days: int | None = None
    starts_at: datetime | None = None


class RecordingService:
    """Keeps recordings; a guild's are nobody else's."""

    def __init__(
        self,
        timeline: Timeline,
        guilds: GuildService,
        sessions: SessionService,
        consents: Consents,
        files: RecordingFiles,
        signer: Signer,
        clocks: Clocks,
        *,
        is_served: bool,
    ) -> None:
        """Make them; `is_served`: there is a web server to watch files by."""
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        self._sessions = sessions
        self._consents = consents
        self._files = files
        self._signer = signer
        self._clocks = clocks
        self._is_served = is_served

    # Reading.

    async def get(self, recording_id: int, guild_id: int) -> Recording:
        """Return a recording of this guild, be it gone or not.

        Raises:
            NoRecording: there is none.
        """
        found = await self._database.read(store.get, recording_id, guild_id)
        if found is None:
            raise NoRecording
        return found

    async def of_session(self, session: Session, *, gone: bool = False) -> list[Recording]:
        """Return a session's recordings, in the order they were added."""
        return await self._database.read(store.of_session, session.id, gone=gone)

    async def of_guild(self, guild_id: int, limit: int = 500) -> list[Recording]:
        """Return a guild's recordings that are there, newest first."""
        return await self._database.read(store.of_guild, guild_id, limit)

    async def alive(self) -> list[Recording]:
        """Return all guilds' recordings that are there."""
        return await self._database.read(store.alive)

    async def chapters(self, recording: Recording, locale: str | None = None) -> Sequence[Chapter]:
        """Return a recording's chapters, in the guild's language unless told otherwise."""
        spoken = locale or self._guilds.get(recording.guild_id).locale
        return await self._database.read(chapters.of_recording, recording, spoken)

    async def host_files(self, guild_id: int) -> list[HostFile]:
        """Return what can be added of the guild's own folder."""
        return await asyncio.to_thread(self._files.listed, guild_id)

    # Changing.

    async def add(self, session: Session, by: Person, new: NewRecording) -> Recording:
        """Add a recording of a session; its post stands in the session's channel.

        Raises:
            StaffOnly: `by` is none of the session's staff.
            OneSource, BadUrl, NoTitle, BadDays, NotMedia, NoSuchFile, FileInUse, UploadTooBig,
                NoRoom, UploadFailed, WebServerOff: what was given can't be used.
            NotAsked, ConsentRefused, LongerThanAgreed: the speaker didn't agree to that.
        """
        self._consents.require_staff(by, session)
        title = _checked_title(new.title or session.title)
        await self._consents.require(session, by, new.days)
        values = await self._taken_in(session.guild_id, new)
        at = self._timeline.clock()
        values |= {
            "guild_id": session.guild_id,
            "session_id": session.id,
            "channel_id": session.channel_id,
            "title": title,
            "starts_at": new.starts_at or session.started_at,
            "added_by": by.id,
            "added_at": at,
        }

        def work(tx: Transaction) -> Recording:
            # The speaker may have changed their mind while a large file was fetched.
            days = self._consents.use(tx, session, by, new.days, at)
            length = None if days is None else timedelta(days=days)
            counted = look(tx, self._clocks()).counted
            due = {
                "due_at": None if length is None else at + length,
                "due_counted": None if length is None else counted + length,
            }
            saw_person(tx, session.guild_id, by.id, by.name)
            try:
                recording = store.insert(tx, {**values, **due})
            except sqlite3.IntegrityError as error:
                raise FileInUse from error
            put_live_message(tx, POST, recording.id, recording.guild_id, recording.channel_id)
            self._timeline.append(tx, events.event(events.ADDED, recording, by.id), at)
            return recording

        try:
            return await self._database.write(work)
        except Exception:
            if values["source"] is Source.UPLOAD:
                path: str = values["path"]
                await asyncio.to_thread(self._files.delete, session.guild_id, path)
            raise

    async def shift(self, recording: Recording, by: Person, length: timedelta) -> Recording:
        """Move all chapters later (or, below zero, earlier)."""
        return await self._change(
            recording, by, lambda current: {"shift": current.shift + length}, "shift"
        )

    async def remove(self, recording: Recording, by: Person) -> Recording:
        """Take a recording away now: its link ends, a file of ours is deleted.

        Raises:
            StaffOnly, RecordingGone.
        """
        await self.require_staff(recording, by)
        at = self._timeline.clock()

        def work(tx: Transaction) -> Recording:
            require_present(tx, recording)
            return let_go(self._timeline, tx, recording, GoneWhy.REMOVED, at, by.id)

        return await self._database.write(work)

    async def require_staff(self, recording: Recording, by: Person) -> Session:
        """Let the staff of a recording's session through.

        Raises:
            StaffOnly.
        """
        session = await self._sessions.get(recording.session_id, recording.guild_id)
        self._consents.require_staff(by, session)
        return session

    async def _change(
        self,
        recording: Recording,
        by: Person,
        changes: Callable[[Recording], dict[str, Any]],
        what: str,
    ) -> Recording:
        await self.require_staff(recording, by)

        def work(tx: Transaction) -> Recording:
            current = require_present(tx, recording)
            changed = store.update(tx, current.id, **changes(current))
            self._timeline.append(tx, events.event(events.CHANGED, changed, by.id, changed=[what]))
            return changed

        return await self._database.write(work)

    async def _taken_in(self, guild_id: int, new: NewRecording) -> dict[str, Any]:
        """Have what was given where it is served from, and say what it is."""
        given = [one for one in (new.url, new.upload, new.host_file) if one is not None]
        if len(given) != 1:
            raise OneSource
        if new.url is not None:
            return {"source": Source.LINK, "url": _checked_url(new.url)}
        if not self._is_served:
            raise WebServerOff
        if new.upload is not None:
            name = new.upload.name
            path = await self._files.fetch(guild_id, name, new.upload.size_bytes, new.upload.url)
            source = Source.UPLOAD
        else:
            name = new.host_file or ""
            path, _size = await asyncio.to_thread(self._files.chosen, guild_id, name)
            source = Source.FOLDER
        where = await asyncio.to_thread(self._files.path_of, guild_id, path)
        return {
            "source": source,
            "path": path,
            "file_name": name,
            "media_type": media_type_of(path),
            "size_bytes": (await asyncio.to_thread(where.stat)).st_size,
            "duration": await duration_of(where),
        }

    # Handing out.

    async def issue_link(self, recording_id: int, guild_id: int, user_id: int) -> str:
        """Return a signed token for one person; it ends with the recording, or hours from now.

        Raises:
            RecordingGone: nothing is left to hand out.
        """
        now = self._timeline.clock()

        def work(tx: Transaction) -> tuple[int, datetime]:
            recording = store.get(tx, recording_id, guild_id)
            if recording is None or not recording.is_file or _is_over(recording, now):
                raise RecordingGone
            until = min(now + LINK_LIFE, recording.due_at or now + LINK_LIFE)
            link_id = store.put_link(tx, recording, user_id, now, until, _LINKS_EACH)
            return link_id, until

        link_id, until = await self._database.write(work)
        return self._signer.token(link_id, until)

    async def open_link(self, token: str) -> Served:
        """Return what a token opens.

        Raises:
            LinkForged, LinkExpired, LinkRevoked, RecordingGone: nothing (all `LinkRefused`).
            FileMissing: the file was moved or deleted by hand.
        """
        now = self._timeline.clock()
        claim = self._signer.check(token, now)
        found = await self._database.read(store.link, claim.link_id)
        if found is None:
            raise LinkRevoked
        row, recording = found
        if from_micros(row["expires_at"]) != claim.expires_at:
            raise LinkForged
        if _is_over(recording, now):
            raise RecordingGone
        if row["revoked_at"] is not None:
            raise LinkRevoked
        path = await asyncio.to_thread(
            self._files.path_of, recording.guild_id, recording.path or ""
        )
        locale = self._guilds.get(recording.guild_id).locale
        return Served(
            path=path,
            media_type=recording.media_type,
            file_name=recording.file_name,
            title=recording.title,
            chapters=tuple(await self.chapters(recording, locale)),
            expires_at=claim.expires_at,
            size_bytes=recording.size_bytes,
            locale=locale,
            link_id=claim.link_id,
            duration=recording.duration,
        )

    async def revoke_links(self, guild_id: int, user_id: int) -> None:
        """Take back what was handed to somebody who left the guild."""
        await self._database.write(
            store.revoke_links, self._timeline.clock(), guild_id=guild_id, user_id=user_id
        )


def _is_over(recording: Recording, now: datetime) -> bool:
    # Whatever is to be thought of the clock, nobody is let in past the end by it; a clock that
    # was wrong lets them in again once it is right.
    return recording.is_gone or (recording.due_at is not None and recording.due_at <= now)


def _checked_url(url: str) -> str:
    url = url.strip()
    if not re.fullmatch(r"https?://[^\s<>()|\\]{1,1000}", url):
        raise BadUrl
    return url


def _checked_title(title: str) -> str:
    title = " ".join(title.split())
    if not title or len(title) > _TITLE:
        raise NoTitle(most=_TITLE)
    return title
