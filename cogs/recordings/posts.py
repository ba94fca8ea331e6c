"""The posts of recordings, and the questions to speakers about them: live messages."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import discord
from discord import ui

from bot.archive import ERASED, PUBLISHED
from bot.lab import events as lab_events
from bot.localization import Words
from bot.questions import events as question_events
from bot.recordings import POST, REQUEST, NoRecording, Recording, events
from bot.timeline import Event, LiveMessage
from cogs.archive import SET
from cogs.controls import Lasting, button, row
from cogs.kit import Services, words_of_guild
from cogs.live import Face, Kind
from cogs.recordings.render import gone, post
from cogs.text import one_line

# After these a chapter may be there, gone, or called otherwise, or the set stands for a post.
_CHANGED = frozenset(
    {
        PUBLISHED,
        question_events.NEXT,
        question_events.EDITED,
        question_events.WITHDRAWN,
        question_events.RETURNED,
        question_events.JOKE,
        question_events.UNDONE,
        lab_events.STARTED,
        lab_events.PUBLISHED,
    }
)


class RecordingPosts:
    """Draws recordings where people see them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        # The recordings there are, by session: events name sessions.
        self._there: dict[int, set[int]] = defaultdict(set)

    def kinds(self) -> Sequence[Kind]:
        """Return the live messages of recordings."""
        return (
            Kind(POST, self._post, self._posts_of),
            Kind(REQUEST, self._request, self._requests_of),
        )

    async def load(self) -> None:
        """Learn which recordings there are."""
        for recording in await self._services.recordings.alive():
            self._there[recording.session_id].add(recording.id)

    async def catch_up(self) -> None:
        """Have posts of what went while nobody edited them looked at, however old they are."""
        for live in await self._services.timeline.live_messages():
            if live.kind == POST and not self._is_there(live.key):
                self._services.live.mark(POST, live.key)

    def _is_there(self, recording_id: int) -> bool:
        return any(recording_id in ids for ids in self._there.values())

    def _posts_of(self, event: Event) -> Iterable[int]:
        if event.kind in events.ON_POST:
            recording_id: int = event.data["recording_id"]
            if event.session_id is not None:
                known = self._there[event.session_id]
                (known.discard if event.kind == events.GONE else known.add)(recording_id)
            return (recording_id,)
        if event.kind == ERASED:
            found: set[int] = set()
            for session_id in event.data["sessions"]:
                found |= self._there.get(session_id, set())
            return found
        if event.kind in _CHANGED and event.session_id is not None:
            return tuple(self._there.get(event.session_id, ()))
        return ()

    async def _post(self, live: LiveMessage) -> Face | None:
        _ = words_of_guild(self._services, live.guild_id)
        try:
            recording = await self._services.recordings.get(live.key, live.guild_id)
        except NoRecording:
            return None
        if await self._services.timeline.live_message(SET, recording.session_id):
            return None  # It stands there.
        if recording.is_gone:
            return Face(gone(recording, _), still=True)
        chapters = await self._services.recordings.chapters(recording)
        return Face(post(recording, chapters, _))

    def _requests_of(self, event: Event) -> Iterable[int]:
        if event.kind in (events.ASKED, events.ANSWERED):
            return (event.data["request_id"],)
        return ()

    async def _request(self, live: LiveMessage) -> Face | None:
        """Ask the speaker; nothing once that is answered, or the recording went."""
        found = await self._services.keeping.request(live.key, live.guild_id)
        if found is None:
            return None
        request, recording, session = found
        speaker_id = session.speaker_ids[0]
        if request.answered_at is not None or recording.is_gone or speaker_id is None:
            return None
        _ = words_of_guild(self._services, live.guild_id)
        view = Lasting(
            ui.TextDisplay(_asked(speaker_id, recording, request.days, _)),
            row(
                button("recording_yes", request.id, _("Yes"), style=discord.ButtonStyle.primary),
                button("recording_no", request.id, _("No")),
            ),
        )
        return Face(view, mentions=only(speaker_id))


def _asked(speaker_id: int, recording: Recording, days: int | None, _: Words) -> str:
    who, title = f"<@{speaker_id}>", one_line(recording.title)
    if days is None:
        return _("{who} May the recording “{title}” stay for good?", who=who, title=title)
    return _.plural(
        "{who} May the recording “{title}” stay for {n} day longer?",
        "{who} May the recording “{title}” stay for {n} days longer?",
        days,
        who=who,
        title=title,
    )


def only(user_id: int) -> discord.AllowedMentions:
    """Let one person be mentioned."""
    users = [discord.Object(user_id)]
    return discord.AllowedMentions(everyone=False, roles=False, users=users)
