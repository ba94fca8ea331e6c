"""The kernel's own counters of a container, where it runs on this machine.

A few small files per container, a tenth of a millisecond: the engine's own statistics take a
second each. Where the files are is read from /proc/PID/cgroup and the mounts, which holds for
every layout: cgroup v1, v2 or both, whatever the parent, cgroupfs or systemd names.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bot.lab.drivers.base import Counters

# v1's way to write "no limit": the largest number of whole pages.
UNLIMITED = 1 << 60
# The first namespaces of a machine have these numbers on every kernel.
FIRST_NAMESPACES = {"cgroup": 4026531835, "pid": 4026531836}
READ_SIZE = 64 * 1024
IO_FILE = "blkio.throttle.io_service_bytes_recursive"


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
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
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
    for line in _read(f"/proc/{process_id}/cgroup").splitlines():
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
        self._memory = folders.get("memory")
        self._pids = folders.get("pids", self._unified)
        self._disk = folders.get("blkio")
        self._whole_disk = mounted["blkio"].folder if self._disk is not None else None
        self._any = self._pids or next(iter(folders.values()))
        try:
            self.read()
        except OSError as error:
            raise NotHere from error

    def read(self) -> Counters:
        """Read all figures. Raises OSError when the container isn't running any more."""
        processes = _read(f"{self._any}/cgroup.procs").split(maxsplit=1)
        if not processes:
            raise FileNotFoundError(self._any)
        memory, cache, limit = self._read_memory()
        read, written = self._read_disk()
        received, sent = _network(processes[0])
        return Counters(
            at=time.monotonic(),
            cpu_seconds=self._read_cpu(),
            memory_bytes=memory,
            memory_cache_bytes=cache,
            memory_limit_bytes=limit,
            disk_read_bytes=read,
            disk_written_bytes=written,
            network_received_bytes=received,
            network_sent_bytes=sent,
            processes=_number(self._pids, "pids.current"),
        )

    def _read_cpu(self) -> float | None:
        if self._cpu is not None:
            nanoseconds = _number(self._cpu, "cpuacct.usage")
            return None if nanoseconds is None else nanoseconds / 1e9
        microseconds = _keyed(self._unified, "cpu.stat", "usage_usec")
        return None if microseconds is None else microseconds / 1e6

    def _read_memory(self) -> tuple[int | None, int | None, int | None]:
        if self._memory is not None:
            used = _number(self._memory, "memory.usage_in_bytes")
            limit = _number(self._memory, "memory.limit_in_bytes")
            cache = _keyed(self._memory, "memory.stat", "total_inactive_file")
        else:
            used = _number(self._unified, "memory.current")
            limit = _number(self._unified, "memory.max")
            cache = _keyed(self._unified, "memory.stat", "inactive_file")
        if limit is not None and limit >= UNLIMITED:
            limit = None
        return without_cache(used, cache), cache, limit

    def _read_disk(self) -> tuple[int | None, int | None]:
        with suppress(OSError):
            if self._disk is not None:
                # Newer kernels count nothing in v1 until a limit was once set for a disk: with
                # no line for the whole machine either, nothing here isn't zero but unknown.
                text = _read(f"{self._disk}/{IO_FILE}")
                is_counted = ":" in text or ":" in _read(f"{self._whole_disk}/{IO_FILE}")
                return _per_operation(text) if is_counted else (None, None)
            if self._unified is not None:
                return _per_device(_read(f"{self._unified}/io.stat"))
        return None, None


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


def _per_device(text: str) -> tuple[int, int]:
    """Read v2's "8:0 rbytes=4096 wbytes=0 …" lines."""
    sums = {"rbytes": 0, "wbytes": 0}
    for word in text.split():
        key, _, value = word.partition("=")
        if key in sums:
            sums[key] += int(value)
    return sums["rbytes"], sums["wbytes"]


def _network(process_id: str) -> tuple[int | None, int | None]:
    """Add up a process's interfaces but the loopback; without any, there is nothing to count."""
    try:
        lines = _read(f"/proc/{process_id}/net/dev").splitlines()[2:]
    except OSError:
        return None, None
    received, sent, counted = 0, 0, False
    for line in lines:
        name, _, figures = line.partition(":")
        if name.strip() != "lo":
            columns = figures.split()
            received, sent, counted = received + int(columns[0]), sent + int(columns[8]), True
    return (received, sent) if counted else (None, None)


def _number(folder: str | None, name: str) -> int | None:
    if folder is not None:
        with suppress(OSError, ValueError):  # v2 writes "max" where there is no limit
            return int(_read(f"{folder}/{name}"))
    return None


def _keyed(folder: str | None, name: str, key: str) -> int | None:
    if folder is not None:
        with suppress(OSError):
            for line in _read(f"{folder}/{name}").splitlines():
                if line.startswith(key) and line[len(key)] == " ":
                    return int(line[len(key) :])
    return None


def _read(path: str) -> str:
    """Read one of the kernel's small files with as few calls as there can be."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, READ_SIZE).decode(errors="replace")
    finally:
        os.close(file)
