"""What a real guest uses, against what it counts itself, and what its host and `virsh` say.

It is given loads that are known; the sampler runs as it does in the bot. A guest doesn't notice
when its processor is taken away: it counts as used some of the time that it was made to wait. On
a machine with nothing else to do both are the same.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from bot.database import Transaction
from bot.lab import Instance, Kind
from bot.lab.drivers import Counters
from bot.lab.drivers.libvirt import agent
from bot.lab.model import Resources
from bot.usage import Reading
from bot.usage.report import Line
from tests.end_to_end.driver import until
from tests.lab.drivers.guests.bench import Bench, bench
from tests.lab.drivers.guests.bench import until as wait
from tests.usage.world import MIB, UsageWorld, usage_world

pytestmark = pytest.mark.slow

MOST_OFF = 0.05
MOST_MEMORY_OFF = 0.02
_MEMORY = 256 * MIB
_DISK = 96 * MIB
_PORT = 9000
# A busy machine leaves little to an emulated guest.
_LONGEST_S = 180.0
_BURNT_S = 8
_TICKS = 100
# Burns, and tells again and again what the whole guest used so far; nothing is started meanwhile.
_BURN = """\
(while :; do
  i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done
  read name user nice system idle waiting hard soft rest </proc/stat
  echo $((user+nice+system+hard+soft))
done | nc -l -p 9000) >/dev/null 2>&1 &"""
# dd holds all of what it has read for as long as nobody takes it.
_HOLD = """\
(dd if=/dev/zero bs=100M count=1 2>/dev/null | sleep 1000) >/dev/null 2>&1 &
held() { awk '/RssAnon/ {print $2}' /proc/$(pidof dd)/status; }
until [ "$(held)" -ge 102000 ] 2>/dev/null; do sleep 0.3; done
held"""
_LET_GO = "killall dd sleep"
_OWN_MEMORY = "awk '/^MemTotal|^MemAvailable/ {print $2}' /proc/meminfo"
_SHARE = "dd if=/dev/zero of=/dev/shm/x bs=1M count={n} 2>&1"
_WRITE = "dd if=/dev/zero of=/root/x bs=1M count=50 conv=fsync 2>&1"
_OWN_DISK = "awk '$3 == \"vda\" {print $8, $10 * 512}' /proc/diskstats"
_SERVE = "httpd -p 9000 -h /dev/shm"
_OWN_NETWORK = "cd /sys/class/net/eth0/statistics; cat tx_packets tx_bytes"


@dataclass(frozen=True, slots=True)
class Mark:
    """What was counted at one moment by the guest itself, and by the host's kernel.

    `told_s` is what the driver told right after, `process_told_s` what the kernel counted then.
    """

    itself_s: float
    process_s: float
    waited_s: float
    told_s: float
    process_told_s: float


@dataclass
class Guest:
    """A real guest that has booted."""

    bench: Bench
    engine_id: str
    address: str
    process: psutil.Process

    def counters(self) -> Counters:
        return self.bench.driver.counters()[self.engine_id]

    def execute(self, script: str) -> str:
        """Have its agent do something; return what it printed."""
        done = self.bench.driver.execute(
            self.engine_id, ["sh", "-c", script], seconds=_LONGEST_S, most_bytes=9999
        )
        assert done is not None, "its agent didn't answer"
        assert done.exit_code is not None, "it took too long"
        return done.output.decode()

    def numbers(self, script: str) -> list[int]:
        return [int(word) for word in self.execute(script).split()]

    def memory_used(self) -> int:
        """Ask its own kernel what it could not give to something new, in bytes."""
        total, available = self.numbers(_OWN_MEMORY)
        return (total - available) * 1024

    def receive(self, request: bytes = b"") -> Iterator[bytes]:
        """Connect to what listens in it, and read what it sends."""
        with self._connected() as connection:
            connection.sendall(request)
            while chunk := connection.recv(65536):
                yield chunk

    def burn(self) -> tuple[Mark, Mark]:
        """Have it burn its processor for some seconds; return what was counted in the midst."""
        self.execute(_BURN)
        first: Mark | None = None
        pending = b""
        for chunk in self.receive():
            *lines, pending = (pending + chunk).split(b"\n")
            if not lines:
                continue
            itself_s = int(lines[-1]) / _TICKS
            if first is None:
                first = self._mark(itself_s)
            elif itself_s - first.itself_s >= _BURNT_S:
                return first, self._mark(itself_s)
        raise AssertionError("it ended by itself")

    def domstats(self) -> dict[str, int]:
        """Ask libvirt's own client."""
        if shutil.which("virsh") is None:
            pytest.skip("the virsh command isn't there to compare with")
        command = ["virsh", "-c", str(self.bench.settings.libvirt), "domstats", self.engine_id]
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        found = re.findall(r"^ +(\S+)=(\d+)$", said, re.MULTILINE)
        return {name: int(number) for name, number in found}

    def _mark(self, itself_s: float) -> Mark:
        waited_ns = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith("CPU "):
                waited_ns += int((task / "schedstat").read_text().split()[1])
        process_s = before = self._process_s()
        # On a busy machine the driver's answer may be of a while later.
        for _ in range(9):
            told_s, after = self.counters().cpu_seconds, self._process_s()
            assert told_s is not None
            if after - before < 0.1:
                break
            before = after
        return Mark(itself_s, process_s, waited_ns / 1e9, told_s, after)

    def _process_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def _connected(self) -> socket.socket:
        end = time.monotonic() + _LONGEST_S
        while True:
            try:
                return socket.create_connection((self.address, _PORT), timeout=_LONGEST_S)
            except ConnectionRefusedError:
                assert time.monotonic() < end, "nothing listens in it"
                time.sleep(0.1)


