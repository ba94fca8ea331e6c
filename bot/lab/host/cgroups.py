"""The parent cgroup of everything in the lab: the host keeps its reserve, the talk comes first.

All instances together get what the host can spare, whatever each of them may use. Inside, the
speaker's and moderators' weigh four times what all attendees' do when both want the CPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.lab.host.programs import run
from bot.lab.model import HostSettings

# As cgroup v1 counts; 1024 is what the kernel gives everybody else.
LEAD_SHARES = 4096
ATTENDEE_SHARES = 1024
_PARENT = "study-lab"
_CHILDREN = {"lead": LEAD_SHARES, "attendees": ATTENDEE_SHARES}
_SLICE = "studylab.slice"
_PERIOD_MICROSECONDS = 100_000
_LEAST_CPUS = 0.5
_PAGE = 65536  # a multiple of every architecture's
_CGROUP_V2_WEIGHT = 100  # what 1024 shares are there
_MOST_WEIGHT = 10_000
_UNITS = Path("/etc/systemd/system")
_MOUNTS = Path("/proc/mounts")
_PID_MAX = Path("/proc/sys/kernel/pid_max")


class CgroupRefused(OperatorError):
    """The parent cgroup can't be had."""

    message = N_("The lab's parent cgroup could not be laid: {why}")


def cgroup_parent(driver: str, *, is_lead: bool) -> str:
    """Return the parent that the engine must be told, by its cgroup driver."""
    child = "lead" if is_lead else "attendees"
    if driver == "systemd":
        return f"{_SLICE.removesuffix('.slice')}-{child}.slice"
    return f"/{_PARENT}/{child}"


@dataclass(frozen=True, slots=True)
class Share:
    """What all instances together may use."""

    memory_bytes: int
    cpus: float
    processes: int

    @classmethod
    def of(cls, settings: HostSettings, *, memory_bytes: int, cpus: int) -> "Share":
        """Take the reserve from what the host has."""
        spared = 1 - settings.reserve_memory_share
        return cls(
            # The kernel rounds to whole pages, and what was written must read back the same.
            memory_bytes=int(memory_bytes * spared) // _PAGE * _PAGE,
            cpus=max(cpus - settings.reserve_cpus, _LEAST_CPUS),
            processes=int(int(_PID_MAX.read_text()) * spared),
        )


def lay(share: Share, *, driver: str, version: str) -> bool:
    """Lay the parent cgroup for an engine's driver; say whether anything changed.

    Raises:
        CgroupRefused: this engine has no cgroups to give, or the kernel said no.
    """
    try:
        if driver == "systemd":
            return _lay_slices(share)
        if driver == "cgroupfs":
            return _write_all(writes(share, mounts(_MOUNTS.read_text()), version))
    except OSError as error:
        raise CgroupRefused(why=str(error)) from error
    raise CgroupRefused(why=f"the engine's cgroup driver is “{driver}”")


def take_away() -> list[str]:
    """Take all of it away; return what had to stay because instances are still in it."""
    kept = set(_take_slices_away())
    for folder in mounts(_MOUNTS.read_text()).roots:
        parent = folder / _PARENT
        for each in (*(parent / child for child in _CHILDREN), parent):
            try:
                each.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                kept.add(f"/{each.relative_to(folder)}")
    return sorted(kept)


def laid_limit(driver: str, version: str) -> int | None:
    """Return the memory limit that stands on this machine, in bytes; None: none is seen."""
    parent = _SLICE if driver == "systemd" else _PARENT
    found = mounts(_MOUNTS.read_text())
    folder = found.unified if version == "2" else found.controllers.get("memory")
    name = "memory.max" if version == "2" else "memory.limit_in_bytes"
    if folder is None:
        return None
    try:
        return int((folder / parent / name).read_text())
    except (OSError, ValueError):
        return None


# --- cgroupfs ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mounts:
    """Where the cgroup file systems are."""

    controllers: dict[str, Path]  # version 1: each controller's own tree
    unified: Path | None  # version 2

    @property
    def roots(self) -> list[Path]:
        """Every tree."""
        found = set(self.controllers.values())
        return sorted(found if self.unified is None else {*found, self.unified})


def mounts(table: str) -> Mounts:
    """Read /proc/mounts."""
    controllers: dict[str, Path] = {}
    unified: Path | None = None
    for line in table.splitlines():
        _, place, kind, options, *_ = line.split(" ")
        if kind == "cgroup2":
            unified = unified or Path(place)
        elif kind == "cgroup":
            for option in options.split(","):
                controllers.setdefault(option, Path(place))
    trees = {"cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", "devices", "freezer"}
    trees |= {"net_cls", "net_prio", "perf_event", "hugetlb", "rdma", "misc"}
    # An engine without systemd makes one of its own there as well.
    trees.add("name=systemd")
    return Mounts({name: place for name, place in controllers.items() if name in trees}, unified)


