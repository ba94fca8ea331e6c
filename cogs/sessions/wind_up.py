"""What follows a session's end: its set, the thread for late questions, the list for next time."""

from collections.abc import Iterable

import discord
import structlog
from discord import ui

from bot.archive import ERASED
from bot.localization import Words
from bot.moments import from_micros
from bot.questions import Question, State
from bot.sessions import ENDED, Session
from bot.timeline import Consumer, Delivery, Event, LiveMessage
from cogs.archive import SessionSets
from cogs.controls import Lasting
from cogs.courier import ChannelClosed, Letter, send_once
from cogs.kit import Services, words_of_guild
from cogs.live import Face, Kind, with_time
from cogs.sessions.render import quiet_question
from cogs.text import clip, jump_url, one_line

log = structlog.get_logger(__name__)

LEFT_OVER = "left_over"

_GONE = frozenset({"channel_gone", "guild_gone"})
_MESSAGE = 1900


class WindUp:
    """Acts on the end of a session: durable, in order, each step safe to repeat."""

    def __init__(self, services: Services, sets: SessionSets) -> None:
        self._services = services
        self._sets = sets

    def consumer(self) -> Consumer:
        """Return what the dispatcher calls."""
        return Consumer(
            name="wind_up",
            kinds=frozenset({ENDED}),
            lane=lambda event: event.session_id or 0,
            deliver=self.deliver,
        )

    async def deliver(self, delivery: Delivery) -> int | None:
        """Publish the set, open the thread for late questions, send the list for next time."""
        event = delivery.event
        if event.data.get("reason") in _GONE or event.session_id is None:
            return None
        session = await self._services.sessions.get(event.session_id, event.guild_id)
        _ = words_of_guild(self._services, event.guild_id)
        await self._publish(session, delivery)
        session = await self._open_thread(session, _, delivery)
        if session.follow_up_id is not None:
            await send_once(
                self._services.channel,
                self._services.own_id(),
                Letter(session.follow_up_id, text=welcome(session, _)),
                delivery,
                part="f",
            )
        guild = self._services.guilds.get(session.guild_id)
        place = guild.staff_channel_id or session.follow_up_id or session.channel_id
        await self._services.timeline.put_live_message(
            LEFT_OVER, session.id, session.guild_id, place
        )
        self._services.live.mark(LEFT_OVER, session.id)
        return None

    def kind(self) -> Kind:
        """Return the list for next time, which quotes people and so follows an erasing."""
        return Kind(LEFT_OVER, self.left_over, _erased_in)

    async def left_over(self, live: LiveMessage) -> Face | None:
        """Draw what nobody answered."""
        session = await self._services.sessions.get(live.key, live.guild_id)
        left = await self._services.views.left_over(session)
        _ = words_of_guild(self._services, live.guild_id)
        view = Lasting(ui.TextDisplay(next_time(session, left, _)))
        return Face(view, mentions=_speaker_alone(session))

    async def _publish(self, session: Session, delivery: Delivery) -> None:
        async def send(face: Face) -> int:
            letter = Letter(session.channel_id, view=face.view)
            own_id = self._services.own_id()
            return await send_once(self._services.channel, own_id, letter, delivery, part="s")

        try:
            await self._sets.publish(session, send=send)
        except ChannelClosed as error:
            # What follows may stand elsewhere; /session publish posts it later.
            log.warning("set not published", session_id=session.id, error=str(error))

    async def _notes_thread(self, session: Session) -> int | None:
        """Return the thread that was opened for the notes, if it is still there."""
        notes = await self._services.notes.get(session)
        if notes is None or notes.place.kind != "thread" or notes.channel_id is None:
            return None
        try:
            await self._services.client().fetch_channel(notes.channel_id)
        except (discord.NotFound, discord.Forbidden):
            return None
        return notes.channel_id

    async def _open_thread(self, session: Session, _: Words, delivery: Delivery) -> Session:
        takes_late = session.late_until is not None and (
            session.late_until > self._services.clock()
        )
        if session.follow_up_id is not None or not takes_late:
            return session
        thread_id = await self._notes_thread(session)
        if thread_id is not None:
            # One thread for all that belongs to the talk.
            return await self._services.sessions.opened_follow_up(session, thread_id)
        name = clip(_("Questions after: {title}", title=session.title), 100)
        try:
            thread_id = await self._services.open_thread(
                session.guild_id,
                session.channel_id,
                name,
                delivery.tried_at is not None,
                await self._sets.message_id(session),
            )
        except (discord.Forbidden, discord.NotFound) as error:
            log.warning("no thread for late questions", session_id=session.id, error=str(error))
            return session
        return await self._services.sessions.opened_follow_up(session, thread_id)


