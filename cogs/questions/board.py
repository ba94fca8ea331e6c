"""The board everybody sees, the panel staff work with, and the bot's posts for questions."""

from collections.abc import Iterable, Mapping
from typing import Any

import discord
from discord import ui

from bot.archive import ERASED
from bot.guilds import GUILD_CONFIGURED, PERSON_MUTED
from bot.lab import events as lab_events
from bot.localization import Words
from bot.questions import ANSWER_POST, ASK_POST, Board, Question, Source, State, events
from bot.sessions import BOARD, EDITED, ENDED, PANEL, STARTED
from bot.timeline import Event, LiveMessage
from cogs.controls import Lasting, button, row, select
from cogs.kit import Services, words_of_guild
from cogs.live import Face, Kind
from cogs.text import jump_url, one_line, plain_line, quoted

_COLOUR = discord.Colour(0x5865F2)
_STILL_COLOUR = discord.Colour(0x4E5058)
_CURRENT_LENGTH = 1200
_PENDING_SHOWN = 5

_ON_BOARD = frozenset(
    {
        STARTED,
        EDITED,
        ENDED,
        events.ASKED,
        events.EDITED,
        events.WITHDRAWN,
        events.RETURNED,
        events.VOTED,
        events.APPROVED,
        events.REJECTED,
        events.NEXT,
        events.CLOSED,
        events.REOPENED,
        events.JOKE,
        events.MERGED,
        events.MOVED,
        events.ANSWERED,
        events.ANSWER_EDITED,
        events.ANSWER_REMOVED,
        events.UNDONE,
    }
)


class Faces:
    """Renders the live messages of questions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def kinds(self) -> list[Kind]:
        """Return the kinds of live message this cog owns."""
        return [
            Kind(BOARD, self.board, self._boards, renews=True),
            Kind(PANEL, self.panel, self._panels, renews=True),
            Kind(ASK_POST, self.asked, self._asked, posted=self._asked_posted),
            Kind(ANSWER_POST, self.answer, self._answered),
        ]

    def _boards(self, event: Event) -> Iterable[int]:
        if event.session_id is not None and event.kind in lab_events.ON_ROSTER:
            return [event.session_id]
        return self._sessions(event)

    def _sessions(self, event: Event) -> Iterable[int]:
        if event.session_id is not None and event.kind in _ON_BOARD:
            return [event.session_id]
        if event.kind in (GUILD_CONFIGURED, PERSON_MUTED, ERASED):
            opened = self._services.sessions.open_sessions(event.guild_id)
            return [session.id for session in opened]
        return []

    def _panels(self, event: Event) -> Iterable[int]:
        if self._services.guilds.get(event.guild_id).staff_channel_id is None:
            return []  # There is none, so nothing to look up.
        return self._sessions(event)

    def _asked(self, event: Event) -> Iterable[int]:
        if event.kind == ERASED:
            return event.data.get("question_ids", [])
        if event.kind == events.ASKED and event.data.get("source") == Source.MESSAGE:
            return []  # It stands in its own message, as nearly all do.
        question_id = event.data.get("question_id")
        return [question_id] if question_id is not None and event.kind in _ON_BOARD else []

    def _answered(self, event: Event) -> Iterable[int]:
        if event.kind == ERASED:
            return event.data.get("answer_ids", [])
        answer_id = event.data.get("answer_id")
        return [answer_id] if answer_id is not None else []

    async def board(self, live: LiveMessage) -> Face | None:
        """Draw a session's board."""
        session = await self._services.sessions.get(live.key, live.guild_id)
        board = await self._services.views.board(session)
        guild = self._services.guilds.get(live.guild_id)
        controls = guild.staff_channel_id is None and session.is_open
        roster = await self._services.lab.instances.roster(session)
        _ = words_of_guild(self._services, live.guild_id)
        return board_face(board, _, controls=controls, roster=roster)

    async def panel(self, live: LiveMessage) -> Face | None:
        """Draw the staff's controls."""
        session = await self._services.sessions.get(live.key, live.guild_id)
        board = await self._services.views.board(session, pending=_PENDING_SHOWN)
        return panel_face(board, words_of_guild(self._services, live.guild_id))

    async def asked(self, live: LiveMessage) -> Face | None:
        """Draw a question asked with the form; None once it is withdrawn."""
        question = await self._services.views.get(live.key, live.guild_id)
        if question.state is State.WITHDRAWN or not question.body:
            return None
        _ = words_of_guild(self._services, live.guild_id)
        if question.state is State.PENDING:
            text = _(
                "-# Question #{number} was changed and is being looked at.", number=question.number
            )
            return Face(Lasting(ui.TextDisplay(text)))
        name = _("Anonymous")
        if not question.anonymous and question.author_id is not None:
            known = await self._services.guilds.names(live.guild_id, [question.author_id])
            name = known.get(question.author_id, _("Somebody"))
        head = f"**Q. #{question.number}** — {one_line(name, 40)}"
        return Face(Lasting(ui.TextDisplay(head + "\n" + quoted(question.body, 1600))))

    async def _asked_posted(self, live: LiveMessage, message_id: int) -> None:
        await self._services.asking.attach_message(live.key, message_id)
        message = self._services.channel(live.channel_id).get_partial_message(message_id)
        await message.add_reaction("📝")

    async def answer(self, live: LiveMessage) -> Face | None:
        """Draw an answer given in the form; None once it is taken back."""
        found = await self._services.answers.get(live.key, live.guild_id)
        if found is None or not found[0].body:
            return None
        answer, question = found
        _ = words_of_guild(self._services, live.guild_id)
        head = f"**A. #{question.number}** {one_line(question.body, 80)}"
        mentions = discord.AllowedMentions.none()
        lines = [head, answer.body]
        if question.author_id is not None and not question.anonymous:
            # No reply told the asker, so this message does.
            lines.append(f"-# <@{question.author_id}>")
            mentions = discord.AllowedMentions(
                everyone=False, roles=False, users=[discord.Object(question.author_id)]
            )
        return Face(Lasting(ui.TextDisplay("\n".join(lines))), mentions=mentions)


