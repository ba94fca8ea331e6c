"""What the controls of question time do."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bot.localization import Words
from bot.questions import Question, StaffOnly, State
from bot.sessions import BOARD, PANEL, Session
from cogs.controls import Lasting, Press, handles, row, select
from cogs.kit import Services, guild_id_of, in_time, person_of, services_of, tell, words_for
from cogs.questions.board import asker, decision_row, label, more_row
from cogs.questions.forms import AnswerForm
from cogs.text import one_line, quoted

_PENDING_SHOWN = 8
_CHOICES = 25


async def session_of(press: Press) -> Session:
    """Return the session a control belongs to; it must be of this guild.

    Raises:
        NotFound: of another guild, or gone.
    """
    services = services_of(press.interaction)
    return await services.sessions.get(press.key, guild_id_of(press.interaction))


async def settle(press: Press, session: Session, text: str) -> None:
    """Show the new state where the press was; elsewhere say it privately."""
    services = services_of(press.interaction)
    for kind in (BOARD, PANEL):
        shown = await services.live.respond(press.interaction, kind, session.id)
        if shown and press.interaction.response.is_done():
            return
    await tell(press.interaction, text)


@handles("next")
async def next_question(press: Press) -> None:
    """Take the next question."""
    session = await session_of(press)
    services = services_of(press.interaction)
    by = person_of(press.interaction.user)
    async with in_time(press.interaction):
        question = await services.queue.next(session, by, expected=press.arg)
    await settle(press, session, next_text(question, words_for(press.interaction)))


def next_text(question: Question | None, _: Words) -> str:
    """Say what is being answered now."""
    if question is None:
        return _("That was the last one. No question is waiting.")
    return _(
        "Being answered: #{number} {text}", number=question.number, text=one_line(question.body)
    )


async def _close(press: Press, state: State) -> None:
    session = await session_of(press)
    services = services_of(press.interaction)
    by = person_of(press.interaction.user)
    async with in_time(press.interaction):
        question = await services.queue.close(session, by, state, expected=press.arg)
    _ = words_for(press.interaction)
    await settle(press, session, _("Question #{number} is closed.", number=question.number))


@handles("answered")
async def answered(press: Press) -> None:
    """Close the current question as answered."""
    await _close(press, State.ANSWERED)


@handles("missed")
async def missed(press: Press) -> None:
    """Close the current question: the note-taker missed the answer."""
    await _close(press, State.MISSED)


@handles("skipped")
async def skipped(press: Press) -> None:
    """Close the current question without an answer."""
    await _close(press, State.SKIPPED)


@handles("joke")
async def joke(press: Press) -> None:
    """Put the joke label on the current question, or take it off."""
    session = await session_of(press)
    services = services_of(press.interaction)
    async with in_time(press.interaction):
        question = await services.queue.toggle_joke(
            session, person_of(press.interaction.user), press.arg
        )
    _ = words_for(press.interaction)
    text = (
        _("Question #{number} is marked as a joke.", number=question.number)
        if question.joke
        else _("Question #{number} is no joke any more.", number=question.number)
    )
    await settle(press, session, text)


@handles("undo")
async def undo(press: Press) -> None:
    """Take the last change back."""
    session = await session_of(press)
    services = services_of(press.interaction)
    async with in_time(press.interaction):
        _kind, question = await services.queue.undo(session, person_of(press.interaction.user))
    _ = words_for(press.interaction)
    number = question.number if question else 0
    await settle(press, session, _("Undone: the last change of #{number}.", number=number))


@handles("answer")
async def answer(press: Press) -> None:
    """Open the form for the answer to the question that stood there."""
    session = await session_of(press)
    services = services_of(press.interaction)
    _require_staff(services, press, session)
    question = await services.views.get(press.arg or 0, session.guild_id)
    form = AnswerForm(words_for(press.interaction), session, question)
    await press.interaction.response.send_modal(form)


@handles("more")
async def more(press: Press) -> None:
    """Show the rarer controls privately: joke, answer, undo, approve, merge, reorder."""
    session = await session_of(press)
    services = services_of(press.interaction)
    _require_staff(services, press, session)
    _ = words_for(press.interaction)
    board = await services.views.board(session)
    page = await services.views.page(session, (State.CURRENT, State.OPEN), 0, _CHOICES)
    items: list[ui.Item[Any]] = [more_row(board, _)]
    if page.questions:
        waiting = [q for q in page.questions if q.state is State.OPEN]
        if waiting:
            items.append(row(select("take", session.id, _("Take now…"), options(waiting))))
            items.append(row(select("lift", session.id, _("Put first…"), options(waiting))))
        items.append(row(select("merge", session.id, _("Merge…"), options(page.questions))))
        items.append(
            row(select("joke_on", session.id, _("Mark as a joke…"), options(page.questions)))
        )
    await tell(press.interaction, view=Lasting(*items))


def options(questions: Sequence[Question]) -> list[discord.SelectOption]:
    """Offer questions by number."""
    return [
        discord.SelectOption(label=label(question), value=str(question.number))
        for question in questions
    ]


@handles("take")
async def take(press: Press) -> None:
    """Take a chosen question now."""
    session = await session_of(press)
    services = services_of(press.interaction)
    by = person_of(press.interaction.user)
    async with in_time(press.interaction):
        question = await services.queue.next(session, by, int(press.value))
    await settle(press, session, next_text(question, words_for(press.interaction)))


@handles("lift")
async def lift(press: Press) -> None:
    """Put a chosen question first."""
    session = await session_of(press)
    services = services_of(press.interaction)
    by = person_of(press.interaction.user)
    async with in_time(press.interaction):
        question = await services.queue.move(session, by, int(press.value), 1)
    _ = words_for(press.interaction)
    await settle(press, session, _("Question #{number} comes next.", number=question.number))


@handles("joke_on")
async def joke_on(press: Press) -> None:
    """Toggle the joke label of a chosen question."""
    await joke(Press(press.interaction, press.key, int(press.value)))


@handles("merge")
async def merge(press: Press) -> None:
    """Ask which question the chosen one is merged into."""
    session = await session_of(press)
    services = services_of(press.interaction)
    _require_staff(services, press, session)
    _ = words_for(press.interaction)
    number = int(press.value)
    states = (State.CURRENT, State.OPEN, State.ANSWERED, State.MISSED)
    page = await services.views.page(session, states, 0, _CHOICES + 1)
    targets = [question for question in page.questions if question.number != number]
    if not targets:
        await tell(press.interaction, _("There is no other question to merge it with."))
        return
    choice = select(
        "merge_into",
        session.id,
        _("Merge #{number} into…", number=number),
        options(targets),
        arg=number,
    )
    await tell(press.interaction, view=Lasting(row(choice)))


@handles("merge_into")
async def merge_into(press: Press) -> None:
    """Merge."""
    session = await session_of(press)
    services = services_of(press.interaction)
    by = person_of(press.interaction.user)
    into = int(press.value)
    async with in_time(press.interaction):
        await services.queue.merge(session, by, press.arg or 0, into)
    _ = words_for(press.interaction)
    text = _("#{number} now counts with #{into}.", number=press.arg, into=into)
    await settle(press, session, text)


@handles("pending")
async def pending(press: Press) -> None:
    """Show what waits for approval, privately."""
    session = await session_of(press)
    services = services_of(press.interaction)
    _require_staff(services, press, session)
    _ = words_for(press.interaction)
    board = await services.views.board(session, pending=_PENDING_SHOWN)
    items: list[ui.Item[Any]] = []
    for question in board.pending:
        who = one_line(asker(question, board.names, _), 40)
        items.append(
            ui.TextDisplay(f"**#{question.number}** — {who}\n{quoted(question.body, 300)}")
        )
        items.append(decision_row(question, _))
    if not items:
        items.append(ui.TextDisplay(_("No question waits for approval.")))
    await tell(press.interaction, view=Lasting(*items))


async def _decide(press: Press, *, approve: bool) -> None:
    session = await session_of(press)
    services = services_of(press.interaction)
    by = person_of(press.interaction.user)
    async with in_time(press.interaction):
        question = await services.queue.decide(session, by, press.arg or 0, approve=approve)
    _ = words_for(press.interaction)
    text = (
        _("Question #{number} is approved.", number=question.number)
        if approve
        else _("Question #{number} is turned down.", number=question.number)
    )
    await settle(press, session, text)


@handles("approve")
async def approve(press: Press) -> None:
    """Let a pending question in."""
    await _decide(press, approve=True)


@handles("reject")
async def reject(press: Press) -> None:
    """Turn a pending question down."""
    await _decide(press, approve=False)


def _require_staff(services: Services, press: Press, session: Session) -> None:
    if not services.sessions.is_staff(person_of(press.interaction.user), session):
        raise StaffOnly