def _erased_in(event: Event) -> Iterable[int]:
    return event.data["sessions"] if event.kind == ERASED else ()


def welcome(session: Session, _: Words) -> str:
    """Write what stands first in the thread for late questions."""
    return _(
        "“{title}” has ended. Thank you! Late questions are welcome in this thread until"
        " {until}: begin them with “Q.”.",
        title=one_line(session.title),
        until=with_time(session.late_until or session.active_at, "f"),
    )


def next_time(session: Session, left: list[Question], _: Words) -> str:
    """Write what nobody answered, for the speaker."""
    speaker = session.speaker_ids[0]
    who = f"<@{speaker}> " if speaker is not None else ""
    if not left:
        return who + _("“{title}”: no question is left over.", title=one_line(session.title))
    text = who + _("“{title}”: these are left for next time.", title=one_line(session.title))
    for index, question in enumerate(left):
        url = jump_url(question.guild_id, question.channel_id, question.message_id)
        missed = f" ({_('Missed')})" if question.state is State.MISSED else ""
        line = f"\n- [#{question.number}]({url}) {one_line(question.body, 150)}{missed}"
        if len(text) + len(line) > _MESSAGE:
            text += "\n" + _("… and {n} more; /export has them all.", n=len(left) - index)
            break
        text += line
    return text


def _speaker_alone(session: Session) -> discord.AllowedMentions:
    speaker = session.speaker_ids[0]
    return discord.AllowedMentions(
        everyone=False,
        roles=False,
        users=[discord.Object(speaker)] if speaker is not None else False,
    )


class Announcements:
    """Letters about sessions: quiet ones, and pauses of the bot."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def quiet(self, event: Event) -> Letter | None:
        """Ask whether a quiet session is over; nothing when it ended meanwhile."""
        if event.session_id is None:
            return None
        session = await self._services.sessions.get(event.session_id, event.guild_id)
        if not session.is_open or session.asked_at is None:
            return None
        guild = self._services.guilds.get(event.guild_id)
        rules = guild.rules
        view = quiet_question(
            session,
            words_of_guild(self._services, event.guild_id),
            int(rules.quiet_ask.total_seconds() // 60),
            int(rules.quiet_end.total_seconds() // 60),
        )
        return Letter(guild.staff_channel_id or session.channel_id, view=view)

    async def returned(self, event: Event) -> Letter | None:
        """Say once what a pause of the bot meant."""
        if event.channel_id is None:
            return None
        guild = self._services.guilds.get(event.guild_id)
        _ = words_of_guild(self._services, event.guild_id)
        since = from_micros(event.data["from"]).astimezone(guild.time_zone)
        until = from_micros(event.data["to"]).astimezone(guild.time_zone)
        text = _.plural(
            "I was away from {since} to {until}. I have taken {n} question from that time.",
            "I was away from {since} to {until}. I have taken {n} questions from that time.",
            event.data["taken"],
            since=since.strftime("%H:%M"),
            until=until.strftime("%H:%M"),
        )
        return Letter(event.channel_id, text=text)
