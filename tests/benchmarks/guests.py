"""Guests beside `virsh`: from the command to the first line that userspace prints, one and ten.

The real bot process takes commands in the playground; the peer defines and starts the very same
description with a volume made by `virsh vol-create`, in turn. A hypervisor and the small guest
(make run or make test sets them up) must be there.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import statistics
import subprocess
import threading
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.benchmarks.figures import Figure, Unavailable, percentile
from tests.benchmarks.lab import Lab, _slash, lab
from tests.benchmarks.watched import FIRST_LINE
from tests.end_to_end.driver import until

_URI = "qemu:///system"
_ROUNDS = 10
_TEN = 10
_LAG_MS = 20.0
_IDLE_S = 10
_BOOT_S = 120
_SIZE = 64 * 1024**2
_MEMORY = "128M"


@dataclass
class Peer:
    """A guest of the peer's: what ours was made of, under another name."""

    name: str
    description: str
    volume: str
    pool: str


async def guest_create(folder: Path) -> list[Figure]:
    """One after the other: ours from the command's arrival, the peer's from the first virsh."""
    async with _guests(folder) as (here, lines):
        row = await _create(here, "warm", lines)
        peers = [await asyncio.to_thread(_peer, row["engine_id"], n) for n in range(_ROUNDS)]
        await _delete(here, "warm")
        ours: list[float] = []
        theirs: list[float] = []
        for number, peer in enumerate(peers):
            before = _heard(lines)
            record = await _slash(here, "vm create", template="tiny", name=f"g{number}", **_SMALL)
            sent = await here.dispatched(record["id"])
            await until(lambda before=before: len(_heard(lines)) > len(before), within_s=_BOOT_S)
            ours.append(_heard(lines)[-1] - sent)
            await _delete(here, f"g{number}")
            theirs.append(await asyncio.to_thread(_start_one, peer))
            await asyncio.to_thread(_forget, peer)
    return [
        Figure(
            "guest_create",
            statistics.median(ours) * 1000,
            statistics.median(theirs) * 1000,
            "ms",
            most=1.05,
            note="median of 10, alternating; to the first line of userspace",
        )
    ]


async def ten_guests(folder: Path) -> list[Figure]:
    """Ten at once against ten in a shell loop; and how late the event loop is meanwhile."""
    async with _guests(folder) as (here, lines):
        row = await _create(here, "warm", lines, **_OF_TEN)
        peers = [await asyncio.to_thread(_peer, row["engine_id"], n) for n in range(_TEN)]
        await _delete(here, "warm")
        quiet_from = time.time()
        await asyncio.sleep(_IDLE_S)
        quiet_to = time.time()
        before = _heard(lines)
        began = time.time()
        await asyncio.gather(
            *(
                _slash(
                    here,
                    "vm create",
                    by=here.people[number],
                    template="tiny",
                    name=f"t{number}",
                    **_OF_TEN,
                )
                for number in range(_TEN)
            )
        )
        await until(lambda: len(_heard(lines)) >= len(before) + _TEN, within_s=2 * _BOOT_S)
        ended = _heard(lines)[-1]
        for number in range(_TEN):
            await _delete(here, f"t{number}")
        theirs = await asyncio.to_thread(_start_all, peers)
        for peer in peers:
            await asyncio.to_thread(_forget, peer)
        await asyncio.sleep(2)  # Until the last of it is written.
        samples = [
            tuple(map(float, line.split()))
            for line in (folder / "lags").read_text(encoding="utf-8").splitlines()
        ]
    quiet = [late for at, late in samples if quiet_from <= at < quiet_to]
    busy = [late for at, late in samples if began <= at < ended]
    return [
        Figure(
            "ten_guests",
            ended - began,
            theirs,
            "s",
            note="until the last has printed its first line; peer: a shell loop",
        ),
        Figure(
            "guest_lag",
            percentile(busy, 99) * 1000,
            percentile(quiet, 99) * 1000,
            "ms",
            most_ours=_LAG_MS,
            note="event-loop lag p99 while ten guests start; peer: the same bot idle",
        ),
    ]


_SMALL = {"memory": _MEMORY, "disk": "64M", "cpus": "1"}
# Two processors are promised to six attendees' whole ones at most: the others would wait.
_OF_TEN = {**_SMALL, "cpus": "0.5"}


@contextlib.asynccontextmanager
async def _guests(folder: Path) -> AsyncIterator[tuple[Lab, Path]]:
    if shutil.which("virsh") is None:
        raise Unavailable("the virsh command isn't there to compare with")
    watched = ("-m", "tests.benchmarks.watched", str(folder / "lags"))
    more = (
        '[limits.speaker]\ninstances = 20\nguests = 20\nin_all = 20\ntotal_disk = "200G"\n'
        "total_cpus = 20.0\n"
    )
    async with lab(folder, watched, more=more, guests=True, per_session=300) as here:
        hosts = "SELECT 1 FROM lab_hosts WHERE name GLOB '*/guest'"
        await until(lambda: here.rows(hosts), within_s=120)
        yield here, folder / "lags.consoles"


