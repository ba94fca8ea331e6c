"""What the operator offers: hosts, templates, limits, images. Read once from lab.toml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Self

from bot.lab.capabilities import (
    DEFAULT_CAPABILITIES,
    DEFAULT_WRITABLE,
    MORE_CAPABILITIES,
    capabilities_of,
    writable_of,
)
from bot.lab.errors import NoSuchTemplate
from bot.lab.guest_errors import NoSuchGuestTemplate, NoSuchIso
from bot.lab.inputs import parse_duration, parse_ports, parse_size
from bot.lab.labfile import (
    UNTIL_END,
    AttendeeTable,
    GuestTable,
    HostTable,
    IsoTable,
    LabFile,
    TemplateTable,
    read,
)
from bot.lab.labfile.rules import tls_folder, totals_of
from bot.lab.labfile.values import capability, mirror_of, origin_is_address, port_range
from bot.lab.model import (
    GuestSource,
    GuestTemplate,
    HostSettings,
    IsoImage,
    LabRole,
    Origin,
    Resources,
    RoleLimits,
    Template,
)
from bot.lab.references import ImageReference, is_allowed

__all__ = [
    "DEFAULT_CAPABILITIES",
    "DEFAULT_WRITABLE",
    "MORE_CAPABILITIES",
    "Access",
    "Catalogue",
    "ImagePolicy",
    "capabilities_of",
    "writable_of",
]


@dataclass(frozen=True, slots=True)
class Access:
    """Which attendees may use the lab: those with the lab's role, or all; after how many days."""

    members: Literal["role", "everyone"] = "role"
    min_days: int = 7


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """Which images may be pulled and run beside those of the templates, and how large."""

    allow: tuple[str, ...] = ("official",)
    max_bytes: int = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The operator's file. `hosts` is empty where there is no lab."""

    path: Path
    guilds: frozenset[int]
    access: Access
    hosts: tuple[HostSettings, ...]
    templates: Mapping[str, Template]
    limits: Mapping[LabRole, RoleLimits]
    images: ImagePolicy
    most_per_session: int
    most_per_guild: int
    queue_limit: int
    # How long instances stay after their session's end, and when before their own they warn.
    grace: timedelta
    warning: timedelta
    stop_grace_seconds: int
    guest_stop_grace_seconds: int = 30
    guests: Mapping[str, GuestTemplate] = field(default_factory=dict[str, GuestTemplate])
    isos: Mapping[str, IsoImage] = field(default_factory=dict[str, IsoImage])
    _template_images: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it.

        Raises:
            BadLabFile: one line a problem, with its line and key.
        """
        return cls._of(read(path), path)

    @classmethod
    def none(cls, path: Path = Path("lab.toml")) -> Self:
        """Return what holds where there is no file: every default, and no host."""
        return cls._of(LabFile(), path)

    @classmethod
    def _of(cls, file: LabFile, path: Path) -> Self:
        templates = {one.name: _template(one) for one in file.templates}
        limits = file.limits
        return cls(
            path=path,
            guilds=frozenset(file.guilds),
            access=Access(file.access.members, file.access.min_days),
            hosts=tuple(_host(one, path.parent) for one in file.hosts),
            templates=MappingProxyType(templates),
            limits=MappingProxyType(
                {
                    LabRole.ATTENDEE: _limits(limits.attendee),
                    LabRole.SPEAKER: _limits(limits.speaker),
                    LabRole.MODERATOR: _limits(limits.moderator),
                }
            ),
            images=ImagePolicy(tuple(file.images.allow), parse_size(file.images.max_size, least=1)),
            most_per_session=limits.per_session,
            most_per_guild=limits.per_guild,
            queue_limit=limits.queue,
            grace=parse_duration(file.lease.grace, least=timedelta(0)),
            warning=parse_duration(file.lease.warning),
            stop_grace_seconds=_seconds(file.lease.stop_grace),
            guest_stop_grace_seconds=_seconds(file.lease.guest_stop_grace),
            guests=MappingProxyType({one.name: _guest(one, path.parent) for one in file.guests}),
            isos=MappingProxyType({one.name: _iso(one, path.parent) for one in file.isos}),
            _template_images=frozenset(
                ImageReference.parse(one.image).canonical for one in templates.values()
            ),
        )

    def allows_guild(self, guild_id: int, *, in_playground: bool) -> bool:
        """Say whether a guild has the lab; where none is named, the playground's have it."""
        return guild_id in self.guilds or (in_playground and not self.guilds)

    def template(self, name: str) -> Template:
        """Return an entry.

        Raises:
            NoSuchTemplate.
        """
        found = self.templates.get(name)
        if found is None:
            raise NoSuchTemplate(name=name, names=", ".join(self.templates) or "—")
        return found

    def guest(self, name: str) -> GuestTemplate:
        """Return an entry of the virtual machines.

        Raises:
            NoSuchGuestTemplate.
        """
        found = self.guests.get(name.strip().casefold())
        if found is None:
            raise NoSuchGuestTemplate(name=name, names=", ".join(self.guests) or "—")
        return found

    def iso(self, name: str) -> IsoImage:
        """Return an ISO.

        Raises:
            NoSuchIso.
        """
        found = self.isos.get(name.strip().casefold())
        if found is None:
            raise NoSuchIso(name=name, names=", ".join(self.isos) or "—")
        return found

    def allows_image(self, reference: ImageReference) -> bool:
        """Say whether an image may be pulled and run: a template's own, or one on the list."""
        return reference.canonical in self._template_images or is_allowed(
            reference, self.images.allow
        )


