"""What a container may not do, tried from inside real ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.lab.drivers import ContainerState, readings
from bot.lab.drivers.safety import LOG_BYTES
from bot.lab.errors import EngineRefused
from bot.lab.model import Resources
from tests.lab.engine import Bench, Recipe, bench, private_engine

MIB = 1024**2
FOLDERS = ("/tmp", "/var/cache/x")
SMALL = Resources(cpus=0.5, memory_bytes=32 * MIB, disk_bytes=8 * MIB, processes=32)


def inside(real: Bench, engine_id: str, script: str, seconds: float = 20) -> tuple[int | None, str]:
    """Run a line of shell in a container."""
    result = real.driver.execute(
        engine_id, ["sh", "-c", script], seconds=seconds, most_bytes=100_000
    )
    return result.exit_code, result.output.decode()


def ended(real: Bench, engine_id: str, seconds: float = 30) -> ContainerState:
    """Wait for a container to end."""
    until = time.monotonic() + seconds
    while (state := real.driver.inspect(engine_id)).is_running:
        assert time.monotonic() < until, "it still runs"
        time.sleep(0.05)
    return state


@pytest.fixture(scope="module")
def idle(real: Bench) -> str:
    """A container to look at from inside."""
    return real.run(
        resources=SMALL,
        capabilities=("CHOWN", "NET_BIND_SERVICE"),
        writable=FOLDERS,
    )


class TestPrivileges:
    def test_only_the_capabilities_listed_are_there_and_no_more_can_be_had(
        self, real: Bench, idle: str
    ):
        _, status = inside(real, idle, "cat /proc/self/status")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        wanted = 1 << 0 | 1 << 10  # CHOWN, NET_BIND_SERVICE
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            assert int(fields[kind], 16) == wanted
        assert fields["NoNewPrivs"].strip() == "1"
        assert fields["Seccomp"].strip() == "2"

    @pytest.mark.parametrize(
        "forbidden",
        [
            "mount -t tmpfs x /mnt",
            "mknod /tmp/sda b 8 0",
            "chroot / true",
            "hostname else",
            "ip link add x type dummy",
            "date -s 2000-01-01",
            "dmesg -c",
            "renice -n -5 -p 1",
            "unshare -U true",
            "unshare -m true",
            "echo 1 > /proc/sys/kernel/panic",
            "echo 64 > /sys/fs/cgroup/pids/pids.max",
            "ls /var/run/docker.sock",
            "cat /dev/kmsg",
            "cat /proc/kcore",
        ],
    )
    def test_roots_ways_to_the_host_are_closed(self, real: Bench, idle: str, forbidden: str):
        _, output = inside(real, idle, f"{forbidden} 2>&1")
        assert re.search(r"not permitted|denied|[Rr]ead-only|No such file", output), output

    def test_a_program_with_the_setuid_bit_gives_nobody_anything(self, real: Bench):
        """nosuid on what is writable, no-new-privileges for the rest."""
        engine_id = real.run(capabilities=("SETUID", "SETGID"))
        _, output = inside(
            real,
            engine_id,
            "cp /bin/busybox /tmp/busybox && chmod 4755 /tmp/busybox &&"
            " su -s /bin/sh nobody -c 'id -u; /tmp/busybox id -u' 2>&1",
        )
        assert output.split() == ["65534", "65534"]

    def test_nothing_of_the_host_is_shared(self, real: Bench, idle: str):
        state = real.driver.inspect(idle)
        for namespace in ("pid", "net", "mnt", "ipc", "uts", "cgroup"):
            theirs = Path(f"/proc/{state.process_id}/ns/{namespace}").readlink()
            assert theirs != Path(f"/proc/self/ns/{namespace}").readlink()
        attributes = real.client.containers.get(idle).attrs
        assert attributes["Mounts"] == []
        config = attributes["HostConfig"]
        assert config["Privileged"] is False
        assert not config["Devices"]
        assert not config["Binds"]
        assert config["RestartPolicy"]["Name"] == "no"
        assert config["OomKillDisable"] is False


class TestMemory:
    def test_who_fills_it_is_killed_and_that_is_told(self, real: Bench):
        engine_id = real.run("sh", "-c", "x=x; while :; do x=$x$x; done", resources=SMALL)
        state = ended(real, engine_id)
        assert state.out_of_memory
        assert state.exit_code == 137

    def test_it_is_told_where_the_engine_took_no_note_of_the_reason(
        self, real: Bench, monkeypatch: pytest.MonkeyPatch
    ):
        # It hears of the end and of the reason by two ways: now and then in the other order.
        as_told = readings.inspected_container
        monkeypatch.setattr(
            readings,
            "inspected_container",
            lambda entry: replace(as_told(entry), out_of_memory=False),
        )
        engine_id = real.run("sh", "-c", "x=x; while :; do x=$x$x; done", resources=SMALL)
        assert ended(real, engine_id).out_of_memory

    def test_one_that_somebody_killed_had_memory_enough(self, real: Bench):
        engine_id = real.run("sleep", "600")
        real.client.containers.get(engine_id).kill()
        state = ended(real, engine_id)
        assert state.exit_code == 137
        assert not state.out_of_memory

    def test_there_is_no_swap_beside_it(self, real: Bench, idle: str):
        config = real.client.containers.get(idle).attrs["HostConfig"]
        assert config["Memory"] == config["MemorySwap"] == SMALL.memory_bytes

    def test_the_host_shoots_it_first(self, real: Bench, idle: str):
        pid = real.driver.inspect(idle).process_id
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == 500


class TestProcesses:
    def test_a_fork_bomb_goes_nowhere(self, real: Bench):
        engine_id = real.run("sh", "-c", "b() { b | b & }; b & exec sleep 600", resources=SMALL)
        time.sleep(2)
        counters = real.driver.counters(engine_id)
        assert counters.processes is not None
        assert counters.processes <= SMALL.processes
        started = time.monotonic()
        real.driver.remove(engine_id)
        assert time.monotonic() - started < 10

    def test_files_that_can_be_open_are_counted(self, real: Bench, idle: str):
        # Of the container's own process: to one that is executed in it, runc hands on, now and
        # then, the soft limit that Go raised for itself.
        pid = real.driver.inspect(idle).process_id
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max open files +1024 +4096 ", limits, re.MULTILINE), limits
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits
        assert inside(real, idle, "ulimit -Hn; ulimit -Hc")[1].split() == ["4096", "0"]


class TestDisk:
    def test_the_root_can_not_be_written(self, real: Bench, idle: str):
        for folder in ("/", "/etc", "/bin", "/root"):
            exit_code, output = inside(real, idle, f"echo x > {folder}/x 2>&1")
            assert exit_code != 0
            assert "Read-only" in output

    @pytest.mark.parametrize("folder", FOLDERS)
    def test_what_can_be_written_is_full_at_its_limit(self, real: Bench, idle: str, folder: str):
        exit_code, output = inside(
            real, idle, f"dd if=/dev/zero of={folder}/fill bs=1M count=100 2>&1; rm {folder}/fill"
        )
        assert "No space left" in output
        assert "8+0 records out" in output  # megabytes
        assert exit_code == 0

    def test_shared_memory_is_bounded_too(self, real: Bench, idle: str):
        size = int(inside(real, idle, "df -k /dev/shm | tail -1")[1].split()[1])
        assert size * 1024 <= 64 * MIB

    def test_a_volume_of_the_image_is_no_way_around(self, real: Bench):
        reference = real.load(Recipe(real.name("volumes") + ":1", volumes=("/data/", "/more")))
        image = real.driver.image(reference)
        assert image is not None
        before = {volume.id for volume in real.client.volumes.list()}
        engine_id = real.run(
            "sleep", "600", image=reference, volumes=image.volumes, resources=SMALL
        )
        for folder in ("/data", "/more"):
            _, output = inside(
                real, engine_id, f"dd if=/dev/zero of={folder}/x bs=1M count=99 2>&1"
            )
            assert "No space left" in output
        attributes = real.client.containers.get(engine_id).attrs
        assert attributes["Mounts"] == []
        assert {volume.id for volume in real.client.volumes.list()} <= before | {
            mount["Name"]
            for container in real.client.containers.list(all=True, ignore_removed=True)
            for mount in container.attrs["Mounts"]
            if mount["Type"] == "volume"
        }

    def test_a_container_can_never_have_more_in_memory_disks_than_memory(self, real: Bench):
        large = Resources(cpus=0.5, memory_bytes=32 * MIB, disk_bytes=1024 * MIB, processes=32)
        engine_id = real.run("sleep", "600", resources=large)
        _, output = inside(real, engine_id, "dd if=/dev/zero of=/tmp/x bs=1M count=99 2>&1")
        assert "No space left" in output
        assert real.driver.inspect(engine_id).is_running

    @pytest.mark.slow
    def test_a_hundred_megabytes_of_log_take_ten(self, real: Bench):
        line = "x" * 1000
        engine_id = real.run(
            "sh",
            "-c",
            f"yes {line} | head -c 100000000; echo the end",
            resources=Resources(2.0, 64 * MIB, 8 * MIB, 64),
        )
        ended(real, engine_id, 90)
        log = Path(real.client.containers.get(engine_id).attrs["LogPath"])
        taken = sum(file.stat().st_size for file in log.parent.glob(f"{log.name}*"))
        # Rotated after the write that passes the limit.
        assert MIB < taken < LOG_BYTES * 1.1
        started = time.monotonic()
        last = real.driver.logs(engine_id, lines=10_000_000, since=None, most_bytes=50_000)
        assert time.monotonic() - started < 10
        assert len(last) <= 50_000
        assert last.endswith(b"xthe end\n")
        assert last.startswith(b"xxx")


@pytest.mark.slow
class TestDiskBoundByTheDriver:
    """On a host whose storage driver can: the root can be written, up to the limit."""

    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[Bench]:
        program = shutil.which("mkfs.btrfs")
        if program is None or "btrfs" not in Path("/proc/filesystems").read_text():
            pytest.skip("no btrfs here: sudo apt-get install btrfs-progs")
        disk = tmp_path / "disk"
        with disk.open("wb") as file:
            file.truncate(300 * MIB)
        subprocess.run([program, "-q", disk], check=True)
        with (
            private_engine("--storage-driver=btrfs", disk=disk) as engine,
            bench(engine.address) as used,
        ):
            yield used

    def test_who_fills_it_meets_the_limit_and_nobody_else_does(self, own: Bench):
        facts = own.driver.facts()
        assert (facts.storage_driver, facts.can_limit_disk) == ("btrfs", True)
        reference = own.load(Recipe(own.name("volumes") + ":1", volumes=("/data",)))
        bounds = Resources(0.5, 64 * MIB, 30 * MIB, 32)
        engine_id = own.run(
            "sleep", "600", image=reference, resources=bounds, limit_disk=True, volumes=("/data",)
        )
        fill = "dd if=/dev/zero of={}/fill bs=1M count=200 conv=fsync 2>&1; ls -l {}/fill"
        _, output = inside(own, engine_id, fill.format("", ""))
        assert "quota exceeded" in output
        _, output = inside(own, engine_id, fill.format("/data", "/data"))
        assert "No space left" in output
        size = own.driver.counters(engine_id, with_size=True).disk_used_bytes
        assert size is not None
        assert 10 * MIB < size <= 31 * MIB
        other = own.run("sleep", "600", image=reference, limit_disk=True, resources=bounds)
        exit_code, _ = inside(own, other, "dd if=/dev/zero of=/some bs=1M count=5 conv=fsync")
        assert exit_code == 0

    def test_elsewhere_the_limit_is_refused_and_not_pretended(self, real: Bench):
        if real.driver.facts().can_limit_disk:
            pytest.skip("this machine's engine can")
        with pytest.raises(EngineRefused, match=r"storage-opt|overlay"):
            real.driver.create(real.spec("true", limit_disk=True))


class TestCPU:
    def test_it_gets_its_share_and_no_more(self, real: Bench):
        tenth = Resources(cpus=0.1, memory_bytes=32 * MIB, disk_bytes=8 * MIB, processes=32)
        engine_id = real.run("sh", "-c", "while :; do :; done", resources=tenth)
        time.sleep(0.5)
        first = real.driver.counters(engine_id)
        time.sleep(2)
        second = real.driver.counters(engine_id)
        assert first.cpu_seconds is not None
        assert second.cpu_seconds is not None
        used = (second.cpu_seconds - first.cpu_seconds) / (second.at - first.at)
        assert 0.03 < used < 0.15

    def test_next_to_nothing_is_still_something(self, real: Bench):
        engine_id = real.run("sleep", "60", resources=Resources(0.0001, 16 * MIB, MIB, 16))
        assert real.driver.inspect(engine_id).is_running

    def test_more_than_the_host_has_is_no_reason_to_fail(self, real: Bench):
        engine_id = real.run("sleep", "60", resources=Resources(500, 16 * MIB, MIB, 16))
        assert real.driver.inspect(engine_id).is_running


def test_an_images_health_check_is_not_run(real: Bench):
    check = {
        "Test": ["CMD", "touch", f"{FOLDERS[0]}/checked"],
        "Interval": 1_000_000,
        "Timeout": 10**9,
    }
    reference = real.load(Recipe(real.name("check") + ":1", config={"Healthcheck": check}))
    engine_id = real.run("sleep", "60", image=reference)
    time.sleep(1)
    assert inside(real, engine_id, "ls /tmp")[1] == ""
