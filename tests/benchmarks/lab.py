"""The lab beside the engine's own client: launches, lists, and what they do to the event loop.

The real bot process takes commands in the playground; the peer is the `docker` command with the
same flags on the same network, in turn. An engine and the lab's images (make run or make test
sets them up) must be there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.lab import Catalogue
from bot.lab.sweep import Holdings, sweep_host
from tests.benchmarks.figures import Figure, Unavailable, percentile
from tests.benchmarks.stage import OURS, client, open_session, populate
from tests.end_to_end.driver import ROOT, Json, Page, launch, until

_LAUNCHES = 40
# Longer than a launch takes. Engine and playground write down when things happened: whoever
# looked again and again meanwhile would slow down ours alone.
_LOOKED_AFTER_S = 0.8
_LISTED = 200
_LISTINGS = 20
_LAB_FILE = ROOT / "build" / "lab" / "lab.toml"
_LAG_MS = 20.0
_IDLE_S = 10


@dataclass
class Lab:
    """A talk whose speaker has a lab."""

    page: Page
    speaker: str
    channel: str
    data: Path
    people: list[str] = field(default_factory=list)

    def rows(self, statement: str, *parameters: Any) -> list[Json]:
        """Read the bot's database from outside."""
        path = self.data / "study-bot.sqlite3"
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement, parameters)]

    async def dispatched(self, interaction: str) -> float:
        """Return when the bot was sent an interaction, in seconds since 1970."""
        for entry in await self.page.gateway_log():
            if entry["what"] == "dispatch" and entry.get("id") == interaction and entry["sent"]:
                return entry["at"]
        raise LookupError(interaction)


@contextlib.asynccontextmanager
async def lab(
    folder: Path,
    command: Sequence[str] = OURS,
    *,
    more: str = "",
    guests: bool = False,
    **limits: int,
) -> AsyncIterator[Lab]:
    """Run the bot with this machine's lab on an empty playground; a session is open."""
    if not _LAB_FILE.exists():
        raise Unavailable("no lab is set up on this machine: make run or make test does that")
    if shutil.which("docker") is None:
        raise Unavailable("the docker command isn't there to compare with")
    given = "\n".join(f"{name} = {value}" for name, value in limits.items())
    labfile = folder / "lab.toml"
    text = _LAB_FILE.read_text(encoding="utf-8") + f"\n[limits]\n{given}\n{more}"
    if guests and "libvirt = " not in text:
        raise Unavailable(
            "no hypervisor is set up on this machine: make run or make test does that"
        )
    if not guests:
        text = re.sub(r"^libvirt = .*\n", "", text, flags=re.MULTILINE)
    # Ports and addresses of its own: another bot may use this machine's lab at the same time.
    own = 'name = "local"\nports = "34000-34999"\nguest_launches_at_once = 20'
    text = text.replace('name = "local"', own)
    await asyncio.to_thread(labfile.write_text, text, encoding="utf-8")
    async with launch(strict=False) as playground, playground.connect() as page:
        _guild, channel, people = await populate(page)
        data = folder / "data"
        try:
            async with client(command, playground, data, STUDY_BOT_LAB=str(labfile)):
                await open_session(page, people[0], channel)
                here = Lab(page, people[0], channel, data)
                await until(lambda: here.rows("SELECT * FROM lab_hosts"), within_s=60)
                here.people += people[1:]
                yield here
        finally:
            # Whatever the measuring came to, nothing of it stays on this machine.
            held = await asyncio.to_thread(Holdings.of, data / "study-bot.sqlite3")
            for host in Catalogue.load(labfile).hosts if held is not None else ():
                await asyncio.to_thread(sweep_host, host, held)


async def container_run(folder: Path) -> list[Figure]:
    """From the command on the gateway to a running container, and to the card that shows it."""
    async with lab(folder) as here:
        await _launch(here, "first")  # Pulls the image, makes the network and keeps it there.
        await _launch(here, "warm")
        flags = await _flags(await _inspect(await _container(here, "warm")))
        await _remove(here, "warm")
        ours: list[float] = []
        peer: list[float] = []
        walls: list[float] = []
        cards: list[float] = []

        async def run_ours(number: int) -> None:
            sent, card = await _launch(here, f"b{number}")
            cards.append(card)
            ours.append(await _started(await _container(here, f"b{number}")) - sent)
            await _remove(here, f"b{number}")

        async def run_peer(number: int) -> None:
            began = time.time()
            name = f"study-bench-{number}"
            try:
                await _docker("run", "--detach", "--name", name, *flags)
                walls.append(time.time() - began)
                peer.append(await _started(name) - began)
            finally:
                await _docker("rm", "--force", name)

        for number in range(_LAUNCHES):
            # What one leaves to be done must not always meet the other.
            turns = (run_ours, run_peer) if number % 2 else (run_peer, run_ours)
            for turn in turns:
                await turn(number)
                await asyncio.sleep(_LOOKED_AFTER_S)
    return [
        _seconds("container_run", ours, peer, 50, most=1.0),
        _seconds("first_card", cards, walls, 50, note="p50; peer: docker run -d until it returns"),
        _seconds("first_card_p99", cards, walls, 99, note="p99"),
    ]


