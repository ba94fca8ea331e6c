"""What a lab is made of. Guests (virtual machines) will share all of it with containers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.errors import N_


class State(StrEnum):
    """Where an instance stands.

    `queued → launching → running ⇄ stopped | frozen → removing → removed`; a launch that
    fails goes to `failed`, an instance that vanished from its host to `lost`.
    """

    QUEUED = "queued"
    LAUNCHING = "launching"
    RUNNING = "running"
    STOPPED = "stopped"
    FROZEN = "frozen"
    REMOVING = "removing"
    REMOVED = "removed"
    FAILED = "failed"
    LOST = "lost"


STATE_NAMES = {
    State.QUEUED: N_("waiting"),
    State.LAUNCHING: N_("starting"),
    State.RUNNING: N_("running"),
    State.STOPPED: N_("stopped"),
    State.FROZEN: N_("frozen"),
    State.REMOVING: N_("being removed"),
    State.REMOVED: N_("removed"),
    State.FAILED: N_("failed"),
    State.LOST: N_("lost"),
}

# An instance counts against limits, and holds its name and ports, in these.
ALIVE = (
    State.QUEUED,
    State.LAUNCHING,
    State.RUNNING,
    State.STOPPED,
    State.FROZEN,
    State.REMOVING,
)
# It exists on its host in these (in LAUNCHING perhaps).
ON_HOST = (State.LAUNCHING, State.RUNNING, State.STOPPED, State.FROZEN, State.REMOVING)


# What `Instance.frozen_by` says where its owner paused it: they may let it go on as well.
OWNER = "owner"


class Stage(StrEnum):
    """How far a launch is, as the person sees it pass."""

    QUEUED = "queued"
    PULLING = "pulling"
    CREATING = "creating"
    # A guest's own, between being created and answering.
    VOLUME = "volume"
    SEED = "seed"
    DEFINED = "defined"
    STARTED = "started"
    BOOTED = "booted"
    ADDRESSED = "addressed"
    ANSWERING = "answering"


class Kind(StrEnum):
    """What an instance is."""

    CONTAINER = "container"
    GUEST = "guest"


class LabRole(StrEnum):
    """Whose limits hold for a person. A speaker's and a moderator's instances are public."""

    ATTENDEE = "attendee"
    SPEAKER = "speaker"
    MODERATOR = "moderator"

    @property
    def is_lead(self) -> bool:
        """Whether these run the talk: they come first, and weigh more on the host."""
        return self is not LabRole.ATTENDEE


@dataclass(frozen=True, slots=True)
class Port:
    """A published port. `host` is a wish until one is given; `wished` remembers it (0: none)."""

    container: int
    host: int = 0
    protocol: str = "tcp"
    wished: int = field(default=0, compare=False)

    def __str__(self) -> str:
        end = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.host or '*'}:{self.container}{end}"


@dataclass(frozen=True, slots=True)
class Resources:
    """What one instance may use. `cpus` in CPUs, sizes in bytes, `processes` a count."""

    cpus: float
    memory_bytes: int
    disk_bytes: int
    processes: int = 256


@dataclass(frozen=True, slots=True)
class RoleLimits:
    """What a role may have.

    `each` is what an instance gets unless more is asked for; the totals bound all of a
    person's together. `lifetime` None: until the session's end. `outward`: may instances
    reach the internet. `plain_images`: may they run, pull and remove images that are no
    template.
    """

    instances: int
    each: Resources
    cpus: float
    memory_bytes: int
    disk_bytes: int
    lifetime: timedelta | None
    extension: timedelta
    extensions: int
    outward: bool
    plain_images: bool
    guests: int = 0
    guest_each: Resources = Resources(1.0, 512 * 1024**2, 4 * 1024**3)
    # Containers and guests together.
    in_all: int = 1


class GuestSource(StrEnum):
    """What a guest starts from."""

    CLOUD_IMAGE = "cloud-image"
    ISO = "iso"
    KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file of the catalogue comes from, and how it is known to be the right one.

    `place`: an https:// address or a path on the bot's machine. `sha512` in hexadecimal, else
    `sums`: the address of a published SHA512SUMS that names it; a path may have neither.
    """

    place: str
    sha512: str | None = None
    sums: str | None = None


@dataclass(frozen=True, slots=True)
class IsoImage:
    """An ISO of the operator's catalogue."""

    name: str
    origin: Origin
    description: str = ""


