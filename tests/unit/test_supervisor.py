"""Background work goes on: what fails is reported and begun again."""

import asyncio

import pytest

from bot.supervisor import Supervisor
from tests.patience import LONG_SECONDS


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.supervisor._FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("bot.supervisor._LONGEST_PAUSE_SECONDS", 0.004)


async def test_failing_work_is_begun_again_and_counted() -> None:
    supervisor = Supervisor()
    done = asyncio.Event()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 4:
            raise OSError("no")
        done.set()
        await asyncio.Event().wait()

    supervisor.start("one", work)
    async with asyncio.timeout(LONG_SECONDS):
        await done.wait()
    assert supervisor.failures == {"one": 3}
    await supervisor.stop()


async def test_work_that_is_done_is_left_alone() -> None:
    supervisor = Supervisor()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    supervisor.start("one", work)
    await asyncio.sleep(0.02)
    assert runs == 1
    await supervisor.stop()


async def test_the_pauses_grow_to_a_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async def work() -> None:
        if len(pauses) == 6:
            await asyncio.Event().wait()
        raise OSError

    monkeypatch.setattr(asyncio, "sleep", noted)
    supervisor = Supervisor()
    supervisor.start("one", work)
    async with asyncio.timeout(LONG_SECONDS):
        while len(pauses) < 6:
            await sleep(0)
    await supervisor.stop()
    assert pauses == [0.001, 0.002, 0.004, 0.004, 0.004, 0.004]


async def test_regular_work_comes_again_even_after_failing() -> None:
    supervisor = Supervisor()
    runs = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            raise OSError
        if runs == 5:
            enough.set()

    supervisor.every("one", 0.001, work)
    async with asyncio.timeout(LONG_SECONDS):
        await enough.wait()
    await supervisor.stop()
    assert supervisor.failures == {"one": 1}


async def test_work_that_somebody_else_cancelled_is_begun_again() -> None:
    supervisor = Supervisor()
    again = asyncio.Event()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            again.set()
            await asyncio.Event().wait()
        inner = asyncio.create_task(asyncio.sleep(60))
        inner.cancel()
        await inner

    supervisor.start("one", work)
    async with asyncio.timeout(LONG_SECONDS):
        await again.wait()
    await supervisor.stop()
    assert supervisor.failures == {"one": 1}


async def test_stopping_waits_until_everything_has_cleaned_up() -> None:
    supervisor = Supervisor()
    cleaned: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append("tidy")

    async def clumsy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("clumsy")
            raise OSError("while cleaning up")

    supervisor.start("clumsy", clumsy)
    supervisor.start("tidy", tidy)
    await asyncio.sleep(0.005)
    async with asyncio.timeout(LONG_SECONDS):
        await supervisor.stop()
    assert sorted(cleaned) == ["clumsy", "tidy"]
