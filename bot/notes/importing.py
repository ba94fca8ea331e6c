"""Answers that a note-taker wrote down, for the questions that were asked in the channel."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.guilds import Person
from bot.notes.errors import NoQuestionsInNotes
from bot.notes.question_time import paired, questions_in
from bot.notes.service import Notes
from bot.questions import Answers, Queue, State, answers_of, of_session
from bot.sessions import Session
from bot.timeline import Timeline

_GONE = (State.PENDING, State.MERGED, State.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One question of the session, and what the notes say of it.

    `is_known`: that answer (or miss) was there before, nothing would change.
    """

    question_id: int
    number: int
    asked: str
    noted: str
    answer: str
    is_missed: bool
    likeness: float
    is_known: bool


class AnswerImport:
    """Finds answers in notes; writes those that somebody confirmed."""

    def __init__(self, timeline: Timeline, notes: Notes, answers: Answers, queue: Queue) -> None:
        self._database = timeline.database
        self._notes = notes
        self._answers = answers
        self._queue = queue

    async def proposals(self, session: Session, by: Person) -> list[Proposal]:
        """Return which questions the notes answer, in their order; nothing is changed.

        Raises:
            StaffOnly, NoNotes.
            NoQuestionsInNotes: none of the session's is in them.
        """
        self._notes.require_staff(by, session)
        noted = [
            question
            for question in questions_in(await self._notes.document(session))
            if question.answer or question.is_missed
        ]
        asked = [
            question
            for question in await self._database.read(of_session, session.id)
            if question.state not in _GONE and question.body
        ]
        given = await self._database.read(answers_of, [question.id for question in asked])
        pairs = paired([one.body for one in noted], [one.body for one in asked])
        if not pairs:
            raise NoQuestionsInNotes
        found: list[Proposal] = []
        for at, (which, alike) in sorted(pairs.items()):
            note, question = noted[at], asked[which]
            bodies = {answer.body.strip() for answer in given.get(question.id, ())}
            has_answer = any(not answer.supplement for answer in given.get(question.id, ()))
            is_known = (
                has_answer or question.state is State.MISSED
                if note.is_missed
                else note.answer.strip() in bodies
            )
            found.append(
                Proposal(
                    question_id=question.id,
                    number=question.number,
                    asked=question.body,
                    noted=note.body,
                    answer=note.answer,
                    is_missed=note.is_missed,
                    likeness=alike,
                    is_known=is_known,
                )
            )
        return found

    async def write(self, session: Session, by: Person, chosen: Sequence[Proposal]) -> int:
        """Write what was confirmed, unless it is there by now; return how many.

        Raises:
            StaffOnly, NoNotes, NoSuchQuestion: a question went meanwhile.
        """
        wanted = {one.question_id: one for one in chosen}
        written = 0
        for now in await self.proposals(session, by):
            one = wanted.get(now.question_id)
            if one is None or now.is_known:
                continue
            if one.is_missed:
                await self._queue.close(session, by, State.MISSED, one.number)
            else:
                await self._answers.note(session, by, one.answer, one.question_id)
            written += 1
        return written
