"""Has the kernel count what goes to the engine's disk: newer ones don't by themselves.

With cgroup v1 they begin when a limit for a disk is first set, and count on from there. A limit
of 0 means none, so setting it changes nothing else. It lasts until the machine's next start.
"""

import os
from pathlib import Path

from bot.lab.host import cgroups

_SYSTEM = Path("/sys/dev/block")
_RULES = "blkio.throttle.write_bps_device"
_COUNTED = "blkio.throttle.io_service_bytes"
_MOUNTS = Path("/proc/mounts")


def count(folder: str) -> bool | None:
    """Have what goes to the disk under a folder counted; say whether anything changed.

    None: there is nothing to be done here, as with cgroup v2, or with a folder on no disk.

    Raises:
        CgroupRefused: the kernel says no.
    """
    tree = cgroups.mounts(_MOUNTS.read_text()).controllers.get("blkio")
    disk = disk_of(Path(folder))
    if tree is None or disk is None or not (tree / _RULES).exists():
        return None
    try:
        if is_counted(disk, (tree / _COUNTED).read_text()):
            return False
        (tree / _RULES).write_text(f"{disk} 0")
    except OSError as error:
        raise cgroups.CgroupRefused(why=str(error)) from error
    return True


def is_counted(disk: str, counted: str) -> bool:
    """Whether the kernel's list has lines of a disk, such as "254:0 Read 4096"."""
    return any(line.startswith(f"{disk} ") for line in counted.splitlines())


def disk_of(folder: Path, system: Path = _SYSTEM) -> str | None:
    """Return the whole disk that a folder is on, as the kernel numbers it; None: on none."""
    try:
        device = folder.stat().st_dev
    except OSError:
        return None
    place = system / f"{os.major(device)}:{os.minor(device)}"
    if not place.exists():
        source = _source(folder)
        if source is None:
            return None
        place = system / source
    real = place.resolve()
    if (real / "partition").exists():
        real = real.parent
    try:
        return (real / "dev").read_text().strip()
    except OSError:
        return None


def _source(folder: Path) -> str | None:
    """Find the device by its name, for file systems with a number of their own, as btrfs has."""
    best: tuple[int, str] = (-1, "")
    for line in _MOUNTS.read_text().splitlines():
        device, place, *_ = line.split(" ")
        depth = len(Path(place).parts)
        if folder.is_relative_to(place) and depth >= best[0]:
            best = (depth, device)
    try:
        number = Path(best[1]).stat().st_rdev
    except OSError:
        return None
    return f"{os.major(number)}:{os.minor(number)}"
