# pyright: basic, reportIncompatibleMethodOverride=false, reportAttributeAccessIssue=false
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalMemberAccess=false
# The types known of docker-py's transports are guesses, and wrong ones here.
"""docker-py's way over SSH, with time limits: its own waits for a dead host up to an hour.

It runs `docker system dial-stdio` on the host for each connection, and checks the host's key
against the user's known hosts.
"""

import io
import socket
from contextlib import suppress
from typing import Any

from docker.transport import SSHHTTPAdapter
from docker.transport.sshconn import SSHConnection, SSHConnectionPool
from paramiko import SSHException

from bot.lab.drivers.unix import ONE

CONNECT_SECONDS = 5.0
# A line on which nothing is heard for that long is closed by the kernel.
DEAD_AFTER_MS = 10_000


class SSHAdapter(SSHHTTPAdapter):
    """Connects when it is made. Raises OSError and SSHException."""

    def _create_paramiko_client(self, base_url: str) -> None:
        super()._create_paramiko_client(base_url)
        self.ssh_params |= {
            "timeout": CONNECT_SECONDS,
            "banner_timeout": CONNECT_SECONDS,
            "auth_timeout": 2 * CONNECT_SECONDS,
            "channel_timeout": CONNECT_SECONDS,
        }

    def _connect(self) -> None:
        super()._connect()
        line = self.ssh_client.get_transport()
        # A host that vanished without a word: what is sent and not taken ends the connection.
        line.set_keepalive(5)
        with suppress(OSError, AttributeError):  # a ProxyCommand is no socket
            line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)

    def get_connection(self, _url: str, _proxies: Any = None) -> SSHConnectionPool:
        """Return the one pool there is for the host."""
        with self.pools.lock:
            pool = self.pools.get(ONE)
            if pool is None:
                pool = self.pools[ONE] = Pool(
                    ssh_client=self.ssh_client, maxsize=self.max_pool_size
                )
        return pool

    def is_alive(self) -> bool:
        """Whether anything can still come through."""
        line = self.ssh_client.get_transport()
        return line is not None and line.is_active()


class Pool(SSHConnectionPool):
    """Makes connections of ours."""

    def _new_conn(self) -> SSHConnection:
        return Connection(self.ssh_transport, self.timeout)


class Connection(SSHConnection):
    """Reads what comes as it comes."""

    def connect(self) -> None:
        """Open a channel to the engine."""
        try:
            super().connect()
        except OSError as error:  # urllib3 takes some of these for a request that was sent
            raise SSHException(str(error)) from error
        self.sock = Socket(self.sock)


class Socket:
    """A channel that behaves like a socket.

    paramiko's own file gives back full reads alone, and its channel closes under whoever
    still reads from it.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._readers = 0
        self._is_closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def makefile(self, *_mode: Any) -> io.BufferedReader:
        """Return a file to read from."""
        self._readers += 1
        return io.BufferedReader(Reader(self))

    def close(self) -> None:
        """Close the channel, when nobody reads from it any more."""
        self._is_closed = True
        if self._readers <= 0:
            self._channel.close()

    def let_go(self) -> None:
        """One who read doesn't any more."""
        self._readers -= 1
        if self._is_closed:
            self.close()


class Reader(io.RawIOBase):
    """The reading end of a channel."""

    def __init__(self, owner: Socket) -> None:
        self._owner = owner

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for something, and return how much it was."""
        data: bytes = self._owner.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let the channel go."""
        if not self.closed:
            self._owner.let_go()
        super().close()
