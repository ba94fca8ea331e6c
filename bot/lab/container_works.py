"""Containers: how they are made, used and taken away."""

from bot.errors import StudyBotError
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import ContainerState, Counters
from bot.lab.errors import ContainerGone
from bot.lab.hosts import WORK_SECONDS, Host, Hosts
from bot.lab.images import Images
from bot.lab.model import ALIVE, Instance, LabRole, RoleLimits
from bot.lab.networks import Networks
from bot.lab.steps import Steps, digest_of
from bot.lab.wishes import LaunchRequest, Wish, container_wish
from bot.lab.works import OtherPorts


class ContainerWorks:
    """Fulfils `Works` for containers."""

    def __init__(
        self,
        catalogue: Catalogue,
        hosts: Hosts[Host],
        steps: Steps,
        images: Images,
        networks: Networks,
        installation: str,
    ) -> None:
        self._catalogue = catalogue
        self.hosts = hosts
        self._steps = steps
        self._images = images
        self._networks = networks
        self._installation = installation

    def wish(self, request: LaunchRequest, limits: RoleLimits, role: LabRole) -> Wish:  # noqa: ARG002 - guests need it
        """Return what a request comes to."""
        return container_wish(self._catalogue, request, limits)

    async def launch(self, instance: Instance, host: Host, other_ports: OtherPorts[Host]) -> None:
        """Start it; whatever fails on the way is undone and written down."""
        await self._steps.launch(instance, host, other_ports)

    async def fail(
        self, instance: Instance, error: StudyBotError, host: Host | None = None
    ) -> None:
        """Undo what there is of it on its host, and say why in its row."""
        await self._steps.fail(instance, error, host)

    def watch(self, instance: Instance, host: Host) -> None:
        """Wait in the background for the answer of one that runs, once in this process."""
        self._steps.watch(instance, host)

    async def start(self, instance: Instance) -> int | None:
        """Start a stopped one.

        Raises:
            PortTaken, ContainerGone, HostUnreachable.
        """
        host, engine_id = place(self.hosts, instance)
        await host.work(WORK_SECONDS, host.driver.start, engine_id)
        return (await host.work(WORK_SECONDS, host.driver.inspect, engine_id)).process_id

    async def stop(self, instance: Instance) -> bool:
        """Stop it within the grace time; the engine doesn't tell whether it took force.

        Raises:
            ContainerGone, HostUnreachable.
        """
        host, engine_id = place(self.hosts, instance)
        grace = self._catalogue.stop_grace_seconds
        await host.work(WORK_SECONDS, host.driver.stop, engine_id, grace)
        return False

    async def restart(self, instance: Instance) -> int | None:
        """Stop and start it.

        Raises:
            PortTaken, ContainerGone, HostUnreachable.
        """
        host, engine_id = place(self.hosts, instance)
        grace = self._catalogue.stop_grace_seconds
        await host.work(WORK_SECONDS, host.driver.restart, engine_id, grace)
        return (await host.work(WORK_SECONDS, host.driver.inspect, engine_id)).process_id

    async def freeze(self, instance: Instance) -> None:
        """Freeze its processes where they are."""
        host, engine_id = place(self.hosts, instance)
        await host.work(WORK_SECONDS, host.driver.pause, engine_id)

    async def thaw(self, instance: Instance) -> None:
        """Let its processes go on."""
        host, engine_id = place(self.hosts, instance)
        await host.work(WORK_SECONDS, host.driver.unpause, engine_id)

    async def remove(self, instance: Instance) -> None:
        """Remove it from its host; one that never got there has nothing to remove."""
        if instance.host and instance.engine_id is not None:
            host = self.hosts.get(instance.host)
            await host.work(WORK_SECONDS, host.driver.remove, instance.engine_id)

    async def counters(self, instance: Instance, *, with_size: bool) -> Counters:
        """Read its counters once.

        Raises:
            NotRunning, ContainerGone, HostUnreachable.
        """
        host, engine_id = place(self.hosts, instance)
        return await host.call(host.driver.counters, engine_id, with_size=with_size)

    async def owned(self, host: Host) -> list[ContainerState]:
        """List what a host has of this installation."""
        return await host.call(host.driver.owned, self._installation)

    async def exact(self, host: Host, engine_id: str) -> ContainerState:
        """Look at one more closely: process and exit code."""
        return await host.call(host.driver.inspect, engine_id)

    async def digest(self, instance: Instance, host: Host) -> str | None:
        """Return its image's digest."""
        image = await self._images.known(host, instance.image)
        return digest_of(image) if image is not None else None

    async def clear(self, host: Host, instance_id: int, engine_id: str | None) -> None:  # noqa: ARG002 - guests need it
        """Remove a container; its network goes when its owner's last one has."""
        if engine_id is not None:
            await host.work(WORK_SECONDS, host.driver.remove, engine_id)

    async def tidy(self, host: Host) -> None:
        """Take away the networks whose owners have nothing there any more."""
        await self._networks.tidy(host)


def place(hosts: Hosts[Host], instance: Instance) -> tuple[Host, str]:
    """Return where a container is, and what its engine calls it.

    Raises:
        ContainerGone: it isn't there any more. HostUnreachable.
    """
    if instance.engine_id is None or instance.state not in ALIVE:
        raise ContainerGone
    return hosts.get(instance.host), instance.engine_id
