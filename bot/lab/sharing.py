"""Something long that several may wait for: done once for all of them, and shown to each."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog

from bot.lab.drivers import PullProgress
from bot.lab.errors import PullCancelled

log = structlog.get_logger(__name__)

T = TypeVar("T")

Show = Callable[[PullProgress], None]

_LOOK_SECONDS = 0.2


@dataclass(eq=False, slots=True)
class _Work(Generic[T]):
    cancelled: threading.Event = field(default_factory=threading.Event)
    shows: list[Show] = field(default_factory=list[Show])
    waiting: int = 0
    task: "asyncio.Task[T] | None" = None

    def show(self, progress: PullProgress) -> None:
        """Tell everybody who waits; called in any thread."""
        for show in list(self.shows):
            show(progress)


Begin = Callable[[Show, threading.Event], Coroutine[Any, Any, T]]


class Sharing(Generic[T]):
    """What is under way, by host and by what it is about."""

    def __init__(self) -> None:
        self._works: dict[tuple[str, str], _Work[T]] = {}

    async def wait_for(
        self, key: tuple[str, str], begin: Begin[T], show: Show, cancelled: threading.Event
    ) -> T:
        """Wait for what `begin` makes, or somebody else has begun already.

        `begin` is given whom to show its progress, and what is set when it may end.
        `cancelled` takes back the asking; the work itself ends when nobody waits for it.

        Raises:
            PullCancelled, and what the work raises.
        """
        work = self._works.get(key)
        if work is None:
            work = self._works[key] = _Work()
            work.task = asyncio.create_task(begin(work.show, work.cancelled))
            work.task.add_done_callback(lambda _task, work=work: self._is_over(key, work))
        task = work.task
        assert task is not None  # noqa: S101 - set with the work itself, before anybody waits
        work.shows.append(show)
        work.waiting += 1
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=_LOOK_SECONDS)
                if cancelled.is_set() and not task.done():
                    raise PullCancelled
            return await task
        finally:
            work.shows.remove(show)
            work.waiting -= 1
            if not work.waiting:
                work.cancelled.set()
                # Who asks from now on must not be told that it was cancelled.
                self._drop(key, work)

    def _is_over(self, key: tuple[str, str], work: _Work[T]) -> None:
        self._drop(key, work)
        task = work.task
        # Nobody may be waiting for it any more.
        if task is not None and not task.cancelled() and (error := task.exception()) is not None:
            log.info("ended without success", host=key[0], what=key[1], why=repr(error))

    def _drop(self, key: tuple[str, str], work: _Work[T]) -> None:
        if self._works.get(key) is work:
            del self._works[key]
