"""Which port of a host leads to which guest: fixed, so that root lays it once and for all.

Each port of the host's guest range leads to port 22 of one address. The first half of the
ports, and of the subnet, is the closed network's, the other half the open one's. So a guest's
port says all: its network, its address, and that no other guest has them.
"""

import ipaddress
from dataclasses import dataclass

from bot.lab.drivers.guests import FIRST_ADDRESS, NETWORK_CLOSED, NETWORK_OPEN
from bot.lab.model import HostSettings

SSH_PORT = 22
# Locally administered, and QEMU's by custom.
_MAC_PREFIX = "52:54"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a guest is on its host."""

    port: int
    network: str
    address: str

    @property
    def mac(self) -> str:
        """The hardware address of its card."""
        return mac_of(self.address)


@dataclass(frozen=True, slots=True)
class GuestNetwork:
    """One of a host's two networks: `gateway` is the host's own address in it."""

    name: str
    outward: bool
    subnet: str
    gateway: str
    netmask: str
    ports: range


def networks_of(settings: HostSettings) -> tuple[GuestNetwork, GuestNetwork]:
    """Return a host's closed and its open network."""
    first, last = settings.guest_port_first, settings.guest_port_last + 1
    middle = first + (last - first + 1) // 2
    halves = list(ipaddress.IPv4Network(settings.guest_subnet).subnets())
    return (
        _network(NETWORK_CLOSED, halves[0], range(first, middle), outward=False),
        _network(NETWORK_OPEN, halves[1], range(middle, last), outward=True),
    )


def ports_of(settings: HostSettings, *, outward: bool) -> range:
    """Return the ports whose guests may, or may not, reach the internet."""
    return networks_of(settings)[outward].ports


def place_of(settings: HostSettings, port: int) -> Place:
    """Return where a port of the range leads.

    Raises:
        ValueError: it isn't one of the range.
    """
    for network in networks_of(settings):
        if port in network.ports:
            base = ipaddress.IPv4Network(network.subnet).network_address
            address = base + FIRST_ADDRESS + network.ports.index(port)
            return Place(port, network.name, str(address))
    raise ValueError(port)


def most_ports(subnet: str) -> int:
    """Return how many ports a guest subnet has addresses for: half in each of its networks."""
    half = next(ipaddress.IPv4Network(subnet).subnets())
    return 2 * (half.num_addresses - FIRST_ADDRESS - 1)


def mac_of(address: str) -> str:
    """Return the hardware address that goes with an address, whoever has it.

    A server of addresses keeps one for the card it gave it to, for an hour after that is gone:
    the next guest there has the same card. Hosts' networks are apart, so it may be on several.
    """
    return ":".join(
        [_MAC_PREFIX, *(f"{byte:02x}" for byte in ipaddress.IPv4Address(address).packed)]
    )


def _network(
    name: str, subnet: ipaddress.IPv4Network, ports: range, *, outward: bool
) -> GuestNetwork:
    return GuestNetwork(
        name=name,
        outward=outward,
        subnet=str(subnet),
        gateway=str(subnet.network_address + 1),
        netmask=str(subnet.netmask),
        ports=ports,
    )
