"""A session's set: one post with all that came of it, edited in place as parts arrive.

Each feature says what its part looks like now; a part that has nothing to show is left out. The
whole as one Markdown file is behind a button, so it is never out of date and an erasing needs
no file to be made anew.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import discord
from discord import ui

from bot.archive import ERASED, Format
from bot.localization import Words
from bot.sessions import EDITED, ENDED, Session
from bot.timeline import Event, LiveMessage
from cogs.archive.files import send_export
from cogs.controls import Lasting, LastingButton, Press, button, handles, row
from cogs.kit import Services, guild_id_of, services_of, words_of_guild
from cogs.live import Face, Kind, with_time
from cogs.text import jump_url, one_line

SET = "set"

# A message holds 40 components and 4,000 characters of text; the head and the file's button
# are among them.
_CHARACTERS = 3600
_BUTTONS = 15
_IN_A_ROW = 5
_PATIENCE = 100
_LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Section:
    """What a part shows, and the buttons below it."""

    text: str
    controls: tuple[LastingButton, ...] = ()


Part = Callable[[Session, Words], Awaitable[Section | None]]
# Which sessions' sets an event changes.
Marks = Callable[[Event], Iterable[int]]
Send = Callable[[Face], Awaitable[int]]


class SessionSets:
    """Draws and posts the sets."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._parts: list[Part] = []
        self._marks: list[Marks] = [_own_changes]
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def add_part(self, part: Part, marks: Marks) -> None:
        """Have a feature's part stand below those there are; `marks` says what changes it."""
        self._parts.append(part)
        self._marks.append(marks)

    def kind(self) -> Kind:
        """Return the live message."""
        return Kind(SET, self.render, self._marked, is_rare=True)

    async def render(self, live: LiveMessage) -> Face | None:
        """Draw a set as it is now."""
        session = await self._services.sessions.get(live.key, live.guild_id)
        return await self.face(session)

    async def face(self, session: Session) -> Face:
        """Draw a session's set."""
        _ = words_of_guild(self._services, session.guild_id)
        found = [await part(session, _) for part in self._parts]
        return Face(_drawn(session, [section for section in found if section], _))

    async def publish(
        self, session: Session, by_id: int | None = None, send: Send | None = None
    ) -> str:
        """Have the set stand in the talk's channel; return its address.

        `send` sends it where it doesn't stand yet and returns the message's id.
        """
        async with self._turns[session.id]:
            live = await self._services.timeline.live_message(SET, session.id)
            if live is None or live.message_id is None:
                live = await self._posted(session, send or self._sender(session))
                await self._services.archive.published(session, live.message_id or 0, by_id)
            elif await self._is_gone(live):
                live = await self._again(live)
            else:
                self._services.live.mark(SET, session.id)
        return jump_url(session.guild_id, live.channel_id, live.message_id)

    async def message_id(self, session: Session) -> int | None:
        """Return the message of a set that stands in the talk's channel."""
        live = await self._services.timeline.live_message(SET, session.id)
        return live.message_id if live else None

    async def _is_gone(self, live: LiveMessage) -> bool:
        channel = self._services.channel(live.channel_id)
        try:
            await channel.fetch_message(live.message_id or 0)
        except discord.NotFound:
            return True
        except discord.Forbidden:
            return False  # It can't be looked at without Read Message History.
        return False

    async def _again(self, live: LiveMessage) -> LiveMessage:
        """Have a set that somebody deleted posted again, by the one editor that does so."""
        self._services.live.lost(live)
        for _ in range(_PATIENCE):
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            row = await self._services.timeline.live_message(live.kind, live.key)
            if row is not None and row.message_id != live.message_id:
                return row
        return replace(live, message_id=None)

    async def _posted(self, session: Session, send: Send) -> LiveMessage:
        timeline, live = self._services.timeline, self._services.live
        face = await self.face(session)
        message_id = await send(face)
        with live.held(SET, session.id):
            await timeline.put_live_message(SET, session.id, session.guild_id, session.channel_id)
            at = self._services.clock()
            await timeline.live_message_posted(SET, session.id, message_id, at, face.digest)
        return LiveMessage(
            SET, session.id, session.guild_id, session.channel_id, message_id, at, face.digest
        )

    def _sender(self, session: Session) -> Send:
        async def send(face: Face) -> int:
            message = await self._services.channel(session.channel_id).send(view=face.view)
            return message.id

        return send

    def _marked(self, event: Event) -> Iterable[int]:
        return {key for marks in self._marks for key in marks(event)}


def _own_changes(event: Event) -> Iterable[int]:
    if event.kind == ERASED:
        return event.data["sessions"]
    if event.kind in (EDITED, ENDED) and event.session_id is not None:
        return (event.session_id,)
    return ()


def _drawn(session: Session, sections: Sequence[Section], words: Words) -> Lasting:
    _ = words
    head = f"## {one_line(session.title)}\n-# {with_time(session.started_at, 'f')}"
    if session.ended_at is not None:
        head += f" – {with_time(session.ended_at, 't')}"
    if session.speaker_ids[0] is not None:
        head += " · " + _("Speaker: {mention}", mention=f"<@{session.speaker_ids[0]}>")
    inside: list[ui.Item[Lasting]] = [ui.TextDisplay(head)]
    room, buttons = _CHARACTERS - len(head), _BUTTONS
    for section in sections:
        if len(section.text) > room:
            continue
        room -= len(section.text)
        inside += [ui.Separator(), ui.TextDisplay(section.text)]
        shown = section.controls[:buttons]
        buttons -= len(shown)
        for start in range(0, len(shown), _IN_A_ROW):
            inside.append(row(*shown[start : start + _IN_A_ROW]))
    file = button("set_file", session.id, _("All of it as a file"), emoji="📄")
    inside += [ui.Separator(), row(file)]
    return Lasting(ui.Container(*inside))


@handles("set_file")
async def give_file(press: Press) -> None:
    """Hand the whole out as one Markdown file, privately."""
    await press.interaction.response.defer(ephemeral=True, thinking=True)
    guild_id = guild_id_of(press.interaction)
    session = await services_of(press.interaction).sessions.get(press.key, guild_id)
    await send_export(press.interaction, session, Format.MARKDOWN, jokes=False)
