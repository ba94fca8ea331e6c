"""How far each launch is right now; kept in memory, watched by whoever shows it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from bot.errors import StudyBotError
from bot.lab.drivers import PullProgress
from bot.lab.model import Stage


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a launch.

    `seconds` says when each stage that has begun did, from the request on. `position` counts
    from 1 while it waits, `is_cut_off` says that no host answers meanwhile. `waits_for` names the
    port that doesn't answer yet. `error` and `is_over` end it.
    """

    stage: Stage
    seconds: dict[Stage, float] = field(default_factory=dict[Stage, float])
    position: int | None = None
    is_cut_off: bool = False
    pull: PullProgress | None = None
    waits_for: int | None = None
    error: StudyBotError | None = None
    is_over: bool = False


class ProgressBoard:
    """The latest of every launch, by instance."""

    def __init__(self) -> None:
        self._latest: dict[int, Progress] = {}
        self._began: dict[int, float] = {}
        self._watchers: dict[int, set[asyncio.Event]] = {}
        # How launches ended, for as long as somebody still watches them.
        self._ends: dict[int, Progress] = {}

    def begin(self, instance_id: int) -> None:
        """A launch was asked for."""
        self._began[instance_id] = asyncio.get_running_loop().time()
        self._put(instance_id, Progress(Stage.QUEUED, {Stage.QUEUED: 0.0}))

    def get(self, instance_id: int) -> Progress | None:
        """Return the latest of a launch, None when it is over or unknown."""
        return self._latest.get(instance_id)

    def stage(self, instance_id: int, stage: Stage) -> None:
        """A stage begins."""
        known = self._latest.get(instance_id) or Progress(stage)
        seconds = {**known.seconds, stage: self._passed(instance_id)}
        self._put(instance_id, Progress(stage, seconds, pull=known.pull))

    def position(self, instance_id: int, position: int, *, is_cut_off: bool) -> None:
        """Its place in the queue is this now; with `is_cut_off`, no host that answers is there."""
        known = self._latest.get(instance_id)
        if known is None:
            return
        now = replace(known, position=position, is_cut_off=is_cut_off)
        if now != known:
            self._put(instance_id, now)

    def pulled(self, instance_id: int, pull: PullProgress) -> None:
        """The pull got further."""
        known = self._latest.get(instance_id)
        if known is not None:
            self._put(instance_id, replace(known, pull=pull))

    def waits_for(self, instance_id: int, port: int) -> None:
        """It is up, but a port doesn't answer yet."""
        known = self._latest.get(instance_id)
        if known is not None:
            self._put(instance_id, replace(known, waits_for=port))

    def end(self, instance_id: int, error: StudyBotError | None = None) -> None:
        """The launch is over, well or with an error."""
        known = self._latest.get(instance_id) or Progress(Stage.QUEUED)
        over = replace(known, error=error, is_over=True)
        self._put(instance_id, over)
        self._latest.pop(instance_id, None)
        if instance_id in self._watchers:
            self._ends[instance_id] = over
        self._began.pop(instance_id, None)

    async def watch(self, instance_id: int) -> AsyncGenerator[Progress]:
        """Yield the latest when it changed, as fast as it is asked for; ends with the launch."""
        changed = asyncio.Event()
        last: list[Progress] = []
        self._watchers.setdefault(instance_id, set()).add(changed)
        try:
            while True:
                now = self._latest.get(instance_id) or self._ends.get(instance_id)
                if now is None:
                    return
                if not last or last[0] is not now:
                    last[:] = [now]
                    yield now
                    if now.is_over:
                        return
                    continue
                await changed.wait()
                changed.clear()
        finally:
            watchers = self._watchers.get(instance_id, set())
            watchers.discard(changed)
            if not watchers:
                self._watchers.pop(instance_id, None)
                self._ends.pop(instance_id, None)

    def _passed(self, instance_id: int) -> float:
        now = asyncio.get_running_loop().time()
        return now - self._began.setdefault(instance_id, now)

    def _put(self, instance_id: int, progress: Progress) -> None:
        self._latest[instance_id] = progress
        for watcher in self._watchers.get(instance_id, ()):
            watcher.set()
