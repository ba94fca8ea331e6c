"""A bot's guests in a process of its own, which dies where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bot.lab.drivers.guests import GuestSpec, Volume
from bot.lab.drivers.libvirt import LibvirtDriver
from bot.lab.model import HostSettings
from tests.lab.real.guest_world import guest_lab
from tests.lab.real.launching_process import die
from tests.storage.world import SPEAKER


class Deadly(LibvirtDriver):
    """A driver whose process dies at a moment."""

    def __init__(self, moment: str, settings: HostSettings) -> None:
        super().__init__(settings)
        self._moment = moment

    def _now(self, moment: str) -> None:
        if moment == self._moment:
            die()

    def upload(self, name: str, source: Path, **given: Any) -> Volume:
        made = super().upload(name, source, **given)
        self._now("seed written" if "seed" in name else "file brought")
        return made

    def create_volume(self, name: str, capacity_bytes: int, **given: Any) -> Volume:
        made = super().create_volume(name, capacity_bytes, **given)
        self._now("disk made")
        return made

    def reserve(self, network: str, name: str, mac: str, address: str) -> None:
        super().reserve(network, name, mac, address)
        self._now("address taken")

    def define(self, spec: GuestSpec) -> str:
        engine_id = super().define(spec)
        self._now("defined")
        return engine_id

    def start(self, engine_id: str) -> None:
        super().start(engine_id)
        self._now("started")

    def remove(self, engine_id: str) -> None:
        self._now("about to remove")
        super().remove(engine_id)
        self._now("forgotten")

    def release(self, network: str, name: str) -> None:
        super().release(network, name)
        self._now("address given back")

    def delete_volume(self, name: str) -> None:
        super().delete_volume(name)
        self._now("removed")


def run(path: Path, moment: str) -> None:
    """Create a guest and remove it; at `moment`, one of `MOMENTS`, the process kills itself."""
    asyncio.run(_main(path, partial(Deadly, moment)))


async def _main(path: Path, driver: Callable[[HostSettings], Deadly]) -> None:
    async with guest_lab(path, driver) as here:
        await here.up()
        asked = await here.ask_guest()
        instance = await here.running(asked)
        await here.lab.instances.remove(instance, SPEAKER, "removed")
