"""The probes at work: two owners' closed networks and an open one, for a few seconds.

Whatever happens, they are taken away again; what a killed check left behind, the next removes.
"""

import contextlib
import ipaddress
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from bot.lab.drivers.base import (
    BRIDGE_CLOSED,
    BRIDGE_OPEN,
    LABEL_DEADLINE,
    LABEL_INSTALLATION,
    ContainerDriver,
    ContainerSpec,
    HostFacts,
    Network,
)
from bot.lab.errors import LabError, PortTaken, SubnetTaken
from bot.lab.host import probe
from bot.lab.host.cgroups import cgroup_parent
from bot.lab.model import HostSettings, Port, Resources
from bot.lab.threads import Threads

# A check that was killed is over by then for sure.
_LIVES = timedelta(seconds=60)
_TRIAL_SECONDS = 10.0
_LOOK_SECONDS = 0.15
_NETWORK_PREFIX = 28
# Owners' networks are handed out from the start of the subnet.
_PLACES_AT_END = 16
_TRIES = 5
_SMALL = 64 * 1024**2


# What is to be tried, by what the host's set-up noted and by the addresses that another
# owner's instance may have.
Targets = Callable[[probe.Laid | None, Sequence[str]], Sequence[probe.Target]]


@dataclass(frozen=True, slots=True)
class Result:
    """What the probes came to."""

    closed: probe.Heard
    opened: probe.Heard
    beside: probe.Heard
    published: bool | None  # None: its address can't be tried from here


def probe_label(installation: str) -> str:
    """Return whose the probes are: not the installation's, whose every object has a row."""
    return f"{installation}.probe"


