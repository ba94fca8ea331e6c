"""From an instance to what its host is asked to make: where the safety rules become flags."""

import ipaddress

from bot.lab.capabilities import capabilities_of, writable_of
from bot.lab.drivers import (
    LABEL_DEADLINE,
    LABEL_GUILD,
    LABEL_INSTALLATION,
    LABEL_INSTANCE,
    LABEL_OWNER,
    LABEL_SESSION,
    ContainerSpec,
    Image,
    Network,
    bridge_name,
)
from bot.lab.hosts import Host
from bot.lab.model import Instance, Template

# Beside 1024 of an attendee's: the speaker's demo comes first where CPUs are short.
_LEAD_SHARES = 4096
_SHARES = 1024
# Room for twelve addresses each; a /16 holds 4,096 of them.
_NETWORK_PREFIX = 28


def engine_name(installation: str, instance_id: int) -> str:
    """Name the container on its host; together with the row this is what makes it ours."""
    return f"study-{installation[:8]}-{instance_id}"


def network_name(installation: str, network_id: int) -> str:
    """Name an owner's network on its host."""
    return f"study-{installation[:8]}-n{network_id}"


def network_id_of(installation: str, name: str) -> int | None:
    """Read a network's id back out of its name; None where it isn't one of ours."""
    head, _sep, number = name.rpartition("-n")
    return int(number) if head == f"study-{installation[:8]}" and number.isdecimal() else None


def places(subnet: str) -> int:
    """Return how many owners' networks a host's subnet holds."""
    prefix = ipaddress.IPv4Network(subnet).prefixlen
    return max(1, 2 ** (_NETWORK_PREFIX - prefix))


def subnet_at(subnet: str, place: int) -> str:
    """Return the owner's network at a place of the host's subnet."""
    whole = ipaddress.IPv4Network(subnet)
    if whole.prefixlen >= _NETWORK_PREFIX:
        return str(whole)
    first = int(whole.network_address) + place * 2 ** (32 - _NETWORK_PREFIX)
    return f"{ipaddress.IPv4Address(first)}/{_NETWORK_PREFIX}"


def network_of(installation: str, instance: Instance, host: Host, ids: tuple[int, int]) -> Network:
    """Describe the network an instance's owner has on its host; `ids`: its row and its place."""
    network_id, place = ids
    return Network(
        name=network_name(installation, network_id),
        bridge=bridge_name(network_id, outward=instance.outward, installation=installation),
        subnet=subnet_at(host.settings.subnet, place),
        labels={
            LABEL_INSTALLATION: installation,
            LABEL_GUILD: str(instance.guild_id),
            LABEL_SESSION: str(instance.session_id),
            LABEL_OWNER: str(instance.owner_id or 0),
        },
    )


def container_spec(
    installation: str,
    instance: Instance,
    template: Template | None,
    host: Host,
    network: Network,
    image: Image | None,
) -> ContainerSpec:
    """Describe an instance's container. `image` tells of volumes, which are bounded too."""
    lead = instance.role.is_lead
    facts = host.facts
    deadline = "" if instance.deadline is None else instance.deadline.isoformat()
    return ContainerSpec(
        name=engine_name(installation, instance.id),
        image=instance.image,
        hostname=instance.name,
        resources=instance.resources,
        labels={
            LABEL_INSTALLATION: installation,
            LABEL_INSTANCE: str(instance.id),
            LABEL_GUILD: str(instance.guild_id),
            LABEL_SESSION: str(instance.session_id),
            LABEL_OWNER: str(instance.owner_id or 0),
            LABEL_DEADLINE: deadline,
        },
        capabilities=capabilities_of(template),
        network=network,
        ports=instance.ports,
        bind_address=host.settings.bind_address,
        command=instance.command,
        environment=instance.environment,
        runtime=template.runtime if template else None,
        cgroup_parent=host.cgroup_parent(is_lead=lead),
        cpu_shares=_LEAD_SHARES if lead else _SHARES,
        limit_disk=bool(facts and facts.can_limit_disk),
        writable=writable_of(template),
        volumes=image.volumes if image else (),
    )
