"""The static firewall rules of a lab host: which they are, nothing about laying them.

They go by the names of the lab's bridges (`bot.lab.drivers.base.bridge_name`), so networks may
come and go without anybody touching the firewall. Everything is written as `iptables -S` prints
it: what is expected and what stands compare as text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.lab.drivers.base import BRIDGE_CLOSED, BRIDGE_OPEN
from bot.lab.drivers.guests import BRIDGE_GUESTS_OPEN
from bot.lab.host.guest_rules import (
    ANSWERS,
    ANY_BRIDGE,
    GUEST_BRIDGES,
    TO_GUESTS_CHAIN,
    GuestFence,
    Table,
)
from bot.lab.model import HostSettings

FORWARD_CHAIN = "STUDY-LAB-FWD"
INPUT_CHAIN = "STUDY-LAB-IN"
# The engine's own place for the operator's rules: it comes before all of the engine's.
ENGINE_CHAIN = "DOCKER-USER"
_ANSWERS_RETURN = f"{ANSWERS} -j RETURN"

# Where an instance with outward access has no business either: private and shared ranges,
# link-local with the metadata service, loopback, documentation, multicast, reserved. The
# registry of special-purpose addresses has them all (RFC 6890).
NOT_THE_INTERNET = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
MAIL_PORTS = (25, 465, 587)

assert BRIDGE_CLOSED.startswith(ANY_BRIDGE[:-1])  # noqa: S101 - the rules rest on it
assert BRIDGE_OPEN.startswith(ANY_BRIDGE[:-1])  # noqa: S101 - of two constants


class Family(StrEnum):
    """Which of the two firewalls; the value is its program's name."""

    IPV4 = "iptables"
    IPV6 = "ip6tables"


@dataclass(frozen=True, slots=True)
class Fence:
    """What the rules depend on: `subnet` of the containers' networks, `guests` where there are."""

    subnet: str
    guests: GuestFence | None = None

    @classmethod
    def of(cls, settings: HostSettings) -> "Fence":
        """Return a host's."""
        guests = GuestFence.of(settings) if settings.libvirt is not None else None
        return cls(settings.subnet, guests)


def expected_tables(
    family: Family, fence: Fence, *, entry: str, sees_bridged: bool
) -> tuple[Table, ...]:
    """Return all of our rules. `entry`: the chain where forwarding begins.

    `sees_bridged`: the kernel shows the firewall what one container sends to another on the
    same bridge, too (br_netfilter); one owner's containers may speak with each other.
    """
    guests = fence.guests if family is Family.IPV4 else None
    chains = {
        FORWARD_CHAIN: tuple(_forward(family, fence, sees_bridged=sees_bridged)),
        INPUT_CHAIN: (_ANSWERS_RETURN, *(guests.asks() if guests else ()), "-j DROP"),
    }
    jumps = {entry: [jump(FORWARD_CHAIN)], "INPUT": [jump(INPUT_CHAIN)]}
    if fence.guests is not None:
        chains[TO_GUESTS_CHAIN] = guests.arrivals() if guests else ("-j DROP",)
        jumps[entry] += [f"-o {bridge} -j {TO_GUESTS_CHAIN}" for bridge in GUEST_BRIDGES]
    tables = [Table("filter", chains, {hook: tuple(rules) for hook, rules in jumps.items()})]
    return (*tables, *(guests.tables() if guests else ()))


def _forward(family: Family, fence: Fence, *, sees_bridged: bool) -> Iterator[str]:
    guests = fence.guests
    if guests is not None and family is Family.IPV4:
        # The engine drops what is forwarded and not its own, so guests' packets are accepted.
        yield from (f"-i {bridge} {ANSWERS} -j ACCEPT" for bridge in GUEST_BRIDGES)
    yield _ANSWERS_RETURN
    if guests is not None:
        yield from (f"-i {bridge} -o {bridge} -j DROP" for bridge in GUEST_BRIDGES)
    if sees_bridged:
        yield "-m physdev --physdev-is-bridged -j RETURN"
    yield f"-o {ANY_BRIDGE} -j DROP"
    if family is Family.IPV6:
        # Lab networks are given no IPv6. Nothing that gets one by accident may use it: a home
        # network's machines have global addresses, so ranges don't tell who is a neighbour.
        yield "-j DROP"
        return
    if guests is None:
        yield f"! -s {fence.subnet} -j DROP"
    else:
        yield f"! -s {guests.open_subnet} -i {BRIDGE_GUESTS_OPEN} -j DROP"
        yield f"! -s {fence.subnet} ! -i {BRIDGE_GUESTS_OPEN} -j DROP"
    yield f"! -i {BRIDGE_OPEN}+ -j DROP"
    yield from (f"-d {block} -j DROP" for block in NOT_THE_INTERNET)
    ports = ",".join(map(str, MAIL_PORTS))
    yield f"-p tcp -m multiport --dports {ports} -j DROP"
    if guests is not None:
        yield f"-i {BRIDGE_GUESTS_OPEN} -j ACCEPT"


def jump(chain: str) -> str:
    """Return the rule that leads what comes from a lab bridge into one of our chains."""
    return f"-i {ANY_BRIDGE} -j {chain}"