class Trial:
    """One run of the probes on one host."""

    def __init__(
        self, driver: ContainerDriver, settings: HostSettings, facts: HostFacts, installation: str
    ) -> None:
        self._driver = driver
        self._settings = settings
        self._facts = facts
        self._label = probe_label(installation)
        self._key = secrets.token_hex(4)
        self._containers: list[str] = []
        self._networks: list[str] = []
        self._threads = Threads(8, "lab-probe")

    def run(self, targets: Targets) -> Result:
        """Try what `targets` names."""
        try:
            self._remove_leftovers()
            return self._run(targets)
        finally:
            self._clean_up()
            self._threads.shutdown(wait=False)

    def _run(self, targets: Targets) -> Result:
        mine, theirs, outside = self._threads.map(
            self._network, (BRIDGE_CLOSED, BRIDGE_CLOSED, BRIDGE_OPEN)
        )
        hosts = [str(each) for each in ipaddress.IPv4Network(theirs.subnet).hosts()][:6]
        port, listening = self._listen(theirs)
        asked = self._start("beside", theirs, probe.beside(hosts))
        beside = self._hear(asked)
        wanted = targets(beside.laid, hosts)
        command = probe.trier(wanted)
        closed = self._threads.submit(self._try, "closed", mine, command, _SMALL)
        # Without a limit of its own worth the name, the parent's shows from inside.
        opened = self._threads.submit(self._try, "open", outside, command, self._facts.memory_bytes)
        published = self._threads.submit(self._published, port)
        found = Result(closed.result(), opened.result(), beside, published.result())
        if not self._driver.inspect(listening).is_running:
            # It was silent for the wrong reason.
            return replace(found, beside=probe.hear(""))
        return found

    def _try(
        self, name: str, network: Network, command: tuple[str, ...], memory_bytes: int
    ) -> probe.Heard:
        return self._hear(self._start(name, network, command, memory_bytes=memory_bytes))

    # --- making ---

    def _network(self, prefix: str) -> Network:
        whole = ipaddress.IPv4Network(self._settings.subnet)
        length = max(_NETWORK_PREFIX, whole.prefixlen)
        places = 2 ** (length - whole.prefixlen)
        for _ in range(_TRIES * _PLACES_AT_END):
            place = places - 1 - secrets.randbelow(min(_PLACES_AT_END, places))
            first = whole.network_address + place * 2 ** (32 - length)
            tag = secrets.token_hex(3)
            network = Network(
                name=f"study-probe-{self._key}-{tag}",
                # No owner's bridge is named like it: their numbers are hexadecimal.
                bridge=f"{prefix}p{tag}",
                subnet=f"{first}/{length}",
                labels=self._labels(),
            )
            self._networks.append(network.name)
            try:
                self._driver.ensure_network(network)
            except SubnetTaken:
                self._networks.remove(network.name)
            else:
                return network
        raise SubnetTaken(subnet=self._settings.subnet)

    def _listen(self, network: Network) -> tuple[int, str]:
        for _ in range(_TRIES):
            span = self._settings.port_last - self._settings.port_first + 1
            port = self._settings.port_first + secrets.randbelow(span)
            with contextlib.suppress(PortTaken):
                ports = (Port(probe.LISTENS_ON, port),)
                return port, self._start("listener", network, probe.listener(), ports=ports)
        raise PortTaken(port=f"{self._settings.port_first}-{self._settings.port_last}")

    def _start(
        self,
        name: str,
        network: Network,
        command: tuple[str, ...],
        *,
        ports: tuple[Port, ...] = (),
        memory_bytes: int = _SMALL,
    ) -> str:
        lead = network.bridge.startswith(BRIDGE_OPEN)
        spec = ContainerSpec(
            name=f"study-probe-{self._key}-{name}-{secrets.token_hex(2)}",
            image=probe.PROBE_IMAGE,
            hostname=name,
            resources=Resources(1.0, memory_bytes, _SMALL),
            labels=self._labels(),
            capabilities=(),
            network=network,
            ports=ports,
            bind_address=self._settings.bind_address,
            command=command,
            cgroup_parent=cgroup_parent(self._facts.cgroup_driver, is_lead=lead),
        )
        container = self._driver.create(spec)
        self._containers.append(container)
        self._driver.start(container)
        return container

    def _labels(self) -> dict[str, str]:
        return {
            LABEL_INSTALLATION: self._label,
            LABEL_DEADLINE: (datetime.now(UTC) + _LIVES).isoformat(),
        }

    # --- listening ---

    def _hear(self, container: str) -> probe.Heard:
        until = time.monotonic() + _TRIAL_SECONDS
        while time.monotonic() < until and self._driver.inspect(container).is_running:
            time.sleep(_LOOK_SECONDS)
        said = self._driver.logs(container, lines=500, since=None, most_bytes=64 * 1024)
        return probe.hear(said.decode(errors="replace"))

    def _published(self, port: int) -> bool | None:
        """Say whether a published port answers; None where its address isn't here."""
        address = self._settings.bind_address
        if ipaddress.ip_address(address).is_unspecified:
            address = "127.0.0.1" if ":" not in address else "::1"
        if ipaddress.ip_address(address).is_loopback and not is_here(self._settings):
            return None
        until = time.monotonic() + _TRIAL_SECONDS / 2
        while time.monotonic() < until:
            if _speaks_http(address, port):
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    # --- tidying ---

    def _remove_leftovers(self) -> None:
        now = datetime.now(UTC).isoformat()
        for container in self._driver.owned(self._label):
            if container.labels.get(LABEL_DEADLINE, "") < now:
                self._driver.remove(container.engine_id)
        for network in self._driver.networks(self._label):
            if network.labels.get(LABEL_DEADLINE, "") < now:
                self._driver.remove_network(network.name)

    def _clean_up(self) -> None:
        def gone(work: Callable[[str], None], name: str) -> None:
            with contextlib.suppress(LabError):
                work(name)

        for names, work in (
            (self._containers, self._driver.remove),
            (self._networks, self._driver.remove_network),
        ):
            list(self._threads.map(partial(gone, work), list(names)))


def is_here(settings: HostSettings) -> bool:
    """Say whether the host is this very machine, and its loopback ours."""
    return settings.is_here and not _in_container()


def _in_container() -> bool:
    try:
        with open("/proc/1/mountinfo") as mounts:  # noqa: PTH123 - the file alone, in a container
            return any("/docker/containers/" in line for line in mounts)
    except OSError:
        return False


def _speaks_http(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 1) as connection:
            connection.settimeout(1)
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            # The engine's proxy accepts before anybody answers behind it.
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False
