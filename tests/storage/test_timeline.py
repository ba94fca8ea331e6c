"""Every event reaches who must act on it: in order, once, also across crashes."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.database import Database, Transaction
from bot.timeline import (
    Consumer,
    Delivery,
    DeliveryImpossible,
    Dispatcher,
    Event,
    NewEvent,
    Timeline,
    cursor,
    drop_old_deliveries,
    store,
)
from tests.patience import LONG_SECONDS
from tests.storage.world import Clock, World

KIND = "thing.happened"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.timeline.dispatch._GATHER_SECONDS", 0.001)
    monkeypatch.setattr("bot.timeline.dispatch._FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr("bot.timeline.dispatch._LONGEST_PAUSE_SECONDS", 0.02)


async def happen(timeline: Timeline, *lanes: int, kind: str = KIND) -> list[int]:
    """Append an event for each lane, in one transaction."""

    def work(tx: Transaction) -> list[int]:
        return [timeline.append(tx, NewEvent(kind, 1, channel_id=lane)) for lane in lanes]

    return await timeline.database.write(work)


def consumer(deliver: Callable[[Delivery], Any], name: str = "courier") -> Consumer:
    return Consumer(name, frozenset({KIND}), lambda event: event.channel_id or 0, deliver)


@contextlib.asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(dispatcher.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(LONG_SECONDS):
        while not true():
            await asyncio.sleep(0.002)


async def delivered(here: World, name: str = "courier") -> dict[str, int]:
    rows = await here.rows(
        "SELECT state, count(*) FROM deliveries WHERE consumer = ? GROUP BY state", name
    )
    return dict(rows)  # pyright: ignore[reportArgumentType]


async def settled(here: World, count: int, name: str = "courier") -> None:
    async with asyncio.timeout(LONG_SECONDS):
        found = await delivered(here, name)
        while sum(found.values()) < count or "pending" in found:
            await asyncio.sleep(0.005)
            found = await delivered(here, name)


# --- delivering -----------------------------------------------------------------------------


async def test_a_lane_keeps_its_order_and_holds_up_no_other(here: World) -> None:
    got: dict[int, list[int]] = defaultdict(list)
    gate = asyncio.Event()

    async def deliver(delivery: Delivery) -> None:
        if delivery.lane == 1:
            await gate.wait()
        await asyncio.sleep(0.002 * (delivery.event.id % 3))
        got[delivery.lane].append(delivery.event.id)

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    ids = await happen(here.timeline, *(n % 3 for n in range(30)))
    async with running(dispatcher):
        await until(lambda: len(got[0]) == len(got[2]) == 10)
        assert not got[1]
        gate.set()
        await settled(here, 30)
    assert all(got[lane] == [i for n, i in enumerate(ids) if n % 3 == lane] for lane in range(3))
    assert await delivered(here) == {"done": 30}


async def test_only_the_wanted_kinds_are_delivered_and_listeners_hear_all(here: World) -> None:
    got: list[str] = []
    heard: list[str] = []

    async def deliver(delivery: Delivery) -> int:
        got.append(delivery.event.kind)
        return 4711

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    dispatcher.add_listener(lambda event: heard.append(event.kind))
    async with running(dispatcher):
        await happen(here.timeline, 1, kind="something.else")
        await happen(here.timeline, 1)
        await settled(here, 1)
    assert got == [KIND]
    assert heard == ["something.else", KIND]
    assert await here.rows("SELECT state, result, error FROM deliveries") == [("done", 4711, None)]


async def test_a_listener_that_raises_stops_nobody(here: World) -> None:
    heard: list[int] = []

    def faulty(event: Event) -> None:
        raise KeyError(event.id)

    async def deliver(delivery: Delivery) -> None:
        pass

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    dispatcher.add_listener(faulty)
    dispatcher.add_listener(lambda event: heard.append(event.id))
    async with running(dispatcher) as task:
        ids = await happen(here.timeline, 1, 1)
        await settled(here, 2)
        assert not task.done()
    assert heard == ids


async def test_a_passing_failure_is_tried_again_and_says_so(here: World) -> None:
    tries: list[datetime | None] = []

    async def deliver(delivery: Delivery) -> int:
        tries.append(delivery.tried_at)
        if len(tries) < 3:
            raise TimeoutError
        return 1

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    await happen(here.timeline, 1)
    async with running(dispatcher):
        await settled(here, 1)
    assert tries[0] is None
    assert tries[1] == tries[2] == here.clock()


async def test_a_failure_for_good_is_closed_and_the_lane_goes_on(here: World) -> None:
    class Gone(DeliveryImpossible):
        message = "The channel is gone."

    got: list[int] = []

    async def deliver(delivery: Delivery) -> None:
        got.append(delivery.event.id)
        if len(got) == 1:
            raise Gone

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    ids = await happen(here.timeline, 1, 1)
    async with running(dispatcher):
        await settled(here, 2)
    assert got == ids
    assert await here.rows("SELECT state, error FROM deliveries ORDER BY event_id") == [
        ("failed", "The channel is gone."),
        ("done", None),
    ]


async def test_after_six_hours_of_trying_it_is_given_up(here: World) -> None:
    async def deliver(_delivery: Delivery) -> None:
        here.clock.on(hours=1)
        raise TimeoutError

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    await happen(here.timeline, 1)
    async with running(dispatcher):
        await settled(here, 1)
    assert await delivered(here) == {"failed": 1}


async def test_hours_away_are_no_hours_of_trying(here: World) -> None:
    tries = 0

    async def deliver(_delivery: Delivery) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await asyncio.Event().wait()
        if tries == 2:
            raise TimeoutError

    for _ in range(2):
        dispatcher = Dispatcher(here.timeline)
        dispatcher.add_consumer(consumer(deliver))
        async with running(dispatcher):
            if not tries:
                await happen(here.timeline, 1)
                await until(lambda: tries)
            else:
                await settled(here, 1)
        here.clock.on(hours=12)
    assert await delivered(here) == {"done": 1}


async def test_another_versions_consumer_finds_its_rows(here: World) -> None:
    got: list[int] = []

    async def deliver(delivery: Delivery) -> None:
        got.append(delivery.event.id)

    async def stuck(_delivery: Delivery) -> None:
        await asyncio.Event().wait()

    newer = Dispatcher(here.timeline)
    newer.add_consumer(consumer(deliver))
    newer.add_consumer(consumer(stuck, "newcomer"))
    (event_id,) = await happen(here.timeline, 1)
    async with running(newer):
        await until(lambda: got)
    older = Dispatcher(here.timeline)
    older.add_consumer(consumer(deliver))
    async with running(older):
        await happen(here.timeline, 1)
        await until(lambda: len(got) == 2)
    assert await delivered(here, "newcomer") == {"pending": 1}
    waited: list[int] = []

    async def at_last(delivery: Delivery) -> None:
        waited.append(delivery.event.id)

    newest = Dispatcher(here.timeline)
    newest.add_consumer(consumer(at_last, "newcomer"))
    async with running(newest):
        await until(lambda: waited)
    assert waited == [event_id]


async def test_a_new_consumer_doesnt_get_what_was_dealt_with_long_ago(here: World) -> None:
    got: list[int] = []

    async def deliver(delivery: Delivery) -> None:
        got.append(delivery.event.id)

    old = Dispatcher(here.timeline)
    old.add_consumer(consumer(deliver))
    await happen(here.timeline, *range(5))
    async with running(old):
        await settled(here, 5)
    assert await here.database.read(cursor, "dispatch") == 5
    new = Dispatcher(here.timeline)
    new.add_consumer(consumer(deliver, "newcomer"))
    async with running(new):
        (event_id,) = await happen(here.timeline, 9)
        await settled(here, 1, "newcomer")
    assert got == [1, 2, 3, 4, 5, event_id]


async def test_a_burst_of_five_thousand(here: World) -> None:
    got: dict[int, list[int]] = defaultdict(list)

    async def deliver(delivery: Delivery) -> None:
        got[delivery.lane].append(delivery.event.id)

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    async with running(dispatcher):
        ids: list[int] = []
        for _ in range(10):
            ids += await happen(here.timeline, *(n % 20 for n in range(500)))
        await settled(here, 5000)
    assert sorted(one for lane in got.values() for one in lane) == ids
    assert all(lane == sorted(lane) for lane in got.values())
    assert dispatcher.waiting == 0


# --- crashes --------------------------------------------------------------------------------


async def test_a_crash_between_sending_and_noting_it_is_told_to_the_next_try(here: World) -> None:
    sent: list[datetime | None] = []
    began = asyncio.Event()

    async def deliver(delivery: Delivery) -> None:
        sent.append(delivery.tried_at)
        began.set()
        if len(sent) == 1:
            await asyncio.Event().wait()

    await happen(here.timeline, 1)
    first = Dispatcher(here.timeline)
    first.add_consumer(consumer(deliver))
    async with running(first):
        await began.wait()
    assert await delivered(here) == {"pending": 1}
    second = Dispatcher(here.timeline)
    second.add_consumer(consumer(deliver))
    async with running(second):
        await settled(here, 1)
    assert sent == [None, here.clock()]


async def test_a_failing_database_is_waited_for(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[datetime | None] = []

    async def deliver(delivery: Delivery) -> None:
        tries.append(delivery.tried_at)

    failures = iter([True, True])
    end = store.end_delivery

    def failing(*args: Any) -> None:
        if next(failures, False):
            raise OSError("disk full")
        end(*args)

    monkeypatch.setattr(store, "end_delivery", failing)
    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    await happen(here.timeline, 1, 1)
    async with running(dispatcher):
        await settled(here, 2)
    assert tries == [None, here.clock(), here.clock(), None]


@pytest.mark.parametrize("reused", [False, True], ids=["new process", "restarted by supervisor"])
@pytest.mark.parametrize("seed", range(8))
async def test_nothing_is_lost_or_doubled_wherever_it_is_cut(
    here: World, seed: int, reused: bool
) -> None:
    # A delivery that was told nothing of an earlier try must be the first one.
    chance = Random(seed)
    sent: dict[int, int] = defaultdict(int)
    finished: dict[int, int] = defaultdict(int)
    order: dict[int, list[int]] = defaultdict(list)
    unknowing: list[int] = []

    async def deliver(delivery: Delivery) -> None:
        event_id = delivery.event.id
        if sent[event_id] and delivery.tried_at is None:
            unknowing.append(event_id)
        sent[event_id] += 1
        for _ in range(chance.randint(0, 2)):
            await asyncio.sleep(0)
        finished[event_id] += 1
        if event_id not in order[delivery.lane]:
            order[delivery.lane].append(event_id)

    def made() -> Dispatcher:
        dispatcher = Dispatcher(here.timeline)
        dispatcher.add_consumer(consumer(deliver))
        return dispatcher

    dispatcher = made()
    ids: list[int] = []
    for _ in range(40):
        dispatcher = dispatcher if reused else made()
        async with running(dispatcher):
            ids += await happen(here.timeline, *(chance.randint(0, 3) for _ in range(5)))
            for _ in range(chance.randint(0, 60)):
                await asyncio.sleep(chance.choice([0, 0, 0, 0.0005]))
    async with running(dispatcher if reused else made()):
        await settled(here, len(ids))
    assert sorted(finished) == ids
    assert unknowing == [], "sent again without being told of the first time"
    assert await delivered(here) == {"done": len(ids)}
    assert all(lane == sorted(lane) for lane in order.values())
    # Whatever is repeated, is repeated only because it was cut off: once a cut at most.
    assert sum(sent.values()) <= len(ids) + 40 * 4


# --- the timeline itself --------------------------------------------------------------------


async def test_a_refused_change_leaves_no_event(here: World) -> None:
    def work(tx: Transaction) -> None:
        here.timeline.append(tx, NewEvent(KIND, 1))
        raise LookupError

    with pytest.raises(LookupError):
        await here.database.write(work)
    assert await here.events() == []


async def test_closed_deliveries_are_dropped_one_day_and_open_ones_never(here: World) -> None:
    async def deliver(delivery: Delivery) -> None:
        if delivery.lane == 2:
            await asyncio.Event().wait()

    dispatcher = Dispatcher(here.timeline)
    dispatcher.add_consumer(consumer(deliver))
    await happen(here.timeline, 1, 2)
    async with running(dispatcher):
        async with asyncio.timeout(LONG_SECONDS):
            while await delivered(here) != {"done": 1, "pending": 1}:
                await asyncio.sleep(0.005)
    later = here.clock() + timedelta(days=30)
    await here.database.write(drop_old_deliveries, later)
    assert await delivered(here) == {"pending": 1}


async def test_events_come_back_as_they_were(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "one.sqlite3")
    clock = Clock()
    clock.now = datetime(2026, 3, 4, 5, 6, 7, 891_011, tzinfo=UTC)
    timeline = Timeline(database, clock)
    data = {"changes": [{"before": {"rank": None}, "after": {"rank": 2}}], "名": "値"}
    new = NewEvent(KIND, 2**60, 3, 2**62, 5, data)
    await database.write(lambda tx: timeline.append(tx, new))
    (event,) = await timeline.of_session(3, KIND)
    assert (event.guild_id, event.channel_id, event.actor_id) == (2**60, 2**62, 5)
    assert event.at == clock.now
    assert event.data == data
    assert await timeline.of_session(3, "another.kind") == []
    await database.close()