def board_face(board: Board, _: Words, *, controls: bool, roster: tuple[int, int]) -> Face:
    """Draw the board: what is answered, what comes next, how many wait; the lab's too.

    `roster`: how many of the session's instances are up, and how many wait or start.
    """
    session = board.session
    parts: list[ui.Item[Any]] = [ui.TextDisplay(_title(board, _)), ui.Separator[Any]()]
    counts = [_counts(board, _)]
    if session.is_open:
        parts += [ui.TextDisplay(_current(board, _)), ui.Separator[Any]()]
        parts.append(ui.TextDisplay(_upcoming(board, _)))
        # A closed board stays as it is, and what still runs then goes after it.
        counts.append(_roster(roster, _))
    parts.append(ui.TextDisplay("\n".join(filter(None, counts))))
    if not session.is_open:
        closed = ui.Container[Any](*parts, accent_colour=_STILL_COLOUR)
        return Face(Lasting(closed), pinned=True, still=True)
    parts.append(ui.TextDisplay(_legend(_)))
    parts.append(
        row(
            button("ask", session.id, _("Ask"), style=discord.ButtonStyle.primary, emoji="🙋"),
            button("list", session.id, _("All questions"), arg=0),
        )
    )
    shown = [*([board.current] if board.current else []), *board.upcoming]
    if shown:
        parts.append(row(select("vote", session.id, _("▲ I want to know too"), _options(shown))))
    items: list[ui.Item[Any]] = [ui.Container[Any](*parts, accent_colour=_COLOUR)]
    if controls:
        items.append(control_row(board, _))
    return Face(Lasting(*items), pinned=True)


def panel_face(board: Board, _: Words) -> Face:
    """Draw the staff's panel: the same in short, with every control."""
    session = board.session
    parts: list[ui.Item[Any]] = [
        ui.TextDisplay(
            _("### Question time: {title}", title=one_line(session.title))
            + f"\n-# <#{session.channel_id}>"
        )
    ]
    if not session.is_open:
        parts.append(ui.TextDisplay(_counts(board, _)))
        return Face(Lasting(ui.Container[Any](*parts, accent_colour=_STILL_COLOUR)), still=True)
    parts += [
        ui.TextDisplay(_current(board, _, length=400)),
        ui.TextDisplay(_upcoming(board, _)),
        ui.TextDisplay(_counts(board, _)),
    ]
    items: list[ui.Item[Any]] = [
        ui.Container[Any](*parts, accent_colour=_COLOUR),
        control_row(board, _),
        more_row(board, _),
    ]
    for question in board.pending:
        items.append(ui.TextDisplay(_pending_line(question, board.names, _)))
        items.append(decision_row(question, _))
    return Face(Lasting(*items), pinned=True)


def control_row(board: Board, _: Words) -> ui.ActionRow[Any]:
    """Return what the speaker presses during question time."""
    key = board.session.id
    idle = board.current is None
    nothing = idle and not board.upcoming
    # Which question was on the board when it was pressed: of two who press, one is meant.
    seen = board.current.id if board.current is not None else 0
    return row(
        button(
            "next", key, _("Next"), arg=seen, style=discord.ButtonStyle.primary, disabled=nothing
        ),
        button(
            "answered",
            key,
            _("Answered"),
            arg=seen,
            style=discord.ButtonStyle.success,
            disabled=idle,
        ),
        button("missed", key, _("Missed"), arg=seen, disabled=idle),
        button("skipped", key, _("Skip"), arg=seen, disabled=idle),
        button("more", key, "⋯"),
    )


