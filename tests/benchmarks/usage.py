"""What it costs to know what everything uses: beside `docker stats`, and beside only reading.

A hundred idle containers run on this machine's engine for the first three. Those beyond what it
carries are recorded: their files are there, nothing runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import statistics
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import pytest

from bot.database import Transaction
from bot.drawing import DrawingWorker
from bot.lab.drivers import LABEL_INSTALLATION, Counters, FakeDriver, connect_guests, files, kernel
from bot.lab.model import HostSettings
from bot.localization import words
from bot.usage import picture
from bot.usage.chart import Picture, draw
from bot.usage.history import History
from bot.usage.model import Point, Spread
from tests.benchmarks.figures import Figure, Unavailable, percentile
from tests.lab.engine import Bench, bench
from tests.usage.data import instance
from tests.usage.world import MIB, Counting, UsageWorld, counters, usage_world

_CONTAINERS = 100
_GUESTS = 10
_ROUNDS = 5
_SWEEPS = 20
_CPU_S = 20.0
_MINUTE_S = 60.0
_LAG_MS = 20.0
_LAG_S = 8.0
_MANY = 200
_GRAPH_MS = 300.0
_GROWTH = (10, 100, 400)
# Nothing is measured to the last percent on a machine that does something else, too.
_LINEAR = 1.1


async def sweep_100_containers(_folder: Path) -> list[Figure]:
    """One sweep of a hundred containers, against `docker stats --no-stream` of the same."""
    async with _idle() as (used, ids):
        ours: list[float] = []
        peer: list[float] = []
        for _ in range(_ROUNDS):
            ours += [_timed(lambda: used.driver.sweep(ids)) for _ in range(_SWEEPS)]
            peer.append(_timed(lambda: _docker("stats", "--no-stream", *ids)))
        return [_milliseconds("sweep_100_containers", ours, peer, most=0.02)]


async def sampling_cpu(folder: Path) -> list[Figure]:
    """Processor time of a minute's sampling, against a minute of `docker stats` and its engine."""
    async with _idle() as (used, ids), _sampled(folder, used.driver.sweep, ids) as usage:
        task = asyncio.create_task(usage.usage.run())
        kept = asyncio.create_task(_keep(usage))
        try:
            began = time.process_time()
            await asyncio.sleep(_CPU_S)
            ours = (time.process_time() - began) / _CPU_S * _MINUTE_S
        finally:
            task.cancel()
            kept.cancel()
            await asyncio.gather(task, kept, return_exceptions=True)
        idle = await asyncio.to_thread(_engine_cpu, _CPU_S, None)
        busy = await asyncio.to_thread(_engine_cpu, _CPU_S, ["docker", "stats", *ids])
    # What others have the engine do meanwhile isn't docker stats' doing.
    peer = max(busy - idle, 0.0) / _CPU_S * _MINUTE_S
    return [Figure("sampling_cpu", ours * 1000, peer * 1000, "ms CPU a minute", most=0.1)]


async def sweep_limit(_folder: Path) -> list[Figure]:
    """A sweep of a hundred containers, against only reading the same files."""
    async with _idle() as (used, ids):
        read = _files_read(lambda: used.driver.sweep(ids))
        ours: list[float] = []
        peer: list[float] = []
        for _ in range(_ROUNDS * _SWEEPS):
            ours.append(_timed(lambda: used.driver.sweep(ids)))
            peer.append(_timed(lambda: _only_read(read)))
        note = f"{len(read) // len(ids)} files each"
        return [_milliseconds("sweep_limit", ours, peer, most=2.0, note=note)]


async def sweep_10_guests(folder: Path) -> list[Figure]:
    """One call for ten guests, against `virsh domstats` of the same figures."""
    with _idle_guests(folder):
        driver = connect_guests(HostSettings("bench", "", libvirt=_LIBVIRT))
        try:
            there = await asyncio.to_thread(driver.counters)
            ours: list[float] = []
            peer: list[float] = []
            for _ in range(_ROUNDS * 4):
                ours.append(await asyncio.to_thread(_timed, driver.counters))
                peer.append(await asyncio.to_thread(_timed, _domstats))
        finally:
            driver.close()
    note = f"{len(there)} guests there"
    return [_milliseconds("sweep_10_guests", ours, peer, most=1.0, note=note)]


