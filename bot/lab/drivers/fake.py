"""An engine in memory, for tests of everything above the drivers.

It passes the contract that the real one passes, and can be told to misbehave: `is_down`,
`delay_seconds`, `fail_next`. `registry` is what can be pulled, `hub` what a search finds.
"""

import itertools
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_network

from bot.lab.drivers import fake_container
from bot.lab.drivers.base import (
    LABEL_INSTALLATION,
    ContainerSpec,
    ContainerState,
    Counters,
    ExecResult,
    FoundImage,
    HostFacts,
    Image,
    Layer,
    LayerState,
    Network,
    Process,
    PullProgress,
)
from bot.lab.drivers.fake_container import FakeContainer
from bot.lab.drivers.references import Reference
from bot.lab.errors import (
    ContainerGone,
    EngineRefused,
    HostUnreachable,
    HubUnreachable,
    ImageInUse,
    ImageNotFound,
    NameTaken,
    NotRunning,
    PortTaken,
    PullCancelled,
    RegistryUnreachable,
    SubnetTaken,
    WrongArchitecture,
)
from bot.lab.model import Port

GIB = 1024**3
FACTS = HostFacts(
    version="20.10.24",
    api_version="1.41",
    operating_system="Debian GNU/Linux 12 (bookworm)",
    kernel="6.1.0",
    architecture="amd64",
    cpus=8,
    memory_bytes=16 * GIB,
    disk_total_bytes=100 * GIB,
    disk_free_bytes=60 * GIB,
    cgroup_version="2",
    cgroup_driver="systemd",
    storage_driver="overlay2",
    can_limit_disk=False,
    runtimes=("runc",),
    security_options=("seccomp",),
    user_namespaces=False,
    reads_cgroups=True,
)
MADE_AT = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Offered:
    """An image that a registry has, or that is there: its layers' sizes and what it runs."""

    layers: tuple[int, ...] = (3_000_000, 900_000)
    architecture: str = "amd64"
    volumes: tuple[str, ...] = ()
    exposed: tuple[Port, ...] = ()
    command: tuple[str, ...] = ("server",)

    def image(self, reference: Reference) -> Image:
        """Describe it as a local image under a name."""
        known = sha256(f"{reference} {self}".encode()).hexdigest()
        return Image(
            id=f"sha256:{known}",
            tags=() if reference.has_digest else (str(reference),),
            digests=(f"{reference.name}@sha256:{known}",),
            size_bytes=sum(self.layers),
            created_at=MADE_AT,
            architecture=self.architecture,
            volumes=self.volumes,
            exposed=self.exposed,
        )


