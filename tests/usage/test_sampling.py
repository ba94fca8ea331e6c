"""What is sampled, when, and what goes on when something doesn't answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.lab import Kind, State
from bot.lab.drivers import FakeDriver
from bot.usage import sampler
from bot.usage.ring import MOST
from tests.end_to_end.driver import until
from tests.storage.world import ALICE, SPEAKER
from tests.usage.world import MIB, Counting, UsageWorld, counters, usage_world


@pytest.fixture
async def usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[UsageWorld]:
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch) as world:
        yield world


@contextlib.asynccontextmanager
async def running(usage: UsageWorld) -> AsyncIterator[None]:
    """Have it sample by itself."""
    task = asyncio.create_task(usage.usage.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def engine(usage: UsageWorld, name: str = "one") -> Counting:
    driver = usage.here.drivers[name]
    assert isinstance(driver, Counting)
    return driver


async def test_what_an_instance_uses_is_known_after_two_sweeps(usage: UsageWorld):
    instance = await usage.here.run()
    usage.count(instance, cpu_seconds=1.0, memory_bytes=6 * MIB)
    await usage.sweep()
    first = usage.usage.latest(instance)
    assert first is not None
    assert first.sample.memory_bytes == 6 * MIB
    assert first.sample.cpus is None  # There is no earlier reading to take it from.
    await asyncio.sleep(0.1)
    usage.count(instance, cpu_seconds=1.05, memory_bytes=7 * MIB, disk_written_bytes=MIB)
    await usage.sweep()
    second = usage.usage.latest(instance)
    assert second is not None
    seconds = second.sample.seconds
    assert 0.1 <= seconds < 2
    assert second.sample.cpus == pytest.approx(0.05 / seconds)
    assert second.sample.disk_written_bytes_per_s == pytest.approx(MIB / seconds)
    recent = usage.usage.recent(instance)
    assert [point.mean("memory_bytes") for point in recent] == [6 * MIB, 7 * MIB]


async def test_all_instances_of_a_host_are_read_in_one_sweep(usage: UsageWorld):
    instances = [await usage.here.run() for _ in range(5)]
    for instance in instances:
        usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    assert engine(usage).swept == [tuple(one.engine_id for one in instances)]
    assert all(usage.usage.latest(one) for one in instances)


async def test_one_that_vanishes_leaves_a_hole_and_the_others_go_on(usage: UsageWorld):
    stays, goes = await usage.here.run(), await usage.here.run()
    for one in (stays, goes):
        usage.count(one, memory_bytes=MIB)
    await usage.sweep()
    del engine(usage).counts[goes.engine_id or ""]
    await usage.sweep()
    assert len(usage.usage.recent(stays)) == 2
    assert len(usage.usage.recent(goes)) == 1


async def test_what_was_away_for_a_while_comes_back_after_a_hole(
    usage: UsageWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.usage.rates.LONGEST_GAP_SECONDS", 0.1)
    instance = await usage.here.run()
    usage.count(instance, cpu_seconds=1.0)
    await usage.sweep()
    await usage.sweep()
    await asyncio.sleep(0.15)
    await usage.sweep()
    assert [one.after_hole for one in usage.usage.recent(instance)] == [True, False, True]
    assert usage.usage.recent(instance)[-1].mean("cpus") is None


async def test_an_engine_that_hangs_holds_up_no_other_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sampler, "_LIMIT_SECONDS", 0.2)
    monkeypatch.setattr("bot.usage.sampling.EVERY_SECONDS", 0.1)
    drivers: dict[str, FakeDriver] = {"one": Counting(), "two": Counting()}
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch, drivers) as usage:
        first = await usage.here.run()
        other = "two" if first.host == "one" else "one"
        await usage.move(await usage.here.run(ALICE), other)
        second = (await usage.here.lab.instances.up())[1]
        for one in (first, second):
            usage.count(one, memory_bytes=MIB)
        hung = engine(usage, first.host)
        async with running(usage):
            await until(lambda: usage.usage.latest(first) and usage.usage.latest(second))
            hung.answers.clear()
            asked = len(hung.swept)
            before = len(usage.usage.recent(second))
            await until(lambda: len(usage.usage.recent(second)) > before + 3)
            # It isn't asked again and again while it hangs: that would take all the threads.
            assert len(hung.swept) <= asked + 1
            hung.answers.set()
            there = len(usage.usage.recent(first))
            await until(lambda: len(usage.usage.recent(first)) > there + 1)


async def test_guests_and_containers_come_together_and_one_may_hang(
    usage: UsageWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sampler, "_LIMIT_SECONDS", 0.2)
    container, guest = await usage.here.run(), await usage.here.run()
    await usage.here.world.database.write(
        lambda tx: tx.execute("UPDATE instances SET kind = ? WHERE id = ?", (Kind.GUEST, guest.id))
    )
    usage.guests.counts[guest.engine_id or ""] = counters(0.0, memory_bytes=512 * MIB)
    # A guest that isn't ours is there too.
    usage.guests.counts["somebody else's"] = counters(0.0)
    usage.count(container, memory_bytes=MIB)
    await usage.sweep()
    of_guest, of_container = usage.usage.latest(guest), usage.usage.latest(container)
    assert of_guest is not None
    assert of_container is not None
    assert of_guest.sample.memory_bytes == 512 * MIB
    assert of_container.sample.memory_bytes == MIB
    engine(usage).answers.clear()
    await usage.sweep()
    assert (len(usage.usage.recent(guest)), len(usage.usage.recent(container))) == (2, 1)
    engine(usage).answers.set()


async def test_it_sleeps_while_nothing_is_up_and_wakes_when_something_is(usage: UsageWorld):
    async with running(usage):
        await until(lambda: engine(usage).swept)
        await asyncio.sleep(0.3)
        # Once, to let go of what was read before; then it sleeps.
        assert engine(usage).swept == [()]
        instance = await usage.here.run()
        usage.count(instance, memory_bytes=MIB)
        for event in await usage.here.world.events():
            usage.usage.on_event(event)
        await until(lambda: usage.usage.latest(instance))
        await usage.here.lab.instances.remove(instance, SPEAKER, "removed")
        for event in await usage.here.world.events():
            usage.usage.on_event(event)
        await until(lambda: engine(usage).swept[-1] == ())


async def test_somebody_who_looks_keeps_an_empty_host_awake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.usage.sampling.EVERY_SECONDS", 0.1)
    drivers: dict[str, FakeDriver] = {"one": Counting(is_here=True)}
    async with (
        usage_world(tmp_path / "bot.sqlite3", monkeypatch, drivers) as usage,
        running(usage),
    ):
        with usage.usage.watch("one"):
            await until(lambda: len(engine(usage).swept) > 3)
            reading = usage.usage.latest_of_host("one")
            assert reading is not None
            assert reading.sample.memory_bytes > 0
            assert reading.counters.cpu_seconds > 0
        await asyncio.sleep(0.3)
        asked = len(engine(usage).swept)
        await asyncio.sleep(0.3)
        assert len(engine(usage).swept) == asked


async def test_a_host_elsewhere_tells_nothing_of_its_machine(usage: UsageWorld):
    await usage.here.run()
    await usage.sweep()
    assert usage.usage.latest_of_host("one") is None


async def test_a_clock_that_jumps_changes_no_rate(usage: UsageWorld):
    instance = await usage.here.run()
    for number, jump in enumerate((0, 3600, -7200, 1)):
        usage.here.clock.on(seconds=jump)
        usage.count(instance, cpu_seconds=number * 0.01)
        await usage.sweep()
        await asyncio.sleep(0.02)
    track = usage.usage.sampling.track(instance.id)
    assert track is not None
    points = track.ring.points(datetime(2000, 1, 1, tzinfo=UTC))
    rates = [point.mean("cpus") for point in points]
    assert rates[0] is None
    assert all(0 < rate < 0.6 for rate in rates[1:])


async def test_after_a_start_of_the_bot_totals_go_on_with_what_was_used_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, driver = tmp_path / "bot.sqlite3", Counting()
    async with usage_world(path, monkeypatch, {"one": driver}) as usage:
        instance = await usage.here.run()
        usage.count(instance, cpu_seconds=5.0, memory_bytes=6 * MIB)
        await usage.sweep()
        clock, session = usage.here.clock, usage.here.session
    clock.on(seconds=60)
    async with usage_world(
        path, monkeypatch, {"one": driver}, clock=clock, session=session
    ) as usage:
        usage.count(instance, cpu_seconds=11.0, memory_bytes=8 * MIB)
        await usage.sweep()
        track = usage.usage.sampling.track(instance.id)
        assert track is not None
        assert track.totals is not None
        assert track.totals.amounts.cpu_seconds == 11.0
        assert clock.now - track.totals.first_at > timedelta(seconds=59)
        history = await usage.usage.history(instance, timedelta(minutes=5))
        found = [(point.mean("memory_bytes"), point.after_hole) for point in history.points]
        assert found == [(6 * MIB, True), (8 * MIB, True)]


async def test_a_stopped_instance_keeps_its_last_minutes(usage: UsageWorld):
    instance = await usage.here.run()
    usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    await usage.here.lab.instances.stop(instance, SPEAKER)
    usage.usage.sampling._is_stale = True
    assert await usage.sweep() is False
    await usage.usage.keep()
    assert len(usage.usage.recent(instance)) == 1
    usage.here.clock.on(minutes=16)
    await usage.usage.keep()
    assert usage.usage.sampling.track(instance.id) is None


async def test_top_lists_what_is_up(usage: UsageWorld):
    instance = await usage.here.run()
    usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    top = await usage.usage.top("one")
    assert top.is_up
    assert top.reading is None
    (row,) = top.rows
    assert row.instance.id == instance.id
    assert row.reading is not None
    assert row.reading.sample.memory_bytes == MIB


async def test_what_was_kept_of_an_instance_that_is_gone_from_the_database_is_let_go(
    usage: UsageWorld,
):
    instance = await usage.here.run()
    usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    await usage.here.world.database.write(
        lambda tx: tx.execute("DELETE FROM instances WHERE id = ?", (instance.id,))
    )
    await usage.usage.sampling.flush()
    assert await usage.here.world.rows("SELECT * FROM usage_subjects") == []


async def test_the_ring_holds_fifteen_minutes_and_no_more(usage: UsageWorld):
    instance = await usage.here.run()
    usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    track = usage.usage.sampling.track(instance.id)
    assert track is not None
    for number in range(2 * MOST):
        track.ring.put(replace(track.latest.sample, processes=number))
    assert len(track.ring) == MOST == 450


async def test_frozen_ones_are_read_too(usage: UsageWorld):
    instance = await usage.here.run()
    usage.count(instance, memory_bytes=MIB)
    frozen = await usage.here.lab.instances.freeze(instance, None, "muted")
    assert frozen.state is State.FROZEN
    await usage.sweep()
    assert usage.usage.latest(frozen) is not None
