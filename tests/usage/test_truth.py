"""What a real container uses, against what it counts itself and what `docker stats` says.

A container is given loads that are known; the sampler runs as it does in the bot.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker.models.containers import Container

from bot.database import Transaction
from bot.lab import Instance
from bot.lab.drivers import Counters
from bot.lab.drivers.counting import Counting
from bot.lab.drivers.sweeping import Sweeping
from bot.usage import Reading
from bot.usage.report import Line
from tests.end_to_end.driver import until
from tests.lab.engine import WRITE_50_MIB, Bench, bench
from tests.usage.world import MIB, UsageWorld, usage_world
from tests.usage.world import Counting as CountingEngine

pytestmark = pytest.mark.slow

MOST_OFF = 0.05
MOST_MEMORY_OFF = 0.02
_BURN_S = {"kernel": 10, "engine": 4}
# Prints what the shell itself used when it is told to end.
_BURN = "trap 'times; exit' TERM; (sleep {s}; kill -TERM $$) & while :; do :; done"
# tail holds all it was given for as long as nobody takes it.
_HOLD = (
    "head -c {n} /dev/zero | tail -c {n} | sleep 8 & sleep 0.5; file=/proc/$(pidof tail)/status;"
    " until [ $(awk '/RssAnon/ {{print $2}}' $file) -ge $(({n} / 1024)) ]; do sleep 0.1; done;"
    " cat $file; sleep 4"
)
_SEND = "head -c {n} /dev/zero | nc {address} 9000; cat /sys/class/net/eth0/statistics/tx_bytes"
_LIMITED = {"mem_limit": 256 * MIB, "memswap_limit": 256 * MIB}


class Elsewhere(Counting):
    """Counts as where the engine is on another machine."""

    def find(self, engine_id: str) -> None:
        self._elsewhere_until[engine_id] = float("inf")


class Real(CountingEngine):
    """An engine whose sweeps are those of a real one."""

    def __init__(self, sweep: Callable[[Sequence[str]], dict[str, Counters]]) -> None:
        super().__init__(is_here=True)
        self._sweep = sweep

    def sweep(self, engine_ids: Sequence[str]) -> dict[str, Counters]:
        return self._sweep(engine_ids)


@dataclass
class Watched:
    """A real container that is sampled."""

    usage: UsageWorld
    instance: Instance
    container: Container
    bench: Bench
    burn_s: int

    async def does(self, script: str, seconds: float = 30) -> str:
        """Have something done in it; return what it printed."""
        result = await asyncio.to_thread(
            self.bench.driver.execute,
            self.container.id,
            ["sh", "-c", script],
            seconds=seconds,
            most_bytes=9999,
        )
        assert result.exit_code is not None, "it took too long"
        return result.output.decode()

    async def settle(self) -> None:
        """Wait until what was done is sampled."""
        track = self.usage.usage.sampling.track(self.instance.id)
        assert track is not None
        last = track.latest
        await until(lambda: track.latest is not last)
        last = track.latest
        await until(lambda: track.latest is not last)

    async def line(self) -> Line:
        """Return what the report says of it."""
        await self.settle()
        (line,) = (await self.usage.usage.report(self.usage.here.session)).lines
        return line

    def now(self) -> Reading:
        reading = self.usage.usage.latest(self.instance)
        assert reading is not None
        return reading

    async def docker_stats(self) -> dict[str, str]:
        """Ask docker's own client."""
        if shutil.which("docker") is None:
            pytest.skip("the docker command isn't there to compare with")
        process = await asyncio.create_subprocess_exec(
            *("docker", "stats", "--no-stream", "--format", "{{json .}}", self.container.id),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return json.loads(output)


@pytest.fixture(scope="module")
def real():
    with bench() as used:
        yield used


@pytest.fixture(params=["kernel", "engine"])
async def watched(
    request: pytest.FixtureRequest, real: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watched]:
    """Have one container sampled by each of the two ways."""
    if request.param == "kernel" and not real.driver.facts().reads_cgroups:
        pytest.skip("the kernel's counters can't be read here")
    elsewhere = Sweeping(real.settings, Elsewhere(real.driver._wire))
    sweep = real.driver.sweep if request.param == "kernel" else elsewhere.sweep
    monkeypatch.setattr("bot.usage.sampling.EVERY_SECONDS", 0.5)
    container = run(real, "sleep", "600")
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch, {"one": Real(sweep)}) as usage:
        instance = await usage.here.run()
        instance = await bind(usage, instance, container)
        task = asyncio.create_task(usage.usage.run())
        try:
            await until(lambda: usage.usage.latest(instance))
            yield Watched(usage, instance, container, real, _BURN_S[request.param])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            elsewhere.close()
            with contextlib.suppress(Exception):
                container.remove(force=True)


