"""From the timeline to those who act on it: durable, in order, once.

The dispatcher reads events past its cursor, writes a delivery row for each consumer that
wants one (cursor and rows in one transaction), and works the rows off: one lane after the
other's order, lanes beside each other. A row is closed only after its work succeeded, so a
crash repeats at most the delivery it interrupted; `Delivery.tried_at` tells the consumer so.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.errors import StudyBotError
from bot.timeline import store
from bot.timeline.model import Delivery, Event
from bot.timeline.service import Timeline

log = structlog.get_logger(__name__)

_CURSOR = "dispatch"
_BATCH = 500
# The first event of a burst is picked up at once, those that follow together.
_GATHER_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_GIVE_UP_AFTER = timedelta(hours=6)


class DeliveryImpossible(StudyBotError):
    """Trying again can't help: the channel is gone, or a permission is missing."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who acts on events of some kinds.

    `deliver` does the work and returns an id worth keeping (a message's) or None. It may be
    called again for the same event after a crash. It raises `DeliveryImpossible` when trying
    again is useless; anything else it raises is tried again, later and later, for six hours.
    `lane` names what must stay in order: a channel, a session, a guild.
    """

    name: str
    kinds: frozenset[str]
    lane: Callable[[Event], int]
    deliver: Callable[[Delivery], Awaitable[int | None]]


class Dispatcher:
    """Carries events to consumers and listeners."""

    def __init__(
        self,
        timeline: Timeline,
        is_expected: Callable[[Exception], bool] = lambda _problem: False,
    ) -> None:
        """Make one; problems that are `is_expected` are logged without where they came from."""
        self._timeline = timeline
        self._is_expected = is_expected
        self._consumers: dict[str, Consumer] = {}
        self._listeners: list[Callable[[Event], None]] = []
        self._lanes: dict[tuple[str, int], deque[Delivery]] = defaultdict(deque)
        self._workers: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._cursor = 0
        self._saved_cursor = 0

    def add_consumer(self, consumer: Consumer) -> None:
        """Register who must act on some events. Its name stands in rows: never rename it."""
        self._consumers[consumer.name] = consumer

    def add_listener(self, listener: Callable[[Event], None]) -> None:
        """Have `listener` told of each event while the program runs; nothing is kept for it."""
        self._listeners.append(listener)

    @property
    def waiting(self) -> int:
        """How many deliveries are queued."""
        return sum(len(lane) for lane in self._lanes.values())

    async def run(self) -> None:
        """Deliver until cancelled."""
        database = self._timeline.database
        try:
            # By way of the writer: what an interrupted run still had in flight is done by then.
            self._cursor, left = await database.write(store.unfinished, _CURSOR)
            self._saved_cursor = self._cursor
            for delivery in left:
                self._enqueue(delivery)
            loop = asyncio.get_running_loop()
            while True:
                looked_at = loop.time()
                while await self._pump():
                    pass
                await self._timeline.news()
                await asyncio.sleep(looked_at + _GATHER_SECONDS - loop.time())
        finally:
            await self._stop()

    async def _pump(self) -> bool:
        """Plan the next batch; say whether there may be more."""
        database = self._timeline.database
        events = await database.read(store.after, self._cursor, _BATCH)
        if not events:
            return False
        wanted = [
            Delivery(event, consumer.name, consumer.lane(event), None)
            for event in events
            for consumer in self._consumers.values()
            if event.kind in consumer.kinds
        ]
        # The cursor is written only when it matters: re-reading events nobody wants is free.
        if wanted or events[-1].id - self._saved_cursor > _BATCH:
            rows = [(item.event.id, item.consumer, item.lane) for item in wanted]
            await database.write(store.plan, _CURSOR, events[-1].id, rows)
            self._saved_cursor = events[-1].id
        self._cursor = events[-1].id
        for event in events:
            self._tell_listeners(event)
        for delivery in wanted:
            self._enqueue(delivery)
        return len(events) == _BATCH

    def _tell_listeners(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                # It may miss this one event; the others must not miss all that follow.
                log.exception("listener failed", kind=event.kind, event_id=event.id)

    def _enqueue(self, delivery: Delivery) -> None:
        lane = (delivery.consumer, delivery.lane)
        self._lanes[lane].append(delivery)
        if lane not in self._workers:
            self._workers[lane] = asyncio.create_task(
                self._work(lane), name=f"deliver:{delivery.consumer}:{delivery.lane}"
            )

    async def _work(self, lane: tuple[str, int]) -> None:
        queue = self._lanes[lane]
        pause = _FIRST_PAUSE_SECONDS
        while queue:
            try:
                await self._deliver(queue[0])
            except Exception:
                # The database failed under it. What was sent stays sent: say so next time.
                log.exception("delivery could not be recorded", consumer=lane[0], again_in_s=pause)
                queue[0] = replace(queue[0], tried_at=queue[0].tried_at or self._timeline.clock())
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                queue.popleft()
                pause = _FIRST_PAUSE_SECONDS
        del self._workers[lane], self._lanes[lane]

    async def _deliver(self, delivery: Delivery) -> None:
        database = self._timeline.database
        consumer = self._consumers.get(delivery.consumer)
        if consumer is None:
            return  # A consumer of another version: its row waits for that one.
        pause = _FIRST_PAUSE_SECONDS
        began = self._timeline.clock()
        since = delivery.tried_at or began
        event_id, name = delivery.event.id, delivery.consumer
        result: int | None = None
        error: str | None = None
        await database.write(store.begin_delivery, event_id, name, since)
        while True:
            try:
                result = await consumer.deliver(delivery)
                break
            except DeliveryImpossible as problem:
                error = str(problem)
                log.warning("delivery impossible", consumer=name, event_id=event_id, why=error)
                break
            except Exception as problem:
                # Hours in which the bot was away don't count: nothing was tried in them.
                if self._timeline.clock() - began > _GIVE_UP_AFTER:
                    error = repr(problem)
                    log.exception("delivery given up", consumer=name, event_id=event_id)
                    break
                log.warning(
                    "delivery failed",
                    consumer=name,
                    event_id=event_id,
                    again_in_s=pause,
                    error=repr(problem),
                    exc_info=None if self._is_expected(problem) else problem,
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            delivery = replace(delivery, tried_at=since)
        await database.write(store.end_delivery, event_id, name, result, error)

    async def _stop(self) -> None:
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        # A worker that never began its first step leaves itself behind; what is queued is
        # read from its rows again.
        self._workers.clear()
        self._lanes.clear()
        await asyncio.gather(*workers, return_exceptions=True)
