"""A playground, a guild in it, and one client process in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from bot.client import intents
from tests.end_to_end.driver import ROOT, Json, Page, Playground, launch

OURS = ("-m", "bot", "run")
BARE = ("-m", "tests.benchmarks.peers.bare")
MINIMAL = ("-m", "tests.benchmarks.peers.minimal")

_PEOPLE = 100
_READY_WITHIN_S = 30
_STOPPED_WITHIN_S = 10
_LINES_KEPT = 50
# The CPU clock of another process, clock_getcpuclockid(3): to the nanosecond, where
# /proc/PID/stat counts hundredths of a second.
_CPU_CLOCK = 2


@dataclass
class Client:
    """A running client: ours or a peer."""

    process: asyncio.subprocess.Process
    ready_after_s: float = 0.0
    ready_cpu_s: float = 0.0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))

    @property
    def cpu_s(self) -> float:
        """What its threads have used so far, of the processors' time."""
        return time.clock_gettime((~self.process.pid << 3) | _CPU_CLOCK)


@dataclass(frozen=True)
class Stage:
    """A playground's guild with a channel, people in it, and the client that listens."""

    playground: Playground
    page: Page
    client: Client
    guild: str
    channel: str
    people: Sequence[str]
    data: Path

    async def receipts(self) -> dict[str, float]:
        """Return when the first reaction to each message was asked for: message → seconds."""
        found: dict[str, float] = {}
        for request in await self.page.requests(method="PUT", path="*/reactions/*"):
            if request["status"] == HTTPStatus.NO_CONTENT:
                found.setdefault(request["path"].split("/")[4], request["at"])
        return found


async def send(stages: Sequence[Stage], texts: Iterable[str], per_s: float) -> list[list[str]]:
    """Have people write the texts at a steady rate, on all stages at the same moments.

    They take turns, so that nobody has many questions waiting. Returns each stage's messages.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    posted: list[list[asyncio.Future[Json]]] = [[] for _ in stages]
    for number, text in enumerate(texts):
        await asyncio.sleep(max(0.0, began + number / per_s - loop.time()))
        for one, futures in zip(stages, posted, strict=True):
            person = one.people[number % len(one.people)]
            futures.append(one.page.post("send", as_=person, channel=one.channel, content=text))
    return [[message["id"] for message in await asyncio.gather(*futures)] for futures in posted]


@contextlib.asynccontextmanager
async def stage(command: Sequence[str], data: Path) -> AsyncIterator[Stage]:
    """Run a client on an empty playground; where it is ours, a session is open."""
    async with launch(strict=False) as playground, playground.connect() as page:
        guild, channel, people = await populate(page)
        async with client(command, playground, data) as running:
            if command is OURS:
                await open_session(page, people[0], channel)
            yield Stage(playground, page, running, guild, channel, people, data)


async def populate(page: Page) -> tuple[str, str, list[str]]:
    """Make a guild with a channel and people; return their ids."""
    guild = await page.guild("夜話会")
    channel = await page.channel(guild, "talk")
    people = [await page.person(f"参加者{number}", guild) for number in range(_PEOPLE)]
    return guild, channel, people


async def open_session(page: Page, speaker: str, channel: str) -> None:
    """Start a session as the speaker would."""
    record = await page.slash(speaker, channel, "session start", title="仮想マシンの中を覗く")
    if record["state"] != "replied":
        raise RuntimeError(f"the session did not start: {record}")


@contextlib.asynccontextmanager
async def client(
    command: Sequence[str], playground: Playground, data: Path, **settings: str
) -> AsyncIterator[Client]:
    """Run a client process until the end of the block; it is ready when the block begins."""
    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=data,  # Where no .env is.
        env={**_environment(playground, data), **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Client(process)
    ready = asyncio.Event()

    async def listen() -> None:
        stream = process.stdout
        assert stream is not None
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()
            running.lines.append(text)
            if not ready.is_set() and _says_ready(text):
                running.ready_after_s = time.monotonic() - began
                running.ready_cpu_s = running.cpu_s
                ready.set()
        ready.set()

    listener = asyncio.create_task(listen())
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), _READY_WITHIN_S)
        if not running.ready_after_s:
            raise RuntimeError("the client did not get ready:\n" + "\n".join(running.lines))
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOPPED_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        await listener


def _environment(playground: Playground, data: Path) -> Mapping[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STUDY_BOT_")}
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "DISCORD_TOKEN": playground.bot_token,
        "STUDY_BOT_API_BASE": playground.api,
        "STUDY_BOT_GATEWAY": playground.gateway,
        "STUDY_BOT_CDN": playground.cdn,
        "STUDY_BOT_DATA": str(data),
        "STUDY_BOT_LOG_FORMAT": "json",
        # So that no question is refused.
        "STUDY_BOT_QUESTION_PACE_SECONDS": "0",
        "STUDY_BOT_OPEN_QUESTIONS": "100",
        "PEER_API": playground.api,
        "PEER_GATEWAY": playground.gateway,
        "PEER_INTENTS": str(intents().value),
        "PEER_DATABASE": str(data / "peer.sqlite3"),
    }


def _says_ready(line: str) -> bool:
    try:
        return json.loads(line)["event"] == "ready"
    except (ValueError, KeyError, TypeError):
        return False
