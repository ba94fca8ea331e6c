"""The static firewall rules of a lab host: which they are, nothing about laying them.

They go by the names of the lab's bridges (`bot.lab.drivers.base.bridge_name`), so networks may
come and go without anybody touching the firewall. Everything is written as `iptables -S` prints
it: what is expected and what stands compare as text.
"""

from collections.abc import Mapping
from enum import StrEnum

from bot.lab.drivers.base import BRIDGE_CLOSED, BRIDGE_OPEN

# What both bridge prefixes share; iptables' way to say "begins with".
ANY_BRIDGE = "sbl+"
FORWARD_CHAIN = "STUDY-LAB-FWD"
INPUT_CHAIN = "STUDY-LAB-IN"
# The engine's own place for the operator's rules: it comes before all of the engine's.
ENGINE_CHAIN = "DOCKER-USER"

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
assert BRIDGE_OPEN.startswith(ANY_BRIDGE[:-1])  # noqa: S101


class Family(StrEnum):
    """Which of the two firewalls; the value is its program's name."""

    IPV4 = "iptables"
    IPV6 = "ip6tables"


def expected_rules(
    family: Family, subnet: str, *, sees_bridged: bool
) -> Mapping[str, tuple[str, ...]]:
    """Return our chains with their rules.

    `sees_bridged`: the kernel shows the firewall what one container sends to another on the
    same bridge, too (br_netfilter); one owner's containers may speak with each other.
    """
    answers = "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
    forward = [answers]
    if sees_bridged:
        forward.append("-m physdev --physdev-is-bridged -j RETURN")
    forward.append(f"-o {ANY_BRIDGE} -j DROP")
    if family is Family.IPV6:
        # Lab networks are given no IPv6. Nothing that gets one by accident may use it: a home
        # network's machines have global addresses, so ranges don't tell who is a neighbour.
        forward.append("-j DROP")
    else:
        forward.append(f"! -s {subnet} -j DROP")
        forward.append(f"! -i {BRIDGE_OPEN}+ -j DROP")
        forward += [f"-d {block} -j DROP" for block in NOT_THE_INTERNET]
        ports = ",".join(map(str, MAIL_PORTS))
        forward.append(f"-p tcp -m multiport --dports {ports} -j DROP")
    return {FORWARD_CHAIN: tuple(forward), INPUT_CHAIN: (answers, "-j DROP")}


def jump(chain: str) -> str:
    """Return the rule that leads what comes from a lab bridge into one of our chains."""
    return f"-i {ANY_BRIDGE} -j {chain}"