async def sweep_growth(folder: Path) -> list[Figure]:
    """A sweep of more instances, against as many times a sweep of ten: recorded files."""
    with pytest.MonkeyPatch.context() as patch:
        sweeps = {number: _recorded(folder / str(number), number, patch) for number in _GROWTH}
        taken: dict[int, list[float]] = {number: [] for number in _GROWTH}
        for _ in range(_ROUNDS * _SWEEPS):
            for number, sweep in sweeps.items():
                taken[number].append(_worked(sweep))
    few = statistics.median(taken[_GROWTH[0]])
    return [
        Figure(
            f"sweep_growth_{number}",
            statistics.median(taken[number]) * 1000,
            few * number / _GROWTH[0] * 1000,
            "ms CPU",
            most=_LINEAR,
        )
        for number in _GROWTH[1:]
    ]


async def usage_lag(folder: Path) -> list[Figure]:
    """How late the event loop is while two hundred instances are sampled, against idle."""
    recorded = {f"c{number}": counters(0.0, cpu_seconds=0.0) for number in range(_MANY)}

    def sweep(engine_ids: Sequence[str]) -> dict[str, Counters]:
        now = time.monotonic()
        return {one: counters(now, cpu_seconds=now, memory_bytes=MIB) for one in engine_ids}

    idle = await _lags()
    async with _sampled(folder, sweep, list(recorded)) as usage:
        tasks = [asyncio.create_task(usage.usage.run()), asyncio.create_task(_keep(usage))]
        try:
            await asyncio.sleep(2.5)
            busy = await _lags()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return [
        Figure(
            "usage_lag",
            percentile(busy, 99) * 1000,
            percentile(idle, 99) * 1000,
            "ms",
            most_ours=_LAG_MS,
            note="p99; peer: without it",
        )
    ]


async def graph(_folder: Path) -> list[Figure]:
    """A picture of four panels after the first, against matplotlib's own of the same curves."""
    drawn = _pictured()
    async with DrawingWorker() as drawing:
        await drawing.draw(draw, drawn, drawn)
        await drawing.draw(plain, drawn)
        ours: list[float] = []
        peer: list[float] = []
        for _ in range(_ROUNDS * 2):
            began = time.perf_counter()
            await drawing.draw(draw, drawn, drawn)
            between = time.perf_counter()
            await drawing.draw(plain, drawn)
            ours.append(between - began)
            peer.append(time.perf_counter() - between)
    figure = _milliseconds("graph", ours, peer, note="peer: matplotlib's own computed layout")
    return [
        Figure(figure.name, figure.ours, figure.peer, "ms", most_ours=_GRAPH_MS, note=figure.note)
    ]


