"""A hypervisor in memory, for tests of everything above the drivers.

It passes the contract that the real one passes, and can be told to misbehave: `is_down`,
`delay_seconds`, `fail_next`, `pool_free_bytes`; guests that take `boot_seconds` and don't heed
a shutdown (`heeds_shutdown`); `kill`, `power_off` and `vanish` are what others do to a guest.
"""

import itertools
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bot.lab.drivers.base import LABEL_INSTALLATION, Counters, ExecResult
from bot.lab.drivers.fake_engine import Misbehaving
from bot.lab.drivers.fake_guest import BY_ITSELF, CRASHED, GUEST_FACTS, SYSTEM, FakeGuest
from bot.lab.drivers.guests import (
    GuestHostFacts,
    GuestSpec,
    GuestState,
    GuestSystem,
    Signs,
    Snapshot,
    Upload,
    Volume,
)
from bot.lab.drivers.keyboard import checked_keys, strokes
from bot.lab.errors import (
    ContainerGone,
    DiskFull,
    EngineRefused,
    HostUnreachable,
    NameTaken,
    NotRunning,
    PullCancelled,
)
from bot.lab.guest_errors import AddressTaken, NetworkInactive, NoSuchSnapshot, PoolInactive

__all__ = ["GUEST_FACTS", "FakeGuestDriver"]

_QCOW2_BYTES = 196_608
_UPLOAD_STEPS = 4


