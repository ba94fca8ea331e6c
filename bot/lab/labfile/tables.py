"""The tables of lab.toml: every key and its default, as an operator would write it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.lab.labfile import values as v

UNTIL_END = v.UNTIL_END

_Share = Annotated[float, Field(ge=0, le=0.9)]
_Count = Annotated[int, Field(ge=1, le=10_000)]


class Table(BaseModel):
    """A table of the file: nothing is converted, nothing unknown passes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class AccessTable(Table):
    """Which attendees may use the lab."""

    members: Literal["role", "everyone"] = "role"
    min_days: int = Field(default=7, ge=0, le=3650)


class HostTable(Table):
    """A machine of the lab."""

    name: v.Name
    docker: v.Endpoint | None = None
    libvirt: v.LibvirtUri | None = None
    tls: str | None = None
    address: v.Address = "127.0.0.1"
    public_name: v.PublicName | None = None
    ports: v.PortRange = "30000-30999"
    subnet: v.Subnet = "10.213.0.0/16"
    mirror: v.Mirror | None = None
    reserve_memory: _Share = 0.2
    reserve_disk: _Share = 0.15
    reserve_cpus: float = Field(default=1.0, ge=0, le=1024)
    reserve_lead: _Share = 0.25
    cpu_overcommit: float = Field(default=8.0, ge=1, le=100)
    launches_at_once: int = Field(default=5, ge=1, le=50)
    image_cache: v.Size = "20G"
    accelerator: Literal["auto", "kvm", "emulation"] = "auto"
    pool: v.PoolName = "study"
    pool_folder: v.Folder = "/var/lib/libvirt/study"
    guest_ports: v.PortRange = "31000-31199"
    guest_subnet: v.GuestSubnet = "10.214.0.0/23"
    guest_launches_at_once: int = Field(default=2, ge=1, le=50)


class GuestTable(Table):
    """A virtual machine that people create by its name."""

    name: v.Name
    source: Literal["cloud-image", "iso", "kernel"]
    image: v.Origin | None = None
    kernel: v.Origin | None = None
    initrd: v.Origin | None = None
    command_line: str = Field(default="", max_length=1000)
    iso: v.Name | None = None
    sha512: v.Sha512 | None = None
    sums: v.HttpsAddress | None = None
    description: str = Field(default="", max_length=100)
    system: str = Field(default="", max_length=40)
    user: v.UserName = "root"
    cpus: v.Cpus | None = None
    memory: v.Memory | None = None
    disk: v.Size | None = None
    firmware: Literal["bios", "efi"] = "bios"
    devices: Literal["virtio", "plain"] | None = None
    seeded: bool | None = None
    lead_only: bool = False


class IsoTable(Table):
    """An ISO image for virtual machines."""

    name: v.Name
    file: v.Origin
    sha512: v.Sha512 | None = None
    sums: v.HttpsAddress | None = None
    description: str = Field(default="", max_length=100)


class TemplateTable(Table):
    """Something that people start by its name."""

    name: v.Name
    image: v.Image
    description: str = Field(default="", max_length=100)
    ports: list[v.PortEntry] = Field(default=[], max_length=10)
    command: list[str] = Field(default=[], max_length=100)
    environment: v.Environment = Field(default={})
    cpus: v.Cpus | None = None
    memory: v.Memory | None = None
    disk: v.Size | None = None
    runtime: v.Runtime | None = None
    add_capabilities: list[v.AddedCapability] = Field(default=[])
    drop_capabilities: list[v.DroppedCapability] = Field(default=[])
    writable: list[v.WritableFolder] = Field(default=[], max_length=20)


class AttendeeTable(Table):
    """What an attendee may have. A total that isn't there: what all of theirs get each."""

    instances: int = Field(default=1, ge=0, le=100)
    cpus: v.Cpus = 0.5
    memory: v.Memory = "256M"
    disk: v.Size = "1G"
    processes: int = Field(default=256, ge=8, le=4096)
    total_cpus: v.Cpus | None = None
    total_memory: v.Memory | None = None
    total_disk: v.Size | None = None
    lifetime: v.Lifetime = "60m"
    extension: v.Duration = "30m"
    extensions: int = Field(default=2, ge=0, le=100)
    outward: bool = False
    plain_images: bool = False
    guests: int = Field(default=1, ge=0, le=100)
    guest_cpus: v.Cpus = 1.0
    guest_memory: v.Memory = "512M"
    guest_disk: v.Size = "4G"
    in_all: int | None = Field(default=None, ge=0, le=100)


class LeadTable(AttendeeTable):
    """What a speaker or a moderator may have."""

    instances: int = Field(default=6, ge=0, le=100)
    memory: v.Memory = "1G"
    disk: v.Size = "5G"
    total_cpus: v.Cpus | None = 4.0
    total_memory: v.Memory | None = "8G"
    total_disk: v.Size | None = "40G"
    lifetime: v.Lifetime = UNTIL_END
    outward: bool = True
    plain_images: bool = True
    guests: int = Field(default=6, ge=0, le=100)
    guest_memory: v.Memory = "1G"
    guest_disk: v.Size = "5G"
    in_all: int | None = Field(default=6, ge=0, le=100)


class LimitsTable(Table):
    """What there may be at once."""

    per_session: _Count = 100
    per_guild: _Count = 200
    queue: _Count = 100
    attendee: AttendeeTable = AttendeeTable()
    speaker: LeadTable = LeadTable()
    moderator: LeadTable = LeadTable()


class LeaseTable(Table):
    """How instances end."""

    grace: v.Grace = "30m"
    warning: v.Duration = "10m"
    stop_grace: v.StopGrace = "10s"
    guest_stop_grace: v.StopGrace = "30s"


class ImagesTable(Table):
    """Which images may be pulled and run beside those of the templates."""

    allow: list[v.Pattern] = Field(default=["official"])
    max_size: v.Size = "2G"


class LabFile(Table):
    """The whole file."""

    guilds: list[Annotated[int, Field(gt=0, lt=2**63)]] = Field(default=[])
    access: AccessTable = AccessTable()
    hosts: list[HostTable] = Field(default=[])
    templates: list[TemplateTable] = Field(default=[])
    guests: list[GuestTable] = Field(default=[])
    isos: list[IsoTable] = Field(default=[])
    limits: LimitsTable = LimitsTable()
    lease: LeaseTable = LeaseTable()
    images: ImagesTable = ImagesTable()
