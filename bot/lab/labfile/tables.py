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
    docker: v.Endpoint
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
    """What an attendee may have. A total that isn't there: `instances` times the amount."""

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
    limits: LimitsTable = LimitsTable()
    lease: LeaseTable = LeaseTable()
    images: ImagesTable = ImagesTable()