@dataclass(frozen=True, slots=True)
class GuestTemplate:
    """A guest of the operator's catalogue. None: the role's own limit holds.

    `image`: a cloud image's disk, or a kernel. `iso`: what is in the drive unless another is
    chosen. `user`: who logs in. `system`: what the layers line calls it. `lead_only`: for those
    who run the talk (always so with an ISO). `seeded`: it reads a cloud-init NoCloud seed.
    """

    name: str
    source: GuestSource
    image: Origin | None = None
    initrd: Origin | None = None
    command_line: str = ""
    iso: str | None = None
    description: str = ""
    system: str = ""
    user: str = "root"
    cpus: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    firmware: str = "bios"
    devices: str = "virtio"
    seeded: bool = True
    lead_only: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """An entry of the operator's catalogue. None: the role's own limit holds."""

    name: str
    image: str
    description: str = ""
    ports: tuple[Port, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    cpus: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    runtime: str | None = None
    # Added to, or taken from, the named default list of capabilities.
    capabilities_add: tuple[str, ...] = ()
    capabilities_drop: tuple[str, ...] = ()
    # Folders that must be writable where the root file system is read-only.
    writable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostSettings:
    """One lab machine as the operator describes it.

    `bind_address`: where ports are published, loopback until one is configured.
    `public_name`: what people are shown in addresses, e.g. lab.example.org.
    `port_first`/`port_last`: the range ports come from. `subnet` (an IPv4 network in CIDR
    form) holds a small network for each owner. `mirror`: a registry asked first for images
    of the public hub. `guest_port_first`/`guest_port_last`: the ports that lead to guests, each
    to an address of its own (`guest_address`); half of `guest_subnet` is the closed network's,
    half the open one's. `pool_folder`: where `lab setup-host` keeps the storage pool.
    """

    name: str
    docker: str | None
    tls_folder: str | None = None
    bind_address: str = "127.0.0.1"
    public_name: str = "127.0.0.1"
    port_first: int = 30000
    port_last: int = 30999
    subnet: str = "10.213.0.0/16"
    mirror: str | None = None
    reserve_memory_share: float = 0.20
    reserve_disk_share: float = 0.15
    reserve_cpus: float = 1.0
    # Of what is left, attendees together get no more than the rest: the demo always has room.
    reserve_lead_share: float = 0.25
    cpu_overcommit: float = 8.0
    launches_at_once: int = 5
    image_cache_bytes: int = 20 * 1024**3
    # Guests: where libvirt is, None where the machine runs none; see `Accelerator` for the rest.
    libvirt: str | None = None
    accelerator: str = "auto"
    pool: str = "study"
    pool_folder: str = "/var/lib/libvirt/study"
    guest_port_first: int = 31000
    guest_port_last: int = 31199
    guest_subnet: str = "10.214.0.0/23"
    guest_launches_at_once: int = 2

    @property
    def is_here(self) -> bool:
        """Whether the bot is on this very machine."""
        if self.docker is not None:
            return self.docker.startswith("unix:")
        return self.libvirt is not None and ":///" in self.libvirt

    @property
    def answering_address(self) -> str:
        """Where the bot itself finds published ports: on this machine, or at the host's name."""
        if self.is_here:
            anywhere = self.bind_address in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
            return "127.0.0.1" if anywhere else self.bind_address
        return self.public_name


@dataclass(frozen=True, slots=True)
class NewInstance:
    """What an instance is asked for with, after all rules were looked at."""

    guild_id: int
    session_id: int
    channel_id: int
    owner_id: int
    role: LabRole
    kind: Kind
    name: str
    template: str | None
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ports: tuple[Port, ...]
    resources: Resources
    outward: bool
    public: bool
    lifetime: timedelta | None
    iso: str | None = None


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """What is known of a guest beside what containers have as well, once it is known.

    `address`: its own in the lab's network. `host_key`: the fingerprint of its SSH host key as
    it answered. `system`: what its agent says runs inside. `stages`: when each stage of its
    launch was reached, in seconds from the request on.
    """

    address: str | None = None
    host_key: str | None = None
    machine: str | None = None
    accelerator: str | None = None
    system: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Instance:
    """A container or a guest that somebody started, and its lease.

    `host` is empty while it waits for one. `lifetime` None and `deadline` None: until the
    session's end. `engine_id` is the host's own id, None before it exists there. `reason`
    says why it ended: see `bot.lab.reasons`. `exit_code` and `out_of_memory` are of the last
    time its command came to an end by itself.
    """

    id: int
    guild_id: int
    session_id: int
    channel_id: int
    owner_id: int | None
    role: LabRole
    kind: Kind
    host: str
    name: str
    template: str | None
    image: str
    digest: str | None
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ports: tuple[Port, ...]
    resources: Resources
    outward: bool
    public: bool
    lifetime: timedelta | None
    state: State
    stage: Stage
    engine_id: str | None
    process_id: int | None
    requested_at: datetime
    started_at: datetime | None
    ready_at: datetime | None
    deadline: datetime | None
    extensions: int
    warned_at: datetime | None
    frozen_by: str | None
    exit_code: int | None
    out_of_memory: bool
    ended_at: datetime | None
    reason: str | None
    iso: str | None = None
    guest: GuestFacts = GuestFacts()

    @property
    def is_alive(self) -> bool:
        """Whether it counts: it waits, starts, or is there."""
        return self.state in ALIVE
