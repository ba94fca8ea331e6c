"""The parts of a session's set that most talks have: slides, notes, questions."""

from collections.abc import Iterable

from bot.localization import Words
from bot.notes import events as note_events
from bot.questions import Question, State
from bot.questions import events as question_events
from bot.sessions import Session
from bot.timeline import Event
from cogs.archive.published import Marks, Section, SessionSets
from cogs.kit import Services
from cogs.text import jump_url, one_line

_TOLD = (State.ANSWERED, State.MISSED)
_LISTED = 15
_QUESTION = 90
_LIST_CHARACTERS = 1500

_QUESTIONS_CHANGED = frozenset(
    {question_events.ASKED, question_events.APPROVED, *note_events.QUESTION_TIME_CHANGED}
)


class Parts:
    """Says what each of them shows now."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, sets: SessionSets) -> None:
        """Register them, in the order they are read in."""
        sets.add_part(self.slides, _nothing)
        sets.add_part(self.notes, _of_kinds(frozenset({note_events.POSTED})))
        sets.add_part(self.questions, _of_kinds(_QUESTIONS_CHANGED))

    async def slides(self, session: Session, _: Words) -> Section | None:
        """Show where the slides are."""
        if session.slides_url is None:
            return None
        return Section(f"### {_('Slides')}\n{session.slides_url}")

    async def notes(self, session: Session, _: Words) -> Section | None:
        """Lead to the notes, once they stand."""
        messages = await self._services.notes.messages(session.id)
        if not messages or messages[0].message_id is None:
            return None
        first = messages[0]
        url = jump_url(session.guild_id, first.channel_id, first.message_id)
        return Section(f"### {_('Notes')}\n{url}")

    async def questions(self, session: Session, _: Words) -> Section | None:
        """List what was answered and what was missed, each with a link to where it was asked."""
        board = await self._services.views.board(session)
        page = await self._services.views.page(session, _TOLD, 0, _LISTED * 10)
        told = sorted((one for one in page.questions if not one.joke), key=_number)
        if not told and not board.open_count:
            return None
        heading = _("Questions and answers")
        text = f"### {heading}\n" + _(
            "Answered {answered} · missed {missed} · open {open}",
            answered=sum(one.state is State.ANSWERED for one in told),
            missed=sum(one.state is State.MISSED for one in told),
            open=board.open_count,
        )
        for index, question in enumerate(told):
            line = "\n" + _listed(question, _)
            if index == _LISTED or len(text) + len(line) > _LIST_CHARACTERS:
                text += "\n-# " + _("… and {n} more in the file.", n=len(told) - index)
                break
            text += line
        return Section(text)


def _listed(question: Question, _: Words) -> str:
    url = jump_url(question.guild_id, question.channel_id, question.message_id)
    missed = f" ({_('Missed')})" if question.state is State.MISSED else ""
    return f"- [#{question.number}]({url}) {one_line(question.body, _QUESTION)}{missed}"


def _number(question: Question) -> int:
    return question.number


def _nothing(_event: Event) -> Iterable[int]:
    return ()


def _of_kinds(kinds: frozenset[str]) -> Marks:
    def marks(event: Event) -> Iterable[int]:
        return (event.session_id,) if event.kind in kinds and event.session_id else ()

    return marks