def run(real: Bench, *command: str, network: str | None = None) -> Container:
    """Run a container whose disk can be written, as the lab's can't."""
    return real.client.containers.run(
        real.image,
        list(command),
        detach=True,
        network=network or real.network().name,
        labels={"study-bot.installation": real.installation},
        **_LIMITED,
    )


async def bind(usage: UsageWorld, instance: Instance, container: Container) -> Instance:
    """Have an instance's row be of a real container."""

    def work(tx: Transaction) -> None:
        tx.execute("UPDATE instances SET engine_id = ? WHERE id = ?", (container.id, instance.id))

    await usage.here.world.database.write(work)
    return await usage.here.now(instance)


async def test_processor_time(watched: Watched):
    before = await watched.line()
    printed = await watched.does(_BURN.format(s=watched.burn_s))
    after = await watched.line()
    # "0m9.98s 0m0.01s": the shell itself, in user and in system.
    minutes = re.findall(r"(\d+)m([\d.]+)s", printed)[:2]
    itself = sum(int(whole) * 60 + float(part) for whole, part in minutes)
    assert itself > watched.burn_s / 3
    assert after.cpu_seconds - before.cpu_seconds == pytest.approx(itself, rel=MOST_OFF)
    theirs = watched.container.stats(stream=False)["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    assert after.cpu_seconds == pytest.approx(theirs, rel=MOST_OFF)
    points = watched.usage.usage.recent(watched.instance)
    by_rates = sum((point.mean("cpus") or 0.0) * point.seconds for point in points)
    assert by_rates == pytest.approx(itself, rel=MOST_OFF)


async def test_memory(watched: Watched):
    await watched.settle()
    before = watched.now().sample.memory_bytes
    holding = asyncio.create_task(watched.does(_HOLD.format(n=100 * MIB)))
    await until(lambda: watched.now().sample.memory_bytes > before + 99 * MIB, within_s=7)
    await watched.settle()
    shown, during = await watched.docker_stats(), watched.now().sample
    status = await holding
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert found is not None
    itself = int(found[1]) * 1024
    assert itself == pytest.approx(100 * MIB, rel=0.01)
    assert during.memory_bytes - before == pytest.approx(itself, rel=MOST_MEMORY_OFF)
    assert during.memory_limit_bytes == 256 * MIB
    used = shown["MemUsage"].split(" / ")[0]
    assert during.memory_bytes == pytest.approx(size(used), rel=MOST_MEMORY_OFF)


async def test_disk(watched: Watched):
    before = await watched.line()
    await watched.does(WRITE_50_MIB)
    after = await watched.line()
    if after.disk_written_bytes is None:
        pytest.skip("this kernel counts nothing: root runs study-bot lab setup-host once")
    written = after.disk_written_bytes - (before.disk_written_bytes or 0)
    assert written == pytest.approx(50 * MIB, rel=MOST_OFF)
    assert after.disk_write_operations > (before.disk_write_operations or 0)
    shown = (await watched.docker_stats())["BlockIO"].split(" / ")[1]
    assert after.disk_written_bytes == pytest.approx(size(shown), rel=MOST_OFF)


async def test_network(watched: Watched):
    watched.container.reload()
    (network,) = watched.container.attrs["NetworkSettings"]["Networks"]
    script = "sleep 60 | nc -l -p 9000 > /dev/null"
    sink = await asyncio.to_thread(run, watched.bench, "sh", "-c", script, network=network)
    sink.reload()
    address = sink.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    before = await watched.line()
    counted = "cat /sys/class/net/eth0/statistics/tx_bytes"
    own_before = int(await watched.does(counted))
    printed = await watched.does(_SEND.format(n=20 * MIB, address=address))
    after = await watched.line()
    sent = after.network_sent_bytes - before.network_sent_bytes
    assert sent == pytest.approx(int(printed) - own_before, rel=MOST_OFF)
    # What it is wrapped in on its way counts, too: 66 bytes for 1,448, and some answers.
    assert 20 * MIB < sent < 20 * MIB * 1.08
    assert after.network_sent_packets > before.network_sent_packets
    shown = (await watched.docker_stats())["NetIO"].split(" / ")[1]
    assert after.network_sent_bytes == pytest.approx(size(shown), rel=MOST_OFF)


@pytest.mark.parametrize("watched", ["kernel"], indirect=True)
async def test_one_that_is_held_back_shows_its_limit_and_that_it_wants_more(watched: Watched):
    watched.container.update(cpu_period=100_000, cpu_quota=5_000)
    await watched.does(_BURN.format(s=4))
    await watched.settle()
    points = watched.usage.usage.recent(watched.instance)
    busy = [point for point in points if (point.mean("throttled_share") or 0.0) > 0.3]
    assert busy
    mean = sum(point.mean("cpus") or 0.0 for point in busy) / len(busy)
    # A sweep may begin and end within a period of the limit's.
    assert 0.02 < mean < 0.05 * 1.3


def size(text: str) -> float:
    """Read "102.3MiB" or "52.4MB"."""
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    factors = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    return float(number) * factors[unit]
