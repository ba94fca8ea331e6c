"""What a hypervisor must be able to do for guests, whichever library speaks to it.

Everything here blocks; `bot.lab.hosts` calls it in threads, with a time limit. A driver turns
each of its library's errors into one of `bot.lab.errors` or `bot.lab.guest_errors` at its edge.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.lab.drivers.base import Counters, ExecResult
from bot.lab.model import Resources

# libvirt networks of a host, laid and started by `lab setup-host` and shared by all who use it.
# Their bridges' names carry the policy, as those of containers' networks do.
NETWORK_CLOSED = "study-closed"
NETWORK_OPEN = "study-open"
BRIDGE_GUESTS_CLOSED = "sblcguests"
BRIDGE_GUESTS_OPEN = "sbloguests"

# Where the guests' addresses begin in their network's subnet; those before are the host's own.
FIRST_ADDRESS = 16


class Accelerator(StrEnum):
    """What runs a guest's instructions: the processor itself, or QEMU's translation of them."""

    KVM = "kvm"
    EMULATION = "emulation"


class Ability(StrEnum):
    """What not every hypervisor can do; found out by asking, never assumed."""

    POOL = "pool"  # keeps disks in a storage pool
    NETWORK = "network"  # has the lab's networks, with addresses that are reserved
    FILTER = "filter"  # keeps a guest from sending in another's name (nwfilter)
    LIMITS = "limits"  # bounds CPU, memory and disk speed
    COUNTERS = "counters"  # tells what a guest uses
    CONSOLE = "console"  # lets its serial console be read
    SCREEN = "screen"  # gives a picture of its screen
    KEYS = "keys"  # presses keys
    SNAPSHOTS = "snapshots"
    PAUSE = "pause"
    AGENT = "agent"  # speaks with a guest agent
    KERNEL = "kernel"  # starts a kernel without a disk


@dataclass(frozen=True, slots=True)
class GuestHostFacts:
    """What a hypervisor says of itself and its machine. Sizes in bytes, None where unknown.

    `version` is libvirt's own, `hypervisor` what it drives ("QEMU 7.2.22"). `has_virtualization`:
    whether the processor really has vmx or svm. `virtual_functions`: SR-IOV, by device. `disk_…`:
    the storage pool's file system. `pool` and `networks` say which of the lab's are there and up.
    `security`: sandbox and security drivers that confine the hypervisor's processes.
    """

    version: str
    hypervisor: str
    uri: str
    kernel: str
    architecture: str
    cpus: int
    memory_bytes: int
    cpu_model: str
    accelerator: Accelerator
    has_virtualization: bool | None
    machine: str
    virtual_functions: Mapping[str, int]
    disk_total_bytes: int | None
    disk_free_bytes: int | None
    pool_is_active: bool
    active_networks: frozenset[str]
    abilities: frozenset[Ability]
    security: tuple[str, ...]

    @property
    def can_limit_disk(self) -> bool:
        """A disk is as large as it was made."""
        return True


@dataclass(frozen=True, slots=True)
class Volume:
    """A file of the storage pool. `path` on the host; sizes in bytes."""

    name: str
    path: str
    format: str
    capacity_bytes: int
    allocated_bytes: int


@dataclass(frozen=True, slots=True)
class Upload:
    """How far an upload is."""

    current_bytes: int
    total_bytes: int


class Firmware(StrEnum):
    """What a guest's disk or ISO is started by."""

    BIOS = "bios"
    EFI = "efi"


class Devices(StrEnum):
    """Which disks and network cards a guest sees."""

    VIRTIO = "virtio"  # fast; the system must know them
    PLAIN = "plain"  # SATA and e1000: what every installer knows


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """Everything about a guest that may be chosen; there is no field for the rest.

    The driver adds what always holds: no graphics server, no host devices or folders, nested
    virtualisation off, `clean-traffic` with this very address, no autostart. Volumes are named,
    never given as paths. `iso`: in the CD drive, and started from as long as the disk has nothing
    to start. `kernel`, `initrd`, `command_line`: started directly. vCPUs are `resources.cpus`
    rounded up, and all of them together get `resources.cpus` of the host's time.
    """

    name: str
    resources: Resources
    labels: Mapping[str, str]
    accelerator: Accelerator
    disk: str
    network: str
    mac: str
    address: str
    seed: str | None = None
    iso: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    command_line: str = ""
    firmware: Firmware = Firmware.BIOS
    devices: Devices = Devices.VIRTIO
    cpu_shares: int = 1024


