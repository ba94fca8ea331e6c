"""An engine and its machine, as far as they tell."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.lab.drivers import kernel
from bot.lab.drivers.base import HostFacts
from bot.lab.drivers.wire import Spoken

# Storage drivers that bound a container's disk by themselves.
_BOUND_DISK = ("btrfs", "zfs", "devicemapper", "windowsfilter")
_PROJECT_QUOTA = {"pquota", "prjquota"}


def facts(info: Mapping[str, Any], spoken: Spoken, *, reads_cgroups: bool) -> HostFacts:
    """Describe an engine by what it says of itself, and its disk where that is this machine's."""
    root = str(info.get("DockerRootDir") or "")
    is_here = is_this_machine(info)
    total, free = _disk(root) if is_here else (None, None)
    security = tuple(_names(info.get("SecurityOptions") or ()))
    return HostFacts(
        version=str(info["ServerVersion"]),
        api_version=spoken.version,
        operating_system=str(info["OperatingSystem"]),
        kernel=str(info["KernelVersion"]),
        architecture=spoken.architecture,
        cpus=int(info["NCPU"]),
        memory_bytes=int(info["MemTotal"]),
        disk_total_bytes=total,
        disk_free_bytes=free,
        cgroup_version=str(info.get("CgroupVersion") or "1"),
        cgroup_driver=str(info.get("CgroupDriver") or ""),
        storage_driver=str(info["Driver"]),
        can_limit_disk=can_limit_disk(info, root if is_here else None),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        security_options=security,
        user_namespaces="userns" in security,
        reads_cgroups=reads_cgroups,
    )


def is_this_machine(info: Mapping[str, Any]) -> bool:
    """Whether the engine runs on the kernel this process runs on, by its size and name."""
    here = os.uname()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (here.release, pages) == (info["KernelVersion"], info["MemTotal"])


def can_limit_disk(info: Mapping[str, Any], root: str | None) -> bool:
    """Whether the storage driver enforces a size: refused elsewhere, or worse, ignored.

    overlay2 does on XFS with project quotas; the engine doesn't tell of those, so `root` (its
    folder, where that is on this machine) is looked at. In doubt it can't.
    """
    if info["Driver"] != "overlay2":
        return info["Driver"] in _BOUND_DISK
    if root is None:
        return False
    kind, options = _mount_of(Path(root))
    return kind == "xfs" and bool(_PROJECT_QUOTA & options)


def _mount_of(folder: Path) -> tuple[str, set[str]]:
    """Find the file system a folder is on, and its options."""
    best, found = -1, ("", set[str]())
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        place = Path(before.split(" ")[4])
        if len(place.parts) >= best and folder.is_relative_to(place):
            kind, _, options = after.split(" ")[:3]
            best, found = len(place.parts), (kind, set(options.split(",")))
    return found


def _disk(root: str) -> tuple[int, int] | tuple[None, None]:
    try:
        disk = os.statvfs(root)
    except OSError:
        return None, None
    return disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize


def _names(options: Iterable[str]) -> Iterator[str]:
    """Read "name=seccomp,profile=default" as "seccomp"."""
    for option in options:
        name = next((part for part in option.split(",") if part.startswith("name=")), option)
        yield name.removeprefix("name=")


def sees_kernel(info: Mapping[str, Any]) -> bool:
    """Whether containers' counters should be readable, as far as that shows without one."""
    return is_this_machine(info) and kernel.sees_all()
