"""Guests: how they are made, used and taken away."""

import asyncio
import time

from bot.errors import StudyBotError
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import Counters, GuestState
from bot.lab.errors import ContainerGone, NotRunning
from bot.lab.guest_addresses import place_of
from bot.lab.guests.clearing import Clearing
from bot.lab.guests.steps import GuestSteps
from bot.lab.hosts import WORK_SECONDS, GuestHost, Hosts
from bot.lab.model import ALIVE, Instance, LabRole, RoleLimits
from bot.lab.spec import engine_name
from bot.lab.threads import heard
from bot.lab.wishes import LaunchRequest, Wish, guest_wish
from bot.lab.works import OtherPorts

_LOOK_SECONDS = 0.3
# All guests of a host are read in one call: whoever asks within this gets the same reading.
_SHARED_SECONDS = 0.3


class GuestWorks:
    """Fulfils `Works` for guests."""

    def __init__(
        self,
        catalogue: Catalogue,
        hosts: Hosts[GuestHost],
        steps: GuestSteps,
        clearing: Clearing,
        installation: str,
    ) -> None:
        self._catalogue = catalogue
        self.hosts = hosts
        self._steps = steps
        self._clearing = clearing
        self._installation = installation
        self._readings: dict[str, tuple[float, asyncio.Task[dict[str, Counters]]]] = {}

    def wish(self, request: LaunchRequest, limits: RoleLimits, role: LabRole) -> Wish:
        """Return what a request comes to."""
        return guest_wish(self._catalogue, request, limits, role)

    async def launch(
        self, instance: Instance, host: GuestHost, other_ports: OtherPorts[GuestHost]
    ) -> None:
        """Start it; whatever fails on the way is undone and written down."""
        await self._steps.launch(instance, host, other_ports)

    async def fail(
        self, instance: Instance, error: StudyBotError, host: GuestHost | None = None
    ) -> None:
        """Undo what there is of it on its host, and say why in its row."""
        await self._steps.fail(instance, error, host)

    def watch(self, instance: Instance, host: GuestHost) -> None:
        """Follow the boot of one that runs, in the background, once in this process."""
        self._steps.watch(instance, host)

    async def start(self, instance: Instance) -> int | None:
        """Start a stopped one.

        Raises:
            NetworkInactive, ContainerGone, HostUnreachable.
        """
        host, engine_id = guest_place(self.hosts, instance)
        # Its reservation is the network's, which may have been made anew since.
        place = place_of(host.settings, instance.ports[0].host)
        name = engine_name(self._installation, instance.id)
        await host.work(WORK_SECONDS, host.driver.release, place.network, name)
        await host.work(
            WORK_SECONDS, host.driver.reserve, place.network, name, place.mac, place.address
        )
        await host.work(WORK_SECONDS, host.driver.start, engine_id)
        return (await host.work(WORK_SECONDS, host.driver.inspect, engine_id)).process_id

    async def stop(self, instance: Instance) -> bool:
        """Ask it to shut down; pull the plug after its grace time, and say so.

        Raises:
            ContainerGone, HostUnreachable.
        """
        host, engine_id = guest_place(self.hosts, instance)
        await host.work(WORK_SECONDS, host.driver.shut_down, engine_id)
        until = time.monotonic() + self._catalogue.guest_stop_grace_seconds
        while time.monotonic() < until:
            # While a guest ends, libvirt may take its time to say anything about it.
            state = await host.work(WORK_SECONDS, host.driver.inspect, engine_id)
            if not state.is_running:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        await host.work(WORK_SECONDS, host.driver.destroy, engine_id)
        return True

    async def restart(self, instance: Instance) -> int | None:
        """Have it reboot; one that is off is started."""
        host, engine_id = guest_place(self.hosts, instance)
        if not (await host.work(WORK_SECONDS, host.driver.inspect, engine_id)).is_running:
            return await self.start(instance)
        await host.work(WORK_SECONDS, host.driver.reboot, engine_id)
        return (await host.work(WORK_SECONDS, host.driver.inspect, engine_id)).process_id

    async def freeze(self, instance: Instance) -> None:
        """Stop its processors where they are."""
        host, engine_id = guest_place(self.hosts, instance)
        await host.work(WORK_SECONDS, host.driver.pause, engine_id)

    async def thaw(self, instance: Instance) -> None:
        """Let its processors go on."""
        host, engine_id = guest_place(self.hosts, instance)
        await host.work(WORK_SECONDS, host.driver.resume, engine_id)

    async def remove(self, instance: Instance) -> None:
        """Remove it with its volumes and address; one that never got a host has none."""
        if instance.host:
            host = self.hosts.get(instance.host)
            await self._clearing.clear(host, instance.id, instance.engine_id)

    async def counters(self, instance: Instance, *, with_size: bool) -> Counters:  # noqa: ARG002 - containers need it
        """Read its counters once; those who ask at the same time share one call.

        Raises:
            NotRunning, ContainerGone, HostUnreachable.
        """
        host, engine_id = guest_place(self.hosts, instance)
        now = time.monotonic()
        at, task = self._readings.get(host.key, (float("-inf"), None))
        if task is None or now - at > _SHARED_SECONDS or task.cancelled():
            task = asyncio.create_task(self._read(host))
            task.add_done_callback(heard)
            self._readings[host.key] = (now, task)
        found = (await asyncio.shield(task)).get(engine_id)
        if found is None:
            raise NotRunning(name=instance.name)
        return found

    async def owned(self, host: GuestHost) -> list[GuestState]:
        """List what a host has of this installation."""
        return await host.call(host.driver.owned, self._installation)

    async def exact(self, host: GuestHost, engine_id: str) -> GuestState:
        """Look at one more closely."""
        return await host.call(host.driver.inspect, engine_id)

    async def digest(self, instance: Instance, host: GuestHost) -> str | None:  # noqa: ARG002 - containers need it
        """Return what its row says: a guest's disk is its own."""
        return instance.digest

    async def clear(self, host: GuestHost, instance_id: int, engine_id: str | None) -> None:
        """Take away all a host has of an instance, whether or not it got as far as an id."""
        await self._clearing.clear(host, instance_id, engine_id)

    async def tidy(self, host: GuestHost) -> None:
        """Take away volumes and addresses of guests that have ended."""
        await self._clearing.tidy(host)

    async def _read(self, host: GuestHost) -> dict[str, Counters]:
        return dict(await host.call(host.driver.counters))


def guest_place(hosts: Hosts[GuestHost], instance: Instance) -> tuple[GuestHost, str]:
    """Return where a guest is, and what its hypervisor calls it.

    Raises:
        ContainerGone: it isn't there any more. HostUnreachable.
    """
    if instance.engine_id is None or instance.state not in ALIVE:
        raise ContainerGone
    return hosts.get(instance.host), instance.engine_id