def more_row(board: Board, _: Words) -> ui.ActionRow[Any]:
    """Return the rarer controls."""
    key = board.session.id
    idle = board.current is None
    seen = board.current.id if board.current is not None else 0
    return row(
        button("answer", key, _("Write the answer…"), arg=seen, disabled=idle),
        button("joke", key, _("Joke"), disabled=idle),
        button("undo", key, _("Undo")),
        button(
            "pending",
            key,
            _("Approve ({n})", n=board.counts.get(State.PENDING, 0)),
            disabled=not board.counts.get(State.PENDING),
        ),
    )


def decision_row(question: Question, _: Words) -> ui.ActionRow[Any]:
    """Return the two ways to decide about a pending question."""
    return row(
        button(
            "approve",
            question.session_id,
            _("Approve #{number}", number=question.number),
            arg=question.id,
            style=discord.ButtonStyle.success,
        ),
        button(
            "reject",
            question.session_id,
            _("Turn down #{number}", number=question.number),
            arg=question.id,
        ),
    )


def _pending_line(question: Question, names: Mapping[int, str], _: Words) -> str:
    who = asker(question, names, _)
    return f"**#{question.number}** — {one_line(who, 40)}\n{quoted(question.body, 300)}"


def asker(question: Question, names: Mapping[int, str], _: Words) -> str:
    """Name who asked, as far as others may know."""
    if question.anonymous:
        return _("Anonymous")
    return names.get(question.author_id or 0, _("Somebody"))


def label(question: Question, length: int = 90) -> str:
    """Describe a question in an option of a select."""
    votes = f" ▲{question.votes}" if question.votes else ""
    return f"#{question.number} {plain_line(question.body, length)}"[: length - len(votes)] + votes


def _options(questions: Iterable[Question]) -> list[discord.SelectOption]:
    return [
        discord.SelectOption(label=label(question), value=str(question.id))
        for question in questions
    ]


def _title(board: Board, _: Words) -> str:
    session = board.session
    line: list[str] = []
    speaker = session.speaker_ids[0]
    # The closed board stays as it is: it names nobody who may have themselves erased later.
    if speaker is not None and session.is_open:
        line.append(_("Speaker: {mention}", mention=f"<@{speaker}>"))
    if session.slides_url:
        line.append(_("[Slides]({url})", url=session.slides_url))
    if session.moderated:
        line.append(_("questions wait for approval"))
    if not session.is_open:
        line.append(_("this session has ended"))
    text = f"## {one_line(session.title)}"
    return text + ("\n-# " + " · ".join(line) if line else "")


def _current(board: Board, _: Words, length: int = _CURRENT_LENGTH) -> str:
    question = board.current
    if question is None:
        return _("**Being answered**\nNothing yet.")
    votes = f" ▲{question.votes}" if question.votes else ""
    joke = f" ({_('Joke')})" if question.joke else ""
    url = jump_url(question.guild_id, question.channel_id, question.message_id)
    head = _("**Being answered**") + f" [#{question.number}]({url}){votes}{joke}"
    who = one_line(asker(question, board.names, _), 40)
    return f"{head}\n{quoted(question.body, length)}\n-# {who}"


def _upcoming(board: Board, _: Words) -> str:
    lines = [_("**Next**")]
    for question in board.upcoming:
        votes = f" ▲{question.votes}" if question.votes else ""
        lines.append(f"- **#{question.number}** {one_line(question.body)}{votes}")
    if not board.upcoming:
        lines.append(_("No question is waiting. Ask one!"))
    return "\n".join(lines)


def _counts(board: Board, _: Words) -> str:
    counts = board.counts
    parts = [
        _("Open {n}", n=board.open_count),
        _("Answered {n}", n=counts.get(State.ANSWERED, 0)),
        _("Missed {n}", n=counts.get(State.MISSED, 0)),
    ]
    if counts.get(State.PENDING):
        parts.append(_("Pending {n}", n=counts[State.PENDING]))
    return "-# " + " · ".join(parts)


def _roster(roster: tuple[int, int], _: Words) -> str:
    up, waiting = roster
    if not up and not waiting:
        return ""
    return "-# " + _("Lab: {up} up · {waiting} waiting", up=up, waiting=waiting)


def _legend(_: Words) -> str:
    return _(
        "-# Begin a message with “Q.” to ask · 📝 taken, tap it or 👍 to vote"
        " · ✏️ write the question after it · ⏳ you have enough waiting, later"
    )
