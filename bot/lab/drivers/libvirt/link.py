"""A connection to libvirt that is opened when it is first needed, and again after it was lost."""

import contextlib
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

from bot.errors import Term
from bot.lab.drivers.libvirt import loop, refusals
from bot.lab.drivers.libvirt.library import Connection, libvirt
from bot.lab.errors import HostUnreachable

log = structlog.get_logger(__name__)

T = TypeVar("T")

# How long one waits for another who is just opening the connection.
_OPENING_SECONDS = 2.0
# A libvirtd that says nothing for so long is given up, so that no call hangs for ever.
_KEEPALIVE_SECONDS = 5
_KEEPALIVE_TRIES = 4
_CLOSING_SECONDS = 0.5


class Link:
    """One connection, used by several threads at once; making one doesn't connect yet."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.hypervisor = uri.partition(":")[0]
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._is_closed = False
        # Counts connections: who keeps something of one notices that it is another now.
        self.generation = 0

    def run(
        self, work: Callable[[Connection], T], *, what: Term = refusals.THAT, name: str = ""
    ) -> T:
        """Have something done on the connection, which is opened again if it was lost.

        Raises:
            HostUnreachable: no answer. Whatever else `refusals` makes of libvirt's words.
        """
        with self.translated(what=what, name=name):
            try:
                return work(self.connection())
            except libvirt.libvirtError as error:
                if not refusals.was_closed(error):
                    raise
            self._drop()
            return work(self.connection())

    @contextmanager
    def translated(self, *, what: Term = refusals.THAT, name: str = "") -> Generator[None]:
        """Turn libvirt's errors into ours."""
        with refusals.translated(self.hypervisor, what=what, name=name):
            yield

    def connection(self) -> Connection:
        """Return the connection, opened if need be.

        Raises:
            HostUnreachable: it can't be opened, or somebody has been trying for too long.
        """
        if not self._lock.acquire(timeout=_OPENING_SECONDS):
            raise HostUnreachable
        try:
            if self._is_closed:
                raise HostUnreachable
            connection = self._connection
            if connection is None or not connection.isAlive():
                connection = self._connection = self._opened()
            return connection
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go; a libvirtd that hangs isn't waited for."""
        self._is_closed = True
        connection, self._connection = self._connection, None
        if connection is None:
            return
        closing = threading.Thread(
            target=_closed, args=(connection,), name="libvirt close", daemon=True
        )
        closing.start()
        closing.join(_CLOSING_SECONDS)

    def _opened(self) -> Connection:
        loop.ensure()
        try:
            connection: Any = libvirt.open(self.uri)
        except libvirt.libvirtError as error:
            log.debug("libvirt can't be reached", uri=self.uri, error=str(error))
            raise HostUnreachable from error
        with contextlib.suppress(libvirt.libvirtError):  # in-process ones have nothing to keep
            connection.setKeepAlive(_KEEPALIVE_SECONDS, _KEEPALIVE_TRIES)
        self.generation += 1
        self.hypervisor = str(connection.getType())
        return connection

    def _drop(self) -> None:
        with self._lock:
            self._connection = None


def _closed(connection: Connection) -> None:
    with contextlib.suppress(libvirt.libvirtError):
        connection.close()
