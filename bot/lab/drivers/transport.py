"""The ways to an engine: a socket of this machine, TCP with or without TLS, or SSH."""

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter

from bot.lab.drivers.ssh import SSHAdapter
from bot.lab.drivers.unix import UnixAdapter
from bot.lab.model import HostSettings

POOL = 32
# OpenSSH's default MaxSessions is 10 on a connection, and each request under way is one.
# Those that stream may last: they leave room for the others.
SSH_CALLS = 4
SSH_STREAMS = 5
BASE = "http+docker://engine"


class Transport:
    """A session with one engine: `session` sends, to addresses that begin with `base`.

    Making one connects only for ssh://, and may raise OSError or SSHException then.
    """

    def __init__(self, settings: HostSettings) -> None:
        address = settings.docker or ""
        self.base = BASE
        self.session = requests.Session()
        # Proxies and .netrc of the environment are for the world outside.
        self.session.trust_env = False
        self._ssh: SSHAdapter | None = None
        self._rooms: tuple[threading.Semaphore, threading.Semaphore] | None = None
        if address.startswith("unix://"):
            adapter: HTTPAdapter = UnixAdapter(
                "http+unix://" + address.removeprefix("unix://"), max_pool_size=POOL
            )
        elif address.startswith("ssh://"):
            adapter = self._ssh = SSHAdapter(address, max_pool_size=POOL)
            self._rooms = threading.Semaphore(SSH_CALLS), threading.Semaphore(SSH_STREAMS)
        elif address.startswith("tcp://"):
            adapter = HTTPAdapter(pool_maxsize=POOL)
            self.base = self._over_tcp(address.removeprefix("tcp://"), settings.tls_folder)
        else:
            raise OSError(f"{address} is no address of an engine: unix://, tcp:// or ssh://")
        self.session.mount(self.base, adapter)

    @contextmanager
    def room(self, *, streamed: bool) -> Generator[None]:
        """Wait for one's turn where only so many requests fit at a time."""
        if self._rooms is None:
            yield
            return
        with self._rooms[streamed]:
            yield

    def is_dead(self) -> bool:
        """Whether nothing can come through any more."""
        return self._ssh is not None and not self._ssh.is_alive()

    def close(self) -> None:
        """Close all connections."""
        with suppress(OSError, EOFError):
            self.session.close()

    def _over_tcp(self, host: str, tls_folder: str | None) -> str:
        if tls_folder is None:
            return f"http://{host}"
        folder = Path(tls_folder).expanduser()
        self.session.verify = str(folder / "ca.pem")
        self.session.cert = (str(folder / "cert.pem"), str(folder / "key.pem"))
        return f"https://{host}"
