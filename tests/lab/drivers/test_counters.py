"""Counters of real containers under loads that are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.lab.drivers import Counters, kernel
from bot.lab.drivers.counting import Counting
from bot.lab.drivers.wire import Wire
from bot.lab.model import Resources
from tests.lab.engine import WRITE_50_MIB, Bench

MIB = 1024**2
Count = Callable[[str], Counters]
ROOM = Resources(cpus=1.0, memory_bytes=256 * MIB, disk_bytes=100 * MIB, processes=64)


class Remote(Counting):
    """Counts as where the engine is on another machine."""

    def _from_kernel(self, engine_id: str) -> Counters | None:
        return None


@pytest.fixture(params=["kernel", "engine"])
def count(request: pytest.FixtureRequest, real: Bench):
    """Reads counters both ways: from the kernel, and as of a host elsewhere."""
    if request.param == "kernel":
        if not real.driver.facts().reads_cgroups:
            pytest.skip("the kernel's counters can't be read here")
        return real.driver.counters
    remote = Remote(real.driver._wire)
    return lambda engine_id: remote.read(engine_id, with_size=False)


def test_processor_time(real: Bench, count: Count):
    engine_id = real.run("sleep", "600", resources=ROOM)
    before = count(engine_id)
    script = "end=$(($(date +%s) + 2)); while [ $(date +%s) -lt $end ]; do :; done"
    real.driver.execute(engine_id, ["sh", "-c", script], seconds=10, most_bytes=99)
    after = count(engine_id)
    assert before.cpu_seconds is not None
    assert after.cpu_seconds is not None
    # One to two seconds of wall time on one CPU, less where the machine is busy.
    assert 0.3 < after.cpu_seconds - before.cpu_seconds < 3.0


def test_memory_is_told_apart_from_cache(real: Bench, count: Count):
    engine_id = real.run("sleep", "600", resources=ROOM)
    before = count(engine_id)
    assert before.memory_limit_bytes == ROOM.memory_bytes
    # A file in memory counts; it can't be taken back.
    fill = "dd if=/dev/zero of=/tmp/x bs=1M count=50"
    real.driver.execute(engine_id, ["sh", "-c", fill], seconds=10, most_bytes=99)
    after = count(engine_id)
    assert 45 * MIB < after.memory_bytes - before.memory_bytes < 60 * MIB
    assert after.memory_cache_bytes is not None
    assert after.memory_cache_bytes < 20 * MIB


def test_what_is_written_to_disk(real: Bench, count: Count):
    """The root can't be written with these limits: by the engine's own flags it can."""
    container = real.client.containers.run(
        real.image,
        ["sleep", "600"],
        detach=True,
        labels={"study-bot.installation": real.installation},
    )
    before = count(container.id)
    write = ["sh", "-c", WRITE_50_MIB]
    result = real.driver.execute(container.id, write, seconds=60, most_bytes=9999)
    assert result.exit_code == 0, result.output
    after = count(container.id)
    if after.disk_written_bytes is None:
        pytest.skip("this kernel doesn't count what goes to the disk")
    written = after.disk_written_bytes - (before.disk_written_bytes or 0)
    assert 45 * MIB < written < 60 * MIB
    assert after.disk_read_bytes is not None
    size = real.driver.counters(container.id, with_size=True).disk_used_bytes
    assert size == pytest.approx(50 * MIB, rel=0.01)


def test_network_traffic(real: Bench, count: Count):
    network = real.network()
    server = real.run("httpd", "-f", "-p", "80", "-h", "/bin", network=network, hostname="web-1")
    client = real.run("sleep", "600", network=network, hostname="client-1")
    until = time.monotonic() + 10
    probe = ["wget", "-q", "-O", "/dev/null", "http://web-1/"]
    while b"refused" in real.driver.execute(client, probe, seconds=5, most_bytes=999).output:
        assert time.monotonic() < until, "the server doesn't listen"
        time.sleep(0.05)
    before = count(client), count(server)
    get = ["wget", "-q", "-O", "/dev/null", "http://web-1/busybox"]
    result = real.driver.execute(client, get, seconds=10, most_bytes=999)
    assert result.exit_code == 0, result.output
    after = count(client), count(server)
    received = after[0].network_received_bytes - before[0].network_received_bytes
    sent = after[1].network_sent_bytes - before[1].network_sent_bytes
    size = real.driver.execute(
        client, ["stat", "-c", "%s", "/bin/busybox"], seconds=5, most_bytes=99
    )
    expected = int(size.output)
    assert expected < received < expected * 1.2
    assert expected < sent < expected * 1.2


def test_processes(real: Bench, count: Count):
    engine_id = real.run("sh", "-c", "sleep 600 & sleep 600 & wait", resources=ROOM)
    time.sleep(0.3)
    assert count(engine_id).processes == 3
    commands = sorted(process.command for process in real.driver.processes(engine_id))
    assert commands[1:] == ["sleep 600", "sleep 600"]


def test_both_ways_agree(real: Bench):
    if not real.driver.facts().reads_cgroups:
        pytest.skip("the kernel's counters can't be read here")
    engine_id = real.run("sleep", "600", network=real.network(), resources=ROOM)
    # Until then it is the engine's own program that is counted.
    while [one.command for one in real.driver.processes(engine_id)] != ["sleep 600"]:
        time.sleep(0.05)
    here = real.driver.counters(engine_id)
    there = Remote(real.driver._wire).read(engine_id, with_size=False)
    assert here.memory_bytes == pytest.approx(there.memory_bytes, abs=MIB)
    assert here.memory_limit_bytes == there.memory_limit_bytes
    assert here.cpu_seconds == pytest.approx(there.cpu_seconds, abs=0.1)
    assert here.processes == there.processes == 1
    assert here.network_received_bytes == pytest.approx(there.network_received_bytes, abs=5000)
    assert here.disk_written_bytes in (there.disk_written_bytes, 0, None)


def test_they_go_on_after_a_restart(real: Bench):
    engine_id = real.run("sleep", "600", network=real.network())
    real.driver.counters(engine_id)
    real.driver.restart(engine_id, 0)
    after = real.driver.counters(engine_id)
    assert after.processes == 1
    assert after.network_received_bytes is not None


def test_a_hundred_readings_ask_the_engine_for_none(real: Bench, monkeypatch: pytest.MonkeyPatch):
    if not real.driver.facts().reads_cgroups:
        pytest.skip("the kernel's counters can't be read here")
    engine_id = real.run("sleep", "600", network=real.network())
    real.driver.counters(engine_id)
    # It would take a second for each of its statistics.
    asked: list[str] = []
    exchange = Wire._exchange

    def counted(wire: Wire, method: str, path: str, **more: Any) -> Any:
        asked.append(path)
        return exchange(wire, method, path, **more)

    monkeypatch.setattr(Wire, "_exchange", counted)
    for _ in range(100):
        real.driver.counters(engine_id)
    assert asked == []


class TestLayouts:
    """Where files are is read, not guessed; so layouts that aren't this machine's work too."""

    FILES: ClassVar = {
        "memory.current": "5000000\n",
        "memory.max": "max\n",
        "memory.stat": "anon 1\nfile 2000000\ninactive_file_x 7\ninactive_file 1500000\n",
        "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
        "pids.current": "3\n",
        "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2\n253:1 rbytes=1 wbytes=2 rios=1\n",
    }

    @pytest.fixture
    def v2(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A machine with cgroup v2 alone and systemd's names."""
        folder = tmp_path / "study.slice/docker-abc123.scope"
        folder.mkdir(parents=True)
        for name, text in self.FILES.items():
            (folder / name).write_text(text)
        (folder / "cgroup.procs").write_text("1\n")
        monkeypatch.setattr(kernel, "mounts", lambda: {"": kernel.Mount(str(tmp_path), "/")})
        path = "/study.slice/docker-abc123.scope"
        monkeypatch.setattr(kernel, "groups", lambda _process_id: {"": path})
        return folder

    def test_version_two_under_systemd(self, v2: Path):
        counters = kernel.Group("abc123", 1).read()
        assert counters.cpu_seconds == 2.5
        assert counters.memory_bytes == 3_500_000
        assert counters.memory_cache_bytes == 1_500_000
        assert counters.memory_limit_bytes is None
        assert counters.processes == 3
        assert (counters.disk_read_bytes, counters.disk_written_bytes) == (4097, 8194)

    def test_what_the_kernel_does_not_give_is_none_and_not_nothing(self, v2: Path):
        (v2 / "io.stat").unlink()
        (v2 / "memory.stat").unlink()
        counters = kernel.Group("abc123", 1).read()
        assert counters.disk_read_bytes is counters.disk_written_bytes is None
        assert counters.memory_cache_bytes is None
        assert counters.memory_bytes == 5_000_000

    def test_version_one_that_counts_no_disk_yet(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        group = tmp_path / "docker/abc123"
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text("1\n")
        name = "blkio.throttle.io_service_bytes_recursive"
        for folder in (tmp_path, group):
            (folder / name).write_text("Total 0\n")
        mount = kernel.Mount(str(tmp_path), "/")
        monkeypatch.setattr(kernel, "mounts", lambda: {"blkio": mount})
        monkeypatch.setattr(kernel, "groups", lambda _process_id: {"blkio": "/docker/abc123"})
        counters = kernel.Group("abc123", 1).read()
        assert counters.disk_written_bytes is None
        (tmp_path / name).write_text("8:0 Read 1\n8:0 Write 5\nTotal 6\n")
        counters = kernel.Group("abc123", 1).read()
        assert counters.disk_written_bytes == 0
        (group / name).write_text("8:0 Read 4096\n8:0 Write 8192\n8:16 Write 8\nTotal 12296\n")
        counters = kernel.Group("abc123", 1).read()
        assert (counters.disk_read_bytes, counters.disk_written_bytes) == (4096, 8200)

    def test_another_machines_process_of_that_number_is_not_taken_for_it(self, v2: Path):
        with pytest.raises(kernel.NotHere):
            kernel.Group("another", 1)

    def test_a_part_of_the_hierarchy_mounted_elsewhere(self):
        mount = kernel.Mount("/cg", "/outer")
        assert mount.path("/outer/docker/abc") == "/cg/docker/abc"
        assert kernel.Mount("/sys/fs/cgroup", "/").path("/a/b") == "/sys/fs/cgroup/a/b"
