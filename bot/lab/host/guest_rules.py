"""The static rules that guests need beside those of all instances: addresses, ports, the way out.

A guest's bridge asks the host for its address and, where it may go out, for names; everything
else of the host is shut. Each port of the guest range leads to one guest's SSH server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from bot.lab.drivers.guests import BRIDGE_GUESTS_CLOSED, BRIDGE_GUESTS_OPEN
from bot.lab.guest_addresses import SSH_PORT, networks_of, place_of
from bot.lab.model import HostSettings

# What all the lab's bridges share; iptables' way to say "begins with".
ANY_BRIDGE = "sbl+"
GUEST_BRIDGES = (BRIDGE_GUESTS_CLOSED, BRIDGE_GUESTS_OPEN)
TO_GUESTS_CHAIN = "STUDY-LAB-TO"
PORTS_CHAIN = "STUDY-LAB-PORTS"
MASQUERADE_CHAIN = "STUDY-LAB-OUT"
FORGED_CHAIN = "STUDY-LAB-RAW"
ANSWERS = "-m conntrack --ctstate RELATED,ESTABLISHED"

_LOOPBACK = "127.0.0.0/8"
_DHCP = "-p udp -m udp --sport 68 --dport 67 -j ACCEPT"
_NAMES = ("-p udp -m udp --dport 53 -j ACCEPT", "-p tcp -m tcp --dport 53 -j ACCEPT")


@dataclass(frozen=True, slots=True)
class Table:
    """What is ours in a table: chains with their rules, and by hook what leads into them."""

    name: str
    chains: Mapping[str, tuple[str, ...]]
    jumps: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class GuestFence:
    """What guests' rules depend on. `ports`: where each port leads; `bind`: who answers on them."""

    closed_gateway: str
    open_gateway: str
    open_subnet: str
    bind: str
    ports: Mapping[int, str]

    @classmethod
    def of(cls, settings: HostSettings) -> "GuestFence":
        """Return a host's."""
        closed, opened = networks_of(settings)
        span = range(settings.guest_port_first, settings.guest_port_last + 1)
        return cls(
            closed_gateway=closed.gateway,
            open_gateway=opened.gateway,
            open_subnet=opened.subnet,
            bind=settings.bind_address,
            ports={port: place_of(settings, port).address for port in span},
        )

    def asks(self) -> tuple[str, ...]:
        """Return what guests may ask the host itself."""
        gateways = (self.closed_gateway, self.open_gateway)
        return (
            *(
                f"-d {address}/32 -i {bridge} {_DHCP}"
                for bridge, gateway in zip(GUEST_BRIDGES, gateways, strict=True)
                for address in ("255.255.255.255", gateway)
            ),
            *(f"-d {self.open_gateway}/32 -i {BRIDGE_GUESTS_OPEN} {each}" for each in _NAMES),
        )

    def arrivals(self) -> tuple[str, ...]:
        """Return what is let through to guests: answers, and what came by one of the ports."""
        return (f"{ANSWERS} -j ACCEPT", "-m conntrack --ctstate DNAT -j ACCEPT", "-j DROP")

    def tables(self) -> tuple[Table, ...]:
        """Return our part of the tables that others than guests don't need."""
        span = f"-p tcp -m tcp --dport {min(self.ports)}:{max(self.ports)}"
        address = ip_address(self.bind)
        # Guests have IPv4 alone: an IPv6 address to listen on stands for all.
        anywhere = address.is_unspecified or address.version == 6
        mine = f"{span} -m addrtype --dst-type LOCAL" if anywhere else f"-d {self.bind}/32 {span}"
        nat = Table(
            "nat",
            {
                PORTS_CHAIN: tuple(
                    f"-p tcp -m tcp --dport {port} -j DNAT --to-destination {place}:{SSH_PORT}"
                    for port, place in self.ports.items()
                ),
                MASQUERADE_CHAIN: (
                    # A connection from the host to its own loopback comes from there.
                    *(f"-s {_LOOPBACK} -o {bridge} -j MASQUERADE" for bridge in GUEST_BRIDGES),
                    f"-s {self.open_subnet} ! -o {ANY_BRIDGE} -j MASQUERADE",
                ),
            },
            {
                "PREROUTING": (f"{mine} -j {PORTS_CHAIN}",),
                # What this machine itself connects to.
                "OUTPUT": (f"{mine} -j {PORTS_CHAIN}",),
                "POSTROUTING": (f"-j {MASQUERADE_CHAIN}",),
            },
        )
        # Ports on loopback need a bridge that loopback's packets may use; no guest may forge them.
        forged = Table(
            "raw",
            {FORGED_CHAIN: (f"-s {_LOOPBACK} -j DROP", f"-d {_LOOPBACK} -j DROP")},
            {"PREROUTING": (f"-i {ANY_BRIDGE} -j {FORGED_CHAIN}",)},
        )
        return nat, forged
