"""A container's counters as the kernel shows them on machines of many kinds: recorded trees.

Each is a machine's /proc and /sys/fs/cgroup as far as they matter, with the paths that its
engine gives: where the figures are must be found by reading, whatever the layout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.lab.drivers import kernel

ID = "4f5c0f6a9d1e77b2c3"
PID = 4242
DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo
    lo:  900  9 0 0 0 0 0 0  900  9 0 0 0 0 0 0
  eth0: 1500 11 0 0 0 0 0 0 2500 21 0 0 0 0 0 0
  eth1:  500  2 0 0 0 0 0 0  500  3 0 0 0 0 0 0
"""
V1 = {
    "cpuacct": {"cpuacct.usage": "2500000000\n"},
    "cpu": {"cpu.stat": "nr_periods 9\nnr_throttled 3\nthrottled_time 750000000\n"},
    "memory": {
        "memory.usage_in_bytes": "9000000\n",
        "memory.limit_in_bytes": "67108864\n",
        "memory.stat": "cache 4000000\ninactive_file 1\ntotal_cache 4000000\n"
        "total_inactive_file 3000000\n",
    },
    "pids": {"pids.current": "3\n"},
    "blkio": {
        kernel.IO_FILE: "8:0 Read 4096\n8:0 Write 8192\n8:0 Total 12288\nTotal 12288\n",
        kernel.OPERATIONS_FILE: "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n",
    },
}
V2 = {
    "memory.current": "9000000\n",
    "memory.max": "67108864\n",
    "memory.stat": "anon 6000000\nfile 3000000\ninactive_file 3000000\n",
    "cpu.stat": "usage_usec 2500000\nuser_usec 1\nnr_throttled 3\nthrottled_usec 750000\n",
    "pids.current": "3\n",
    "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n",
}


@dataclass
class Machine:
    """What a machine says: the mounts, the groups of the container's first process."""

    mounts: dict[str, str]  # where → the mount's line after its place, by kind and options
    group: str  # /proc/PID/cgroup
    files: dict[str, dict[str, str]] = field(default_factory=dict)  # folder → its files


def _v1(path: str, *, joined: bool = False) -> Machine:
    """Version 1: a tree for each controller, as cgroupfs names them or systemd."""
    names = ["cpu,cpuacct", "memory", "pids", "blkio"] if joined else [*V1]
    files: dict[str, dict[str, str]] = {}
    for name in names:
        held = {key: text for one in name.split(",") for key, text in V1[one].items()}
        files[f"sys/{name}{path}"] = held
    return Machine(
        {f"sys/{name}": f"cgroup cgroup rw,{name}" for name in names},
        "".join(f"{n}:{name}:{path}\n" for n, name in enumerate(names, 2))
        + f"1:name=systemd:{path}\n",
        files,
    )


def _v2(path: str) -> Machine:
    return Machine({"sys": "cgroup2 cgroup2 rw"}, f"0::{path}\n", {f"sys{path}": V2})


def _hybrid() -> Machine:
    """Version 1 with the unified tree beside it, which holds no controller."""
    machine = _v1(f"/system.slice/docker-{ID}.scope", joined=True)
    machine.mounts["sys/unified"] = "cgroup2 cgroup2 rw"
    machine.group += f"0::/system.slice/docker-{ID}.scope\n"
    machine.files[f"sys/unified/system.slice/docker-{ID}.scope"] = {}
    return machine


LAYOUTS = {
    "v1, cgroupfs": _v1(f"/docker/{ID}"),
    "v1, cgroupfs, cpu and cpuacct in one": _v1(f"/docker/{ID}", joined=True),
    "v1, cgroupfs, the lab's parent": _v1(f"/study-lab/lead/{ID}"),
    "v1, systemd": _v1(f"/system.slice/docker-{ID}.scope", joined=True),
    "v2, systemd": _v2(f"/system.slice/docker-{ID}.scope"),
    "v2, systemd, the lab's parent": _v2(
        f"/studylab.slice/studylab-attendees.slice/docker-{ID}.scope"
    ),
    "v2, cgroupfs": _v2(f"/docker/{ID}"),
    "v2, rootless": _v2(
        f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"
    ),
    "hybrid": _hybrid(),
}