class FakeGuestDriver(Misbehaving):
    """Fulfils `GuestDriver` with nothing behind it."""

    def __init__(self, facts: GuestHostFacts = GUEST_FACTS) -> None:
        super().__init__()
        self.host_facts = facts
        self.pool = "study"
        self.pool_free_bytes: int | None = None  # None: never full
        self.boot_seconds = 0.0
        self.shutdown_seconds = 0.0
        self.heeds_shutdown = True
        self.has_agent = True
        # What is printed inside by which command.
        self.programs: dict[tuple[str, ...], bytes] = {}
        self.upload_step_seconds = 0.0
        self._volumes: dict[str, Volume] = {}
        self._reservations: dict[tuple[str, str], tuple[str, str]] = {}
        self._guests: dict[str, FakeGuest] = {}
        self._process_ids = itertools.count(7001)

    def kill(self, engine_id: str, *, error: str = CRASHED) -> None:
        """End a guest from outside, as somebody on the host or a fault of QEMU's would."""
        with self._lock:
            self._guest(engine_id).end(error)

    def power_off(self, engine_id: str) -> None:
        """End a guest from inside."""
        self.kill(engine_id, error=BY_ITSELF)

    def vanish(self, engine_id: str) -> None:
        """Take a guest away behind everybody's back."""
        with self._lock:
            del self._guests[engine_id]

    def guest(self, engine_id: str) -> FakeGuest:
        """Look at a guest: what was `pressed` and `typed`, what it was made from (`spec`)."""
        with self._lock:
            return self._guest(engine_id)

    def facts(self) -> GuestHostFacts:
        """Return `host_facts`."""
        with self._called("facts"):
            return self.host_facts

    # --- the storage pool ---

    def volumes(self, installation: str) -> list[Volume]:
        """List by name."""
        with self._called("volumes"):
            self._check_pool()
            start = f"study-{installation[:8]}-"
            return [one for name, one in self._volumes.items() if name.startswith(start)]

    def create_volume(
        self, name: str, capacity_bytes: int, *, backing: str | None = None
    ) -> Volume:
        """Write a disk down."""
        with self._called("create_volume"):
            self._check_pool()
            if backing is not None and backing not in self._volumes:
                raise EngineRefused(why=f"no storage vol with matching name '{backing}'")
            return self._add(name, "qcow2", capacity_bytes, _QCOW2_BYTES)

    def upload(
        self,
        name: str,
        source: Path,
        *,
        progress: Callable[[Upload], None] = lambda _upload: None,
        cancelled: threading.Event | None = None,
    ) -> Volume:
        """Take note of a file, in steps."""
        with self._called("upload"):
            self._check_pool()
            self._check_name(name)
        size = source.stat().st_size
        pause = cancelled or threading.Event()
        for step in range(_UPLOAD_STEPS + 1):
            if pause.wait(self.upload_step_seconds):
                raise PullCancelled
            if self.is_down:
                raise HostUnreachable
            progress(Upload(size * step // _UPLOAD_STEPS, size))
        with self._lock:
            return self._add(name, "qcow2" if name.endswith(".qcow2") else "raw", size, size)

    def delete_volume(self, name: str) -> None:
        """Forget a volume."""
        with self._called("delete_volume"):
            self._check_pool()
            self._volumes.pop(name, None)

    # --- addresses ---

    def reserve(self, network: str, name: str, mac: str, address: str) -> None:
        """Write a reservation down."""
        with self._called("reserve"):
            self._check_network(network)
            for (where, who), (its_mac, its_address) in self._reservations.items():
                if where == network and who != name and (address == its_address or mac == its_mac):
                    raise AddressTaken(address=address)
            self._reservations[network, name] = (mac, address)

    def release(self, network: str, name: str) -> None:
        """Forget a reservation."""
        with self._called("release"):
            self._reservations.pop((network, name), None)

    def reservations(self, network: str, installation: str) -> list[str]:
        """List by name."""
        with self._called("reservations"):
            start = f"study-{installation[:8]}-"
            return [
                name
                for where, name in self._reservations
                if where == network and name.startswith(start)
            ]

    # --- guests ---

    def define(self, spec: GuestSpec) -> str:
        """Write a guest down."""
        with self._called("define"):
            if any(one.spec.name == spec.name for one in self._guests.values()):
                raise NameTaken(name=spec.name)
            for volume in (spec.disk, spec.seed, spec.iso, spec.kernel, spec.initrd):
                if volume is not None and volume not in self._volumes:
                    raise EngineRefused(why=f"no storage vol with matching name '{volume}'")
            engine_id = str(uuid.uuid4())
            self._guests[engine_id] = FakeGuest(engine_id, spec, next(self._process_ids))
            return engine_id

    def start(self, engine_id: str) -> None:
        """Switch it on."""
        with self._called("start"):
            guest = self._guest(engine_id)
            if not guest.is_running:
                self._check_network(guest.spec.network)
                self._switch_on(guest)

    def inspect(self, engine_id: str) -> GuestState:
        """Describe one guest."""
        with self._called("inspect"):
            return self._guest(engine_id).state()

    def owned(self, installation: str) -> list[GuestState]:
        """List by label."""
        with self._called("owned"):
            return [
                self._guest(one.engine_id).state()
                for one in self._guests.values()
                if one.spec.labels.get(LABEL_INSTALLATION) == installation
            ]

    def shut_down(self, engine_id: str) -> None:
        """Let it shut down, if it heeds that."""
        with self._called("shut_down"):
            guest = self._guest(engine_id)
            if self.heeds_shutdown:
                guest.end_in(self.shutdown_seconds)
                guest.settle()

    def destroy(self, engine_id: str) -> None:
        """End it."""
        with self._called("destroy"):
            self._guest(engine_id).end()

    def reboot(self, engine_id: str) -> None:
        """End it and switch it on again; the process stays the same."""
        with self._called("reboot"):
            guest = self._running(engine_id)
            guest.start(self.boot_seconds)

    def pause(self, engine_id: str) -> None:
        """Stop its clock."""
        with self._called("pause"):
            self._guest(engine_id).pause()

    def resume(self, engine_id: str) -> None:
        """Let its clock go on."""
        with self._called("resume"):
            self._guest(engine_id).resume()

    def remove(self, engine_id: str) -> None:
        """Forget it."""
        with self._called("remove"):
            self._guests.pop(engine_id, None)

    # --- what is inside ---

    def signs(self, engine_id: str) -> Signs:
        """Tell how far it has booted."""
        with self._called("signs"):
            return self._running(engine_id).signs()

    def system(self, engine_id: str) -> GuestSystem | None:
        """Name a system once it is up."""
        with self._called("system"):
            guest = self._guest(engine_id)
            return SYSTEM if guest.is_booted and guest.has_agent else None

    def execute(
        self,
        engine_id: str,
        command: Sequence[str],
        *,
        seconds: float,  # noqa: ARG002 - it takes no time
        most_bytes: int,
    ) -> ExecResult | None:
        """Run one of `programs`, named by its words."""
        with self._called("execute"):
            guest = self._running(engine_id)
            if not (guest.is_booted and guest.has_agent):
                return None
            output = self.programs.get(tuple(command), b"")
            return ExecResult(0, output[:most_bytes], is_truncated=False, seconds=0.0)

    def console(self, engine_id: str, *, lines: int) -> bytes:
        """Return the end of what it printed."""
        with self._called("console"):
            printed = self._guest(engine_id).console().splitlines(keepends=True)
            return b"".join(printed[-lines:] if lines > 0 else [])

    def screenshot(self, engine_id: str) -> bytes:
        """Draw what it printed."""
        with self._called("screenshot"):
            return self._running(engine_id).picture()

    def send_keys(self, engine_id: str, keys: Sequence[str]) -> None:
        """Take note of keys."""
        with self._called("send_keys"):
            checked_keys(keys)
            self._running(engine_id).pressed.append(tuple(keys))

    def type_text(self, engine_id: str, text: str) -> None:
        """Take note of a text."""
        with self._called("type_text"):
            strokes(text)
            self._running(engine_id).typed += text

    def counters(self) -> Mapping[str, Counters]:
        """Count what idle guests use."""
        with self._called("counters"):
            guests = [self._guest(engine_id) for engine_id in self._guests]
            return {one.engine_id: one.counters() for one in guests if one.is_running}

    # --- snapshots ---

    def snapshots(self, engine_id: str) -> list[Snapshot]:
        """List what was kept."""
        with self._called("snapshots"):
            guest = self._guest(engine_id)
            return [
                replace(kept, is_current=name == guest.current)
                for name, (kept, _) in guest.snapshots.items()
            ]

    def create_snapshot(self, engine_id: str, name: str) -> Snapshot:
        """Keep this moment."""
        with self._called("create_snapshot"):
            guest = self._guest(engine_id)
            if name in guest.snapshots:
                raise NameTaken(name=name)
            return guest.keep(name)

    def revert(self, engine_id: str, name: str) -> None:
        """Be as it was."""
        with self._called("revert"):
            self._with_snapshot(engine_id, name).go_back(name)

    def delete_snapshot(self, engine_id: str, name: str) -> None:
        """Forget a moment."""
        with self._called("delete_snapshot"):
            guest = self._with_snapshot(engine_id, name)
            del guest.snapshots[name]
            if guest.current == name:
                guest.current = None

    def _guest(self, engine_id: str) -> FakeGuest:
        guest = self._guests.get(engine_id)
        if guest is None:
            raise ContainerGone
        guest.settle()
        return guest

    def _running(self, engine_id: str) -> FakeGuest:
        guest = self._guest(engine_id)
        if not guest.is_running:
            raise NotRunning(name=guest.spec.name)
        return guest

    def _with_snapshot(self, engine_id: str, name: str) -> FakeGuest:
        guest = self._guest(engine_id)
        if name not in guest.snapshots:
            raise NoSuchSnapshot(name=name)
        return guest

    def _switch_on(self, guest: FakeGuest) -> None:
        guest.has_agent = self.has_agent
        guest.process_id = next(self._process_ids)
        guest.start(self.boot_seconds)

    def _add(self, name: str, kind: str, capacity: int, allocated: int) -> Volume:
        self._check_name(name)
        if self.pool_free_bytes is not None:
            if allocated > self.pool_free_bytes:
                raise DiskFull
            self.pool_free_bytes -= allocated
        made = Volume(name, f"/fake/{self.pool}/{name}", kind, capacity, allocated)
        self._volumes[name] = made
        return made

    def _check_name(self, name: str) -> None:
        if name in self._volumes:
            raise NameTaken(name=name)

    def _check_pool(self) -> None:
        if not self.host_facts.pool_is_active:
            raise PoolInactive(name=self.pool)

    def _check_network(self, network: str) -> None:
        if network not in self.host_facts.active_networks:
            raise NetworkInactive(name=network)
