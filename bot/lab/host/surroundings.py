"""What is around a machine: its own addresses, and the machines next to it."""

import ipaddress
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ROUTES = Path("/proc/net/route")
_RESOLVERS = Path("/etc/resolv.conf")
# Bridges and their ends come and go with networks; what stays is what the host is known by.
_PASSING = ("lo", "sbl", "br-", "veth")
_DEFAULT_ROUTE = "00000000"


def boot_id() -> str:
    """Return what the kernel calls this boot; the same inside every container."""
    return _BOOT_ID.read_text().strip()


def own_addresses() -> tuple[str, ...]:
    """Return this machine's addresses that others could know it by."""
    found: set[str] = set()
    for name, addresses in psutil.net_if_addrs().items():
        if not name.startswith(_PASSING):
            found |= {each.address for each in addresses if is_lasting(each.address)}
    return tuple(sorted(found))


def neighbours() -> tuple[str, ...]:
    """Return the machines around this one that it speaks with: router and name servers."""
    found: set[str] = set()
    for line in _ROUTES.read_text().splitlines()[1:]:
        _, destination, gateway, *_ = line.split()
        if destination == _DEFAULT_ROUTE and gateway != _DEFAULT_ROUTE:
            found.add(str(ipaddress.IPv4Address(bytes.fromhex(gateway)[::-1])))
    if _RESOLVERS.exists():
        for line in _RESOLVERS.read_text().splitlines():
            words = line.split()
            if words[:1] == ["nameserver"] and len(words) > 1 and is_lasting(words[1]):
                found.add(words[1])
    return tuple(sorted(found))


def is_lasting(text: str) -> bool:
    """Say whether this is an address that others can know a machine by."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # a hardware address, or one with an interface's name behind it
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)
