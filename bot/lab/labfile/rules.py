"""What must fit together in lab.toml beyond each value by itself."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StudyBotError
from bot.lab.guest_addresses import most_ports
from bot.lab.inputs import parse_ports, parse_size, size_text
from bot.lab.labfile.guests import problems_of_guests
from bot.lab.labfile.lines import KeyPath
from bot.lab.labfile.tables import AttendeeTable, HostTable, LabFile, TemplateTable
from bot.lab.labfile.values import capability, endpoint_of, port_range

Problem = tuple[KeyPath, str]

TLS_FILES = ("ca.pem", "cert.pem", "key.pem")


@dataclass(frozen=True, slots=True)
class Totals:
    """What one person of a role may have together."""

    cpus: float
    memory_bytes: int
    disk_bytes: int


def totals_of(role: AttendeeTable) -> Totals:
    """Return a role's totals: as written, or what all of theirs get each, together."""
    containers, guests = role.instances, role.guests
    if containers + guests == 0:
        containers = 1
    cpus = containers * role.cpus + guests * role.guest_cpus
    memory = containers * parse_size(role.memory) + guests * parse_size(role.guest_memory)
    disk = containers * _disk(role.disk) + guests * _disk(role.guest_disk)
    return Totals(
        cpus if role.total_cpus is None else role.total_cpus,
        memory if role.total_memory is None else parse_size(role.total_memory),
        disk if role.total_disk is None else _disk(role.total_disk),
    )


def tls_folder(host: HostTable, base: Path) -> Path | None:
    """Return where a host's TLS files are; relative paths begin at the file's own folder."""
    return None if host.tls is None else (base / Path(host.tls).expanduser()).absolute()


def problems_of(file: LabFile, base: Path) -> Iterator[Problem]:
    """Yield what doesn't fit together, each with the key it is best mended at."""
    yield from _twice("hosts", [host.name for host in file.hosts], "name")
    docker = [host.docker.rstrip("/") if host.docker else f"#{n}" for n, host in _numbered(file)]
    yield from _twice("hosts", docker, "docker")
    libvirt = [host.libvirt or f"#{n}" for n, host in _numbered(file)]
    yield from _twice("hosts", libvirt, "libvirt")
    for number, host in enumerate(file.hosts):
        for key, what in _host(host, base):
            yield ("hosts", number, key), what
    roles = {
        "attendee": file.limits.attendee,
        "speaker": file.limits.speaker,
        "moderator": file.limits.moderator,
    }
    for name, role in roles.items():
        for key, what in _role(role):
            yield ("limits", name, key), what
    yield from _twice("templates", [template.name for template in file.templates], "name")
    for number, template in enumerate(file.templates):
        for keys, what in _template(template, [role for role in roles.values() if role.instances]):
            yield ("templates", number, *keys), what
    yield from problems_of_guests(file)


def _numbered(file: LabFile) -> Iterator[tuple[int, HostTable]]:
    return iter(enumerate(file.hosts))


def _twice(table: str, values: Sequence[str], key: str) -> Iterator[Problem]:
    for number, value in enumerate(values):
        first = values.index(value)
        if first < number:
            yield (table, number, key), f'"{value}" is {table}[{first}] already'


def _host(host: HostTable, base: Path) -> Iterator[tuple[str, str]]:
    if host.docker is None and host.libvirt is None:
        yield "docker", "is missing: a host has docker, libvirt, or both"
    yield from _ports(host)
    yield from _engine(host, base)
    if ipaddress.ip_address(host.address).is_unspecified and host.public_name is None:
        every = f"is missing: {host.address} is every address of the host"
        yield "public_name", f"{every}, so say which one people should be shown"


