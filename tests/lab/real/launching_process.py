"""A bot's lab in a process of its own, which dies where it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, NoReturn

from bot.lab.drivers import ContainerSpec, ContainerState, Image, Network, PullProgress
from bot.lab.drivers.docker import DockerDriver
from bot.lab.model import HostSettings
from tests.lab.real.world import people, real_lab
from tests.storage.world import SPEAKER

ANY = "any"
# The whole life of an instance, in order.
MOMENTS = (
    "asked",
    "admitted",
    "pulling",
    "network made",
    "created",
    "started",
    "written down as running",
    "about to remove",
    "removed",
)


def die() -> NoReturn:
    """End without a word, as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still there")


class Deadly(DockerDriver):
    """A driver whose process dies at a moment."""

    def __init__(self, moment: str, settings: HostSettings) -> None:
        super().__init__(settings)
        self._moment = moment

    def _now(self, moment: str) -> None:
        if moment == self._moment:
            die()

    def pull(self, reference: str, **given: Any) -> Image:
        if self._moment == "pulling":
            given["progress"] = self._when_it_moves
        return super().pull(reference, **given)

    def _when_it_moves(self, progress: PullProgress) -> None:
        if progress.current_bytes:
            die()

    def ensure_network(self, network: Network) -> None:
        self._now("admitted")
        super().ensure_network(network)
        self._now("network made")

    def create(self, spec: ContainerSpec) -> str:
        engine_id = super().create(spec)
        self._now("created")
        return engine_id

    def start(self, engine_id: str) -> None:
        super().start(engine_id)
        self._now("started")

    def inspect(self, engine_id: str) -> ContainerState:
        self._now("written down as running")
        return super().inspect(engine_id)

    def remove(self, engine_id: str) -> None:
        self._now("about to remove")
        super().remove(engine_id)
        self._now("removed")


def run(path: Path, address: str, host: str, moment: str, what: str, asked: Event) -> None:
    """Launch something and remove it; at `moment`, one of `MOMENTS`, the process kills itself.

    With `ANY` it starts four at once, says so, and waits to be killed.
    """
    asyncio.run(_main(path, address, host, moment, what, asked))


async def _main(path: Path, address: str, host: str, moment: str, what: str, asked: Event) -> None:
    driver = partial(Deadly, moment)
    async with real_lab(path, address, host=host, driver=driver) as here:
        await here.up()
        if moment == ANY:
            for person in people(4):
                await here.ask(person, what)
            asked.set()
            await asyncio.sleep(60)
        launch = await here.ask(SPEAKER, what)
        if moment == "asked":
            die()
        instance = await here.over(launch)
        await here.lab.instances.remove(instance, SPEAKER, "removed")
