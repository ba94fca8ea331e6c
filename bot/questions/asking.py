"""Questions asked with the form: the bot shows them once somebody has seen them."""

from bot.database import Transaction
from bot.guilds import GuildService, Person, saw_person
from bot.questions import events, store
from bot.questions.errors import AnonymousOff, EmptyText, NoSuchQuestion, TextTooLong
from bot.questions.model import UNFINISHED, Question, SeenMessage, Source, State
from bot.questions.rules import check_limits, withdraw
from bot.sessions import Session, SessionService
from bot.timeline import Timeline, put_live_message

# What a person types into the form, and what fits a message with room for its frame.
ASK_LENGTH = 1500
ASK_POST = "ask"


class Asking:
    """Takes questions from the form, and what their askers do with them later."""

    def __init__(self, timeline: Timeline, guilds: GuildService, sessions: SessionService) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        self._sessions = sessions

    async def ask(
        self, session: Session, channel_id: int, by: Person, body: str, *, anonymous: bool
    ) -> Question:
        """Take a question from the form. It goes out as the bot's message once approved.

        Nothing an attendee wrote goes out under the bot's name unseen: an attendee's question
        is pending even in a session without moderation.

        Raises:
            EmptyText, TextTooLong, AnonymousOff, TooManyOpen, TooFast.
        """
        body = _checked(body)
        guild = self._guilds.get(session.guild_id)
        if anonymous and not guild.rules.anonymous:
            raise AnonymousOff
        staff = self._sessions.is_staff(by, session)
        seen = SeenMessage(session, channel_id, 0, by, (body,), self._timeline.clock())

        def work(tx: Transaction) -> Question:
            if not staff:
                check_limits(tx, session, by, guild, self._timeline.clock(), anonymous=anonymous)
            saw_person(tx, session.guild_id, by.id, by.name)
            question = store.insert(
                tx,
                seen,
                body,
                state=State.OPEN if staff else State.PENDING,
                source=Source.ASK,
                ordinal=0,
                anonymous=anonymous,
                message_id=None,
            )
            if question.state is State.OPEN:
                show_ask(tx, question)
            # The actor of an anonymous question stands in its row alone.
            actor_id = None if anonymous else by.id
            self._timeline.append(
                tx, events.event(events.ASKED, question, actor_id, number=question.number)
            )
            return question

        return await self._database.write(work)

    async def edit_own(self, question_id: int, by: Person, session: Session, body: str) -> Question:
        """Change the text of one's own question from the form; it is approved afresh.

        Raises:
            NoSuchQuestion: it isn't `by`'s, not from the form, or it is closed.
            EmptyText, TextTooLong.
        """
        body = _checked(body)
        staff = self._sessions.is_staff(by, session)

        def work(tx: Transaction) -> Question:
            question = self._own(tx, question_id, by, session)
            if question.source is not Source.ASK:
                raise NoSuchQuestion  # That one says what its message says.
            if question.body == body:
                return question
            question = store.rewrite(tx, question, body, self._timeline.clock())
            changes: list[dict[str, object]] = []
            if not staff and question.state is not State.PENDING:
                question, change = events.change(
                    tx, question.id, {"state": str(State.PENDING), "taken_at": None}
                )
                changes.append(change)
            actor_id = None if question.anonymous else by.id
            self._timeline.append(
                tx, events.event(events.EDITED, question, actor_id, changes=changes)
            )
            return question

        return await self._database.write(work)

    async def withdraw_own(self, question_id: int, by: Person, session: Session) -> Question:
        """Take one's own question back.

        Raises:
            NoSuchQuestion: it isn't `by`'s, or it is closed.
        """

        def work(tx: Transaction) -> Question:
            question = self._own(tx, question_id, by, session)
            actor_id = None if question.anonymous else by.id
            withdraw(tx, self._timeline, question, actor_id, followed=False)
            return question

        return await self._database.write(work)

    async def attach_message(self, question_id: int, message_id: int) -> None:
        """Note the message that shows a question asked with the form."""
        await self._database.write(store.attach_message, question_id, message_id)

    def _own(self, tx: Transaction, question_id: int, by: Person, session: Session) -> Question:
        question = store.get(tx, question_id, session.guild_id)
        if (
            question is None
            or question.session_id != session.id
            or question.author_id != by.id
            or question.state not in UNFINISHED
        ):
            raise NoSuchQuestion
        return question


def show_ask(tx: Transaction, question: Question) -> None:
    """Have a question of the form stand in its channel as the bot's own message."""
    put_live_message(tx, ASK_POST, question.id, question.guild_id, question.channel_id)


def _checked(body: str) -> str:
    body = body.strip()
    if not body:
        raise EmptyText
    if len(body) > ASK_LENGTH:
        raise TextTooLong(length=len(body), most=ASK_LENGTH)
    return body
