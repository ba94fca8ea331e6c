"""A network of its own for each owner: made when first needed, taken away when idle."""

import secrets

import structlog

from bot.database import Transaction
from bot.lab import holdings
from bot.lab.drivers import Network
from bot.lab.errors import LabError, SubnetTaken
from bot.lab.hosts import WORK_SECONDS, Host
from bot.lab.model import Instance
from bot.lab.spec import network_id_of, network_of, places
from bot.timeline import Timeline

log = structlog.get_logger(__name__)

_TRIES = 20


class Networks:
    """The owners' networks on all hosts."""

    def __init__(self, timeline: Timeline, installation: str) -> None:
        self._database = timeline.database
        self._installation = installation
        # Those seen on their host, so that a launch needn't ask again.
        self._there: dict[str, dict[tuple[int, int, bool], Network]] = {}

    async def of(self, instance: Instance, host: Host) -> Network:
        """Return the network of an instance's owner, made when it isn't there.

        Raises:
            SubnetTaken: the host's subnet is used up, or by something else.
        """
        key = (instance.session_id, instance.owner_id or 0, instance.outward)
        known = self._there.setdefault(host.name, {})
        for last in (False,) * (_TRIES - 1) + (True,):
            if key in known:
                break
            network_id, network = await self._place(instance, host)
            try:
                await host.work(WORK_SECONDS, host.driver.ensure_network, network)
            except SubnetTaken:
                # Another program's, or another installation's on this host: somewhere else, then.
                await self._database.write(_drop, [network_id])
                if last:
                    raise
            else:
                known[key] = network
        return known[key]

    def forget(self, host: Host) -> bool:
        """Ask the host again next time; say whether anything was remembered."""
        return bool(self._there.pop(host.name, None))

    async def tidy(self, host: Host) -> None:
        """Take away the networks whose owners have nothing there any more.

        Raises:
            HostUnreachable: it doesn't answer.
        """
        # Forgotten first: who comes now gets a new one rather than one that is about to go.
        if await self._database.read(holdings.has_idle_networks, host.name):
            await self._database.write(holdings.drop_idle_networks, host.name)
            self.forget(host)
        there = await host.work(WORK_SECONDS, host.driver.networks, self._installation)
        known, last = await self._database.read(holdings.network_ids, host.name)
        for network in there:
            network_id = network_id_of(self._installation, network.name)
            # One that never had a row isn't ours, whatever it carries.
            if network_id is None or network_id in known or network_id > last:
                continue
            try:
                await host.work(WORK_SECONDS, host.driver.remove_network, network.name)
            except LabError as error:
                log.warning("could not remove a network", name=network.name, why=str(error))

    async def _place(self, instance: Instance, host: Host) -> tuple[int, Network]:
        subnet = host.settings.subnet
        count = places(subnet)
        # Others may begin at the same end of the same subnet.
        begin = secrets.randbelow(count)

        def work(tx: Transaction) -> tuple[int, int] | None:
            return holdings.network_place(
                tx,
                host.name,
                instance.session_id,
                instance.owner_id or 0,
                outward=instance.outward,
                places=[*range(begin, count), *range(begin)],
            )

        ids = await self._database.write(work)
        if ids is None:
            raise SubnetTaken(subnet=subnet)
        return ids[0], network_of(self._installation, instance, host, ids)


def _drop(tx: Transaction, network_ids: list[int]) -> None:
    for network_id in network_ids:
        holdings.drop_network(tx, network_id)
