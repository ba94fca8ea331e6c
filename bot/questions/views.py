"""What people look at: the board, lists, one question."""

from bot.guilds import names
from bot.questions import store
from bot.questions.errors import NoSuchQuestion
from bot.questions.model import Board, Page, Question, State
from bot.sessions import Session
from bot.timeline import Timeline

UPCOMING = 5


class Views:
    """Reads questions; changes nothing."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._database = timeline.database

    async def board(self, session: Session, *, pending: int = 0) -> Board:
        """Return what the board shows; with up to `pending` questions to approve."""
        now = self._timeline.clock()

        def work(connection: store.Reader) -> Board:
            current = store.current(connection, session.id)
            upcoming = store.queue(connection, session.id, now, limit=UPCOMING)
            waiting = (
                store.queue(connection, session.id, now, states=(State.PENDING,), limit=pending)
                if pending
                else []
            )
            shown = [*([current] if current else []), *upcoming, *waiting]
            return Board(
                session=session,
                current=current,
                upcoming=tuple(upcoming),
                counts=store.counts(connection, session.id, now),
                names=_names(connection, session.guild_id, shown),
                pending=tuple(waiting),
            )

        return await self._database.read(work)

    async def page(
        self, session: Session, states: tuple[State, ...], offset: int, limit: int
    ) -> Page:
        """Return some of a session's visible questions, in the order they will be taken."""
        now = self._timeline.clock()

        def work(connection: store.Reader) -> Page:
            counted = store.counts(connection, session.id, now)
            found = store.queue(
                connection, session.id, now, states=states, limit=limit, offset=offset
            )
            return Page(
                questions=tuple(found),
                offset=offset,
                total=sum(counted.get(state, 0) for state in states),
                names=_names(connection, session.guild_id, found),
            )

        return await self._database.read(work)

    async def get(self, question_id: int, guild_id: int) -> Question:
        """Return a question of this guild.

        Raises:
            NoSuchQuestion.
        """
        question = await self._database.read(store.get, question_id, guild_id)
        if question is None:
            raise NoSuchQuestion
        return question

    async def numbered(self, session: Session, number: int) -> Question:
        """Return a session's question #`number`.

        Raises:
            NoSuchQuestion.
        """
        question = await self._database.read(store.by_number, session.id, number)
        if question is None:
            raise NoSuchQuestion
        return question

    async def mine(self, guild_id: int, user_id: int, session: Session | None) -> list[Question]:
        """Return a person's own questions, newest first."""
        return await self._database.read(
            store.of_author, guild_id, user_id, session.id if session else None
        )

    async def left_over(self, session: Session) -> list[Question]:
        """Return what nobody answered: missed or still open, by number."""
        now = self._timeline.clock()

        def work(connection: store.Reader) -> list[Question]:
            left = (State.OPEN, State.CURRENT, State.MISSED)
            return store.queue(connection, session.id, now, states=left)

        found = await self._database.read(work)
        return sorted((q for q in found if not q.joke), key=lambda q: q.number)


def _names(connection: store.Reader, guild_id: int, questions: list[Question]) -> dict[int, str]:
    known = {q.author_id for q in questions if q.author_id is not None and not q.anonymous}
    return names(connection, guild_id, known)