async def lab_list(folder: Path) -> list[Figure]:
    """A list of 200 and its autocomplete, against `docker ps` of as many containers."""
    async with lab(folder, per_session=300, per_guild=300) as here:
        await _launch(here, "first")
        container = await _container(here, "first")
        await _many(here, container)
        lists: list[float] = []
        completions: list[float] = []
        peer: list[float] = []
        mine = f"label=study-bot-bench={here.channel}"
        for _ in range(_LISTINGS):
            lists.append(await _timed(lambda: _slash(here, "container list")))
            completions.append(
                await _timed(
                    lambda: here.page.autocomplete(
                        here.speaker, here.channel, "container logs", "name", "calm"
                    )
                )
            )
            peer.append(await _timed(lambda: _docker("ps", "--all", "--filter", mine)))
        names = (await _docker("ps", "--all", "--quiet", "--filter", mine)).split()
        for start in range(0, len(names), 50):
            await _docker("rm", "--force", *names[start : start + 50])
        await _remove(here, "first")
    return [
        _seconds("lab_list", lists, peer, 50, note=f"{_LISTED} instances; peer: docker ps"),
        _seconds("lab_autocomplete", completions, peer, 50, note="p50"),
        _seconds("lab_autocomplete_p99", completions, peer, 99, note="p99"),
    ]


async def lab_lag(folder: Path) -> list[Figure]:
    """How late the bot's event loop is while images are pulled and instances launched."""
    lags = folder / "lags"
    watched = ("-m", "tests.benchmarks.watched", str(lags))
    async with lab(folder, watched, per_session=300) as here:
        await _launch(here, "warm")
        began = time.time()
        await asyncio.sleep(_IDLE_S)
        idle = time.time()
        await _churn(here)
        ended = time.time()
        await _remove(here, "warm")
        await asyncio.sleep(2)  # Until the last of it is written.
    samples = [tuple(map(float, line.split())) for line in lags.read_text().splitlines()]
    quiet = [late for at, late in samples if began <= at < idle]
    busy = [late for at, late in samples if idle <= at < ended]
    return [
        Figure(
            "lab_lag",
            percentile(busy, 99) * 1000,
            percentile(quiet, 99) * 1000,
            "ms",
            most_ours=_LAG_MS,
            note="p99 during pulls and launches; peer: the same bot with nothing to do",
        )
    ]


# --- driving the bot ---


async def _slash(here: Lab, command: str, /, by: str | None = None, **options: Any) -> Json:
    record = await here.page.slash(by or here.speaker, here.channel, command, **options)
    if record["state"] != "replied":
        raise RuntimeError(f"/{command} came to {record['state']}: {record.get('error')}")
    return record


async def _launch(here: Lab, name: str) -> tuple[float, float]:
    """Launch one; return when it was asked for, and how long after that the card stood there."""
    record = await _slash(here, "container run", image="hello", name=name)
    await asyncio.sleep(_LOOKED_AFTER_S)
    sent = await here.dispatched(record["id"])

    async def card() -> float | None:
        for request in await here.page.requests():
            shown = json.dumps(request["json"], ensure_ascii=False)
            if request["at"] >= sent and f"lab_stop:{number}" in shown:
                return request["at"]
        return None

    number = (await until(lambda: _row(here, name), within_s=60))["id"]
    return sent, await until(card, within_s=60) - sent


def _row(here: Lab, name: str) -> Json | None:
    found = here.rows(
        "SELECT * FROM instances WHERE name = ? AND state = 'running' AND ready_at IS NOT NULL",
        name,
    )
    return found[0] if found else None


async def _container(here: Lab, name: str) -> str:
    row = _row(here, name)
    if row is None:
        raise LookupError(name)
    return row["engine_id"]


async def _remove(here: Lab, name: str) -> None:
    await _slash(here, "container remove", name=name)
    await until(
        lambda: not here.rows("SELECT 1 FROM instances WHERE name = ? AND ended_at IS NULL", name),
        within_s=60,
    )


