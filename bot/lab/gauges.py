"""Reads what instances use, for those who look right now."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import replace

from bot.lab.drivers import Counters
from bot.lab.figures import Figures, figures
from bot.lab.model import Instance
from bot.lab.works import AnyWorks

_READINGS_KEPT = 1000
_PAIR_SECONDS = 0.5
_FRESH_SECONDS = 60.0
_SIZE_SECONDS = 30.0


class Gauges:
    """The last reading of each instance, and what it comes to beside the one before."""

    def __init__(self, works: AnyWorks) -> None:
        self._works = works
        self._readings: OrderedDict[int, Counters] = OrderedDict()
        # How large their disks were, and when that was asked: it costs the engine some work.
        self._sizes: dict[int, tuple[float, int | None]] = {}

    async def read(self, instance: Instance, *, exact: bool = False) -> Figures:
        """Read what it uses. `exact`: two readings half a second apart, and its disk's size.

        Otherwise the CPU's share is over the time since the last reading, where that isn't
        long ago.

        Raises:
            NotRunning, ContainerGone, HostUnreachable.
        """
        works = self._works[instance.kind]
        before = self._readings.get(instance.id)
        if exact or before is None:
            before = await works.counters(instance, with_size=False)
            await asyncio.sleep(_PAIR_SECONDS)
        sized_at, size = self._sizes.get(instance.id, (float("-inf"), None))
        with_size = exact or before.at - sized_at > _SIZE_SECONDS
        now = await works.counters(instance, with_size=with_size)
        if now.at - before.at > _FRESH_SECONDS:
            return await self.read(instance, exact=True)
        if with_size:
            self._sizes[instance.id] = (now.at, now.disk_used_bytes)
        else:
            now = replace(now, disk_used_bytes=size)
        self._readings[instance.id] = now
        while len(self._readings) > _READINGS_KEPT:
            self._sizes.pop(self._readings.popitem(last=False)[0], None)
        return figures(before, now)

    async def disk_used(self, instance: Instance) -> int | None:
        """Return how large its disk is, as it was asked half a minute ago at the most.

        Raises:
            NotRunning, ContainerGone, HostUnreachable.
        """
        sized_at, size = self._sizes.get(instance.id, (float("-inf"), None))
        if time.monotonic() - sized_at < _SIZE_SECONDS:
            return size
        now = await self._works[instance.kind].counters(instance, with_size=True)
        self._sizes[instance.id] = (now.at, now.disk_used_bytes)
        while len(self._sizes) > _READINGS_KEPT:
            del self._sizes[next(iter(self._sizes))]
        return now.disk_used_bytes

    def restarted(self, instance_id: int) -> None:
        """Its counters begin anew: what was read before says nothing of it."""
        self._readings.pop(instance_id, None)

    def forget(self, instance_id: int) -> None:
        """It is gone."""
        self._readings.pop(instance_id, None)
        self._sizes.pop(instance_id, None)