def _ports(host: HostTable) -> Iterator[tuple[str, str]]:
    first, last = port_range(host.guest_ports)
    most = most_ports(host.guest_subnet)
    if last - first + 1 > most:
        yield "guest_ports", f"are more than the {most} that {host.guest_subnet} has addresses for"
    if host.libvirt is None or host.docker is None:
        return
    begin, end = port_range(host.ports)
    if first <= end and begin <= last:
        yield "guest_ports", f"overlap with ports ({host.ports})"
    if ipaddress.IPv4Network(host.guest_subnet).overlaps(ipaddress.IPv4Network(host.subnet)):
        yield "guest_subnet", f"overlaps with subnet ({host.subnet})"


def _engine(host: HostTable, base: Path) -> Iterator[tuple[str, str]]:
    folder = tls_folder(host, base)
    if host.docker is None:
        if folder is not None:
            yield "tls", "belongs to a tcp:// address only"
        return
    endpoint = endpoint_of(host.docker)
    if folder is None:
        if endpoint.scheme == "tcp" and not _is_loopback(endpoint.hostname or ""):
            risk = "is missing: whoever reaches this port without TLS is root on the host."
            yield "tls", f"{risk} Name a folder with {', '.join(TLS_FILES)}"
    elif endpoint.scheme != "tcp":
        yield "tls", "belongs to a tcp:// address only"
    else:
        missing = [name for name in TLS_FILES if not (folder / name).is_file()]
        if missing:
            yield "tls", f"there is no {', '.join(missing)} in {folder}"


def _is_loopback(machine: str) -> bool:
    try:
        return ipaddress.ip_address(machine).is_loopback
    except ValueError:
        return machine == "localhost"


def _role(role: AttendeeTable) -> Iterator[tuple[str, str]]:
    totals = totals_of(role)
    if role.cpus > totals.cpus:
        yield "total_cpus", f"{totals.cpus:g} is less than the {role.cpus:g} of one instance"
    if parse_size(role.memory) > totals.memory_bytes:
        yield "total_memory", f"{role.total_memory} is less than the {role.memory} of one instance"
    if _disk(role.disk) > totals.disk_bytes:
        yield "total_disk", f"{role.total_disk} is less than the {role.disk} of one instance"


def _template(
    template: TemplateTable, roles: Sequence[AttendeeTable]
) -> Iterator[tuple[tuple[str, ...], str]]:
    try:
        parse_ports(" ".join(template.ports))
    except StudyBotError as error:
        yield ("ports",), str(error)
    dropped = {capability(name) for name in template.drop_capabilities}
    for name in template.add_capabilities:
        if capability(name) in dropped:
            yield ("drop_capabilities",), f"{capability(name)} is added as well"
    if not roles:
        return
    wanted = Totals(
        template.cpus or 0,
        parse_size(template.memory) if template.memory else 0,
        _disk(template.disk) if template.disk else 0,
    )
    totals = [totals_of(role) for role in roles]
    too_much = list(_too_much(wanted, totals))
    yield from too_much
    if not too_much and not any(_fits(wanted, one) for one in totals):
        yield (), "no role may have as much of everything at once"


def _too_much(wanted: Totals, totals: Sequence[Totals]) -> Iterator[tuple[tuple[str, ...], str]]:
    cpus = max(one.cpus for one in totals)
    if wanted.cpus > cpus:
        yield ("cpus",), f"{wanted.cpus:g} is more than any role may have ({cpus:g})"
    memory = max(one.memory_bytes for one in totals)
    if wanted.memory_bytes > memory:
        more = size_text(wanted.memory_bytes)
        yield ("memory",), f"{more} is more than any role may have ({size_text(memory)})"
    disk = max(one.disk_bytes for one in totals)
    if wanted.disk_bytes > disk:
        more = size_text(wanted.disk_bytes)
        yield ("disk",), f"{more} is more than any role may have ({size_text(disk)})"


def _fits(wanted: Totals, totals: Totals) -> bool:
    return (
        wanted.cpus <= totals.cpus
        and wanted.memory_bytes <= totals.memory_bytes
        and wanted.disk_bytes <= totals.disk_bytes
    )


def _disk(text: str) -> int:
    return parse_size(text, least=1)