async def _create(here: Lab, name: str, lines: Path, **size: str) -> dict[str, str]:
    await _slash(here, "vm create", template="tiny", name=name, **(size or _SMALL))
    await until(lambda: _heard(lines), within_s=_BOOT_S)
    return await until(lambda: _running(here, name), within_s=_BOOT_S)


async def _delete(here: Lab, name: str) -> None:
    await _slash(here, "vm delete", name=name)
    query = "SELECT 1 FROM instances WHERE name = ? AND ended_at IS NULL"
    await until(lambda: not here.rows(query, name), within_s=_BOOT_S)


def _running(here: Lab, name: str) -> dict[str, str] | None:
    found = here.rows("SELECT * FROM instances WHERE name = ? AND state = 'running'", name)
    return found[0] if found else None


def _heard(lines: Path) -> list[float]:
    return [float(line) for line in lines.read_text().splitlines()] if lines.exists() else []


# --- the peer ---


def _virsh(*arguments: str) -> str:
    done = subprocess.run(
        ["virsh", "--quiet", "--connect", _URI, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"virsh {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _peer(engine_id: str, number: int) -> Peer:
    """Describe the same guest under another name, with a disk and an address of its own."""
    root = ET.fromstring(_virsh("dumpxml", "--inactive", engine_id))  # noqa: S314 - libvirt's own
    name = f"study-bench-{uuid.uuid4().hex[:8]}"
    for tag in ("uuid", "metadata"):
        if (found := root.find(tag)) is not None:
            root.remove(found)
    named = root.find("name")
    disk = root.find("devices/disk[@device='disk']/source")
    card = root.find("devices/interface/mac")
    assert named is not None
    assert disk is not None
    assert card is not None
    named.text = name
    volume = f"{name}.qcow2"
    pool = disk.get("pool") or "study"
    if disk.get("pool"):
        disk.set("volume", volume)
    else:
        disk.set("file", str(Path(disk.get("file") or "").with_name(volume)))
    card.set("address", f"52:54:00:be:{number:02x}:01")
    devices = root.find("devices")
    assert devices is not None
    # The seed is written once and read by each: the peer has no step for it.
    for drive in devices.findall("disk"):
        source = drive.find("source")
        if source is not None and "seed" in str(sorted(source.attrib.items())):
            devices.remove(drive)
    address = root.find("devices/interface/filterref/parameter[@name='IP']")
    if address is not None:
        head = re.sub(r"\d+$", "", address.get("value") or "")
        address.set("value", f"{head}{200 + number}")
    return Peer(name, ET.tostring(root, encoding="unicode"), volume, pool)


def _begin(peer: Peer) -> None:
    volume = (
        f"<volume><name>{peer.volume}</name><capacity>{_SIZE}</capacity>"
        "<target><format type='qcow2'/></target></volume>"
    )
    files = {"volume": volume, "domain": peer.description}
    paths = {}
    for kind, text in files.items():
        paths[kind] = Path(f"/tmp/{peer.name}-{kind}.xml")
        paths[kind].write_text(text, encoding="utf-8")
    try:
        _virsh("vol-create", peer.pool, str(paths["volume"]))
        _virsh("define", str(paths["domain"]))
        _virsh("start", peer.name)
    finally:
        for path in paths.values():
            path.unlink()


def _start_one(peer: Peer) -> float:
    began = time.time()
    _begin(peer)
    return _first_line(peer) - began


def _start_all(peers: list[Peer]) -> float:
    began = time.time()
    ends: list[float] = []
    listening: list[threading.Thread] = []
    for peer in peers:
        _begin(peer)
        listener = threading.Thread(target=lambda one=peer: ends.append(_first_line(one)))
        listener.start()
        listening.append(listener)
    for listener in listening:
        listener.join()
    return max(ends) - began


def _first_line(peer: Peer) -> float:
    """Listen to its console; return when it printed its first line."""
    import libvirt

    connection = libvirt.open(_URI)
    try:
        stream = connection.newStream(0)
        domain = connection.lookupByName(peer.name)
        domain.openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
        said = b""
        while FIRST_LINE not in said:
            said += stream.recv(4096)
        at = time.time()
        stream.abort()
        return at
    finally:
        connection.close()


def _forget(peer: Peer) -> None:
    for arguments in (
        ("destroy", peer.name),
        ("undefine", peer.name),
        ("vol-delete", peer.volume, "--pool", peer.pool),
    ):
        with contextlib.suppress(RuntimeError):
            _virsh(*arguments)