class FakeDriver:
    """Fulfils `ContainerDriver` with nothing behind it."""

    def __init__(self, facts: HostFacts = FACTS) -> None:
        self.host_facts = facts
        self.is_down = False
        self.delay_seconds = 0.0
        self.pull_step_seconds = 0.0
        # By reference with tag ("nginx:1.27"); None as a whole: no registry answers.
        self.registry: dict[str, Offered] | None = {}
        self.hub: list[FoundImage] | None = None
        self.taken_ports: set[int] = set()
        self.programs = fake_container.programs()
        self.calls: list[str] = []
        self._failures: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._lock = threading.RLock()
        self._images: dict[str, tuple[Image, Offered]] = {}
        self._containers: dict[str, FakeContainer] = {}
        self._networks: dict[str, Network] = {}
        self._process_ids = itertools.count(4001)

    def fail_next(self, method: str, error: Exception) -> None:
        """Let the next call of a method, or the one after those told already, raise that."""
        self._failures[method].append(error)

    def add_image(self, reference: str, offered: Offered | None = None) -> Image:
        """Put an image there, as if it had been pulled or built."""
        offered = offered or Offered()
        parsed = Reference.parse(reference)
        image = offered.image(parsed)
        with self._lock:
            self._images[str(parsed)] = (image, offered)
        return image

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

    # --- the engine ---

    def ping(self) -> None:
        """Answer, unless it is down."""
        with self._called("ping"):
            pass

    def facts(self) -> HostFacts:
        """Return `host_facts`."""
        with self._called("facts"):
            return self.host_facts

    def close(self) -> None:
        """Do nothing: there is no connection."""

    # --- images ---

    def images(self) -> list[Image]:
        """List images: here each name is one of its own."""
        with self._called("images"):
            return [image for image, _ in self._images.values()]

    def image(self, reference: str) -> Image | None:
        """Find an image by name or id."""
        with self._called("image"):
            found = self._find(reference)
            return found[0] if found else None

    def search(self, term: str, limit: int) -> list[FoundImage]:
        """Look through `hub`."""
        with self._called("search"):
            if self.hub is None:
                raise HubUnreachable
            return [one for one in self.hub if term in one.name][:limit]

    def pull(
        self,
        reference: str,
        *,
        mirror: str | None = None,
        progress: Callable[[PullProgress], None] = lambda _progress: None,
        cancelled: threading.Event | None = None,
    ) -> Image:
        """Take an image from `registry`, layer by layer."""
        parsed = Reference.parse(Reference.checked(reference))
        with self._called("pull"):
            offered = self._offered(reference, parsed, mirror)
        ours = self.host_facts.architecture
        if offered.architecture != ours:
            theirs = offered.architecture
            raise WrongArchitecture(image=reference, theirs=theirs, ours=ours)
        for layers in _pulled(offered.layers):
            if cancelled is not None and cancelled.wait(self.pull_step_seconds):
                raise PullCancelled
            if cancelled is None and self.pull_step_seconds:
                time.sleep(self.pull_step_seconds)
            if self.is_down:
                raise HostUnreachable
            progress(PullProgress(layers))
        return self.add_image(reference, offered)

    def remove_image(self, reference: str) -> None:
        """Take an image away."""
        with self._called("remove_image"):
            found = self._find(reference)
            if found is None:
                raise ImageNotFound(image=reference)
            using = (self._find(one.spec.image) for one in self._containers.values())
            if any(one and one[0].id == found[0].id for one in using):
                raise ImageInUse(image=reference)
            for name, (image, _offered) in list(self._images.items()):
                if image.id == found[0].id:
                    del self._images[name]

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

    def stop(self, engine_id: str, grace_seconds: int) -> None:  # noqa: ARG002
        """End it at once: nothing here insists on its grace time."""
        with self._called("stop"):
            self._container(engine_id).end()

    def restart(self, engine_id: str, grace_seconds: int) -> None:  # noqa: ARG002
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

    @contextmanager
    def _called(self, method: str) -> Generator[None]:
        self.calls.append(method)
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        if self.is_down:
            raise HostUnreachable
        with self._lock:
            failures = self._failures[method]
            if failures:
                raise failures.popleft()
            yield

    def _find(self, reference: str) -> tuple[Image, Offered] | None:
        name = str(Reference.parse(reference))
        for key, (image, offered) in self._images.items():
            if name == key or reference == image.id or reference in image.digests:
                return image, offered
        return None

    def _offered(self, reference: str, parsed: Reference, mirror: str | None) -> Offered:
        if self.registry is None:
            raise RegistryUnreachable(image=reference)
        places = [parsed]
        if mirror and parsed.registry is None and not parsed.has_digest:
            places.insert(0, parsed.through(mirror))
        for place in places:
            if offered := self.registry.get(str(place)):
                return offered
        raise ImageNotFound(image=reference)

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


def _pulled(sizes: Sequence[int]) -> Generator[tuple[Layer, ...]]:
    """Go through a pull: each layer waits, comes in quarters, is unpacked, and is done."""
    layers = [
        Layer(sha256(f"{number}/{size}".encode()).hexdigest()[:12], LayerState.WAITING)
        for number, size in enumerate(sizes)
    ]
    yield tuple(layers)
    for number, size in enumerate(sizes):
        for quarter in range(5):
            state = LayerState.DOWNLOADING
            layers[number] = replace(
                layers[number], state=state, current_bytes=size * quarter // 4, total_bytes=size
            )
            yield tuple(layers)
        for state in (LayerState.EXTRACTING, LayerState.DONE):
            layers[number] = replace(layers[number], state=state)
            yield tuple(layers)
