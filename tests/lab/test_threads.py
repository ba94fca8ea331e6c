"""Threads that may be left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

from bot.lab.threads import Threads
from tests.end_to_end.driver import ROOT

HANGS = """
import asyncio, time
from bot.lab.threads import Threads

async def main():
    threads = Threads(2, "test")
    asyncio.get_running_loop().run_in_executor(threads, time.sleep, 600)
    await asyncio.sleep(0.1)
    threads.shutdown(wait=False)

asyncio.run(main())
print("ended")
"""


def test_a_call_that_never_ends_does_not_keep_the_program():
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", HANGS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
    assert time.monotonic() - began < 20


def test_calls_give_what_they_return_or_raise():
    threads = Threads(3, "test")
    assert [one.result(5) for one in [threads.submit(divmod, n, 7) for n in range(50)]] == [
        divmod(n, 7) for n in range(50)
    ]
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(5)
    assert list(threads.map(abs, (-1, 2))) == [1, 2]
    threads.shutdown()


def test_no_more_run_at_once_than_there_are_threads():
    threads = Threads(3, "test")
    lock, go_on = threading.Lock(), threading.Event()
    running: list[int] = []

    def work() -> None:
        with lock:
            running.append(1)
        go_on.wait(10)

    calls = [threads.submit(work) for _ in range(9)]
    time.sleep(0.2)
    assert len(running) == 3
    go_on.set()
    for call in calls:
        call.result(5)
    assert len(running) == 9
    threads.shutdown()


def test_an_idle_thread_is_used_again():
    threads = Threads(10, "test")
    names = set()
    for _ in range(20):
        names.add(threads.submit(lambda: threading.current_thread().name).result(5))
        time.sleep(0.01)
    assert len(names) == 1
    threads.shutdown()


def test_what_waits_is_dropped_when_it_is_shut_down():
    threads = Threads(1, "test")
    go_on = threading.Event()
    first = threads.submit(go_on.wait, 10)
    second = threads.submit(abs, -1)
    threads.shutdown(wait=False)
    with pytest.raises(CancelledError):
        second.result(5)
    with pytest.raises(RuntimeError):
        threads.submit(abs, -1)
    go_on.set()
    assert first.result(5)