def plain(drawn: Picture) -> bytes:
    """Draw the same curves as anybody would, in the worker."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(7.2, 9.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(4, 1, sharex=True), drawn.panels, strict=True):
        axes.set_title(panel.title)
        for curve in panel.curves:
            axes.plot(curve.times, curve.values, label=curve.label)
            if curve.least:
                axes.fill_between(curve.times, curve.least, curve.most, alpha=0.3)
        axes.legend()
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


# --- a hundred containers ---


@contextlib.asynccontextmanager
async def _idle() -> AsyncIterator[tuple[Bench, list[str]]]:
    """Have a hundred containers run that do nothing, each known to the driver."""
    if shutil.which("docker") is None:
        raise Unavailable("the docker command isn't there to compare with")
    try:
        context = bench()
        used = await asyncio.to_thread(context.__enter__)
    except BaseException as error:
        if type(error).__name__ == "Skipped":
            raise Unavailable(str(error)) from error
        raise
    try:
        ids = await asyncio.to_thread(_start, used)
        if not used.driver.facts().reads_cgroups:
            raise Unavailable("the kernel's counters of containers can't be read here")
        until = time.monotonic() + 30
        while len(used.driver.sweep(ids)) < len(ids):
            if time.monotonic() > until:
                raise Unavailable("not all containers' counters can be read")
            await asyncio.sleep(0.2)
        yield used, ids
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def _start(used: Bench) -> list[str]:
    def run(_: int) -> str:
        labels = {LABEL_INSTALLATION: used.installation}
        made = used.client.containers.run(
            used.image, ["sleep", "3600"], detach=True, labels=labels, mem_limit=64 * MIB
        )
        return made.id

    with ThreadPoolExecutor(4) as starters:
        return list(starters.map(run, range(_CONTAINERS)))


def _docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], capture_output=True, check=True)


@contextlib.contextmanager
def _idle_guests(folder: Path) -> Iterator[None]:
    """Have ten guests run that have nothing to boot; they are gone with their process."""
    if shutil.which("virsh") is None:
        raise Unavailable("the virsh command isn't there to compare with")
    made: list[str] = []
    virsh = ["virsh", "--quiet", "--connect", _LIBVIRT]
    try:
        for _ in range(_GUESTS):
            name = f"study-bench-{uuid.uuid4().hex[:8]}"
            description = folder / f"{name}.xml"
            description.write_text(_GUEST.format(name=name), encoding="utf-8")
            done = subprocess.run(
                [*virsh, "create", str(description)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise Unavailable(f"no guest can be started here: {done.stderr.strip()}")
            made.append(name)
        yield
    finally:
        for name in made:
            subprocess.run([*virsh, "destroy", name], capture_output=True, check=False)


_LIBVIRT = "qemu:///system"
_GUEST = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>16</memory>
<os><type arch='x86_64'>hvm</type></os><devices><interface type='user'><model type='virtio'/>
</interface><memballoon model='virtio'><stats period='1'/></memballoon></devices></domain>"""


def _domstats() -> None:
    groups = ("--cpu-total", "--balloon", "--interface", "--block", "--nowait", "--list-active")
    command = ["virsh", "--quiet", "--connect", _LIBVIRT, "domstats", *groups]
    subprocess.run(command, capture_output=True, check=True)


def _engine_cpu(seconds: float, command: Sequence[str] | None) -> float:
    """Return what the engine, and a command beside it, use of the processor in some seconds."""
    engines = [one for one in psutil.process_iter(["name"]) if one.info["name"] in _ENGINE_PROGRAMS]
    client = (
        psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if command is not None
        else None
    )
    measured = [*engines, *([client] if client is not None else [])]
    before = sum(map(_used, measured)) if client is None else sum(map(_used, engines))
    time.sleep(seconds)
    after = sum(map(_used, measured))
    if client is not None:
        client.kill()
        client.wait()
    return after - before


_ENGINE_PROGRAMS = ("dockerd", "containerd")


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


# --- sampling ---


@contextlib.asynccontextmanager
async def _sampled(
    folder: Path, sweep: Callable[[Sequence[str]], dict[str, Counters]], ids: Sequence[str]
) -> AsyncIterator[UsageWorld]:
    """Put the bot's rooms together over a lab in which all of these are up."""

    class Engine(Counting):
        def sweep(self, engine_ids: Sequence[str]) -> dict[str, Counters]:
            return sweep(engine_ids)

    drivers: dict[str, FakeDriver] = {"one": Engine(is_here=True)}
    with pytest.MonkeyPatch.context() as patch:
        async with usage_world(folder / "bot.sqlite3", patch, drivers) as usage:
            first = await usage.here.run()
            await usage.here.world.database.write(_copies, first.id, ids)
            yield usage


def _copies(tx: Transaction, first: int, ids: Sequence[str]) -> None:
    """Have a row for each, of the first one's kind."""
    row = dict(tx.execute("SELECT * FROM instances WHERE id = ?", (first,)).fetchone())
    tx.execute("UPDATE instances SET engine_id = ? WHERE id = ?", (ids[0], first))
    row.pop("id")
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    tx.executemany(
        f"INSERT INTO instances ({names}) VALUES ({marks})",
        [{**row, "engine_id": one, "name": f"b{one[:20]}"} for one in ids[1:]],
    )


