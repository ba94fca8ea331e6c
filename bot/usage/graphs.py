"""Pictures of usage: what is to be seen in them is looked up here, and drawn in the worker."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.drawing import DrawingFailed, DrawingWorker
from bot.guilds import GuildService
from bot.lab import Instance, Lab
from bot.localization import Words, words
from bot.questions import of_session as questions_of_session
from bot.sessions import Session
from bot.timeline import Timeline
from bot.usage import picture
from bot.usage.chart import Picture, draw
from bot.usage.history import Histories
from bot.usage.sampling import Sampling

log = structlog.get_logger(__name__)

# A session that just began gives a picture all the same.
_SHORTEST = timedelta(minutes=1)
# Instances end after the session does: what happens then is shown, too.
_AFTER = timedelta(minutes=1)


class Graphs:
    """Draws instances, hosts and sessions."""

    def __init__(
        self,
        timeline: Timeline,
        lab: Lab,
        guilds: GuildService,
        drawing: DrawingWorker,
        sampling: Sampling,
        histories: Histories,
    ) -> None:
        self._database = timeline.database
        self._clock = timeline.clock
        self._lab = lab
        self._guilds = guilds
        self._drawing = drawing
        self._sampling = sampling
        self._histories = histories

    async def of_instance(self, instance: Instance, over: timedelta, words: Words) -> bytes | None:
        """Draw one instance."""
        now = self._clock()
        since = now - max(over, _SHORTEST)
        history = await self._histories.of(instance.id, since, now)
        questions = await self._database.read(questions_of_session, instance.session_id)
        marks = picture.marks_of(questions, [instance], since, now)
        zone = self._guilds.get(instance.guild_id).time_zone
        return await self._draw(
            words, lambda _: picture.of_instance(instance, history, marks, _, zone)
        )

    async def of_host(
        self, host: str, over: timedelta, words: Words, guild_id: int
    ) -> bytes | None:
        """Draw a host."""
        sampler = self._sampling.sampler(host)
        now = self._clock()
        since = now - max(over, _SHORTEST)
        history = await self._histories.of(host, since, now)
        there = [one for one in await self._lab.instances.up() if one.host == host]
        lab = await asyncio.gather(*(self._histories.of(one.id, since, now) for one in there))
        zone = self._guilds.get(guild_id).time_zone
        return await self._draw(
            words,
            lambda _: picture.of_host(
                host,
                sampler.cpus,
                sampler.memory_bytes,
                history,
                [one.points for one in lab],
                _,
                zone,
            ),
        )

    async def of_session(self, session: Session, words: Words) -> bytes | None:
        """Draw a session from its start to its end, or until now."""
        since = session.started_at
        until = self._clock()
        if session.ended_at is not None:
            until = min(until, session.ended_at + _AFTER)
        until = max(until, since + _SHORTEST)
        instances = await self._lab.instances.of_session(session.id)
        histories = await asyncio.gather(
            *(self._histories.of(one.id, since, until) for one in instances)
        )
        questions = await self._database.read(questions_of_session, session.id)
        marks = picture.marks_of(questions, instances, since, until)
        zone = self._guilds.get(session.guild_id).time_zone
        shown = [(one, history.points) for one, history in zip(instances, histories, strict=True)]
        return await self._draw(
            words,
            lambda _: picture.of_session(
                session.title, shown, marks, picture.Frame(since, until, _, zone)
            ),
        )

    async def _draw(self, words_: Words, make: Callable[[Words], Picture]) -> bytes | None:
        """Put a picture together in somebody's words, and in English should no font have them."""

        def both() -> tuple[Picture, Picture]:
            return make(words_), make(words("en"))

        # Hundreds of instances' figures are added up: not on the loop.
        drawn, in_english = await asyncio.to_thread(both)
        try:
            return await self._drawing.draw(draw, drawn, in_english)
        except DrawingFailed as error:
            log.warning("usage not drawn", error=str(error), cause=str(error.__cause__))
            return None
