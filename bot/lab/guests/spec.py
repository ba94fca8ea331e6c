"""From a guest's row to what its host is asked to make: names, and the safety rules as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.lab.drivers import (
    LABEL_DEADLINE,
    LABEL_GUILD,
    LABEL_INSTALLATION,
    LABEL_INSTANCE,
    LABEL_OWNER,
    LABEL_SESSION,
    Accelerator,
    Devices,
    Firmware,
    GuestSpec,
)
from bot.lab.guest_addresses import place_of
from bot.lab.hosts import GuestHost
from bot.lab.model import GuestTemplate, Instance
from bot.lab.spec import engine_name

# As for containers: the speaker's demo comes first where CPUs are short.
_LEAD_SHARES = 4096
_SHARES = 1024
_BASE = "base"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The volumes a guest starts from, by name."""

    base: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    iso: str | None = None


def prefix(installation: str) -> str:
    """Return how the names of all an installation's volumes begin."""
    return f"study-{installation[:8]}-"


def base_name(installation: str, sha512: str) -> str:
    """Name a file of the catalogue in the pool."""
    return f"{prefix(installation)}{_BASE}-{sha512[:16]}"


def disk_name(installation: str, instance_id: int) -> str:
    """Name a guest's disk."""
    return f"{engine_name(installation, instance_id)}-disk.qcow2"


def seed_name(installation: str, instance_id: int) -> str:
    """Name a guest's seed."""
    return f"{engine_name(installation, instance_id)}-seed.iso"


def instance_id_of(installation: str, name: str) -> int | None:
    """Read an instance's id out of the name of anything of it; None where it isn't one of ours."""
    head = prefix(installation)
    if not name.startswith(head):
        return None
    number = name.removeprefix(head).partition("-")[0]
    return int(number) if number.isdecimal() else None


def is_base(installation: str, name: str) -> bool:
    """Whether this is the name of a file of the catalogue."""
    return name.startswith(f"{prefix(installation)}{_BASE}-")


def labels_of(installation: str, instance: Instance) -> Mapping[str, str]:
    """Return what marks it on its host."""
    deadline = "" if instance.deadline is None else instance.deadline.isoformat()
    return {
        LABEL_INSTALLATION: installation,
        LABEL_INSTANCE: str(instance.id),
        LABEL_GUILD: str(instance.guild_id),
        LABEL_SESSION: str(instance.session_id),
        LABEL_OWNER: str(instance.owner_id or 0),
        LABEL_DEADLINE: deadline,
    }


def guest_spec(
    installation: str,
    instance: Instance,
    template: GuestTemplate,
    host: GuestHost,
    prepared: Prepared,
) -> GuestSpec:
    """Describe an instance's guest."""
    place = place_of(host.settings, instance.ports[0].host)
    facts = host.facts
    return GuestSpec(
        name=engine_name(installation, instance.id),
        resources=instance.resources,
        labels=labels_of(installation, instance),
        accelerator=facts.accelerator if facts is not None else Accelerator.EMULATION,
        disk=disk_name(installation, instance.id),
        network=place.network,
        mac=place.mac,
        address=place.address,
        seed=seed_name(installation, instance.id) if template.seeded else None,
        iso=prepared.iso,
        kernel=prepared.kernel,
        initrd=prepared.initrd,
        command_line=template.command_line,
        firmware=Firmware(template.firmware),
        devices=Devices(template.devices),
        cpu_shares=_LEAD_SHARES if instance.role.is_lead else _SHARES,
    )
