"""Question time: what the speaker, moderators and note-takers do with questions."""

from collections.abc import Mapping
from typing import Any

from bot.database import Transaction
from bot.errors import N_, Conflict, NotAllowed
from bot.guilds import Person, Role, names
from bot.questions import answer_store, events, store, vote_store
from bot.questions.asking import show_ask
from bot.questions.errors import (
    AlreadyClosed,
    CannotMerge,
    CannotUndo,
    NoSuchQuestion,
    NothingCurrent,
    NothingToUndo,
    NotPending,
    QueueEmpty,
    ReasonMissing,
)
from bot.questions.model import (
    UNFINISHED,
    Question,
    Source,
    State,
)
from bot.questions.undo import put_back, put_votes_back
from bot.sessions import Session, SessionService
from bot.timeline import Event, NewEvent, Timeline, latest_to_undo, mark_undone


class StaffOnly(NotAllowed):
    """For those who run the session."""

    message = N_("Only the speaker, moderators and note-takers can do this.")


class ModeratorOnly(NotAllowed):
    """For moderators."""

    message = N_("Only moderators can do this.")


class Queue:
    """Moves questions through their life. Every change can be undone."""

    def __init__(self, timeline: Timeline, sessions: SessionService) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._sessions = sessions

    async def next(
        self,
        session: Session,
        by: Person,
        number: int | None = None,
        *,
        expected: int | None = None,
    ) -> Question | None:
        """Take the next question, or #`number`; the current one counts as answered.

        `expected` is the id of the question that `by` saw as the current one, 0 for none.
        Returns None when the current one was the last.

        Raises:
            Conflict: somebody was faster, another one is current than `expected`.
            QueueEmpty: none is current and none waits.
            NoSuchQuestion, AlreadyClosed: about #`number`.
        """
        self._require_staff(by, session)
        now = self._timeline.clock()

        def work(tx: Transaction) -> Question | None:
            before = store.current(tx, session.id)
            _check_expected(before, expected)
            if number is not None:
                upcoming = self._waiting(tx, session, number)
            else:
                upcoming = next(iter(store.queue(tx, session.id, now, limit=1)), None)
            if before is None and upcoming is None:
                raise QueueEmpty
            changes: list[dict[str, Any]] = []
            if before is not None:
                before, change = events.change(tx, before.id, events.closing(State.ANSWERED, now))
                changes.append(change)
            if upcoming is not None:
                upcoming, change = events.change(
                    tx,
                    upcoming.id,
                    {"state": str(State.CURRENT), "taken_at": events.micros(now)},
                )
                changes.append(change)
                _show_if_asked(tx, upcoming)
            subject = upcoming or before
            assert subject is not None  # noqa: S101 - QueueEmpty above; for the type checker
            self._append(tx, events.NEXT, subject, by, changes, taken=upcoming is not None)
            return upcoming

        return await self._database.write(work)

    async def close(
        self,
        session: Session,
        by: Person,
        state: State,
        number: int | None = None,
        *,
        expected: int | None = None,
    ) -> Question:
        """Close the current question, or #`number`, as answered, missed or skipped.

        `expected` is the id of the question that `by` saw as the current one.

        Raises:
            Conflict: somebody was faster, another one is current than `expected`.
            NothingCurrent, NoSuchQuestion, AlreadyClosed.
        """
        self._require_staff(by, session)

        def work(tx: Transaction) -> Question:
            if number is None:
                question = store.current(tx, session.id)
                if question is None:
                    raise NothingCurrent
                _check_expected(question, expected)
            else:
                question = self._numbered(tx, session, number)
            if question.state in (state, State.MERGED, State.WITHDRAWN):
                raise AlreadyClosed(number=question.number)
            values = events.closing(state, self._timeline.clock())
            question, change = events.change(tx, question.id, values)
            self._append(tx, events.CLOSED, question, by, [change], state=str(state))
            return question

        return await self._database.write(work)

    async def reopen(self, session: Session, by: Person, number: int) -> Question:
        """Put a closed question back into the queue.

        Raises:
            AlreadyClosed: its author took it back, which is theirs to do.
            NoSuchQuestion.
        """
        self._require_staff(by, session)

        def work(tx: Transaction) -> Question:
            question = self._numbered(tx, session, number)
            if question.state in UNFINISHED:
                return question
            if question.state is State.WITHDRAWN:
                gone = store.departure(tx, question)
                if gone is None or gone.kind != events.REJECTED or not question.body:
                    raise AlreadyClosed(number=number)
            parted: dict[str, int] = {}
            if question.state is State.MERGED and question.merged_into is not None:
                parted["parted_from"] = question.merged_into
                vote_store.unmerge_votes(tx, question.id, question.merged_into)
                vote_store.count_votes(tx, question.merged_into)
            values = {"state": str(State.OPEN), "closed_at": None, "merged_into": None}
            question, change = events.change(tx, question.id, values)
            _show_if_asked(tx, question)
            self._append(tx, events.REOPENED, question, by, [change], **parted)
            return question

        return await self._database.write(work)

    async def toggle_joke(self, session: Session, by: Person, number: int | None) -> Question:
        """Put the joke label on #`number` (None: the current one), or take it off."""
        self._require_staff(by, session)

        def work(tx: Transaction) -> Question:
            question = (
                store.current(tx, session.id)
                if number is None
                else self._numbered(tx, session, number)
            )
            if question is None:
                raise NothingCurrent
            question, change = events.change(tx, question.id, {"joke": int(not question.joke)})
            self._append(tx, events.JOKE, question, by, [change])
            return question

        return await self._database.write(work)

    async def merge(self, session: Session, by: Person, number: int, into: int) -> Question:
        """Merge #`number` into #`into`: its votes count there; return the latter.

        Raises:
            CannotMerge: the same one, or one that is withdrawn or merged.
            NoSuchQuestion.
        """
        self._require_staff(by, session)

        def work(tx: Transaction) -> Question:
            source = self._numbered(tx, session, number)
            target = self._numbered(tx, session, into)
            gone = (State.MERGED, State.WITHDRAWN)
            if source.id == target.id or source.state in gone or target.state in gone:
                raise CannotMerge
            vote_store.merge_votes(tx, source, target)
            vote_store.count_votes(tx, target.id)
            values = events.closing(State.MERGED, self._timeline.clock())
            values["merged_into"] = target.id
            source, change = events.change(tx, source.id, values)
            self._append(tx, events.MERGED, source, by, [change], into=target.id)
            merged = store.get(tx, target.id, target.guild_id)
            assert merged is not None  # noqa: S101 - just read; for the type checker
            return merged

        return await self._database.write(work)

    async def move(self, session: Session, by: Person, number: int, place: int) -> Question:
        """Put #`number` at a place (from 1) among those that wait; votes no longer move it."""
        self._require_staff(by, session)

        def work(tx: Transaction) -> Question:
            question = self._waiting(tx, session, number)
            if question.state is not State.OPEN:
                raise AlreadyClosed(number=number)
            now = self._timeline.clock()
            order = [q for q in store.queue(tx, session.id, now) if q.id != question.id]
            order.insert(min(max(place, 1), len(order) + 1) - 1, question)
            # Ranks reach down to the moved one, so that everything above it stays put.
            last = max(
                (i for i, q in enumerate(order) if q.rank is not None or q.id == question.id),
                default=0,
            )
            changes: list[dict[str, Any]] = []
            for rank, item in enumerate(order[: last + 1], start=1):
                if item.rank != rank:
                    changed, change = events.change(tx, item.id, {"rank": rank})
                    changes.append(change)
                    question = changed if changed.id == question.id else question
            if changes:
                self._append(tx, events.MOVED, question, by, changes)
            return question

        return await self._database.write(work)

    async def decide(
        self, session: Session, by: Person, question_id: int, *, approve: bool
    ) -> Question:
        """Approve a pending question, or turn it down: nobody sees it then.

        Raises:
            NotPending: somebody else decided.
            NoSuchQuestion.
        """
        self._require_staff(by, session)

        def work(tx: Transaction) -> Question:
            question = store.get(tx, question_id, session.guild_id)
            if question is None or question.session_id != session.id:
                raise NoSuchQuestion
            if question.state is not State.PENDING:
                raise NotPending(number=question.number)
            values: Mapping[str, Any] = (
                {"state": str(State.OPEN)}
                if approve
                else events.closing(State.WITHDRAWN, self._timeline.clock())
            )
            question, change = events.change(tx, question.id, values)
            if approve:
                _show_if_asked(tx, question)
            kind = events.APPROVED if approve else events.REJECTED
            self._append(tx, kind, question, by, [change])
            return question

        return await self._database.write(work)

    async def undo(self, session: Session, by: Person) -> tuple[str, Question | None]:
        """Take the last change back; return the kind of event undone and its question.

        Raises:
            NothingToUndo: none is left.
            CannotUndo: something newer stands on each that is.
        """
        self._require_staff(by, session)

        def work(tx: Transaction) -> tuple[str, Question | None]:
            last, reverse = self._undo_latest(tx, session)
            answer_id = last.data.get("answer_id")
            if isinstance(answer_id, int):
                answer_store.delete_answer(tx, answer_id, self._timeline.clock())
            put_votes_back(tx, last, session.guild_id)
            undone = NewEvent(
                events.UNDONE,
                session.guild_id,
                session.id,
                session.channel_id,
                by.id,
                {
                    "undoes": last.id,
                    "question_id": last.data["question_id"],
                    "changes": reverse,
                    **({"answer_id": answer_id} if answer_id else {}),
                },
            )
            mark_undone(tx, last.id, self._timeline.append(tx, undone))
            return last.kind, store.get(tx, last.data["question_id"], session.guild_id)

        return await self._database.write(work)

    def _undo_latest(self, tx: Transaction, session: Session) -> tuple[Event, list[dict[str, Any]]]:
        """Put the latest change back that can be; what something newer stands on is passed over."""
        before: int | None = None
        while True:
            # An attendee's supplement is not the staff's to undo; it may have come just now.
            last = latest_to_undo(
                tx, session.id, events.UNDOABLE, unless="supplement", before=before
            )
            if last is None:
                raise NothingToUndo if before is None else CannotUndo
            tx.execute("SAVEPOINT undo")
            try:
                reverse = put_back(tx, last.data.get("changes", ()))
            except CannotUndo:
                tx.execute("ROLLBACK TO undo")
                before = last.id
            else:
                return last, reverse
            finally:
                tx.execute("RELEASE undo")

    async def reveal(
        self, session: Session, by: Person, number: int, reason: str
    ) -> tuple[Question, str | None]:
        """Say who asked #`number` anonymously; who looked, and why, is recorded.

        Raises:
            ModeratorOnly: others may not.
            ReasonMissing, NoSuchQuestion.
        """
        if Role.MODERATOR not in self._sessions.roles_of(by, session):
            raise ModeratorOnly
        reason = reason.strip()
        if not reason:
            raise ReasonMissing

        def work(tx: Transaction) -> tuple[Question, str | None]:
            question = self._numbered(tx, session, number)
            store.reveal(tx, question.id, by.id, reason[:1000], self._timeline.clock())
            self._append(tx, events.REVEALED, question, by, [])
            author = question.author_id
            known = names(tx, session.guild_id, [author]) if author is not None else {}
            return question, known.get(author) if author is not None else None

        return await self._database.write(work)

    def _require_staff(self, by: Person, session: Session) -> None:
        if not self._sessions.is_staff(by, session):
            raise StaffOnly

    def _append(
        self,
        tx: Transaction,
        kind: str,
        question: Question,
        by: Person,
        changes: list[dict[str, Any]],
        **data: Any,
    ) -> None:
        self._timeline.append(tx, events.event(kind, question, by.id, changes=changes, **data))

    def _numbered(self, tx: Transaction, session: Session, number: int) -> Question:
        question = store.by_number(tx, session.id, number)
        if question is None:
            raise NoSuchQuestion
        return question

    def _waiting(self, tx: Transaction, session: Session, number: int) -> Question:
        question = self._numbered(tx, session, number)
        if question.state not in (State.OPEN, State.PENDING):
            raise AlreadyClosed(number=number)
        return question


def _check_expected(current: Question | None, expected: int | None) -> None:
    # Gone from there meanwhile is no conflict: what was pressed is still what was meant.
    if expected is not None and current is not None and current.id != expected:
        raise Conflict


def _show_if_asked(tx: Transaction, question: Question) -> None:
    if question.source is Source.ASK:
        show_ask(tx, question)