@dataclass(frozen=True, slots=True)
class GuestState:
    """A guest as its host has it: the same face as a container's, so that one keeper serves both.

    `process_id`: QEMU's on the host, where this machine is the host. `error`: why it is not
    running, where the hypervisor tells ("crashed", "shut down by itself").
    """

    engine_id: str
    name: str
    labels: Mapping[str, str]
    is_running: bool
    is_paused: bool
    process_id: int | None = None
    error: str = ""
    vcpus: int = 0
    machine: str = ""
    accelerator: Accelerator | None = None
    exit_code: int | None = None
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of life from inside, all cheap to ask for.

    `printed_bytes`: how much its console has printed since its start. `agent`: its guest agent is
    connected. `address`: what it really took, from a lease or its agent.
    """

    printed_bytes: int
    agent: bool
    address: str | None


@dataclass(frozen=True, slots=True)
class GuestSystem:
    """What a guest's agent tells of the system inside."""

    name: str  # "Debian GNU/Linux 12 (bookworm)"
    kernel: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of a guest that can be gone back to. `is_running`: with its memory."""

    name: str
    created_at: datetime
    is_running: bool
    is_current: bool


class GuestDriver(Protocol):
    """A hypervisor. All of it blocks and may be called from several threads at once.

    Each call raises `HostUnreachable` when it doesn't answer, `NotSupported` where it can't do
    that, and `EngineRefused` for whatever it says no to that has no error of its own below.
    """

    def ping(self) -> None:
        """Ask for a sign of life, within two seconds."""
        ...

    def facts(self) -> GuestHostFacts:
        """Describe the hypervisor and its machine."""
        ...

    # --- the storage pool ---

    def volumes(self, installation: str) -> list[Volume]:
        """List the pool's volumes whose names begin as this installation's do."""
        ...

    def create_volume(
        self, name: str, capacity_bytes: int, *, backing: str | None = None
    ) -> Volume:
        """Make a qcow2 disk, empty or over another volume.

        Raises `NameTaken`, `DiskFull`, `PoolInactive`.
        """
        ...

    def upload(
        self,
        name: str,
        source: Path,
        *,
        progress: Callable[[Upload], None] = lambda _upload: None,
        cancelled: threading.Event | None = None,
    ) -> Volume:
        """Bring a file into the pool as it is (qcow2, ISO, kernel, seed).

        A volume of that name stands for a finished upload only: one that broke off is gone.
        Raises `NameTaken`, `DiskFull`, `PoolInactive`, `PullCancelled`.
        """
        ...

    def delete_volume(self, name: str) -> None:
        """Delete a volume; already gone is fine."""
        ...

    # --- addresses ---

    def reserve(self, network: str, name: str, mac: str, address: str) -> None:
        """Have an address be given to nobody else than this card.

        Raises `AddressTaken`, `NetworkInactive`.
        """
        ...

    def release(self, network: str, name: str) -> None:
        """Give an address back; already gone, or no such network, is fine."""
        ...

    def reservations(self, network: str, installation: str) -> list[str]:
        """List the names of an installation's reservations in a network."""
        ...

    # --- guests ---

    def define(self, spec: GuestSpec) -> str:
        """Write a guest down and return its engine id. Raises `NameTaken`."""
        ...

    def start(self, engine_id: str) -> None:
        """Start it, and follow its console from the first byte; running already is fine.

        Raises `ContainerGone`, `NetworkInactive`, `DiskFull`.
        """
        ...

    def inspect(self, engine_id: str) -> GuestState:
        """Return one guest. Raises `ContainerGone`."""
        ...

    def owned(self, installation: str) -> list[GuestState]:
        """List what carries an installation's label, running or not, in one cheap call."""
        ...

    def shut_down(self, engine_id: str) -> None:
        """Ask it to shut down, by its agent or ACPI; returns at once. Raises `ContainerGone`."""
        ...

    def destroy(self, engine_id: str) -> None:
        """Pull its plug; not running is fine. Raises `ContainerGone`."""
        ...

    def reboot(self, engine_id: str) -> None:
        """Ask it to reboot, or do as a reset button does where it can't be asked."""
        ...

    def pause(self, engine_id: str) -> None:
        """Stop its processors; already paused or not running is fine."""
        ...

    def resume(self, engine_id: str) -> None:
        """Let its processors go on; not paused is fine."""
        ...

    def remove(self, engine_id: str) -> None:
        """End it and forget it with its snapshots; its volumes stay. Already gone is fine."""
        ...

    # --- what is inside ---

    def signs(self, engine_id: str) -> Signs:
        """Look for signs of life from inside. Raises `ContainerGone`, `NotRunning`."""
        ...

    def system(self, engine_id: str) -> GuestSystem | None:
        """Ask its agent what runs inside; None where none answers within two seconds."""
        ...

    def execute(
        self, engine_id: str, command: Sequence[str], *, seconds: float, most_bytes: int
    ) -> ExecResult | None:
        """Have its agent run a command inside; None where none answers. Raises `NotRunning`."""
        ...

    def console(self, engine_id: str, *, lines: int) -> bytes:
        """Return the last lines its serial console printed, as far as they were kept."""
        ...

    def screenshot(self, engine_id: str) -> bytes:
        """Return a PNG of its screen. Raises `NotRunning`, `NotSupported`."""
        ...

    def send_keys(self, engine_id: str, keys: Sequence[str]) -> None:
        """Press keys at once and let go, each "ENTER", "LEFTCTRL", "A": Linux's names of keys.

        Raises `NotRunning`, `NotSupported`.
        """
        ...

    def type_text(self, engine_id: str, text: str) -> None:
        """Type on a US keyboard. Raises `NotRunning`, `NotSupported`, `CantType`."""
        ...

    def counters(self) -> Mapping[str, Counters]:
        """Read the counters of all running guests in one call, by engine id."""
        ...

    # --- snapshots ---

    def snapshots(self, engine_id: str) -> list[Snapshot]:
        """List its snapshots, oldest first. Raises `ContainerGone`."""
        ...

    def create_snapshot(self, engine_id: str, name: str) -> Snapshot:
        """Keep this moment. Raises `NameTaken`, `DiskFull`, `NotSupported`."""
        ...

    def revert(self, engine_id: str, name: str) -> None:
        """Go back to a snapshot. Raises `NoSuchSnapshot`."""
        ...

    def delete_snapshot(self, engine_id: str, name: str) -> None:
        """Forget a snapshot. Raises `NoSuchSnapshot`."""
        ...

    def close(self) -> None:
        """Let go of connections, consoles and threads."""
        ...