def lay(root: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a machine's files there, and have them read instead of this one's."""
    proc = root / "proc"
    for folder in (f"{PID}/net", "self"):
        (proc / folder).mkdir(parents=True)
    (proc / f"{PID}/cgroup").write_text(machine.group)
    (proc / f"{PID}/net/dev").write_text(DEV)
    (proc / "self/mountinfo").write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        + "".join(
            f"{n} 22 0:{n} / {root / place} rw - {line}\n"
            for n, (place, line) in enumerate(machine.mounts.items(), 30)
        )
    )
    for folder, files in machine.files.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "cgroup.procs").write_text(f"{PID}\n4243\n")
        for name, text in files.items():
            (root / folder / name).write_text(text)
    monkeypatch.setattr(kernel, "PROC", str(proc))


@pytest.mark.parametrize("machine", LAYOUTS.values(), ids=[*LAYOUTS])
def test_all_figures_are_found(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lay(tmp_path, machine, monkeypatch)
    read = kernel.Group(ID, PID).read()
    assert read.cpu_seconds == 2.5
    assert read.cpu_throttled_seconds == 0.75
    assert (read.memory_bytes, read.memory_cache_bytes) == (6_000_000, 3_000_000)
    assert read.memory_limit_bytes == 67_108_864
    assert (read.disk_read_bytes, read.disk_written_bytes) == (4096, 8192)
    assert (read.disk_read_operations, read.disk_write_operations) == (1, 2)
    assert (read.network_received_bytes, read.network_sent_bytes) == (2000, 3000)
    assert (read.network_received_packets, read.network_sent_packets) == (13, 24)
    assert read.processes == 3
    # Version 1 doesn't see what is written by way of the cache: that must be said.
    assert read.disk_is_partial is ("cpuacct" in machine.group)


@pytest.mark.parametrize("machine", LAYOUTS.values(), ids=[*LAYOUTS])
def test_what_a_kernel_does_not_tell_is_not_nothing(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bare = Machine(machine.mounts, machine.group, {folder: {} for folder in machine.files})
    lay(tmp_path, bare, monkeypatch)
    read = kernel.Group(ID, PID).read()
    for figure in ("cpu_seconds", "cpu_throttled_seconds", "memory_bytes", "memory_cache_bytes"):
        assert getattr(read, figure) is None
    for figure in ("memory_limit_bytes", "disk_written_bytes", "disk_read_operations", "processes"):
        assert getattr(read, figure) is None


def test_a_container_without_a_network_sends_nothing_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lay(tmp_path, LAYOUTS["v2, systemd"], monkeypatch)
    lines = DEV.splitlines(keepends=True)
    (tmp_path / f"proc/{PID}/net/dev").write_text("".join(lines[:3]))
    read = kernel.Group(ID, PID).read()
    assert read.network_received_bytes is read.network_sent_packets is None


def test_one_that_ended_is_no_longer_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    machine = LAYOUTS["v2, systemd"]
    lay(tmp_path, machine, monkeypatch)
    group = kernel.Group(ID, PID)
    (folder,) = machine.files
    (tmp_path / folder / "cgroup.procs").write_text("")
    (tmp_path / folder / "pids.current").write_text("0\n")
    with pytest.raises(FileNotFoundError):
        group.read()


def test_of_one_that_just_ended_its_first_process_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    machine = LAYOUTS["v1, cgroupfs"]
    lay(tmp_path, machine, monkeypatch)
    group = kernel.Group(ID, PID)
    (tmp_path / f"proc/{PID}/net/dev").unlink()
    for folder in machine.files:
        (tmp_path / folder / "cgroup.procs").write_text("")
    with pytest.raises(FileNotFoundError):
        group.read()


def test_one_that_was_started_anew_has_the_network_of_its_new_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    machine = LAYOUTS["v1, cgroupfs"]
    lay(tmp_path, machine, monkeypatch)
    group = kernel.Group(ID, PID)
    (tmp_path / f"proc/{PID}/net/dev").unlink()
    (tmp_path / "proc/4300/net").mkdir(parents=True)
    (tmp_path / "proc/4300/net/dev").write_text(DEV.replace("2500 21", "7000 70"))
    for folder in machine.files:
        (tmp_path / folder / "cgroup.procs").write_text("4300\n")
    read = group.read()
    assert (read.network_sent_bytes, read.network_sent_packets) == (7500, 73)


@pytest.mark.parametrize("name", ["v1, cgroupfs", "v2, systemd"])
@pytest.mark.parametrize("is_kept", [False, True])
def test_what_moves_is_read_again(
    name: str, is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lay(tmp_path, LAYOUTS[name], monkeypatch)
    group = kernel.Group(ID, PID)
    if is_kept:
        group.keep_open()
    group.read()
    more = {
        "cpuacct.usage": "3500000000\n",
        "cpu.stat": "usage_usec 3500000\nthrottled_usec 800000\nthrottled_time 800000000\n",
        kernel.IO_FILE: "8:0 Read 4096\n8:0 Write 9192\n",
        kernel.OPERATIONS_FILE: "8:0 Read 1\n8:0 Write 5\n",
        "io.stat": "8:0 rbytes=4096 wbytes=9192 rios=1 wios=5 dbytes=0 dios=0\n",
    }
    for folder, files in LAYOUTS[name].files.items():
        for file in files.keys() & more.keys():
            (tmp_path / folder / file).write_text(more[file])
    read = group.read()
    assert (read.cpu_seconds, read.cpu_throttled_seconds) == (3.5, 0.8)
    assert (read.disk_written_bytes, read.disk_write_operations) == (9192, 5)
