"""Background work: plain `async def` functions, restarted and reported when they fail."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_GOOD_RUN_SECONDS = 300.0


class Supervisor:
    """Keeps background work going."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.failures: dict[str, int] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns; when it raises, run it again after a growing pause."""
        self._tasks.append(asyncio.create_task(self._keep(name, work), name=name))

    def every(self, name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` now and again, `seconds` apart."""

        async def repeat() -> None:
            while True:
                await work()
                await asyncio.sleep(seconds)

        self.start(name, repeat)

    async def stop(self) -> None:
        """Cancel everything and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began = loop.time()
            try:
                await work()
            except (Exception, asyncio.CancelledError) as error:
                # Cancelled by somebody else, such as what it waited for, is a failure like any
                # other; and whatever it raises while it is being stopped, it isn't begun again.
                if _is_stopping():
                    if not isinstance(error, asyncio.CancelledError):
                        log.exception("background work failed while stopping", work=name)
                    raise
                self.failures[name] = self.failures.get(name, 0) + 1
                if loop.time() - began > _GOOD_RUN_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                log.exception("background work failed", work=name, again_in_s=pause)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _is_stopping() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