@dataclass
class Watched:
    """A real guest that is sampled."""

    usage: UsageWorld
    instance: Instance
    guest: Guest

    async def settle(self) -> None:
        """Wait until what was done is sampled."""
        track = self.usage.usage.sampling.track(self.instance.id)
        assert track is not None
        for _ in range(2):
            last = track.latest
            await until(lambda last=last: track.latest is not last)

    async def line(self) -> Line:
        """Return what the report says of it."""
        await self.settle()
        (line,) = (await self.usage.usage.report(self.usage.here.session)).lines
        return line

    def now(self) -> Reading:
        reading = self.usage.usage.latest(self.instance)
        assert reading is not None
        return reading

    async def at_rest(self) -> Reading:
        """Wait until it tells the same of its memory twice: it tells once a second."""
        while True:
            before = self.now().sample.memory_bytes
            await asyncio.sleep(2.5)
            reading = self.now()
            now = reading.sample.memory_bytes
            # One that is busy may not tell at all.
            if None not in (before, now) and abs(now - before) < MIB // 4:
                return reading


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    with bench() as real, pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent, "_ANSWER_SECONDS", 30)
        disk = f"{real.name()}-disk.qcow2"
        real.driver.create_volume(disk, _DISK)
        engine_id = real.run(
            seed=real.seed(tmp_path_factory.mktemp("seed"), real.key),
            disk=disk,
            resources=Resources(1.0, _MEMORY, _DISK),
        )
        signs = real.driver.signs
        wait(lambda: signs(engine_id).agent and signs(engine_id).address, _LONGEST_S)
        address = signs(engine_id).address
        assert address is not None
        process = psutil.Process(real.driver.inspect(engine_id).process_id)
        yield Guest(real, engine_id, address, process)


@pytest.fixture
async def watched(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watched]:
    monkeypatch.setattr("bot.usage.sampling.EVERY_SECONDS", 0.5)
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch) as usage:
        instance = await usage.here.run()
        monkeypatch.setattr(usage.guests, "counters", guest.bench.driver.counters)
        instance = await bind(usage, instance, guest)
        task = asyncio.create_task(usage.usage.run())
        try:
            await until(lambda: usage.usage.latest(instance))
            yield Watched(usage, instance, guest)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def bind(usage: UsageWorld, instance: Instance, guest: Guest) -> Instance:
    """Have an instance's row be of a real guest."""
    query = "UPDATE instances SET kind = ?, engine_id = ? WHERE id = ?"
    given = (Kind.GUEST, guest.engine_id, instance.id)

    def work(tx: Transaction) -> None:
        tx.execute(query, given)

    await usage.here.world.database.write(work)
    return await usage.here.now(instance)


async def test_processor_time(watched: Watched):
    before = await watched.line()
    start, points = watched.now(), len(watched.usage.usage.recent(watched.instance))
    first, last = await asyncio.to_thread(watched.guest.burn)
    itself = last.itself_s - first.itself_s
    used = last.process_s - first.process_s
    waited = last.waited_s - first.waited_s
    told, used_then = last.told_s - first.told_s, last.process_told_s - first.process_told_s
    assert told == pytest.approx(used_then, rel=MOST_OFF)
    assert used * (1 - MOST_OFF) < itself < (used + waited) * (1 + MOST_OFF)
    after = await watched.line()
    end = watched.now()
    counted = end.counters.cpu_seconds - start.counters.cpu_seconds
    assert after.cpu_seconds - before.cpu_seconds == pytest.approx(counted, rel=MOST_OFF)
    by_rates = sum(
        point.mean("cpus") * point.seconds
        for point in watched.usage.usage.recent(watched.instance)[points:]
    )
    assert by_rates == pytest.approx(counted, rel=MOST_OFF)
    theirs = watched.guest.domstats()["cpu.time"] / 1e9
    assert after.cpu_seconds == pytest.approx(theirs, rel=MOST_OFF)


