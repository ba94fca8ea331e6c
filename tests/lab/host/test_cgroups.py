"""What the parent cgroup is to hold, for each kind of engine; laid on files of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.lab.host import cgroup_parent, cgroups
from bot.lab.host.cgroups import CgroupRefused, Share
from bot.lab.model import HostSettings

GB = 1024**3
SHARE = Share(memory_bytes=12 * GB, cpus=3.0, processes=1000)
VERSION_1 = """\
tmpfs {root} tmpfs rw 0 0
cgroup {root}/cpu cgroup rw,nosuid,cpu,cpuacct 0 0
cgroup {root}/memory cgroup rw,memory 0 0
cgroup {root}/pids cgroup rw,pids 0 0
cgroup {root}/systemd cgroup rw,xattr,name=systemd 0 0
cgroup2 {root}/unified cgroup2 rw 0 0
"""
VERSION_2 = "cgroup2 {root} cgroup2 rw,nosuid,nodev 0 0\n"
FILES_1 = {
    "memory": ("memory.use_hierarchy", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    "cpu": ("cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares"),
    "pids": ("pids.max",),
}
FILES_2 = (
    *("cgroup.subtree_control", "memory.max", "memory.swap.max"),
    *("cpu.max", "cpu.weight", "pids.max"),
)


@pytest.fixture(autouse=True)
def _no_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this machine's own cgroups out of it."""
    empty = tmp_path / "no-mounts"
    empty.touch()
    monkeypatch.setattr(cgroups, "_MOUNTS", empty)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cgroup file system as far as files can play one: new folders hold what a kernel puts."""
    made = Path.mkdir

    def mkdir(self: Path, *args: object, **kwargs: object) -> None:
        made(self, *args, **kwargs)  # type: ignore[arg-type]
        for folder in (self, *self.parents):
            if folder.is_relative_to(tmp_path) and folder != tmp_path:
                top = folder.relative_to(tmp_path).parts[0]
                for name in FILES_1.get(top, FILES_2):
                    if not (folder / name).exists():
                        (folder / name).write_text("")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    return tmp_path


def mounted(tree: Path, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tree / "mounts"
    file.write_text(table.format(root=tree))
    monkeypatch.setattr(cgroups, "_MOUNTS", file)


def test_the_host_keeps_its_reserve():
    settings = HostSettings("a", "unix:///x")
    share = Share.of(settings, memory_bytes=10 * GB, cpus=4)
    assert 7.99 * GB < share.memory_bytes <= 8 * GB
    assert share.cpus == 3
    assert Share.of(settings, memory_bytes=GB, cpus=1).cpus == 0.5


def test_each_driver_is_told_a_parent_in_its_own_language():
    assert cgroup_parent("cgroupfs", is_lead=True) == "/study-lab/lead"
    assert cgroup_parent("cgroupfs", is_lead=False) == "/study-lab/attendees"
    # A dash is what nests slices: both are inside studylab.slice.
    assert cgroup_parent("systemd", is_lead=True) == "studylab-lead.slice"
    assert cgroup_parent("systemd", is_lead=False) == "studylab-attendees.slice"


def test_version_1_gets_its_limits_once(tree: Path, monkeypatch: pytest.MonkeyPatch):
    mounted(tree, VERSION_1, monkeypatch)
    assert cgroups.lay(SHARE, driver="cgroupfs", version="1")
    assert (tree / "memory/study-lab/memory.limit_in_bytes").read_text() == str(12 * GB)
    assert (tree / "memory/study-lab/memory.memsw.limit_in_bytes").read_text() == str(12 * GB)
    assert (tree / "cpu/study-lab/cpu.cfs_quota_us").read_text() == "300000"
    assert (tree / "cpu/study-lab/lead/cpu.shares").read_text() == "4096"
    assert (tree / "cpu/study-lab/attendees/cpu.shares").read_text() == "1024"
    assert (tree / "pids/study-lab/pids.max").read_text() == "1000"
    assert not cgroups.lay(SHARE, driver="cgroupfs", version="1")
    assert cgroups.laid_limit("cgroupfs", "1") == 12 * GB


def test_version_2_gets_the_same_in_its_own_words(tree: Path, monkeypatch: pytest.MonkeyPatch):
    mounted(tree, VERSION_2, monkeypatch)
    (tree / "cgroup.subtree_control").write_text("cpu memory")
    cgroups.lay(SHARE, driver="cgroupfs", version="2")
    parent = tree / "study-lab"
    assert (tree / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (parent / "memory.max").read_text() == str(12 * GB)
    assert (parent / "memory.swap.max").read_text() == "0"
    assert (parent / "cpu.max").read_text() == "300000 100000"
    lead, attendees = (
        int((parent / name / "cpu.weight").read_text()) for name in ("lead", "attendees")
    )
    assert lead == 4 * attendees
    assert cgroups.laid_limit("cgroupfs", "2") == 12 * GB


def test_systemd_gets_slices_inside_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n[ "$1" != is-active ]\n')
    program.chmod(0o755)
    units = tmp_path / "units"
    units.mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(cgroups, "_UNITS", units)
    assert cgroups.lay(SHARE, driver="systemd", version="2")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0] == "daemon-reload"
    assert calls[-1].startswith("start studylab.slice studylab-lead.slice")
    parent = (units / "studylab.slice").read_text()
    assert f"MemoryMax={12 * GB}\n" in parent
    assert "CPUQuota=300%\n" in parent
    assert "CPUWeight=400\n" in (units / "studylab-lead.slice").read_text()
    assert cgroups.take_away() == []
    assert list(units.iterdir()) == []
    assert "stop studylab.slice" in (tmp_path / "calls").read_text()


def test_a_parent_with_instances_in_it_stays(tree: Path, monkeypatch: pytest.MonkeyPatch):
    mounted(tree, VERSION_2, monkeypatch)
    (tree / "cgroup.subtree_control").touch()
    cgroups.lay(SHARE, driver="cgroupfs", version="2")
    # Folders with files in them don't go, like cgroups with processes.
    assert cgroups.take_away() == ["/study-lab", "/study-lab/attendees", "/study-lab/lead"]


def test_slices_with_instances_in_them_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\n[ "$1" = show ] && echo 12\n[ "$1" != stop ]\n')
    program.chmod(0o755)
    (tmp_path / "studylab.slice").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(cgroups, "_UNITS", tmp_path)
    assert cgroups.take_away() == ["studylab.slice"]
    assert (tmp_path / "studylab.slice").exists()


@pytest.mark.parametrize(
    ("driver", "version", "table"),
    [("none", "2", VERSION_2), ("cgroupfs", "2", ""), ("cgroupfs", "1", VERSION_2)],
)
def test_an_engine_without_cgroups_is_told_apart(
    tree: Path, monkeypatch: pytest.MonkeyPatch, driver: str, version: str, table: str
):
    mounted(tree, table, monkeypatch)
    with pytest.raises(CgroupRefused):
        cgroups.lay(SHARE, driver=driver, version=version)
