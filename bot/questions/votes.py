"""Votes: one a person, however many things they tapped."""

from collections.abc import Collection, Mapping, Sequence

from bot.database import Transaction
from bot.guilds import Person, saw_person
from bot.questions import events, store, vote_store
from bot.questions.errors import NoSuchQuestion, OwnVote
from bot.questions.model import UNFINISHED, Question, State
from bot.sessions import Session
from bot.timeline import Timeline

BOARD = "board"


class Votes:
    """Counts reactions on a question's message and choices on the board."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._database = timeline.database

    async def reacted(self, message_id: int, user_id: int, emoji: str, *, on: bool) -> bool:
        """Follow a voting reaction; it counts for each question of the message.

        Returns whether the message holds a question. One's own question is passed over.
        """

        def work(tx: Transaction) -> bool:
            questions = store.of_message(tx, message_id)
            for question in self._counting(tx, questions):
                if question.author_id != user_id:
                    vote_store.vote(tx, question.id, user_id, emoji, on=on)
                    self._recount(tx, question)
            return bool(questions)

        return await self._database.write(work)

    async def reactions_cleared(self, message_id: int, emojis: Collection[str]) -> None:
        """Follow the removal of all reactions of some emojis."""

        def work(tx: Transaction) -> None:
            for question in self._counting(tx, store.of_message(tx, message_id)):
                for emoji in emojis:
                    vote_store.clear_votes(tx, question.id, emoji)
                self._recount(tx, question)

        await self._database.write(work)

    async def set_reactions(self, message_id: int, user_ids: Mapping[str, Collection[int]]) -> None:
        """Make the votes by reaction exactly those: emoji → people (after a pause)."""

        def work(tx: Transaction) -> None:
            for question in self._counting(tx, store.of_message(tx, message_id)):
                for emoji, people in user_ids.items():
                    others = [one for one in people if one != question.author_id]
                    vote_store.set_votes(tx, question.id, emoji, others)
                self._recount(tx, question)

        await self._database.write(work)

    async def toggle(self, session: Session, by: Person, question_id: int) -> tuple[Question, bool]:
        """Put or take back a vote on the board; return the question and whether it is on.

        Raises:
            NoSuchQuestion: not in this session, or closed.
            OwnVote: one's own.
        """

        def work(tx: Transaction) -> tuple[Question, bool]:
            question = store.get(tx, question_id, session.guild_id)
            if (
                question is None
                or question.session_id != session.id
                or question.state not in UNFINISHED
            ):
                raise NoSuchQuestion
            if question.author_id == by.id:
                raise OwnVote
            saw_person(tx, session.guild_id, by.id, by.name)
            on = not vote_store.has_voted(tx, question.id, by.id, BOARD)
            vote_store.vote(tx, question.id, by.id, BOARD, on=on)
            self._recount(tx, question)
            counted = store.get(tx, question.id, session.guild_id)
            assert counted is not None  # noqa: S101 - just read; for the type checker
            return counted, on

        return await self._database.write(work)

    def _recount(self, tx: Transaction, question: Question) -> None:
        votes, changed = vote_store.count_votes(tx, question.id)
        if changed:
            # Who voted stays in the votes: the timeline knows only that the count changed.
            self._timeline.append(tx, events.event(events.VOTED, question, None, votes=votes))
        if question.state is State.MERGED and question.merged_into is not None:
            target = store.get(tx, question.merged_into, question.guild_id)
            if target is not None:
                vote_store.merge_votes(tx, question, target)
                self._recount(tx, target)

    def _counting(self, tx: Transaction, questions: Sequence[Question]) -> list[Question]:
        now = self._timeline.clock()
        return [q for q in questions if store.takes_votes(tx, q.session_id, now)]
