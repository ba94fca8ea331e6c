"""What a person asks for, and what that comes to by the catalogue and their limits. Pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import PurePosixPath

from bot.guilds import Person
from bot.lab.catalogue import Catalogue
from bot.lab.errors import ImageNotAllowed, NoSuchTemplate, TemplatesOnly
from bot.lab.guest_addresses import SSH_PORT
from bot.lab.guest_errors import IsoNotHere, LeadOnly
from bot.lab.model import (
    GuestSource,
    GuestTemplate,
    Kind,
    LabRole,
    Port,
    Resources,
    RoleLimits,
    Template,
)
from bot.lab.references import ImageReference
from bot.sessions import Session


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person asks for. `what` is a template's name or an image; None: the default."""

    session: Session
    channel_id: int
    by: Person
    what: str
    name: str | None = None
    ports: tuple[Port, ...] | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    cpus: float | None = None
    memory_bytes: int | None = None
    lifetime: timedelta | None = None
    kind: Kind = Kind.CONTAINER
    disk_bytes: int | None = None
    iso: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request comes to."""

    template: str | None
    image: str
    resources: Resources
    ports: tuple[Port, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    iso: str | None = None


def container_wish(catalogue: Catalogue, request: LaunchRequest, limits: RoleLimits) -> Wish:
    """Return the container that is meant.

    Raises:
        TemplatesOnly, NoSuchTemplate, ImageNotAllowed, BadImageName.
    """
    template, image = _resolve(catalogue, request.what, limits)
    ports = request.ports
    if ports is None:
        ports = template.ports if template else ()
    each = limits.each
    own = template or Template("", "")
    return Wish(
        template=template.name if template else None,
        image=image,
        resources=Resources(
            cpus=request.cpus or own.cpus or each.cpus,
            memory_bytes=request.memory_bytes or own.memory_bytes or each.memory_bytes,
            disk_bytes=own.disk_bytes or each.disk_bytes,
            processes=each.processes,
        ),
        ports=tuple(replace(port, wished=port.host) for port in ports),
        command=request.command or own.command,
        environment={**own.environment, **(request.environment or {})},
    )


def guest_wish(
    catalogue: Catalogue, request: LaunchRequest, limits: RoleLimits, role: LabRole
) -> Wish:
    """Return the guest that is meant.

    Raises:
        NoSuchGuestTemplate, LeadOnly, NoSuchIso, IsoNotHere.
    """
    template = catalogue.guest(request.what)
    if template.lead_only and not role.is_lead:
        open_to_all = ", ".join(one.name for one in guests_for(catalogue, role))
        raise LeadOnly(name=template.name, names=open_to_all or "—")
    iso = template.iso
    if request.iso is not None:
        if template.source is not GuestSource.ISO:
            raise IsoNotHere(template=template.name)
        iso = catalogue.iso(request.iso).name
    each = limits.guest_each
    return Wish(
        template=template.name,
        # The file's name alone: where the operator keeps it is nobody's business.
        image=PurePosixPath(template.image.place).name if template.image else template.name,
        resources=Resources(
            cpus=request.cpus or template.cpus or each.cpus,
            memory_bytes=request.memory_bytes or template.memory_bytes or each.memory_bytes,
            disk_bytes=request.disk_bytes or template.disk_bytes or each.disk_bytes,
            processes=each.processes,
        ),
        # Whatever runs inside: its address comes with the port.
        ports=(Port(SSH_PORT),),
        iso=iso,
    )


def guests_for(catalogue: Catalogue, role: LabRole) -> list[GuestTemplate]:
    """Return the guests somebody may create, in the operator's order."""
    return [one for one in catalogue.guests.values() if role.is_lead or not one.lead_only]


def lifetime_of(wanted: timedelta | None, limits: RoleLimits) -> timedelta | None:
    """Return how long it may live: as wished, but no longer than the role's may."""
    if wanted is None or limits.lifetime is None:
        return wanted or limits.lifetime
    return min(wanted, limits.lifetime)


def _resolve(catalogue: Catalogue, what: str, limits: RoleLimits) -> tuple[Template | None, str]:
    """Return the template (they come first) and the image that `what` means."""
    name = what.strip()
    template = catalogue.templates.get(name.casefold())
    if template is not None:
        return template, ImageReference.parse(template.image).familiar
    known = ", ".join(catalogue.templates)
    if not limits.plain_images:
        raise TemplatesOnly(names=known)
    if not catalogue.images.allow:
        raise NoSuchTemplate(name=name, names=known)
    reference = ImageReference.parse(name)
    if not catalogue.allows_image(reference):
        raise ImageNotAllowed(image=reference.familiar)
    return None, reference.familiar
