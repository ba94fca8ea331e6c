"""Takes away all of a guest: domain, address, volumes, by names that its id alone makes."""

from collections.abc import Callable
from datetime import timedelta
from typing import ParamSpec

import structlog

from bot.lab import holdings, store
from bot.lab.drivers import LABEL_INSTALLATION
from bot.lab.drivers.guests import NETWORK_CLOSED, NETWORK_OPEN
from bot.lab.errors import LabError
from bot.lab.guests.files import Files
from bot.lab.guests.spec import disk_name, instance_id_of, is_base, seed_name
from bot.lab.hosts import WORK_SECONDS, GuestHost
from bot.lab.model import Kind
from bot.lab.spec import engine_name
from bot.timeline import Timeline

log = structlog.get_logger(__name__)

P = ParamSpec("P")

# A launch that just began may be about to use it.
_KEPT_FOR = timedelta(hours=1)
_NETWORKS = (NETWORK_CLOSED, NETWORK_OPEN)


class Clearing:
    """Removes guests, and what is left of those that ended."""

    def __init__(self, timeline: Timeline, installation: str, files: Files) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._installation = installation
        self._files = files

    async def clear(self, host: GuestHost, instance_id: int, engine_id: str | None) -> None:
        """Take away all a host has of an instance; what isn't there is fine.

        In the reverse order of making: a kill in between leaves what the next try finds.

        Raises:
            HostUnreachable.
        """
        name = engine_name(self._installation, instance_id)
        if engine_id is None:
            # It may have been written down before anybody noted its id.
            engine_id = next(
                (
                    one.engine_id
                    for one in await host.work(WORK_SECONDS, host.driver.owned, self._installation)
                    if one.name == name and one.labels.get(LABEL_INSTALLATION) == self._installation
                ),
                None,
            )
        if engine_id is not None:
            await host.work(WORK_SECONDS, host.driver.remove, engine_id)
        for network in _NETWORKS:
            await host.work(WORK_SECONDS, host.driver.release, network, name)
        for volume in (
            seed_name(self._installation, instance_id),
            disk_name(self._installation, instance_id),
        ):
            await host.work(WORK_SECONDS, host.driver.delete_volume, volume)

    async def tidy(self, host: GuestHost) -> None:
        """Take away volumes and addresses of guests that have ended, and files nobody offers.

        Raises:
            HostUnreachable: it doesn't answer.
        """
        # What is there first: whatever is made after that belongs to a row that is read after it.
        there = await host.work(WORK_SECONDS, host.driver.volumes, self._installation)
        volumes = [one.name for one in there]
        reserved: dict[str, list[str]] = {}
        for network in _NETWORKS:
            reserved[network] = await host.work(
                WORK_SECONDS, host.driver.reservations, network, self._installation
            )
        for name in volumes:
            if not is_base(self._installation, name) and await self._has_ended(name):
                await self._quietly(host, name, host.driver.delete_volume, name)
        for network, names in reserved.items():
            for name in names:
                if await self._has_ended(name):
                    await self._quietly(host, name, host.driver.release, network, name)
        await self._drop_superseded(host)

    async def _drop_superseded(self, host: GuestHost) -> None:
        """Delete the files that this installation brought and nothing starts from any more.

        Disks build on them, so this waits until no guest of ours is on the host.
        """
        before = self._timeline.clock() - _KEPT_FOR
        old = await self._database.read(
            holdings.superseded_volumes, host.key, self._files.places, before
        )
        if not old or await self._database.read(store.alive, host=host.name, kind=Kind.GUEST):
            return
        for name in old:
            if await self._quietly(host, name, host.driver.delete_volume, name):
                await self._database.write(holdings.drop_volume, host.key, name)
        self._files.forget(host)

    async def _has_ended(self, name: str) -> bool:
        """Whether it is one of ours: has our name, and a row, which has ended."""
        instance_id = instance_id_of(self._installation, name)
        if instance_id is None:
            return False
        row = await self._database.read(store.get, instance_id)
        return row is not None and not row.is_alive

    async def _quietly(
        self, host: GuestHost, what: str, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Do it; what a host refuses is tried again another time."""
        try:
            await host.work(WORK_SECONDS, work, *args, **kwargs)
        except LabError as error:
            log.warning("could not take away", what=what, host=host.key, why=str(error))
            return False
        return True
