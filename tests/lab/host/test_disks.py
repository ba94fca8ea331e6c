"""Having the kernel count what goes to a disk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.lab.host import disks

_BLKIO = Path("/sys/fs/cgroup/blkio")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[str]:
    """A disk that nobody counts yet, as this machine's own was after its start."""
    if os.geteuid() != 0 or not (_BLKIO / "blkio.throttle.write_bps_device").exists():
        pytest.skip("needs root and cgroup version 1")
    image = tmp_path / "disk"
    image.write_bytes(bytes(8 * 1024**2))
    made = subprocess.run(
        ["losetup", "--find", "--show", image], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"no loop device is to be had: {made.stderr.strip()}")
    device = made.stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


def read(device: str) -> None:
    subprocess.run(
        ["dd", f"if={device}", "of=/dev/null", "bs=1M", "count=4", "iflag=direct"],
        capture_output=True,
        check=True,
    )


def counted(number: str) -> int:
    """Return how many bytes the kernel saw being read from a disk."""
    lines = (_BLKIO / "blkio.throttle.io_service_bytes").read_text().splitlines()
    return sum(int(line.split()[2]) for line in lines if line.startswith(f"{number} Read "))


def test_after_it_was_asked_the_kernel_counts(loop: str, monkeypatch: pytest.MonkeyPatch):
    number = (Path("/sys/block") / Path(loop).name / "dev").read_text().strip()
    monkeypatch.setattr(disks, "disk_of", lambda _folder: number)
    assert disks.count("/somewhere") is not None
    before = counted(number)
    read(loop)
    assert counted(number) - before == 4 * 1024**2
    # Asked again it sees that nothing is to be done, and no limit stands anywhere.
    assert disks.count("/somewhere") is False
    assert number not in (_BLKIO / "blkio.throttle.write_bps_device").read_text()


def test_the_disk_of_a_partition_is_the_whole_one(tmp_path: Path):
    device = tmp_path.stat().st_dev
    disk, part = tmp_path / "devices/sda", tmp_path / "devices/sda/sda1"
    part.mkdir(parents=True)
    (part / "partition").touch()
    (part / "dev").write_text("8:1\n")
    (disk / "dev").write_text("8:0\n")
    numbers = tmp_path / "numbers"
    numbers.mkdir()
    (numbers / f"{os.major(device)}:{os.minor(device)}").symlink_to(part)
    assert disks.disk_of(tmp_path, numbers) == "8:0"


def test_where_a_folder_is_on_no_disk_nothing_is_done():
    assert disks.disk_of(Path("/proc")) is None
    assert disks.disk_of(Path("/nowhere/at/all")) is None
