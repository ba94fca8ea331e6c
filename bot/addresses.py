"""Which addresses the bot reads from, so that nobody reads the operator's own network.

Names are resolved once: what was checked is what is connected to. A name that leads to a
public address now and to a private one a moment later gains nothing.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from bot.errors import N_, BadInput

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_BELOW = 2**32

Resolve = Callable[[str, int, socket.AddressFamily], Awaitable[list[ResolveResult]]]


class PrivateAddress(BadInput):
    """Leads into a private network."""

    message = N_("I don't read from {host}: it is in a private network.")


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the open internet, also when wrapped in IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and (found in _TRANSLATED or int(found) < _BELOW):
            inner = ipaddress.IPv4Address(int(found) % _BELOW)
        if inner is not None:
            return is_public(str(inner))
    return (
        found.is_global
        and not found.is_multicast
        and not found.is_reserved
        and not found.is_unspecified
        and not found.is_loopback
        and not found.is_link_local
        and not found.is_private
    )


class Hosts:
    """The hosts the operator allows by name, wherever they are: `name` or `name:port`."""

    def __init__(self, names: Collection[str] = ()) -> None:
        self._names = frozenset(name.casefold().rstrip(".") for name in names)

    def allows(self, host: str, port: int) -> bool:
        """Say whether a host was allowed by name."""
        name = host.casefold().rstrip(".")
        return name in self._names or f"{name}:{port}" in self._names


class CheckedResolver(AbstractResolver):
    """Resolves names to addresses that may be read from, and to no others."""

    def __init__(
        self,
        hosts: Hosts,
        resolve: Resolve | None = None,
        *,
        refused: type[PrivateAddress] = PrivateAddress,
    ) -> None:
        self._hosts = hosts
        self._refused = refused
        self._own = ThreadedResolver() if resolve is None else None
        self._resolve: Resolve = resolve or self._of_system

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where a host is.

        Raises:
            PrivateAddress: any of its addresses is (as the kind it was made with).
        """
        found = await self._resolve(host, port, family)
        if not self._hosts.allows(host, port):
            for one in found:
                if not is_public(one["host"]):
                    raise self._refused(host=host)
        return found

    async def close(self) -> None:
        """Let go."""
        if self._own is not None:
            await self._own.close()

    async def _of_system(
        self, host: str, port: int, family: socket.AddressFamily
    ) -> list[ResolveResult]:
        assert self._own is not None  # noqa: S101 - made above; for the type checker
        return await self._own.resolve(host, port, family)
