# pyright: basic, reportIncompatibleMethodOverride=false, reportAttributeAccessIssue=false
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalMemberAccess=false
# The types known of docker-py's transports are guesses, and wrong ones here.
"""docker-py's way to a socket of this machine, with connections that are used again."""

import socket
from typing import Any

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

# docker-py has a pool for each address of a call, and so a new connection for most calls.
ONE = "engine"


class UnixAdapter(UnixHTTPAdapter):
    """Connects when the first request is sent."""

    def get_connection(self, url: str, proxies: Any = None) -> UnixHTTPConnectionPool:  # noqa: ARG002 - requests calls it so
        """Return the one pool there is for the engine."""
        with self.pools.lock:
            pool = self.pools.get(ONE)
            if pool is None:
                pool = self.pools[ONE] = Pool(url, self.socket_path, maxsize=self.max_pool_size)
        return pool


class Pool(UnixHTTPConnectionPool):
    """Makes connections of ours."""

    def _new_conn(self) -> UnixHTTPConnection:
        return Connection(self.base_url, self.socket_path, self.timeout)


class Connection(UnixHTTPConnection):
    """Closes its socket when nobody answers there."""

    def connect(self) -> None:
        """Connect to the engine. Raises OSError."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self.unix_socket)
        except BaseException:
            sock.close()
            raise
        self.sock = sock