def _seconds(text: str) -> int:
    return round(parse_duration(text, least=timedelta(0)).total_seconds())


def _host(table: HostTable, base: Path) -> HostSettings:
    first, last = port_range(table.ports)
    first_guest, last_guest = port_range(table.guest_ports)
    folder = tls_folder(table, base)
    return HostSettings(
        name=table.name,
        docker=None if table.docker is None else table.docker.rstrip("/"),
        tls_folder=None if folder is None else str(folder),
        bind_address=table.address,
        public_name=table.public_name or table.address,
        port_first=first,
        port_last=last,
        subnet=table.subnet,
        mirror=None if table.mirror is None else mirror_of(table.mirror),
        reserve_memory_share=table.reserve_memory,
        reserve_disk_share=table.reserve_disk,
        reserve_cpus=table.reserve_cpus,
        reserve_lead_share=table.reserve_lead,
        cpu_overcommit=table.cpu_overcommit,
        launches_at_once=table.launches_at_once,
        image_cache_bytes=parse_size(table.image_cache, least=1),
        libvirt=table.libvirt,
        accelerator=table.accelerator,
        pool=table.pool,
        pool_folder=table.pool_folder,
        guest_port_first=first_guest,
        guest_port_last=last_guest,
        guest_subnet=table.guest_subnet,
        guest_launches_at_once=table.guest_launches_at_once,
    )


def _guest(table: GuestTable, base: Path) -> GuestTemplate:
    source = GuestSource(table.source)
    place = table.kernel if source is GuestSource.KERNEL else table.image
    installs = source is GuestSource.ISO
    return GuestTemplate(
        name=table.name,
        source=source,
        image=None if place is None else _origin(place, table, base),
        initrd=None if table.initrd is None else _origin(table.initrd, table, base),
        command_line=table.command_line,
        iso=table.iso,
        description=table.description,
        system=table.system or table.name,
        user=table.user,
        cpus=table.cpus,
        memory_bytes=None if table.memory is None else parse_size(table.memory),
        disk_bytes=None if table.disk is None else parse_size(table.disk, least=1),
        firmware=table.firmware,
        # What installers know without a driver of their own.
        devices=table.devices or ("plain" if installs else "virtio"),
        seeded=not installs if table.seeded is None else table.seeded,
        lead_only=table.lead_only or installs,
    )


def _iso(table: IsoTable, base: Path) -> IsoImage:
    return IsoImage(table.name, _origin(table.file, table, base), table.description)


def _origin(place: str, table: GuestTable | IsoTable, base: Path) -> Origin:
    """Relative paths begin at the file's own folder."""
    if not origin_is_address(place):
        place = str((base / Path(place).expanduser()).absolute())
    return Origin(place, None if table.sha512 is None else table.sha512.lower(), table.sums)


def _template(table: TemplateTable) -> Template:
    return Template(
        name=table.name,
        image=ImageReference.parse(table.image).familiar,
        description=table.description,
        ports=parse_ports(" ".join(table.ports)),
        command=tuple(table.command),
        environment=MappingProxyType(dict(table.environment)),
        cpus=table.cpus,
        memory_bytes=None if table.memory is None else parse_size(table.memory),
        disk_bytes=None if table.disk is None else parse_size(table.disk, least=1),
        runtime=table.runtime,
        capabilities_add=tuple(capability(name) for name in table.add_capabilities),
        capabilities_drop=tuple(capability(name) for name in table.drop_capabilities),
        writable=tuple(table.writable),
    )


def _limits(table: AttendeeTable) -> RoleLimits:
    totals = totals_of(table)
    return RoleLimits(
        instances=table.instances,
        each=Resources(
            table.cpus,
            parse_size(table.memory),
            parse_size(table.disk, least=1),
            table.processes,
        ),
        cpus=totals.cpus,
        memory_bytes=totals.memory_bytes,
        disk_bytes=totals.disk_bytes,
        lifetime=None if table.lifetime == UNTIL_END else parse_duration(table.lifetime),
        extension=parse_duration(table.extension),
        extensions=table.extensions,
        outward=table.outward,
        plain_images=table.plain_images,
        guests=table.guests,
        guest_each=Resources(
            table.guest_cpus,
            parse_size(table.guest_memory),
            parse_size(table.guest_disk, least=1),
            table.processes,
        ),
        in_all=table.instances + table.guests if table.in_all is None else table.in_all,
    )
