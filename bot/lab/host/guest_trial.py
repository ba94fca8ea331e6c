"""The guests' probes at work: one in the closed network, one in the open one, for some seconds.

Whatever happens, they are taken away again; what a killed check left behind, the next removes.
"""

import contextlib
import ipaddress
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.lab.drivers.base import LABEL_DEADLINE, LABEL_INSTALLATION
from bot.lab.drivers.guests import FIRST_ADDRESS, GuestDriver, GuestHostFacts, GuestSpec
from bot.lab.errors import LabError, NameTaken
from bot.lab.guest_addresses import GuestNetwork, mac_of, networks_of
from bot.lab.guest_errors import AddressTaken
from bot.lab.host import guest_probe
from bot.lab.host.probe import Target
from bot.lab.model import HostSettings, Resources

# A check that was killed is over by then for sure.
_LIVES = timedelta(seconds=240)
_TRIAL_SECONDS = 90.0
_LOOK_SECONDS = 0.25
_DISK_BYTES = 1024**2
# The gateway has the first; the rest of those that no guest gets are ours.
_OWN_PLACES = range(2, FIRST_ADDRESS)

Targets = Callable[[Sequence[str]], list[Target]]


@dataclass(frozen=True, slots=True)
class GuestResult:
    """What the probes heard."""

    closed: guest_probe.GuestHeard
    opened: guest_probe.GuestHeard


@dataclass(frozen=True, slots=True)
class _Placed:
    name: str
    network: GuestNetwork
    mac: str
    address: str


def owner_of_probes(installation: str) -> str:
    """Return whose the probes' volumes are: not the installation's, whose every one has a row."""
    return f"p{installation[:7]}"


class GuestTrial:
    """One run of the guests' probes on one host."""

    def __init__(
        self,
        driver: GuestDriver,
        settings: HostSettings,
        facts: GuestHostFacts,
        installation: str,
    ) -> None:
        self._driver = driver
        self._facts = facts
        self._networks = networks_of(settings)
        self._owner = owner_of_probes(installation)
        # Several checks of one installation may begin in the same second.
        self._key = secrets.token_hex(3)
        self._placed: list[_Placed] = []

    def run(self, targets: Targets) -> GuestResult:
        """Try what `targets` names for each probe; it is told the others' addresses."""
        try:
            self._remove_leftovers()
            places = [self._place(network) for network in self._networks]
            addresses = [each.address for each in places]
            engine_ids = [
                self._start(each, targets([other for other in addresses if other != each.address]))
                for each in places
            ]
            return GuestResult(*self._hear(engine_ids))
        finally:
            self._clean_up()

    def _place(self, network: GuestNetwork) -> _Placed:
        """Reserve one of the addresses that are kept for this; several may be at it at once."""
        base = ipaddress.IPv4Network(network.subnet).network_address
        side = "open" if network.outward else "closed"
        name = f"study-{self._owner}-{int(time.time())}-{self._key}-{side}"
        for number in _OWN_PLACES:
            address = str(base + number)
            placed = _Placed(name, network, mac_of(address), address)
            with contextlib.suppress(AddressTaken):
                self._driver.reserve(network.name, name, placed.mac, address)
                self._placed.append(placed)
                return placed
        raise AddressTaken(address=f"{base + _OWN_PLACES[0]}-{_OWN_PLACES[-1]}")

    def _start(self, placed: _Placed, targets: Sequence[Target]) -> str:
        disk = _disk(placed.name)
        with contextlib.suppress(NameTaken):
            self._driver.create_volume(disk, _DISK_BYTES)
        spec = GuestSpec(
            name=placed.name,
            resources=Resources(1.0, guest_probe.MEMORY_BYTES, _DISK_BYTES),
            labels={
                LABEL_INSTALLATION: self._owner,
                LABEL_DEADLINE: (datetime.now(UTC) + _LIVES).isoformat(),
            },
            accelerator=self._facts.accelerator,
            disk=disk,
            network=placed.network.name,
            mac=placed.mac,
            address=placed.address,
            kernel=guest_probe.KERNEL_VOLUME,
            initrd=guest_probe.INITRD_VOLUME,
            command_line=guest_probe.command_line(targets),
        )
        engine_id = self._driver.define(spec)
        self._driver.start(engine_id)
        return engine_id

    def _hear(self, engine_ids: Sequence[str]) -> list[guest_probe.GuestHeard]:
        until = time.monotonic() + _TRIAL_SECONDS
        while True:
            heard = [
                guest_probe.hear(self._driver.console(each, lines=500).decode(errors="replace"))
                for each in engine_ids
            ]
            if all(each.finished for each in heard) or time.monotonic() > until:
                return heard
            time.sleep(_LOOK_SECONDS)

    # --- tidying ---

    def _remove_leftovers(self) -> None:
        now = datetime.now(UTC).isoformat()
        living: set[str] = set()
        for guest in self._driver.owned(self._owner):
            if guest.labels.get(LABEL_DEADLINE, "") < now:
                self._driver.remove(guest.engine_id)
            else:
                living.add(guest.name)
        # Those of a check that has not come to define its guests yet are as young as its name.
        oldest = time.time() - _LIVES.total_seconds()
        for volume in self._driver.volumes(self._owner):
            name = volume.name.removesuffix(".qcow2")
            if name not in living and _began(name) < oldest:
                self._driver.delete_volume(volume.name)
        for network in self._networks:
            for name in self._driver.reservations(network.name, self._owner):
                if name not in living and _began(name) < oldest:
                    self._driver.release(network.name, name)

    def _clean_up(self) -> None:
        names = {placed.name for placed in self._placed}
        with contextlib.suppress(LabError):
            for guest in self._driver.owned(self._owner):
                if guest.name in names:
                    self._driver.remove(guest.engine_id)
        for placed in self._placed:
            with contextlib.suppress(LabError):
                self._driver.delete_volume(_disk(placed.name))
            with contextlib.suppress(LabError):
                self._driver.release(placed.network.name, placed.name)


def _disk(name: str) -> str:
    return f"{name}.qcow2"


def _began(name: str) -> float:
    """Return when a probe of this name began; long ago where it doesn't say."""
    words = name.split("-")
    return float(words[2]) if len(words) > 2 and words[2].isdecimal() else 0.0