async def _many(here: Lab, container: str) -> None:
    """Put 200 instances there: rows for the bot, stopped containers for the peer."""
    image = (await _inspect(container))["Config"]["Image"]
    path = here.data / "study-bot.sqlite3"

    def rows() -> None:
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as database, database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(instances)")]
            kept = [one for one in columns if one not in ("id", "name", "engine_id", "host")]
            for number in range(_LISTED):
                # On a host that the lab doesn't have: nobody looks for its container.
                database.execute(
                    f"INSERT INTO instances (name, host, {', '.join(kept)})"
                    f" SELECT 'calm-' || ?, 'elsewhere', {', '.join(kept)} FROM instances"
                    " WHERE name = 'first'",
                    (number,),
                )

    await asyncio.to_thread(rows)
    for start in range(0, _LISTED, 10):
        await asyncio.gather(
            *(
                _docker("create", "--label", f"study-bot-bench={here.channel}", image)
                for _ in range(start, start + 10)
            )
        )
    # Its memory for autocomplete follows the next event.
    await _slash(here, "container stop", name="first")
    await asyncio.sleep(1)


async def _churn(here: Lab) -> None:
    """Pull the images anew and launch, six times."""
    for round_ in range(6):
        for template in ("hello", "nginx", "httpd"):
            await _slash(here, "container run", image=template, name=f"lag{round_}-{template}")
            await until(lambda name=f"lag{round_}-{template}": _row(here, name), within_s=90)
        for template in ("hello", "nginx", "httpd"):
            await _remove(here, f"lag{round_}-{template}")
            with contextlib.suppress(RuntimeError):
                await _slash(here, "image remove", image=template)


# --- the peer ---


async def _docker(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "docker",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {errors.decode()}")
    return output.decode()


async def _inspect(container: str) -> Json:
    return json.loads(await _docker("inspect", container))[0]


async def _started(container: str) -> float:
    text = (await _inspect(container))["State"]["StartedAt"]
    # Nanoseconds are more than a datetime takes.
    return datetime.fromisoformat(text[:26] + "+00:00").timestamp()


async def _flags(container: Mapping[str, Any]) -> list[str]:
    """Return what makes `docker run` do the same as the bot did."""
    host, config = container["HostConfig"], container["Config"]
    flags = [
        f"--network={host['NetworkMode']}",
        f"--hostname={config['Hostname']}",
        f"--memory={host['Memory']}",
        f"--memory-swap={host['MemorySwap']}",
        f"--cpu-period={host['CpuPeriod']}",
        f"--cpu-quota={host['CpuQuota']}",
        "--no-healthcheck",
        f"--cpu-shares={host['CpuShares']}",
        f"--pids-limit={host['PidsLimit']}",
        f"--oom-score-adj={host['OomScoreAdj']}",
        f"--ipc={host['IpcMode']}",
        f"--log-driver={host['LogConfig']['Type']}",
        *(f"--log-opt={key}={value}" for key, value in host["LogConfig"]["Config"].items()),
        *(f"--cap-drop={one}" for one in host["CapDrop"] or ()),
        *(f"--cap-add={one}" for one in host["CapAdd"] or ()),
        *(f"--security-opt={one}" for one in host["SecurityOpt"] or ()),
        *(f"--tmpfs={path}:{given}" for path, given in (host["Tmpfs"] or {}).items()),
        *(f"--ulimit={one['Name']}={one['Soft']}:{one['Hard']}" for one in host["Ulimits"] or ()),
        *(
            f"--publish={bound['HostIp']}:{int(bound['HostPort']) + 500}:{port}"
            for port, bounds in (host["PortBindings"] or {}).items()
            for bound in bounds
        ),
        *(f"--label=study-bench.{number}={value}" for number, value in enumerate(config["Labels"])),
    ]
    flags += ["--read-only"] if host["ReadonlyRootfs"] else []
    flags += ["--init"] if host["Init"] else []
    flags += [f"--cgroup-parent={host['CgroupParent']}"] if host["CgroupParent"] else []
    return [*flags, config["Image"], *(config["Cmd"] or ())]


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def _seconds(
    name: str,
    ours: Sequence[float],
    peer: Sequence[float],
    percent: float,
    *,
    most: float | None = None,
    note: str = "",
) -> Figure:
    pick = statistics.median if percent == 50 else lambda values: percentile(values, percent)
    return Figure(name, pick(ours) * 1000, pick(peer) * 1000, "ms", most=most, note=note)
