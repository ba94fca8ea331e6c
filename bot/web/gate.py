"""How many connections one client and all of them may hold, before a byte is read."""

import asyncio
import ipaddress
from collections import Counter
from typing import cast

from aiohttp import web

MOST_CONNECTIONS = 512
MOST_OF_ONE = 48


class Gate:
    """Makes the protocol of each new connection; one too many is closed at once."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self.refused = 0

    def __call__(self) -> asyncio.Protocol:
        """Return what the listening socket gives a new connection to."""
        return _AtTheDoor(self)

    def admit(self, transport: asyncio.Transport) -> asyncio.Protocol | None:
        """Return the protocol that serves a connection; None: it is one too many."""
        open_ones = [each.transport for each in self._server.connections]
        held = Counter(client_of(each) for each in open_ones if each is not None)
        client = client_of(transport)
        too_many = client is not None and held[client] >= MOST_OF_ONE
        if too_many or len(open_ones) >= MOST_CONNECTIONS:
            self.refused += 1
            return None
        return cast("asyncio.Protocol", self._server())


class _AtTheDoor(asyncio.Protocol):
    """A connection that was just made."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        real = cast("asyncio.Transport", transport)
        inner = self._gate.admit(real)
        if inner is None:
            real.abort()
            return
        real.set_protocol(inner)
        inner.connection_made(real)


def client_of(transport: asyncio.BaseTransport) -> str | None:
    """Tell clients apart; None where it can't be told.

    Behind a proxy, which is on this machine or in a private network, all have its address.
    An IPv6 client has a whole /64 of addresses.
    """
    peer = transport.get_extra_info("peername")
    try:
        address = ipaddress.ip_address(peer[0])
    except (TypeError, ValueError, IndexError):
        return None
    if not address.is_global:
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
