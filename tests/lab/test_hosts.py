"""A lab host that is slow, hangs or comes back: what those hear who wait for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from bot.lab import State
from bot.lab.drivers import FakeDriver
from bot.lab.errors import HostUnreachable
from bot.lab.host import Finding, Proof
from bot.lab.hosts import Host
from tests.lab.things import FACTS, SETTINGS
from tests.lab.world import LabWorld
from tests.storage.world import ALICE, SPEAKER


class Slow(FakeDriver):
    """An engine in memory that can be stopped in its tracks."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.pings = 0

    def ping(self) -> None:
        self.pings += 1
        if not self.goes_on.wait(0.2):
            raise HostUnreachable

    def job(self, seconds: float = 0.0) -> str:
        time.sleep(seconds)
        self.goes_on.wait()
        return "done"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    monkeypatch.setattr("bot.lab.hosts._PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr("bot.lab.hosts._PAUSE_SECONDS", 0.1)
    made = Slow()
    yield made
    made.goes_on.set()


@pytest.fixture
async def host(engine: Slow) -> AsyncIterator[Host]:
    made = Host(SETTINGS, engine)
    made.came_up(FACTS)
    yield made
    engine.goes_on.set()
    await made.close()


async def test_what_takes_its_time_on_a_host_that_lives_is_waited_for(host: Host, engine: Slow):
    assert await host.work(5.0, engine.job, 0.6) == "done"
    assert engine.pings > 1


async def test_what_is_done_at_once_costs_no_question(host: Host, engine: Slow):
    assert await host.call(engine.job) == "done"
    assert engine.pings == 0


@pytest.mark.parametrize("limit", [2.5, 60.0])
async def test_a_host_that_hangs_is_found_out_before_the_time_is_up(
    host: Host, engine: Slow, limit: float
):
    engine.goes_on.clear()
    began = time.monotonic()
    with pytest.raises(HostUnreachable):
        await host.work(limit, engine.job)
    assert time.monotonic() - began < 1
    assert not host.is_up


async def test_many_who_wait_for_a_host_that_hangs_ask_it_once(host: Host, engine: Slow):
    engine.goes_on.clear()
    waiting = (host.work(60.0, engine.job) for _ in range(10))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in outcomes} == {HostUnreachable}
    assert engine.pings == 1


async def test_a_pull_outlasts_a_silence(host: Host, engine: Slow):
    pull = asyncio.create_task(host.wait_for(60.0, engine.job, 0.1))
    await asyncio.sleep(0.05)
    engine.goes_on.clear()
    assert not await host.look()
    engine.goes_on.set()
    host.came_up(FACTS)
    assert await pull == "done"


async def test_a_pull_is_not_begun_on_a_host_that_hangs(host: Host, engine: Slow):
    engine.goes_on.clear()
    with pytest.raises(HostUnreachable):
        await host.wait_for(60.0, engine.job)


async def test_what_was_away_is_proven_anew_before_it_serves_attendees(
    here: LabWorld, monkeypatch: pytest.MonkeyPatch
):
    """It may have been started anew, without its rules."""
    asked, shown = threading.Event(), threading.Event()

    def check(*_given: object) -> Proof:
        asked.set()
        shown.wait(5)
        return Proof((Finding("rules", is_good=True, text="The rules stand."),))

    monkeypatch.setattr("bot.lab.proving.check_host", check)
    here.driver.is_down = True
    await here.look()
    here.driver.is_down = False
    back = asyncio.create_task(here.look())
    await asyncio.to_thread(asked.wait, 5)
    attendee = await here.ask(ALICE)
    assert (await here.run(SPEAKER)).state is State.RUNNING
    assert (await here.now(attendee)).state is State.QUEUED
    shown.set()
    await back
    assert (await here.until(attendee, State.RUNNING)).host == "one"


async def test_a_host_that_was_too_busy_for_its_probes_is_looked_at_again_soon(
    here: LabWorld, monkeypatch: pytest.MonkeyPatch
):
    stands = [False, False, True]
    looks: list[bool] = []

    def check(*_given: object) -> Proof:
        looks.append(stands[len(looks)])
        return Proof((Finding("rules", is_good=looks[-1], text="The rules."),))

    monkeypatch.setattr("bot.lab.proving.check_host", check)
    monkeypatch.setattr("bot.lab.proving._AGAIN_SECONDS", 0.05)
    (host,) = here.lab.hosts
    await here.lab.proving.prove(host)
    assert not host.is_proven
    await here.lab.proving.prove_due(here.lab.hosts)
    assert len(looks) == 1  # not at once
    await asyncio.sleep(0.06)
    await here.lab.proving.prove_due(here.lab.hosts)
    await asyncio.sleep(0.06)
    await here.lab.proving.prove_due(here.lab.hosts)
    assert len(looks) == 2  # and after each failure twice as long
    await asyncio.sleep(0.06)
    await here.lab.proving.prove_due(here.lab.hosts)
    assert host.is_proven
    await here.lab.proving.prove_due(here.lab.hosts)
    assert len(looks) == 3  # what holds is looked at again after a while