async def _keep(usage: UsageWorld) -> None:
    while True:
        await asyncio.sleep(10)
        await usage.usage.keep()


async def _lags() -> list[float]:
    """Measure how late the loop is, a hundred times a second."""
    found: list[float] = []
    until = time.monotonic() + _LAG_S
    while time.monotonic() < until:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        found.append(time.perf_counter() - began - 0.01)
    return found


# --- reading ---


def _files_read(sweep: Callable[[], object]) -> list[str]:
    """Return the files a sweep reads, in its order."""
    noted: dict[str, None] = {}
    with pytest.MonkeyPatch.context() as patch:
        read, read_of_group = kernel.read, files.Files.read

        def note(path: str) -> str:
            noted[path] = None
            return read(path)

        def note_of_group(group: files.Files, path: str) -> str:
            noted[path] = None
            return read_of_group(group, path)

        patch.setattr(kernel, "read", note)
        patch.setattr(files.Files, "read", note_of_group)
        sweep()
    return list(noted)


def _only_read(paths: Sequence[str]) -> None:
    for path in paths:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.read(file, files.READ_SIZE)
        os.close(file)


def _recorded(folder: Path, number: int, patch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Return a sweep over so many containers' files, as cgroup v2 and systemd lay them."""
    proc, tree = folder / "proc", folder / "sys"
    patch.setattr(kernel, "PROC", str(proc))
    (proc / "self").mkdir(parents=True)
    (proc / "self/mountinfo").write_text(f"30 22 0:30 / {tree} rw - cgroup2 cgroup2 rw\n")
    groups: list[kernel.Group] = []
    for pid in range(5000, 5000 + number):
        name = f"docker-{pid}.scope"
        for path, text in _files(name, pid).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        groups.append(kernel.Group(name, pid))
    place = str(proc)

    def sweep() -> None:
        kernel.PROC = place
        for group in groups:
            group.read()

    return sweep


def _files(name: str, pid: int) -> dict[str, str]:
    scope = f"sys/system.slice/{name}"
    memory = "".join(f"figure_{n} {n * 4096}\n" for n in range(25))
    return {
        f"proc/{pid}/cgroup": f"0::/system.slice/{name}\n",
        f"proc/{pid}/net/dev": "heading\nheading\n    lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        "  eth0: 1500 11 0 0 0 0 0 0 2500 21 0 0 0 0 0 0\n",
        f"{scope}/cgroup.procs": f"{pid}\n",
        f"{scope}/cpu.stat": "usage_usec 2500000\nuser_usec 1\nthrottled_usec 0\n",
        f"{scope}/memory.current": "9000000\n",
        f"{scope}/memory.max": "67108864\n",
        f"{scope}/memory.stat": f"{memory}inactive_file 3000000\n{memory}",
        f"{scope}/pids.current": "3\n",
        f"{scope}/io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n",
    }


# --- pictures ---


def _pictured() -> Picture:
    """Put together what two hours of an instance look like."""
    begun = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    points = tuple(
        Point(
            begun + timedelta(seconds=10 * n),
            10.0,
            {
                name: Spread(n % 7, n % 7 + n % 3, n % 7 + 4)
                for name in (
                    *("cpus", "memory_bytes", "cache_bytes"),
                    *("disk_read_bytes_per_s", "disk_written_bytes_per_s"),
                    *("network_received_bytes_per_s", "network_sent_bytes_per_s"),
                )
            },
        )
        for n in range(720)
    )
    history = History(begun, begun + timedelta(hours=2), points)
    zone = ZoneInfo("Asia/Tokyo")
    return picture.of_instance(instance(), history, (), words("en"), zone)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _worked(work: Callable[[], object]) -> float:
    """Take processor time: what is short is interrupted less often, and would seem to be faster."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def _milliseconds(
    name: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    most: float | None = None,
    note: str = "",
) -> Figure:
    return Figure(
        name,
        statistics.median(ours) * 1000,
        statistics.median(peer) * 1000,
        "ms",
        most=most,
        note=note,
    )
