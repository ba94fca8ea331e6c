"""Threads that may be left behind: an engine that hangs must not keep the program from ending."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads(Executor):
    """Runs calls in up to so many threads.

    The standard library's pool does that too, but the program's end waits for what is under way
    in it, and a call to an engine that hangs may last for minutes.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._calls = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._threads = 0
        self._is_shut = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have something called.

        Raises:
            RuntimeError: it was shut down.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._is_shut:
                raise RuntimeError(f"{self._name} is shut down")
            self._calls.put((future, partial(fn, *args, **kwargs)))
            if self._idle:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                name = f"{self._name}_{self._threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - its base's
        """Take no more calls and drop those that wait; what is under way is left to itself."""
        with self._lock:
            self._is_shut = True
            while not self._calls.empty():
                call = self._calls.get()
                if call is not None:
                    call[0].cancel()
            for _ in range(self._threads):
                self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, work = call
            if future.set_running_or_notify_cancel():
                try:
                    result = work()
                except BaseException as error:  # noqa: BLE001 - it belongs to who asked
                    future.set_exception(error)
                else:
                    future.set_result(result)
                    del result
            del call, future, work
            with self._lock:
                # One that finds a call waiting isn't idle.
                if self._calls.empty():
                    self._idle += 1


def heard(answer: "asyncio.Future[Any]") -> None:
    """Take note of how something ended that all who waited for it may have left: no news then.

    A callback of futures and tasks, whose failures asyncio otherwise logs as nobody's.
    """
    if not answer.cancelled():
        answer.exception()