def writes(share: Share, found: Mounts, version: str) -> list[tuple[Path, str]]:
    """Return which files must hold what, in the order they are to be written."""
    quota = str(int(share.cpus * _PERIOD_MICROSECONDS))
    if version == "2":
        if found.unified is None:
            raise CgroupRefused(why="no cgroup2 file system is mounted")
        parent = found.unified / _PARENT
        return [
            (found.unified / "cgroup.subtree_control", "+cpu +memory +pids"),
            (parent / "cgroup.subtree_control", "+cpu +memory +pids"),
            (parent / "memory.max", str(share.memory_bytes)),
            (parent / "memory.swap.max", "0"),
            (parent / "cpu.max", f"{quota} {_PERIOD_MICROSECONDS}"),
            (parent / "pids.max", str(share.processes)),
            *((parent / name / "cpu.weight", str(_weight(n))) for name, n in _CHILDREN.items()),
        ]
    for controller in ("memory", "cpu"):
        if controller not in found.controllers:
            raise CgroupRefused(why=f"the kernel's {controller} controller isn't mounted")
    memory, cpu = (found.controllers[name] / _PARENT for name in ("memory", "cpu"))
    planned = [
        # Without it the limit would count the parent's own processes alone.
        (memory / "memory.use_hierarchy", "1"),
        (memory / "memory.limit_in_bytes", str(share.memory_bytes)),
        (memory / "memory.memsw.limit_in_bytes", str(share.memory_bytes)),
        (cpu / "cpu.cfs_period_us", str(_PERIOD_MICROSECONDS)),
        (cpu / "cpu.cfs_quota_us", quota),
        *((cpu / name / "cpu.shares", str(n)) for name, n in _CHILDREN.items()),
    ]
    if "pids" in found.controllers:
        planned.append((found.controllers["pids"] / _PARENT / "pids.max", str(share.processes)))
    return planned


def _weight(shares: int) -> int:
    return min(_MOST_WEIGHT, shares * _CGROUP_V2_WEIGHT // ATTENDEE_SHARES)


def _write_all(planned: Sequence[tuple[Path, str]]) -> bool:
    changed = False
    refused: list[tuple[Path, str]] = []
    for path, value in planned:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            changed = True
        if not path.exists():
            # A kernel without swap accounting; whoever has no swap needs none.
            if "memsw" in path.name or "swap" in path.name:
                continue
            raise CgroupRefused(why=f"there is no {path}")
        if not _holds(path.read_text().split(), value.split()):
            changed = True
            try:
                path.write_text(value)
            except OSError:
                # Version 1 keeps memory ≤ memory + swap at every step: to raise both, the
                # second has to go first.
                refused.append((path, value))
    for path, value in refused:
        path.write_text(value)
    return changed


def _holds(has: Sequence[str], wanted: Sequence[str]) -> bool:
    if all(word.startswith("+") for word in wanted):
        return {word[1:] for word in wanted} <= set(has)
    return list(has) == list(wanted)


# --- systemd -------------------------------------------------------------------


def slices(share: Share) -> dict[str, str]:
    """Return the unit files by name."""
    header = "# Laid by `study-bot lab setup-host`; `remove-host` takes it away.\n"
    files = {
        _SLICE: (
            f"{header}[Unit]\nDescription=Everything in the study lab\n\n[Slice]\n"
            f"MemoryMax={share.memory_bytes}\nMemorySwapMax=0\n"
            f"CPUQuota={round(share.cpus * 100)}%\nTasksMax={share.processes}\n"
        )
    }
    for child, shares in _CHILDREN.items():
        name = cgroup_parent("systemd", is_lead=child == "lead")
        files[name] = (
            f"{header}[Unit]\nDescription=The study lab's {child}\n\n[Slice]\n"
            f"CPUWeight={_weight(shares)}\n"
        )
    return files


def _lay_slices(share: Share) -> bool:
    changed = False
    files = slices(share)
    for name, text in files.items():
        path = _UNITS / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed = True
    if changed:
        systemctl("daemon-reload")
    if not run(["systemctl", "is-active", "--quiet", *files]).is_good:
        systemctl("start", *files)
        changed = True
    return changed


def _take_slices_away() -> list[str]:
    names = [_SLICE, *(cgroup_parent("systemd", is_lead=lead) for lead in (True, False))]
    there = [name for name in names if (_UNITS / name).exists()]
    if not there:
        return []
    # Stopping a slice would stop every instance in it.
    tasks = run(["systemctl", "show", "--property=TasksCurrent", "--value", _SLICE]).output
    if tasks.strip().isdigit() and int(tasks) > 0:
        return [_SLICE]
    systemctl("stop", *there)
    for name in there:
        (_UNITS / name).unlink()
    systemctl("daemon-reload")
    return []


def systemctl(*arguments: str) -> None:
    """Tell systemd.

    Raises:
        CgroupRefused: it says no.
    """
    done = run(["systemctl", *arguments])
    if not done.is_good:
        raise CgroupRefused(why=done.complaint)
