"""What launches of either kind have in common: taking them back, and writing down how they went."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import structlog

from bot.database import Transaction
from bot.errors import StudyBotError
from bot.lab import events, reasons, store
from bot.lab.catalogue import Catalogue
from bot.lab.errors import PullCancelled
from bot.lab.leases import first_end, latest
from bot.lab.model import Instance, Stage, State
from bot.lab.progress import ProgressBoard
from bot.lab.works import Cancelled
from bot.sessions import get_session
from bot.timeline import Timeline

log = structlog.get_logger(__name__)

# What else a row says then, by how it stands.
Values = Callable[[Instance], dict[str, Any]]


def _nothing(_instance: Instance) -> dict[str, Any]:
    return {}


class Launches:
    """The launches that this process is at, and their rows."""

    def __init__(self, timeline: Timeline, progress: ProgressBoard, catalogue: Catalogue) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._catalogue = catalogue
        self.progress = progress
        self._cancelled: dict[int, threading.Event] = {}
        # Those whose answer this process waited for, or still does.
        self._followed: set[int] = set()
        self._afterwards: set[asyncio.Task[None]] = set()

    # --- taking them back ---

    @contextlib.contextmanager
    def under_way(self, instance_id: int) -> Generator[threading.Event]:
        """Have a launch be one that can be taken back; yields what is set then."""
        flag = self._cancelled[instance_id] = threading.Event()
        try:
            yield flag
        finally:
            del self._cancelled[instance_id]

    def cancel(self, instance_id: int) -> bool:
        """Have a launch that is under way end; say whether there is one."""
        flag = self._cancelled.get(instance_id)
        if flag is not None:
            flag.set()
        return flag is not None

    # --- what goes on after them ---

    def follows(self, instance_id: int) -> bool:
        """Say whether to wait for an instance's answer: once in this process."""
        is_new = instance_id not in self._followed
        self._followed.add(instance_id)
        return is_new

    def in_background(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Have something go on that nobody waits for."""
        task = asyncio.create_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._is_done)
        return task

    def _is_done(self, task: "asyncio.Task[None]") -> None:
        self._afterwards.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("what follows a launch failed", exc_info=error)

    async def close(self) -> None:
        """End what goes on."""
        tasks = list(self._afterwards)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- writing them down ---

    async def started(
        self, instance: Instance, engine_id: str, values: Values = _nothing
    ) -> Instance:
        """Write down that it runs, and until when it may.

        Raises:
            Cancelled: it was taken back meanwhile.
        """
        at = self._timeline.clock()

        def work(tx: Transaction) -> Instance:
            current = store.get(tx, instance.id)
            if current is None or current.state is not State.LAUNCHING:
                # Somebody cleared the lab meanwhile.
                raise Cancelled
            session = get_session(tx, current.session_id, current.guild_id)
            started = store.update(
                tx,
                instance.id,
                state=State.RUNNING,
                stage=Stage.STARTED,
                engine_id=engine_id,
                started_at=at,
                deadline=latest(first_end(at, current.lifetime), session, self._catalogue.grace),
                **values(current),
            )
            self._timeline.append(tx, events.event(events.STARTED, started), at)
            return started

        return await self._database.write(work)

    async def ready(self, instance: Instance, values: Values = _nothing) -> None:
        """Write down that it answers, the first time."""
        at = self._timeline.clock()

        def work(tx: Transaction) -> None:
            current = _running(tx, instance.id)
            if current is None or current.ready_at is not None:
                return
            ready = store.update(
                tx, instance.id, stage=Stage.ANSWERING, ready_at=at, **values(current)
            )
            self._timeline.append(tx, events.event(events.READY, ready), at)

        await self._database.write(work)

    async def died(self, instance: Instance, **values: object) -> None:
        """Write down that it came to its end by itself, right after its start."""

        def work(tx: Transaction) -> None:
            if _running(tx, instance.id) is None:
                return
            ended = store.update(tx, instance.id, state=State.STOPPED, **values)
            self._timeline.append(tx, events.event(events.DIED, ended))

        await self._database.write(work)

    async def failed(self, instance: Instance, error: StudyBotError) -> None:
        """Write down why it came to nothing: taken back, or an error."""
        at = self._timeline.clock()
        was_cancelled = isinstance(error, Cancelled | PullCancelled)
        state = State.REMOVED if was_cancelled else State.FAILED
        reason = reasons.CANCELLED if was_cancelled else reasons.of_error(error)

        def work(tx: Transaction) -> None:
            current = store.get(tx, instance.id)
            if current is None or not current.is_alive:
                return
            ended = store.end(tx, instance.id, state, at, reason)
            kind = events.REMOVED if was_cancelled else events.FAILED
            self._timeline.append(tx, events.event(kind, ended, why=type(error).__name__), at)

        await self._database.write(work)
        self.progress.end(instance.id, error)

    async def learned(
        self,
        instance: Instance,
        kind: str,
        values: Values,
        stage: str,
    ) -> None:
        """Write down what became known of one that runs."""

        def work(tx: Transaction) -> None:
            current = _running(tx, instance.id)
            if current is not None:
                changed = store.update(tx, instance.id, **values(current))
                self._timeline.append(tx, events.event(kind, changed, stage=stage))

        await self._database.write(work)

    def seconds_since(self, instance: Instance) -> float:
        """Return how long ago it was asked for."""
        return (self._timeline.clock() - instance.requested_at).total_seconds()


def _running(tx: Transaction, instance_id: int) -> Instance | None:
    current = store.get(tx, instance_id)
    return current if current is not None and current.state is State.RUNNING else None


def require_wanted(flag: threading.Event) -> None:
    """Go on unless it was taken back.

    Raises:
        Cancelled.
    """
    if flag.is_set():
        raise Cancelled
