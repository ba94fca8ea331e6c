"""How the bot itself is: whether its event loop keeps up, what waits, how long engines take."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_EVERY_SECONDS = 0.25
_KEPT = int(60 / _EVERY_SECONDS)


class LoopLag:
    """Measures how late the event loop is, over the last minute."""

    def __init__(self) -> None:
        self.seconds: deque[float] = deque(maxlen=_KEPT)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_EVERY_SECONDS)
            self.seconds.append(max(0.0, time.perf_counter() - began - _EVERY_SECONDS))


@dataclass(frozen=True, slots=True)
class Health:
    """The bot's own state at a moment.

    `loop_lag_seconds`: single measurements. `waiting`: how many wait in each queue.
    `call_seconds`: the latest calls of each host's engine, by (host, call). `failures`: how
    often background work failed, by its name.
    """

    loop_lag_seconds: Sequence[float] = ()
    gateway_latency_seconds: float | None = None
    waiting: Mapping[str, int] = field(default_factory=dict[str, int])
    call_seconds: Mapping[tuple[str, str], Sequence[float]] = field(
        default_factory=dict[tuple[str, str], Sequence[float]]
    )
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
