"""Live messages: a message that shows the present state of something, edited in place.

Events mark them dirty; one editor per channel reads again, renders and edits, within a budget
for the channel, and skips what looks the same. Discord throttles edits of messages older than
an hour, so a board is posted afresh before that; somebody deleting it has it posted again.
"""

import asyncio
import contextlib
import hashlib
import json
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import discord
import structlog
from discord import ui

from bot.database import is_busy
from bot.timeline import Clock, Event, LiveMessage, Timeline
from cogs.kit import is_trouble, show_there
from cogs.pictures import Picture

log = structlog.get_logger(__name__)

Key = tuple[str, int]

# Discord: five edits in five seconds a channel; one is left for everybody else's messages.
_CHANNEL_EDITS = 4
_WINDOW_SECONDS = 5.0
_MESSAGE_SECONDS = 5.0
_RENEW_AFTER = timedelta(minutes=50)
_OLD_MESSAGE_EDITS = 30046
_UNKNOWN_MESSAGE = 10008
_UNKNOWN_CHANNEL = 10003
_RETRY_SECONDS = 10.0
_LONGEST_RETRY_SECONDS = 600.0
_FORGOTTEN_AFTER = timedelta(days=7)
_LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Face:
    """How a live message looks now.

    `still`: this is its last look; it is edited once more and then let go. `pictures`: what the
    view shows as attachments; None for what never has any.
    """

    view: ui.LayoutView
    pinned: bool = False
    still: bool = False
    mentions: discord.AllowedMentions | None = None
    pictures: tuple[Picture, ...] | None = None

    @property
    def digest(self) -> str:
        """Tells looks apart."""
        payload = json.dumps(self.view.to_components(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(payload.encode()).hexdigest()[:32]

    def to_send(self) -> dict[str, Any]:
        """Return what a message is sent with."""
        files = {"files": [one.file() for one in self.pictures]} if self.pictures else {}
        return {"view": self.view, **files}

    def to_edit(self) -> dict[str, Any]:
        """Return what a message is edited with: pictures that were there before go."""
        if self.pictures is None:
            return {"view": self.view}
        return {"view": self.view, "attachments": [one.file() for one in self.pictures]}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of live message.

    `render` returns the present look, or None when there is nothing to show any more (the
    message is deleted). `marks` says which keys an event makes dirty. `posted` is told of
    each new message. `renews`: posted afresh before it grows too old to be edited often.
    `is_rare`: most keys that events name have no message, so only those known are looked at;
    whoever puts a new one there marks it.
    """

    name: str
    render: Callable[[LiveMessage], Awaitable[Face | None]]
    marks: Callable[[Event], Iterable[int]]
    posted: Callable[[LiveMessage, int], Awaitable[None]] | None = None
    renews: bool = False
    is_rare: bool = False


class LiveMessages:
    """All live messages and their editors."""

    def __init__(
        self,
        timeline: Timeline,
        clock: Clock,
        channel: Callable[[int], discord.PartialMessageable],
    ) -> None:
        self._timeline = timeline
        self._clock = clock
        self._channel = channel
        self._kinds: dict[str, Kind] = {}
        self._rows: dict[Key, LiveMessage] = {}
        self._dirty: dict[int, dict[Key, None]] = {}
        self._editors: dict[int, asyncio.Task[None]] = {}
        # When each may be edited next, and the latest edits of each channel (loop times).
        self._due: dict[Key, float] = {}
        self._recent: dict[int, deque[float]] = {}
        self._lost: set[Key] = set()
        self._held: set[Key] = set()
        self._running = False
        self.edits = 0

    @property
    def waiting(self) -> int:
        """How many are to be looked at again."""
        return sum(len(keys) for keys in self._dirty.values())

    def add_kind(self, kind: Kind) -> None:
        """Register how a kind looks. Its name stands in rows: never rename it."""
        self._kinds[kind.name] = kind

    async def start(self) -> None:
        """Bring every live message up to date after a pause, and follow events from now on."""
        self._running = True
        await self.refresh_rows()
        fresh = self._clock() - _FORGOTTEN_AFTER
        for key, row in self._rows.items():
            # What stood still for so long changes only by an event of its own.
            if row.posted_at is None or row.posted_at > fresh:
                self.mark(*key)

    async def stop(self) -> None:
        """Stop editing; what is dirty is shown after the next start."""
        self._running = False
        editors = list(self._editors.values())
        for editor in editors:
            editor.cancel()
        for editor in editors:
            with contextlib.suppress(asyncio.CancelledError):
                await editor

    def on_event(self, event: Event) -> None:
        """Mark what an event changes."""
        for kind in self._kinds.values():
            for key in kind.marks(event):
                if not kind.is_rare or (kind.name, key) in self._rows:
                    self.mark(kind.name, key)

    def mark(self, kind: str, key: int) -> None:
        """Have a live message looked at soon."""
        if not self._running or (kind, key) in self._held:
            return
        row = self._rows.get((kind, key))
        # A row made by the change that marks it isn't known yet: lane 0 looks it up.
        lane = row.channel_id if row else 0
        self._dirty.setdefault(lane, {})[(kind, key)] = None
        if lane not in self._editors:
            self._editors[lane] = asyncio.create_task(self._edit_lane(lane), name=f"live:{lane}")

    @contextlib.contextmanager
    def held(self, kind: str, key: int) -> Generator[None]:
        """Leave a live message to whoever edits it meanwhile; afterwards it is looked at."""
        self._held.add((kind, key))
        try:
            yield
        finally:
            self._held.discard((kind, key))
            self.mark(kind, key)

    def message_deleted(self, message_id: int) -> None:
        """Have a live message that somebody deleted posted again."""
        for key, row in self._rows.items():
            if row.message_id == message_id:
                self._lost.add(key)
                self.mark(*key)

    def lost(self, live: LiveMessage) -> None:
        """Have a live message that was deleted while the bot was away posted again."""
        key = (live.kind, live.key)
        row = self._rows.get(key, live)
        if live.message_id is not None and row.message_id == live.message_id:
            self._lost.add(key)
            self.mark(*key)

    async def respond(self, interaction: discord.Interaction[Any], kind: str, key: int) -> bool:
        """Answer a press on a live message with its new look, at once; say whether it was on it.

        Answers to interactions are outside the channel's edit budget, so whoever pressed
        needn't wait for the editor. A press elsewhere (a private message) is left to the caller.
        """
        row = await self._timeline.live_message(kind, key)
        on_it = (
            row is not None
            and interaction.message is not None
            and interaction.message.id == row.message_id
        )
        face = await self._kinds[kind].render(row) if row is not None and on_it else None
        if row is None or face is None:
            self.mark(kind, key)
            return on_it
        await show_there(interaction, **face.to_edit())
        try:
            await self._timeline.live_message_shows(kind, key, face.digest)
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            # What was pressed is done and shown: whoever pressed need not hear of this.
            self.mark(kind, key)
        return True

    async def refresh_rows(self) -> None:
        """Read the rows again."""
        rows = await self._timeline.live_messages()
        self._rows = {(row.kind, row.key): row for row in rows}

    async def _edit_lane(self, lane: int) -> None:
        recent = self._recent.setdefault(lane, deque(maxlen=_CHANNEL_EDITS))
        now = asyncio.get_running_loop().time
        dirty = self._dirty.setdefault(lane, {})
        failures: dict[Key, int] = {}
        try:
            while dirty:
                if lane == 0:
                    await self._sort_out(dirty)
                    continue
                key = min(dirty, key=lambda key: self._due.get(key, 0.0))
                wait = self._due.get(key, 0.0) - now()
                if len(recent) == _CHANNEL_EDITS:
                    wait = max(wait, recent[0] + _WINDOW_SECONDS - now())
                if wait > 0:
                    # Not all at once: what is marked meanwhile may be due sooner.
                    await asyncio.sleep(min(wait, _LOOK_AGAIN_SECONDS))
                    continue
                del dirty[key]
                try:
                    edited = await self._show(key)
                except Exception as error:
                    log.warning(
                        "live message failed",
                        kind=key[0],
                        key=key[1],
                        error=repr(error),
                        # Where it came from is known when Discord is in trouble.
                        exc_info=None if is_trouble(error) else error,
                    )
                    dirty[key] = None
                    failures[key] = failures.get(key, 0) + 1
                    pause = _RETRY_SECONDS * 2 ** (failures[key] - 1)
                    self._due[key] = now() + min(pause, _LONGEST_RETRY_SECONDS)
                    continue
                failures.pop(key, None)
                if edited:
                    self.edits += 1
                    recent.append(now())
                    self._due[key] = now() + _MESSAGE_SECONDS
        finally:
            self._editors.pop(lane, None)
            if not dirty:
                self._dirty.pop(lane, None)

    async def _sort_out(self, dirty: dict[Key, None]) -> None:
        keys = list(dirty)
        dirty.clear()
        unknown = [key for key in keys if key not in self._rows]
        if unknown:
            rows = await self._timeline.some_live_messages(unknown)
            self._rows.update({(row.kind, row.key): row for row in rows})
        for key in keys:
            if key in self._rows:
                self.mark(*key)

    async def _show(self, key: Key) -> bool:
        """Bring one live message up to date; say whether Discord was asked to."""
        row = await self._timeline.live_message(*key)
        if row is None:
            self._rows.pop(key, None)
            return False
        self._rows[key] = row
        kind = self._kinds.get(row.kind)
        if kind is None:
            return False
        face = await kind.render(row)
        if face is None:
            await self._delete(row)
            await self._let_go(key)
            return True
        changed = await self._bring_up(kind, row, face)
        if face.still:
            await self._let_go(key)
        return changed

    async def _bring_up(self, kind: Kind, row: LiveMessage, face: Face) -> bool:
        digest = face.digest
        key = (row.kind, row.key)
        if row.message_id is None or key in self._lost:
            self._lost.discard(key)
            return await self._post(kind, row, face, digest)
        if digest == row.digest:
            return False
        age = self._clock() - (row.posted_at or self._clock())
        if kind.renews and age > _RENEW_AFTER and not face.still:
            return await self._renew(kind, row, face, digest)
        partial = self._partial(row.channel_id, row.message_id)
        try:
            await partial.edit(**face.to_edit())
        except discord.NotFound as error:
            if error.code == _UNKNOWN_CHANNEL:
                await self._let_go(key)
                return True
            return await self._post(kind, row, face, digest)
        except discord.Forbidden as error:
            log.warning("live message forbidden", kind=row.kind, key=row.key, error=str(error))
            return True
        except discord.HTTPException as error:
            if error.code == _OLD_MESSAGE_EDITS and kind.renews:
                return await self._renew(kind, row, face, digest)
            raise
        await self._timeline.live_message_shows(row.kind, row.key, digest)
        return True

    async def _renew(self, kind: Kind, row: LiveMessage, face: Face, digest: str) -> bool:
        await self._post(kind, row, face, digest)
        await self._delete(row)
        return True

    async def _post(self, kind: Kind, row: LiveMessage, face: Face, digest: str) -> bool:
        now = self._clock()
        # The same nonce for the same intent: a retry within minutes can't post twice.
        nonce = f"{row.kind}:{row.key}:{row.message_id or 0}"[-25:]
        try:
            message = await self._channel(row.channel_id).send(
                **face.to_send(),
                nonce=nonce,
                allowed_mentions=face.mentions or discord.AllowedMentions.none(),
            )
        except discord.NotFound:
            await self._let_go((row.kind, row.key))
            return True
        except discord.Forbidden as error:
            log.warning("live message forbidden", kind=row.kind, key=row.key, error=str(error))
            return True
        await self._timeline.live_message_posted(row.kind, row.key, message.id, now, digest)
        await self._remember((row.kind, row.key))
        if kind.posted is not None:
            await kind.posted(row, message.id)
        if face.pinned:
            try:
                await message.pin()
            except discord.HTTPException as error:
                log.info("could not pin", kind=row.kind, error=str(error))
        return True

    async def _remember(self, key: Key) -> None:
        row = await self._timeline.live_message(*key)
        if row is not None:
            self._rows[key] = row

    async def _let_go(self, key: Key) -> None:
        self._rows.pop(key, None)
        self._due.pop(key, None)
        await self._timeline.drop_live_message(*key)

    async def _delete(self, row: LiveMessage) -> None:
        if row.message_id is None:
            return
        try:
            await self._partial(row.channel_id, row.message_id).delete()
        except discord.HTTPException as error:
            log.info("could not delete", kind=row.kind, key=row.key, error=str(error))

    def _partial(self, channel_id: int, message_id: int) -> discord.PartialMessage:
        return self._channel(channel_id).get_partial_message(message_id)


def with_time(moment: datetime, style: discord.utils.TimestampStyle = "R") -> str:
    """Write a time that Discord shows in the reader's own zone, counting down without edits."""
    return discord.utils.format_dt(moment, style)
