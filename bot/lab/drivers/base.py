"""What a container engine must be able to do, whichever library speaks to it.

Everything here blocks; `bot.lab.hosts` calls it in threads, with a time limit. A driver turns
each of its library's errors into one of `bot.lab.errors` at its edge.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.lab.model import Port, Resources

# Every object of ours on a host carries these. Labels can be inherited from an image or
# forged: ours is only what carries this installation's id *and* has a row.
LABEL_INSTALLATION = "study-bot.installation"
LABEL_INSTANCE = "study-bot.instance"
LABEL_GUILD = "study-bot.guild"
LABEL_SESSION = "study-bot.session"
LABEL_OWNER = "study-bot.owner"
LABEL_DEADLINE = "study-bot.deadline"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What an engine says of itself. Sizes in bytes; `disk_free_bytes` None where unknown."""

    version: str
    api_version: str
    operating_system: str
    kernel: str
    architecture: str
    cpus: int
    memory_bytes: int
    disk_total_bytes: int | None
    disk_free_bytes: int | None
    cgroup_version: str
    cgroup_driver: str
    storage_driver: str
    can_limit_disk: bool
    runtimes: tuple[str, ...]
    security_options: tuple[str, ...]
    user_namespaces: bool
    # Whether this process can read the containers' counters from the kernel itself.
    reads_cgroups: bool