async def test_memory_is_what_its_own_kernel_could_not_take_back(watched: Watched):
    before = (await watched.at_rest()).sample.memory_bytes
    (held,) = await asyncio.to_thread(watched.guest.numbers, _HOLD)
    assert held * 1024 == pytest.approx(100 * MIB, rel=0.01)
    reading = await watched.at_rest()
    during, on_host = reading.sample, reading.counters.memory_on_host_bytes
    resident = watched.guest.process.memory_info().rss
    shown = await asyncio.to_thread(watched.guest.domstats)
    itself = await asyncio.to_thread(watched.guest.memory_used)
    await asyncio.to_thread(watched.guest.execute, _LET_GO)
    assert during.memory_bytes - before == pytest.approx(held * 1024, rel=MOST_MEMORY_OFF)
    assert during.memory_limit_bytes == _MEMORY
    theirs = (shown["balloon.available"] - shown["balloon.usable"]) * 1024
    assert during.memory_bytes == pytest.approx(theirs, rel=MOST_MEMORY_OFF)
    assert during.memory_bytes == pytest.approx(itself, rel=MOST_MEMORY_OFF)
    # What the host spends is told beside it, and is more: what it ever touched, and the emulator.
    assert on_host == pytest.approx(resident, rel=MOST_MEMORY_OFF)
    assert on_host == pytest.approx(shown["balloon.rss"] * 1024, rel=MOST_MEMORY_OFF)
    assert on_host > itself


async def test_memory_that_is_shared_is_no_cache(watched: Watched):
    before = (await watched.at_rest()).sample.memory_bytes
    await asyncio.to_thread(watched.guest.execute, _SHARE.format(n=100))
    during = (await watched.at_rest()).sample.memory_bytes
    itself = await asyncio.to_thread(watched.guest.memory_used)
    await asyncio.to_thread(watched.guest.execute, "rm /dev/shm/x")
    assert during - before == pytest.approx(100 * MIB, rel=MOST_MEMORY_OFF)
    assert during == pytest.approx(itself, rel=MOST_MEMORY_OFF)


async def test_disk(watched: Watched):
    execute = watched.guest.execute
    before, rest = await watched.line(), (await watched.at_rest()).sample
    operations, own = await asyncio.to_thread(watched.guest.numbers, _OWN_DISK)
    await asyncio.to_thread(execute, _WRITE)
    operations_after, own_after = await asyncio.to_thread(watched.guest.numbers, _OWN_DISK)
    after = await watched.line()
    written = after.disk_written_bytes - before.disk_written_bytes
    assert written == pytest.approx(50 * MIB, rel=MOST_OFF)
    assert written == pytest.approx(own_after - own, rel=MOST_OFF)
    times = after.disk_write_operations - before.disk_write_operations
    assert times == pytest.approx(operations_after - operations, rel=MOST_OFF)
    assert not after.disk_is_partial
    shown = watched.guest.domstats()
    assert after.disk_written_bytes == pytest.approx(shown["block.0.wr.bytes"], rel=MOST_OFF)
    # What it wrote stays in its cache, which is no memory used.
    cached = (await watched.at_rest()).sample
    await asyncio.to_thread(execute, "rm /root/x")
    assert cached.cache_bytes - rest.cache_bytes > 40 * MIB
    assert cached.memory_bytes - rest.memory_bytes < 8 * MIB


async def test_network(watched: Watched):
    await asyncio.to_thread(watched.guest.execute, f"{_SHARE.format(n=20)}; {_SERVE}")
    before = await watched.line()
    packets, own = await asyncio.to_thread(watched.guest.numbers, _OWN_NETWORK)
    request = b"GET /x HTTP/1.0\r\n\r\n"
    received = await asyncio.to_thread(lambda: sum(map(len, watched.guest.receive(request))))
    assert received > 20 * MIB
    packets_after, own_after = await asyncio.to_thread(watched.guest.numbers, _OWN_NETWORK)
    after = await watched.line()
    await asyncio.to_thread(watched.guest.execute, "killall httpd; rm /dev/shm/x")
    sent = after.network_sent_bytes - before.network_sent_bytes
    assert sent == pytest.approx(own_after - own, rel=MOST_OFF)
    # Headers count, too: of packets as the guest hands them over, which others may divide.
    assert 20 * MIB < sent < 20 * MIB * 1.08
    sent_packets = after.network_sent_packets - before.network_sent_packets
    assert sent_packets == pytest.approx(packets_after - packets, rel=MOST_OFF)
    assert 0 < after.network_received_bytes - before.network_received_bytes < MIB
    shown = watched.guest.domstats()
    assert after.network_sent_bytes == pytest.approx(shown["net.0.tx.bytes"], rel=MOST_OFF)
