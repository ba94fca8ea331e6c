"""An engine in memory, for tests of everything above the drivers.

It passes the contract that the real one passes, and can be told to misbehave: `is_down`,
`delay_seconds`, `fail_next`. `registry` is what can be pulled, `hub` what a search finds.
"""

import itertools
import secrets
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from ipaddress import ip_network

from bot.lab.drivers import fake_container
from bot.lab.drivers.base import (
    LABEL_INSTALLATION,
    ContainerSpec,
    ContainerState,
    Counters,
    ExecResult,
    HostFacts,
    Network,
    Process,
)
from bot.lab.drivers.fake_container import FakeContainer
from bot.lab.drivers.fake_engine import FACTS
from bot.lab.drivers.fake_images import FakeImages, Offered
from bot.lab.errors import (
    ContainerGone,
    EngineRefused,
    ImageNotFound,
    NameTaken,
    NotRunning,
    PortTaken,
    SubnetTaken,
)

__all__ = ["FACTS", "FakeDriver", "Offered"]


class FakeDriver(FakeImages):
    """Fulfils `ContainerDriver` with nothing behind it."""

    def __init__(self, facts: HostFacts = FACTS) -> None:
        super().__init__(facts)
        self.taken_ports: set[int] = set()
        self.programs = fake_container.programs()
        self._containers: dict[str, FakeContainer] = {}
        self._networks: dict[str, Network] = {}
        self._process_ids = itertools.count(4001)

    def kill(self, engine_id: str, *, exit_code: int = 137, out_of_memory: bool = False) -> None:
        """End a container from outside, as the kernel or somebody on the host would."""
        with self._lock:
            container = self._container(engine_id)
            container.end(exit_code)
            container.out_of_memory = out_of_memory

    def vanish(self, engine_id: str) -> None:
        """Take a container away behind everybody's back."""
        with self._lock:
            del self._containers[engine_id]

    # --- containers ---

    def create(self, spec: ContainerSpec) -> str:
        """Write a container down."""
        with self._called("create"):
            found = self._find(spec.image)
            if found is None:
                raise ImageNotFound(image=spec.image)
            if any(one.spec.name == spec.name for one in self._containers.values()):
                raise NameTaken(name=spec.name)
            engine_id = secrets.token_hex(32)
            command = spec.command or found[1].command
            self._containers[engine_id] = FakeContainer(
                engine_id, spec, command, next(self._process_ids)
            )
            return engine_id

    def start(self, engine_id: str) -> None:
        """Run it."""
        with self._called("start"):
            self._start(self._container(engine_id))

    def inspect(self, engine_id: str) -> ContainerState:
        """Describe one container."""
        with self._called("inspect"):
            return self._container(engine_id).state(is_whole=True)

    def owned(self, installation: str) -> list[ContainerState]:
        """List by label."""
        with self._called("owned"):
            return [
                self._container(one.engine_id).state(is_whole=False)
                for one in self._containers.values()
                if one.spec.labels.get(LABEL_INSTALLATION) == installation
            ]

    def stop(self, engine_id: str, grace_seconds: int) -> None:  # noqa: ARG002 - a driver takes it
        """End it at once: nothing here insists on its grace time."""
        with self._called("stop"):
            self._container(engine_id).end()

    def restart(self, engine_id: str, grace_seconds: int) -> None:  # noqa: ARG002 - a driver takes it
        """End it and run it again."""
        with self._called("restart"):
            container = self._container(engine_id)
            container.end()
            container.process_id = next(self._process_ids)
            self._start(container)

    def pause(self, engine_id: str) -> None:
        """Freeze it."""
        with self._called("pause"):
            container = self._container(engine_id)
            container.is_paused = container.is_running

    def unpause(self, engine_id: str) -> None:
        """Let it go on."""
        with self._called("unpause"):
            self._container(engine_id).is_paused = False

    def remove(self, engine_id: str) -> None:
        """Forget it."""
        with self._called("remove"):
            self._containers.pop(engine_id, None)

    # --- what is inside ---

    def logs(self, engine_id: str, *, lines: int, since: datetime | None, most_bytes: int) -> bytes:
        """Return the end of what it printed."""
        with self._called("logs"):
            printed = self._container(engine_id).printed
        wanted = [line for at, line in printed if since is None or at >= since]
        return b"".join(wanted[-lines:] if lines else [])[-most_bytes:]

    def execute(
        self, engine_id: str, command: Sequence[str], *, seconds: float, most_bytes: int
    ) -> ExecResult:
        """Run one of `programs`."""
        with self._called("execute"):
            self._running(engine_id)
            ran = fake_container.run(self.programs, command)
        if ran.seconds == fake_container.FOREVER and ran.output:  # it prints without end
            output = (ran.output * (most_bytes // len(ran.output) + 1))[:most_bytes]
            return ExecResult(None, output, is_truncated=True, seconds=0.0)
        time.sleep(min(seconds, ran.seconds))
        ended = ran.seconds < seconds
        output = ran.output[:most_bytes]
        return ExecResult(
            exit_code=ran.exit_code if ended else None,
            output=output,
            is_truncated=len(ran.output) > most_bytes,
            seconds=min(seconds, ran.seconds),
        )

    def processes(self, engine_id: str) -> list[Process]:
        """List the one process it has."""
        with self._called("processes"):
            container = self._running(engine_id)
            command = " ".join(container.command)
            memory = fake_container.IDLE_MEMORY
            return [Process(container.process_id, "root", 0.0, memory, command)]

    def counters(self, engine_id: str, *, with_size: bool = False) -> Counters:
        """Count what an idle server uses."""
        with self._called("counters"):
            return self._running(engine_id).counters(with_size=with_size)

    def sweep(self, engine_ids: Sequence[str]) -> dict[str, Counters]:
        """Count those that run."""
        with self._called("sweep"):
            found = {one: self._containers.get(one) for one in engine_ids}
            return {
                engine_id: container.counters(with_size=False)
                for engine_id, container in found.items()
                if container is not None and container.is_running
            }

    # --- networks ---

    def ensure_network(self, network: Network) -> None:
        """Write a network down."""
        with self._called("ensure_network"):
            there = self._networks.get(network.name)
            if there is None:
                subnet = ip_network(network.subnet)
                if any(
                    subnet.overlaps(ip_network(one.subnet)) or one.bridge == network.bridge
                    for one in self._networks.values()
                ):
                    raise SubnetTaken(subnet=network.subnet)
                self._networks[network.name] = network
            elif (there.bridge, there.subnet) != (network.bridge, network.subnet):
                raise EngineRefused(why=f"network {network.name} exists and is another")

    def networks(self, installation: str) -> list[Network]:
        """List by label."""
        with self._called("networks"):
            return [
                one
                for one in self._networks.values()
                if one.labels.get(LABEL_INSTALLATION) == installation
            ]

    def remove_network(self, name: str) -> None:
        """Forget a network that nothing runs in."""
        with self._called("remove_network"):
            for one in self._containers.values():
                network = one.spec.network
                if one.is_running and network is not None and network.name == name:
                    return
            self._networks.pop(name, None)

    def _used(self) -> Iterable[str]:
        return [one.spec.image for one in self._containers.values()]

    def _container(self, engine_id: str) -> FakeContainer:
        container = self._containers.get(engine_id)
        if container is None:
            raise ContainerGone
        container.settle()
        return container

    def _running(self, engine_id: str) -> FakeContainer:
        container = self._container(engine_id)
        if not container.is_running:
            raise NotRunning(name=engine_id[:12])
        return container

    def _start(self, container: FakeContainer) -> None:
        if container.is_running:
            return
        taken = self.taken_ports | {
            port.host
            for one in self._containers.values()
            if one.is_running
            for port in one.spec.ports
        }
        for port in container.spec.ports:
            if port.host and port.host in taken:
                raise PortTaken(port=port.host)
        network = container.spec.network
        if network is not None and network.name not in self._networks:
            raise EngineRefused(why=f"network {network.name} not found")
        container.start(fake_container.run(self.programs, container.command))