@dataclass(frozen=True, slots=True)
class Image:
    """A local image. `tags` like "nginx:1.27"; `digests` like "nginx@sha256:…"."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size_bytes: int
    created_at: datetime | None
    architecture: str = ""
    volumes: tuple[str, ...] = ()
    exposed: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundImage:
    """What the public hub found."""

    name: str
    description: str
    stars: int
    is_official: bool


class LayerState(StrEnum):
    """How far a layer of a pull is."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    EXTRACTING = "extracting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a pull; `total_bytes` 0 while unknown."""

    id: str
    state: LayerState
    current_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PullProgress:
    """All layers so far, in the engine's order."""

    layers: tuple[Layer, ...]

    @property
    def current_bytes(self) -> int:
        """How much has come; a layer that is done counts whole."""
        return sum(
            layer.total_bytes
            if layer.state in (LayerState.DONE, LayerState.EXTRACTING)
            else layer.current_bytes
            for layer in self.layers
        )

    @property
    def total_bytes(self) -> int:
        """How much there is, as far as known."""
        return sum(layer.total_bytes for layer in self.layers)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1.

        The size of a layer is known when it begins to come; until then it counts as large as
        the others are on average, so that the figure doesn't fall back with each.
        """
        if not self.layers:
            return 0.0
        done = sum(layer.state is LayerState.DONE for layer in self.layers)
        if self.total_bytes:
            known = sum(layer.total_bytes > 0 for layer in self.layers)
            unknown = sum(
                layer.total_bytes == 0 and layer.state is not LayerState.DONE
                for layer in self.layers
            )
            total = self.total_bytes * (known + unknown) / known
            return min(1.0, self.current_bytes / total)
        return done / len(self.layers)


@dataclass(frozen=True, slots=True)
class Network:
    """A bridge of one owner in one session. `bridge` is the interface's name (≤ 15).

    The interface's name carries the policy that the host's static rules go by: see
    `bot.lab.drivers.base.bridge_name`.
    """

    name: str
    bridge: str
    subnet: str
    labels: Mapping[str, str]


BRIDGE_CLOSED = "sblc"
BRIDGE_OPEN = "sblo"
_OF_INSTALLATION = 4


def bridge_name(network_id: int, *, outward: bool, installation: str = "") -> str:
    """Name a bridge so that the host's rules (`lab setup-host`) hold for it: at most 15 long.

    A machine's bridges share one list of names, so the installation's id (hexadecimal) is in it.
    """
    prefix = BRIDGE_OPEN if outward else BRIDGE_CLOSED
    return f"{prefix}{installation[:_OF_INSTALLATION]}{network_id:x}"[:15]


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything about a container that may be chosen; there is no field for the rest.

    The driver adds what always holds: no privileges, no host namespaces, devices or mounts,
    no-new-privileges, log rotation, restart policy "no". `capabilities` is the whole list that
    is added back after dropping ALL. `limit_disk`: use the storage driver's size limit; else
    the root is read-only and each of `writable` (and each volume of the image) is a tmpfs
    of at most `resources.disk_bytes`. `cgroup_parent` None: the engine's own.
    """

    name: str
    image: str
    hostname: str
    resources: Resources
    labels: Mapping[str, str]
    capabilities: tuple[str, ...]
    network: Network | None = None
    ports: tuple[Port, ...] = ()
    bind_address: str = "127.0.0.1"
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    runtime: str | None = None
    cgroup_parent: str | None = None
    cpu_shares: int = 1024
    limit_disk: bool = False
    writable: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container as the engine has it. `process_id` on the host, None when not running.

    `exit_code` only where it has ended; `out_of_memory`: the kernel killed it for memory.
    """

    engine_id: str
    name: str
    labels: Mapping[str, str]
    image: str
    is_running: bool
    is_paused: bool
    exit_code: int | None = None
    out_of_memory: bool = False
    process_id: int | None = None
    error: str = ""
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A process inside a container; `host_pid` is its id on the host."""

    host_pid: int
    user: str
    cpu_seconds: float
    memory_bytes: int | None
    command: str


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command inside a container came to; `exit_code` None: it was cut off in time."""

    exit_code: int | None
    output: bytes
    is_truncated: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Counters:
    """The kernel's counters of an instance at one moment; None where it doesn't give one.

    `at` is a monotonic reading in seconds, for rates alone. `memory_bytes` is what `docker
    stats` shows: all that counts against the limit but `memory_cache_bytes`, the cache of
    files that the kernel takes back when it needs to.
    """

    at: float
    cpu_seconds: float | None
    memory_bytes: int | None
    memory_cache_bytes: int | None
    memory_limit_bytes: int | None
    disk_read_bytes: int | None
    disk_written_bytes: int | None
    network_received_bytes: int | None
    network_sent_bytes: int | None
    processes: int | None
    # Written by the container on its root file system, where the engine was asked for it.
    disk_used_bytes: int | None = None
    # How long it wanted a CPU and was held back by its limit.
    cpu_throttled_seconds: float | None = None
    disk_read_operations: int | None = None
    disk_write_operations: int | None = None
    network_received_packets: int | None = None
    network_sent_packets: int | None = None
    # Whether more may have been written than is counted: cgroup v1 sees no buffered writes.
    disk_is_partial: bool = False
    # What the host spends on it in all, where that isn't what it uses itself: a guest's process.
    memory_on_host_bytes: int | None = None


class ContainerDriver(Protocol):
    """A container engine. All of it blocks and may be called from several threads at once.

    Each call raises `HostUnreachable` when the engine doesn't answer, and `EngineRefused` for
    whatever it says no to that has no error of its own below.
    """

    def ping(self) -> None:
        """Ask for a sign of life, within two seconds."""
        ...

    def facts(self) -> HostFacts:
        """Describe the engine and its machine."""
        ...

    def images(self) -> list[Image]:
        """List local images, newest first."""
        ...

    def image(self, reference: str) -> Image | None:
        """Return a local image, None when it isn't there."""
        ...

    def search(self, term: str, limit: int) -> list[FoundImage]:
        """Ask the public hub. Raises `HubUnreachable`."""
        ...

    def pull(
        self,
        reference: str,
        *,
        mirror: str | None = None,
        progress: Callable[[PullProgress], None] = lambda _progress: None,
        cancelled: threading.Event | None = None,
    ) -> Image:
        """Pull an image; through `mirror` first where the reference names no registry.

        Raises `ImageNotFound`, `RegistryUnreachable`, `WrongArchitecture` (before the pull
        where the registry tells), `DiskFull`, `PullCancelled`.
        """
        ...

    def remove_image(self, reference: str) -> None:
        """Remove a local image. Raises `ImageNotFound`, `ImageInUse`."""
        ...

    def create(self, spec: ContainerSpec) -> str:
        """Create a container and return its engine id.

        Raises `ImageNotFound`, `NameTaken`, `BadCommand`, `WrongArchitecture`, `DiskFull`.
        """
        ...

    def start(self, engine_id: str) -> None:
        """Start it. Raises `PortTaken`, `BadCommand`, `ContainerGone`."""
        ...

    def inspect(self, engine_id: str) -> ContainerState:
        """Return one container. Raises `ContainerGone`."""
        ...

    def owned(self, installation: str) -> list[ContainerState]:
        """List what carries an installation's label, running or not, in one cheap call.

        `process_id` and `exit_code` are left out.
        """
        ...

    def stop(self, engine_id: str, grace_seconds: int) -> None:
        """Stop it: politely, after the grace time by force. Raises `ContainerGone`."""
        ...

    def restart(self, engine_id: str, grace_seconds: int) -> None:
        """Stop and start it. Raises `ContainerGone`, `PortTaken`."""
        ...

    def pause(self, engine_id: str) -> None:
        """Freeze its processes; already frozen or not running is fine."""
        ...

    def unpause(self, engine_id: str) -> None:
        """Let them go on; not frozen is fine."""
        ...

    def remove(self, engine_id: str) -> None:
        """Remove it by force with its volumes; already gone is fine."""
        ...

    def logs(self, engine_id: str, *, lines: int, since: datetime | None, most_bytes: int) -> bytes:
        """Return the last lines it printed, both streams, at most `most_bytes` from the end."""
        ...

    def execute(
        self, engine_id: str, command: Sequence[str], *, seconds: float, most_bytes: int
    ) -> ExecResult:
        """Run a command inside; cut off after `seconds` or past `most_bytes` of output.

        Raises `ContainerGone`, `NotRunning`, `BadCommand`.
        """
        ...

    def processes(self, engine_id: str) -> list[Process]:
        """List its processes with their ids on the host. Raises `NotRunning`."""
        ...

    def counters(self, engine_id: str, *, with_size: bool = False) -> Counters:
        """Read its counters once. Raises `NotRunning`, `ContainerGone`."""
        ...

    def sweep(self, engine_ids: Sequence[str]) -> Mapping[str, Counters]:
        """Read what counters can be read at once, without waiting for the engine.

        Whose counters aren't known how to read yet is left out, and looked for meanwhile; so is
        what has ended. What was swept before and isn't named any more is let go of.
        """
        ...

    def ensure_network(self, network: Network) -> None:
        """Make an owner's network unless it is there. Raises `SubnetTaken`."""
        ...

    def networks(self, installation: str) -> list[Network]:
        """List the networks that carry an installation's label."""
        ...

    def remove_network(self, name: str) -> None:
        """Remove a network; already gone, or still in use, is fine."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
