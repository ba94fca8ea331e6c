"""Answers: given by replying to a question, or in a form for the current one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.database import Transaction
from bot.guilds import Person, saw_person
from bot.questions import answer_store, events, store
from bot.questions.errors import EmptyText, NoSuchQuestion, TextTooLong
from bot.questions.model import UNFINISHED, Answer, AnswerReceipt, Question, State
from bot.questions.queue import StaffOnly
from bot.sessions import Session, SessionService
from bot.timeline import Timeline, mark_undone, put_live_message

ANSWER_LENGTH = 1800
ANSWER_POST = "answer"


class Answers:
    """Keeps answers and supplements, and closes what is answered."""

    def __init__(self, timeline: Timeline, sessions: SessionService) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._sessions = sessions

    async def reply(
        self,
        session: Session,
        by: Person,
        *,
        replied_to: int,
        message_id: int,
        body: str,
        ordinal: int | None,
        at: datetime,
    ) -> AnswerReceipt | None:
        """Take a reply to a question's message, or to an earlier answer of it.

        Of several questions in the message, `ordinal` (from 1) chooses; else the first open
        one. An attendee's is kept as a supplement and closes nothing. None: the message
        replied to holds no question. The same reply again only follows its text.
        """
        staff = self._sessions.is_staff(by, session)

        def work(tx: Transaction) -> AnswerReceipt | None:
            known = answer_store.answer_by_message(tx, message_id)
            if known is not None and not body.strip():
                self._remove(tx, known)
                return None
            if known is not None:
                return self._follow(tx, session, known, body, by)
            question = _chosen(tx, replied_to, ordinal)
            if question is None or question.session_id != session.id or not body.strip():
                return None
            if answer_store.is_taken_back(tx, session.id, message_id, body):
                return None
            saw_person(tx, session.guild_id, by.id, by.name)
            return self._store(
                tx, question, by, body, supplement=not staff, message_id=message_id, at=at
            )

        return await self._database.write(work)

    async def write(
        self, session: Session, by: Person, body: str, question_id: int
    ) -> AnswerReceipt:
        """Answer a question from a form; the bot posts the answer.

        Raises:
            StaffOnly: for those who run the session.
            NoSuchQuestion: not in this session, or withdrawn since the form was opened.
            EmptyText, TextTooLong.
        """
        return await self._write(session, by, body, question_id, is_posted=True)

    async def note(
        self, session: Session, by: Person, body: str, question_id: int
    ) -> AnswerReceipt:
        """Keep an answer that stands elsewhere already, in the notes; nothing is posted.

        Raises:
            StaffOnly, NoSuchQuestion, EmptyText.
        """
        return await self._write(session, by, body, question_id, is_posted=False)

    async def _write(
        self, session: Session, by: Person, body: str, question_id: int, *, is_posted: bool
    ) -> AnswerReceipt:
        if not self._sessions.is_staff(by, session):
            raise StaffOnly
        body = body.strip("\n")
        if not body.strip():
            raise EmptyText
        if is_posted and len(body) > ANSWER_LENGTH:
            raise TextTooLong(length=len(body), most=ANSWER_LENGTH)

        def work(tx: Transaction) -> AnswerReceipt:
            question = store.get(tx, question_id, session.guild_id)
            if (
                question is None
                or question.session_id != session.id
                or question.state is State.WITHDRAWN
            ):
                raise NoSuchQuestion
            saw_person(tx, session.guild_id, by.id, by.name)
            receipt = self._store(
                tx,
                question,
                by,
                body,
                supplement=False,
                message_id=None,
                at=self._timeline.clock(),
            )
            if is_posted:
                put_live_message(
                    tx, ANSWER_POST, receipt.answer.id, session.guild_id, question.channel_id
                )
            return receipt

        return await self._database.write(work)

    async def message_edited(self, session: Session, message_id: int, body: str | None) -> bool:
        """Follow the edit of a reply; None: it is no answer any more.

        Returns whether the message was an answer.
        """
        if body is None or not body.strip():
            return bool(await self.messages_deleted([message_id]))

        def work(tx: Transaction) -> bool:
            known = answer_store.answer_by_message(tx, message_id)
            if known is None:
                return False
            self._follow(tx, session, known, body, None)
            return True

        return await self._database.write(work)

    async def messages_deleted(self, message_ids: Sequence[int]) -> int:
        """Take back the answers that deleted messages gave; return how many.

        A question that one of them had closed waits again, unless it moved on since.
        """

        def work(tx: Transaction) -> int:
            number = 0
            for message_id in message_ids:
                answer = answer_store.answer_by_message(tx, message_id)
                if answer is not None:
                    self._remove(tx, answer)
                    number += 1
            return number

        return await self._database.write(work)

    async def messages_of(self, session: Session) -> dict[int, int]:
        """Return the messages that gave the session's standing answers: message → channel."""
        return await self._database.read(answer_store.answer_messages_of_session, session.id)

    async def of(self, questions: Sequence[Question]) -> dict[int, list[Answer]]:
        """Return the answers of some questions, oldest first."""
        return await self._database.read(
            answer_store.answers_of, [question.id for question in questions]
        )

    async def get(self, answer_id: int, guild_id: int) -> tuple[Answer, Question] | None:
        """Return an answer that still stands, with its question."""

        def work(connection: store.Reader) -> tuple[Answer, Question] | None:
            answer = answer_store.answer_by_id(connection, answer_id)
            if answer is None:
                return None
            question = store.get(connection, answer.question_id, guild_id)
            return (answer, question) if question else None

        return await self._database.read(work)

    def _store(
        self,
        tx: Transaction,
        question: Question,
        by: Person,
        body: str,
        *,
        supplement: bool,
        message_id: int | None,
        at: datetime,
    ) -> AnswerReceipt:
        answer = answer_store.insert_answer(
            tx, question, by.id, body, supplement=supplement, message_id=message_id, at=at
        )
        changes: list[dict[str, Any]] = []
        open_states = (*UNFINISHED, State.MISSED, State.SKIPPED)
        if not supplement and question.state in open_states:
            question, change = events.change(tx, question.id, events.closing(State.ANSWERED, at))
            changes.append(change)
        self._timeline.append(
            tx,
            events.event(
                events.ANSWERED,
                question,
                by.id,
                changes=changes,
                answer_id=answer.id,
                supplement=supplement,
            ),
        )
        return AnswerReceipt(question, answer)

    def _follow(
        self, tx: Transaction, session: Session, known: Answer, body: str, by: Person | None
    ) -> AnswerReceipt:
        question = store.get(tx, known.question_id, session.guild_id)
        assert question is not None  # noqa: S101 - answers belong to one; for the type checker
        if known.body != body:
            answer_store.rewrite_answer(tx, known.id, body)
            self._timeline.append(
                tx,
                events.event(
                    events.ANSWER_EDITED, question, by.id if by else None, answer_id=known.id
                ),
            )
        current = answer_store.answer_by_id(tx, known.id)
        return AnswerReceipt(question, current or known)

    def _remove(self, tx: Transaction, answer: Answer) -> None:
        answer_store.delete_answer(tx, answer.id, self._timeline.clock())
        question_row = store.guild_of_question(tx, answer.question_id)
        question = store.get(tx, answer.question_id, question_row)
        assert question is not None  # noqa: S101 - answers belong to one; for the type checker
        standing = answer_store.answers_of(tx, [question.id]).get(question.id, ())
        # What closed the question is taken back with its last answer: until then another one
        # keeps it closed, whichever of them it was that closed it.
        is_last = not answer.supplement and all(other.supplement for other in standing)
        given = [
            event
            for event in store.answered_events(tx, question)
            if (is_last and event.data.get("changes"))
            or (event.data["answer_id"] == answer.id and (is_last or not event.data.get("changes")))
        ]
        changes: list[dict[str, Any]] = []
        for change in [change for one in given for change in one.data.get("changes", ())]:
            now = store.state_columns(tx, change["id"])
            if all(now[name] == value for name, value in change["after"].items()):
                before = dict(change["before"])
                if before.get("state") == State.CURRENT and store.current_beside(tx, change["id"]):
                    before["state"] = str(State.OPEN)
                question, reverse = events.change(tx, change["id"], before)
                changes.append(reverse)
        removed = self._timeline.append(
            tx,
            events.event(
                events.ANSWER_REMOVED, question, None, changes=changes, answer_id=answer.id
            ),
        )
        for one in given:
            mark_undone(tx, one.id, removed)


def _chosen(tx: Transaction, replied_to: int, ordinal: int | None) -> Question | None:
    questions = [q for q in store.of_message(tx, replied_to) if q.state is not State.WITHDRAWN]
    if not questions:
        earlier = answer_store.answer_by_message(tx, replied_to)
        if earlier is None:
            return None
        guild_id = store.guild_of_question(tx, earlier.question_id)
        return store.get(tx, earlier.question_id, guild_id)
    if ordinal is not None and 1 <= ordinal <= len(questions):
        return _standing_for(tx, questions[ordinal - 1])
    waiting = [q for q in questions if q.state in UNFINISHED]
    return _standing_for(tx, (waiting or questions)[0])


def _standing_for(tx: Transaction, question: Question) -> Question:
    """Follow a merged question to the one it became part of."""
    while question.state is State.MERGED and question.merged_into is not None:
        target = store.get(tx, question.merged_into, question.guild_id)
        if target is None:
            break
        question = target
    return question
