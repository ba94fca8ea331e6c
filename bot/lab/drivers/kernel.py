"""The kernel's own counters of a container, where it runs on this machine.

A few small files per container, a tenth of a millisecond: the engine's own statistics take a
second each. Where the files are is read from /proc/PID/cgroup and the mounts, which holds for
every layout: cgroup v1, v2 or both, whatever the parent, cgroupfs or systemd names.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bot.lab.drivers.base import Counters
from bot.lab.drivers.files import Files, read

# v1's way to write "no limit": the largest number of whole pages.
UNLIMITED = 1 << 60
# The first namespaces of a machine have these numbers on every kernel.
FIRST_NAMESPACES = {"cgroup": 4026531835, "pid": 4026531836}
# Seconds for which it is believed what hardly ever changes: a limit, what a kernel counts.
BELIEVED = 20.0
IO_FILE = "blkio.throttle.io_service_bytes_recursive"
OPERATIONS_FILE = "blkio.throttle.io_serviced_recursive"
PROC = "/proc"

Pair = tuple[int | None, int | None]
_NO_PAIR: Pair = (None, None)
_NOTHING: Pair = (0, 0)


class NotHere(Exception):
    """This process can't see that container in the kernel."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted cgroup hierarchy: where, and which part of it is to be seen there."""

    folder: str
    root: str

    def path(self, group: str) -> str:
        """Find a group's folder."""
        inside = group.removeprefix(self.root) if self.root != "/" else group
        return f"{self.folder}/{inside.strip('/')}"


def mounts() -> dict[str, Mount]:
    """List the hierarchies by controller; the unified one under ""."""
    found: dict[str, Mount] = {}
    for line in Path(f"{PROC}/self/mountinfo").read_text(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = [*after.split(" "), "", ""][:3]
        root, folder = before.split(" ")[3:5]
        if kind == "cgroup2":
            found.setdefault("", Mount(folder, root))
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, Mount(folder, root))
    return found


