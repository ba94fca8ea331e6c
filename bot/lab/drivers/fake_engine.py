"""An engine that is only written down: what it says of itself, and how it misbehaves."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Generator
from contextlib import contextmanager

from bot.lab.drivers.base import HostFacts
from bot.lab.errors import HostUnreachable

GIB = 1024**3
FACTS = HostFacts(
    version="20.10.24",
    api_version="1.41",
    operating_system="Debian GNU/Linux 12 (bookworm)",
    kernel="6.1.0",
    architecture="amd64",
    cpus=8,
    memory_bytes=16 * GIB,
    disk_total_bytes=100 * GIB,
    disk_free_bytes=60 * GIB,
    cgroup_version="2",
    cgroup_driver="systemd",
    storage_driver="overlay2",
    can_limit_disk=False,
    runtimes=("runc",),
    security_options=("seccomp",),
    user_namespaces=False,
    reads_cgroups=True,
)


class Misbehaving:
    """Answers, unless it was told not to."""

    def __init__(self) -> None:
        self.is_down = False
        self.delay_seconds = 0.0
        self.calls: list[str] = []
        self._failures: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._lock = threading.RLock()

    def fail_next(self, method: str, error: Exception) -> None:
        """Let the next call of a method, or the one after those told already, raise that."""
        self._failures[method].append(error)

    def ping(self) -> None:
        """Answer, unless it is down."""
        with self._called("ping"):
            pass

    def close(self) -> None:
        """Do nothing: there is no connection."""

    @contextmanager
    def _called(self, method: str) -> Generator[None]:
        self.calls.append(method)
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        if self.is_down:
            raise HostUnreachable
        with self._lock:
            failures = self._failures[method]
            if failures:
                raise failures.popleft()
            yield


class FakeEngine(Misbehaving):
    """What it says of itself."""

    def __init__(self, facts: HostFacts = FACTS) -> None:
        super().__init__()
        self.host_facts = facts

    def facts(self) -> HostFacts:
        """Return `host_facts`."""
        with self._called("facts"):
            return self.host_facts
