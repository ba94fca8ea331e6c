"""How questions come in, and how they follow the message they stand in."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bot.database import Transaction
from bot.errors import NotAllowed
from bot.guilds import Guild, GuildService, Person, saw_person
from bot.moments import to_micros
from bot.questions import events, store
from bot.questions.errors import (
    EmptyText,
)
from bot.questions.model import (
    UNFINISHED,
    Question,
    Receipt,
    SeenMessage,
    Source,
    State,
)
from bot.questions.rules import check_limits, withdraw
from bot.questions.syntax import EditPlan, match_edit
from bot.sessions import Session, SessionService
from bot.timeline import Timeline


class Intake:
    """Takes questions from messages and from staff.

    Every call is safe to repeat: questions are matched to the message they stand in, so
    replays and reading history again change nothing.
    """

    def __init__(self, timeline: Timeline, guilds: GuildService, sessions: SessionService) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        self._sessions = sessions

    async def collect(self, seen: SeenMessage, *, gap_began: datetime | None = None) -> Receipt:
        """Bring the rows of a message in step with what it says now.

        New questions are taken within the person's limits, changed ones rewritten, vanished
        ones withdrawn. While reading up on a gap, `gap_began` makes the same text by the same
        person count once.
        """
        guild = self._guilds.get(seen.session.guild_id)
        unlimited = self._sessions.is_staff(seen.author, seen.session)
        return await self._database.write(self._collect, seen, guild, unlimited, gap_began)

    def _collect(
        self,
        tx: Transaction,
        seen: SeenMessage,
        guild: Guild,
        unlimited: bool,
        gap_began: datetime | None,
    ) -> Receipt:
        rows = store.of_message(tx, seen.message_id)
        rows = [row for row in rows if row.source is not Source.ASK]
        bodies = [body for body in seen.bodies if body]
        if not rows:  # A new message, as nearly all are.
            fresh = range(len(bodies))
            room = len(fresh) if unlimited else self._room(tx, seen, guild, fresh)
            taken = self._take(tx, seen, bodies, fresh[:room], unlimited, gap_began)
            return Receipt(tuple(taken), "" in seen.bodies, room < len(fresh))
        if not bodies and seen.text.strip() and any(row.source is Source.STAFF for row in rows):
            bodies = [seen.text.strip()]
        if any(_is_erased(row) for row in rows):
            # Its author had the words erased; that they still stand there revives nothing.
            return Receipt()
        plan = _matched(rows, bodies)
        by_id = {row.id: row for row in rows}
        for question_id in plan.gone:
            withdraw(tx, self._timeline, by_id[question_id], seen.author.id, followed=True)
        kept = {index: by_id[question_id] for index, question_id in plan.kept.items()}
        back = [index for index in sorted(kept) if kept[index].state is State.WITHDRAWN]
        back = [i for i in back if kept[i].body != bodies[i] or _went_with_message(tx, kept[i])]
        room_back = len(back)
        if back and not unlimited:
            room_back = self._room_left(tx, seen, guild)
        taken = [
            self._keep(tx, question, bodies[index], index, seen, unlimited)
            for index, question in sorted(kept.items())
            if question.state is not State.WITHDRAWN or index in back[:room_back]
        ]
        fresh = plan.added
        room = len(fresh) if unlimited else self._room(tx, seen, guild, fresh)
        taken += self._take(tx, seen, bodies, fresh[:room], unlimited, gap_began)
        return Receipt(
            taken=tuple(taken),
            is_empty="" in seen.bodies,
            is_over_limit=room < len(fresh) or room_back < len(back),
        )

    def _take(
        self,
        tx: Transaction,
        seen: SeenMessage,
        bodies: Sequence[str],
        fresh: Sequence[int],
        trusted: bool,
        gap_began: datetime | None,
    ) -> list[Question]:
        """Take the questions at some places of a message."""
        known = set[str]()
        if fresh:
            saw_person(tx, seen.session.guild_id, seen.author.id, seen.author.name)
            if gap_began is not None:
                known = store.texts_since(
                    tx, seen.session.id, seen.author.id, gap_began, seen.message_id
                )
        taken: list[Question] = []
        for index in fresh:
            if bodies[index] in known:
                continue
            question = store.insert(
                tx,
                seen,
                bodies[index],
                state=_first_state(seen, trusted=trusted),
                source=Source.MESSAGE,
                ordinal=index,
                message_id=seen.message_id,
            )
            store.put_attachments(tx, question.id, seen.attachments if index == 0 else ())
            self._timeline.append(
                tx,
                events.event(
                    events.ASKED,
                    question,
                    seen.author.id,
                    number=question.number,
                    source=str(question.source),
                ),
                seen.sent_at,
            )
            taken.append(question)
        return taken

    def _room(self, tx: Transaction, seen: SeenMessage, guild: Guild, fresh: Sequence[int]) -> int:
        """Say how many of the fresh questions the person's limits leave room for."""
        if not fresh:
            return 0
        pace = to_micros(seen.sent_at) - int(guild.rules.question_pace / timedelta(microseconds=1))
        waiting, _, last = store.load_of(tx, seen.session, seen.author.id, seen.message_id)
        if last is not None and pace < last <= to_micros(seen.sent_at):
            return 0
        return max(0, guild.rules.open_questions - waiting)

    def _room_left(self, tx: Transaction, seen: SeenMessage, guild: Guild) -> int:
        waiting, _, _ = store.load_of(tx, seen.session, seen.author.id)
        return max(0, guild.rules.open_questions - waiting)

    def _keep(
        self,
        tx: Transaction,
        question: Question,
        body: str,
        ordinal: int,
        seen: SeenMessage,
        trusted: bool,
    ) -> Question:
        if question.ordinal != ordinal:
            store.place(tx, question.id, ordinal)
        store.replace_attachments(tx, question.id, seen.attachments if ordinal == 0 else ())
        state = _first_state(seen, trusted=trusted)
        if question.body != body:
            question = store.rewrite(tx, question, body, self._timeline.clock())
            changes: list[dict[str, object]] = []
            if state is State.PENDING and question.state in (State.OPEN, State.CURRENT):
                # What was approved is not what it says now.
                question, change = events.change(
                    tx, question.id, {"state": str(state), "taken_at": None}
                )
                changes.append(change)
            self._timeline.append(
                tx, events.event(events.EDITED, question, seen.author.id, changes=changes)
            )
        if question.state is State.WITHDRAWN:
            question, change = events.change(
                tx, question.id, {"state": str(state), "closed_at": None}
            )
            self._timeline.append(
                tx, events.event(events.RETURNED, question, seen.author.id, changes=[change])
            )
        return question

    async def messages_deleted(self, message_ids: Collection[int]) -> int:
        """Withdraw the questions that stood in deleted messages; return how many."""

        def work(tx: Transaction) -> int:
            number = 0
            for message_id in message_ids:
                for question in store.of_message(tx, message_id):
                    if question.source is not Source.ASK and question.state in UNFINISHED:
                        withdraw(tx, self._timeline, question, None, followed=True)
                        number += 1
            return number

        return await self._database.write(work)

    async def add(self, seen: SeenMessage, by: Person) -> Question:
        """Take a whole message as a question: staff any, attendees their own.

        A message that is one already gives that one back.

        Raises:
            NotAllowed: an attendee, and somebody else's message.
            EmptyText: it holds no text.
        """
        staff = self._sessions.is_staff(by, seen.session)
        if not staff and by.id != seen.author.id:
            raise NotAllowed
        body = "\n".join(seen.bodies).strip()
        if not body:
            raise EmptyText
        guild = self._guilds.get(seen.session.guild_id)

        def work(tx: Transaction) -> Question:
            known = [q for q in store.of_message(tx, seen.message_id) if not _is_erased(q)]
            living = [question for question in known if question.state is not State.WITHDRAWN]
            if living:
                return living[0]
            if not staff:
                check_limits(tx, seen.session, by, guild, self._timeline.clock(), anonymous=False)
            saw_person(tx, seen.session.guild_id, seen.author.id, seen.author.name)
            if known:
                return self._keep(tx, known[0], body, 0, seen, staff)
            question = store.insert(
                tx,
                seen,
                body,
                state=State.PENDING if seen.session.moderated and not staff else State.OPEN,
                source=Source.STAFF,
                ordinal=0,
                message_id=seen.message_id,
            )
            store.put_attachments(tx, question.id, seen.attachments)
            self._timeline.append(
                tx, events.event(events.ASKED, question, by.id, number=question.number)
            )
            return question

        return await self._database.write(work)

    async def posts_of(self, session: Session) -> set[int]:
        """Return the bot's own messages that show the session's questions of the form."""
        return await self._database.read(store.posts_of_session, session.id)

    async def of_message(self, message_id: int) -> list[Question]:
        """Return the questions a message holds."""
        return await self._database.read(store.of_message, message_id)

    async def messages_of(self, session: Session) -> dict[int, int]:
        """Return the messages that hold the session's living questions: message → channel."""
        return await self._database.read(store.messages_of_session, session.id)


def _matched(rows: Sequence[Question], bodies: Sequence[str]) -> EditPlan[int]:
    """Match a message's questions to its text: living ones first, then those withdrawn."""
    living = [(row.id, row.body) for row in rows if row.state is not State.WITHDRAWN]
    withdrawn = [(row.id, row.body) for row in rows if row.state is State.WITHDRAWN]
    plan = match_edit(living, bodies)
    rest = match_edit(withdrawn, [bodies[index] for index in plan.added])
    back = {plan.added[index]: question_id for index, question_id in rest.kept.items()}
    added = tuple(plan.added[index] for index in rest.added)
    return EditPlan({**plan.kept, **back}, added, plan.gone)


def _first_state(seen: SeenMessage, *, trusted: bool) -> State:
    return State.PENDING if seen.session.moderated and not trusted else State.OPEN


def _is_erased(question: Question) -> bool:
    return question.author_id is None and not question.body


def _went_with_message(tx: Transaction, question: Question) -> bool:
    """Say whether a question went because its message did, not by hand nor turned down."""
    gone = store.departure(tx, question)
    return gone is None or bool(gone.data.get("followed"))