def groups(process_id: int) -> dict[str, str]:
    """List a process's groups by controller; in the unified hierarchy under ""."""
    found: dict[str, str] = {}
    for line in read(f"{PROC}/{process_id}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


class Group:
    """Where the figures of one container are. They stay there when it is restarted."""

    def __init__(self, engine_id: str, process_id: int) -> None:
        """Find them. Raises `NotHere`."""
        try:
            theirs, mounted = groups(process_id), mounts()
        except OSError as error:
            raise NotHere from error
        # Where the engine is elsewhere, that number may be another process here.
        folders = {
            controller: mounted[controller].path(path)
            for controller, path in theirs.items()
            if engine_id in path and controller in mounted
        }
        if not folders:
            raise NotHere
        self._unified = folders.get("")
        self._cpu = folders.get("cpuacct")
        self._quota = folders.get("cpu")
        self._memory = folders.get("memory")
        self._pids = folders.get("pids", self._unified)
        self._disk = folders.get("blkio")
        self._whole_disk = mounted["blkio"].folder if self._disk is not None else None
        self._any = self._pids or next(iter(folders.values()))
        self._files = Files()
        self._limit: int | None = None
        self._is_counted = False
        self._believed_until = 0.0
        self._process_id = ""
        # What was read last, and what came with it: while the one stands still, so does the other.
        self._held_back: tuple[int | None, int | None] = _NO_PAIR
        self._operations: tuple[Pair, Pair] = (_NO_PAIR, _NO_PAIR)
        try:
            self.read()
        except OSError as error:
            raise NotHere from error

    def keep_open(self) -> None:
        """Keep the files open that are read, as far as there is room: this will go on."""
        self._files.are_kept = True

    def let_go(self) -> None:
        """Close them."""
        self._files.let_go()

    def read(self) -> Counters:
        """Read all figures. Raises OSError when the container isn't running any more."""
        processes = self._number(self._pids, "pids.current")
        is_old = time.monotonic() > self._believed_until
        if is_old or not processes:
            self._read_process()
        if is_old:
            self._read_what_lasts()
        memory, cache = self._read_memory()
        moved, operations = self._read_disk()
        used, throttled = self._read_cpu()
        bytes_, packets = self._read_network()
        return Counters(
            at=time.monotonic(),
            cpu_seconds=used,
            memory_bytes=memory,
            memory_cache_bytes=cache,
            memory_limit_bytes=self._limit,
            disk_read_bytes=moved[0],
            disk_written_bytes=moved[1],
            network_received_bytes=bytes_[0],
            network_sent_bytes=bytes_[1],
            processes=processes,
            cpu_throttled_seconds=throttled,
            disk_read_operations=operations[0],
            disk_write_operations=operations[1],
            network_received_packets=packets[0],
            network_sent_packets=packets[1],
            disk_is_partial=self._disk is not None,
        )

    def _read_process(self) -> None:
        # The whole list, which costs the kernel most of all that is read here.
        processes = read(f"{self._any}/cgroup.procs").split(maxsplit=1)
        if not processes:
            raise FileNotFoundError(self._any)
        self._process_id = processes[0]

    def _read_what_lasts(self) -> None:
        self._believed_until = time.monotonic() + BELIEVED
        if self._memory is not None:
            limit = self._number(self._memory, "memory.limit_in_bytes", read)
        else:
            limit = self._number(self._unified, "memory.max", read)
        self._limit = limit if limit is not None and limit < UNLIMITED else None
        if self._whole_disk is not None:
            with suppress(OSError):
                self._is_counted = ":" in read(f"{self._whole_disk}/{IO_FILE}")

    def _read_cpu(self) -> tuple[float | None, float | None]:
        if self._cpu is None:
            used, throttled = self._keyed(self._unified, "cpu.stat", "usage_usec", "throttled_usec")
            return _scaled(used, 1e6), _scaled(throttled, 1e6)
        used = self._number(self._cpu, "cpuacct.usage")
        last, throttled = self._held_back
        if used is None or used != last:  # what hasn't run wasn't held back
            (throttled,) = self._keyed(self._quota, "cpu.stat", "throttled_time")
            self._held_back = used, throttled
        return _scaled(used, 1e9), _scaled(throttled, 1e9)

    def _read_memory(self) -> Pair:
        if self._memory is not None:
            used = self._number(self._memory, "memory.usage_in_bytes")
            (cache,) = self._keyed(self._memory, "memory.stat", "total_inactive_file")
        else:
            used = self._number(self._unified, "memory.current")
            (cache,) = self._keyed(self._unified, "memory.stat", "inactive_file")
        return without_cache(used, cache), cache

    def _read_disk(self) -> tuple[Pair, Pair]:
        """Read bytes and operations, each as (read, written)."""
        with suppress(OSError):
            if self._disk is not None:
                # Newer kernels count nothing in v1 until a limit was once set for a disk: with
                # no line for the whole machine either, nothing here isn't zero but unknown.
                text = self._files.read(f"{self._disk}/{IO_FILE}")
                if ":" not in text:
                    return (_NOTHING, _NOTHING) if self._is_counted else (_NO_PAIR, _NO_PAIR)
                moved = _per_operation(text)
                last, operations = self._operations
                if moved != last:
                    operations = self._read_operations()
                    self._operations = moved, operations
                return moved, operations
            if self._unified is not None:
                return _per_device(self._files.read(f"{self._unified}/io.stat"))
        return _NO_PAIR, _NO_PAIR

    def _read_operations(self) -> Pair:
        with suppress(OSError):
            return _per_operation(self._files.read(f"{self._disk}/{OPERATIONS_FILE}"))
        return _NO_PAIR

    def _read_network(self) -> tuple[Pair, Pair]:
        # Never kept open: that would keep a container's whole network, too.
        with suppress(OSError):
            return _network(read(f"{PROC}/{self._process_id}/net/dev"))
        self._read_process()  # it was started anew, or another is its first by now
        with suppress(OSError):
            return _network(read(f"{PROC}/{self._process_id}/net/dev"))
        return _NO_PAIR, _NO_PAIR

    def _number(
        self, folder: str | None, name: str, by: Callable[[str], str] | None = None
    ) -> int | None:
        if folder is not None:
            with suppress(OSError, ValueError):  # v2 writes "max" where there is no limit
                return int((by or self._files.read)(f"{folder}/{name}"))
        return None

    def _keyed(self, folder: str | None, name: str, *keys: str) -> list[int | None]:
        """Find lines such as "usage_usec 2500" by their first word."""
        found: list[int | None] = [None] * len(keys)
        if folder is not None:
            with suppress(OSError):
                # The first line has no line's end before it.
                text = f"\n{self._files.read(f'{folder}/{name}')}"
                for place, key in enumerate(keys):
                    _, is_there, rest = text.partition(f"\n{key} ")
                    if is_there:
                        found[place] = int(rest.partition("\n")[0])
        return found


def without_cache(used: int | None, cache: int | None) -> int | None:
    """Count memory as `docker stats` does: without what the kernel can take back at once."""
    return None if used is None else max(0, used - (cache or 0))


def sees_all() -> bool:
    """Whether this process is in the machine's own namespaces, so that containers' are inside."""
    try:
        return all(
            Path(f"/proc/self/ns/{name}").readlink().name == f"{name}:[{number}]"
            for name, number in FIRST_NAMESPACES.items()
        )
    except OSError:
        return False


def kill(process_id: int, engine_id: str) -> None:
    """Kill a process and its group, if it is here, in that container, and we may."""
    with suppress(OSError):
        if any(engine_id in path for path in groups(process_id).values()):
            if os.getpgid(process_id) == process_id:
                os.killpg(process_id, signal.SIGKILL)
            else:
                os.kill(process_id, signal.SIGKILL)


def _per_operation(text: str) -> tuple[int, int]:
    """Read v1's "8:0 Read 4096" lines."""
    sums = {"Read": 0, "Write": 0}
    for line in text.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[1] in sums:
            sums[parts[1]] += int(parts[2])
    return sums["Read"], sums["Write"]


def _per_device(text: str) -> tuple[Pair, Pair]:
    """Read v2's "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …" lines."""
    sums = {"rbytes": 0, "wbytes": 0, "rios": 0, "wios": 0}
    for word in text.split():
        key, _, value = word.partition("=")
        if key in sums:
            sums[key] += int(value)
    return (sums["rbytes"], sums["wbytes"]), (sums["rios"], sums["wios"])


def _network(text: str) -> tuple[Pair, Pair]:
    """Add up a process's interfaces but the loopback; without any, there is nothing to count.

    Returns bytes and packets, each as (received, sent).
    """
    found = [
        [int(column) for column in figures.split()]
        for name, _, figures in (line.partition(":") for line in text.splitlines()[2:])
        if name.strip() != "lo"
    ]
    if not found:
        return _NO_PAIR, _NO_PAIR
    received, received_packets, sent, sent_packets = (
        sum(columns[place] for columns in found) for place in (0, 1, 8, 9)
    )
    return (received, sent), (received_packets, sent_packets)


def _scaled(number: int | None, per_second: float) -> float | None:
    return None if number is None else number / per_second
