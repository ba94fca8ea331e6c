"""The process that draws: its limits, its deaths and its end."""

import asyncio
import builtins
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from bot.drawing import DrawingFailed, DrawingTooSlow, DrawingWorker
from bot.errors import StudyBotError


async def gone(pid: int) -> bool:
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_it_runs_elsewhere_and_stays_for_the_next():
    async with DrawingWorker() as worker:
        first = await worker.draw(os.getpid)
        assert first != os.getpid()
        assert await worker.draw(os.getpid) == first
        assert await worker.draw(math.hypot, 3, 4) == 5
    assert await gone(first)


async def test_nothing_starts_before_the_first_drawing():
    before = len(psutil.Process().children())
    async with DrawingWorker():
        assert len(psutil.Process().children()) == before


async def test_large_things_pass_in_both_directions():
    async with DrawingWorker() as worker:
        numbers = [*range(300_000)]
        assert await worker.draw(sorted, numbers) == numbers


async def test_many_at_once_wait_for_their_turn():
    async with DrawingWorker() as worker:
        results = await asyncio.gather(*(worker.draw(math.sqrt, n * n) for n in range(50)))
        assert results == [*range(50)]


async def test_what_it_raises_is_told_and_the_worker_goes_on():
    async with DrawingWorker() as worker:
        pid = await worker.draw(os.getpid)
        with pytest.raises(DrawingFailed) as caught:
            await worker.draw(math.sqrt, -1)
        assert isinstance(caught.value, StudyBotError)
        assert "ValueError" in str(caught.value.__cause__)
        assert await worker.draw(os.getpid) == pid


async def test_what_it_prints_disturbs_nothing(capfd: pytest.CaptureFixture[str]):
    async with DrawingWorker() as worker:
        assert await worker.draw(builtins.print, "x" * 100_000) is None
        assert await worker.draw(math.sqrt, 4) == 2
    assert "xxx" in capfd.readouterr().err


@pytest.mark.parametrize("die", [lambda: (os._exit, 3), lambda: (os.abort,)])
async def test_a_worker_that_dies_is_replaced(die: Callable[[], tuple[Callable[..., object], ...]]):
    async with DrawingWorker() as worker:
        with pytest.raises(DrawingFailed):
            await worker.draw(*die())
        assert await worker.draw(math.sqrt, 4) == 2


async def test_a_worker_killed_between_drawings_is_replaced():
    async with DrawingWorker() as worker:
        pid = await worker.draw(os.getpid)
        os.kill(pid, signal.SIGKILL)
        assert await gone(pid)
        for _ in range(2):
            # It may take one drawing to notice.
            try:
                assert await worker.draw(os.getpid) != pid
                break
            except DrawingFailed:
                continue
        else:
            pytest.fail("no new worker")


async def test_a_worker_that_hangs_is_ended_in_time():
    async with DrawingWorker(time_limit_seconds=0.5) as worker:
        pid = await drawn_pid(worker)
        with pytest.raises(DrawingTooSlow):
            await asyncio.wait_for(worker.draw(time.sleep, 60), 30)
        assert await gone(pid)
        assert await drawn_pid(worker) != pid


async def drawn_pid(worker: DrawingWorker) -> int:
    """Return the worker's process id, however slow this machine starts it just now."""
    while True:
        try:
            return await worker.draw(os.getpid)
        except DrawingTooSlow:
            continue


async def test_a_cancelled_drawing_gives_its_reply_to_nobody():
    async with DrawingWorker() as worker:
        await worker.draw(os.getpid)
        task = asyncio.create_task(worker.draw(time.sleep, 60))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await worker.draw(math.sqrt, 9) == 3


async def test_closing_ends_a_drawing_under_way():
    worker = DrawingWorker()
    pid = await worker.draw(os.getpid)
    task = asyncio.create_task(worker.draw(time.sleep, 60))
    await asyncio.sleep(0.1)
    await asyncio.wait_for(worker.close(), 30)
    with pytest.raises(DrawingFailed):
        await task
    assert await gone(pid)
    with pytest.raises(DrawingFailed):
        await worker.draw(os.getpid)
    await worker.close()


async def test_the_event_loop_does_not_wait_for_a_drawing():
    async with DrawingWorker() as worker:
        await worker.draw(os.getpid)
        task = asyncio.create_task(worker.draw(sum, range(20_000_000)))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert await task
    # Drawn on the loop's own thread, it would have had no turn in between.
    assert turns > 5


PROGRAM = """
import asyncio, os, sys, time
from bot.drawing import DrawingWorker
async def main():
    async with DrawingWorker() as worker:
        print(await worker.draw(os.getpid), flush=True)
        if sys.argv[1] == "draw":
            await worker.draw(time.sleep, 60)
        await asyncio.sleep(60)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, request.param],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        yield started
        started.kill()


def worker_of(program: subprocess.Popen[str]) -> int:
    assert program.stdout
    return int(program.stdout.readline())


@pytest.mark.parametrize("program", ["draw", "idle"], indirect=True)
async def test_ctrl_c_ends_both_without_a_word(program: subprocess.Popen[str]):
    pid = worker_of(program)
    # As a terminal does: to the whole group.
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=20)
    assert (out.strip(), err) == ("interrupted", "")
    assert await gone(pid)


@pytest.mark.parametrize("program", ["idle"], indirect=True)
async def test_a_killed_parent_takes_its_worker_along(program: subprocess.Popen[str]):
    pid = worker_of(program)
    program.kill()
    assert await gone(pid)
