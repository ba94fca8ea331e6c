"""Recordings fetched from the bot, against nginx serving the same file; and what the bot feels.

The bot is the real process with a recording that fifty people were handed a link to each. nginx
is this machine's, else Debian's package unpacked below build/bench; nothing is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.moments import from_micros, to_micros
from bot.recordings import load_signer
from scripts.lab.material import Material, NoMaterial
from tests.benchmarks.figures import Figure, Unavailable, percentile
from tests.benchmarks.stage import client, open_session, populate
from tests.end_to_end.driver import ROOT, launch, until

_MEGABYTES = 64
_CLIENTS = 50
_ROUNDS = 5
_IDLE_S = 8
_BUSY_ROUNDS = 4
_LAG_MS = 20.0

_CONFIGURATION = """
daemon off;
error_log stderr;
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    types {{ video/mp4 mp4; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""


@dataclass(frozen=True)
class Here:
    """The bot's port and its links, nginx's port, and where the bot's lags are written."""

    port: int
    links: Sequence[str]
    peer_port: int
    lags: Path


async def download(folder: Path) -> list[Figure]:
    """One and fifty clients, ours and nginx in turn; then how late the bot's loop is."""
    async with _both(folder) as here:
        one, fifty = here.links[:1], here.links
        took: dict[tuple[int, bool], list[float]] = {}
        for _ in range(_ROUNDS):
            for links in (one, fifty):
                ours = await _fetched(here.port, [f"/r/{link}/file" for link in links])
                peer = await _fetched(here.peer_port, ["/talk.mp4"] * len(links))
                took.setdefault((len(links), True), []).append(ours)
                took.setdefault((len(links), False), []).append(peer)
        began = time.time()
        await asyncio.sleep(_IDLE_S)
        idle = time.time()
        for _ in range(_BUSY_ROUNDS):
            await _fetched(here.port, [f"/r/{link}/file" for link in fifty])
        ended = time.time()
        await asyncio.sleep(2)  # Until the last of it is written.
        samples = [tuple(map(float, line.split())) for line in _lines(here.lags)]
    quiet = [late for at, late in samples if began <= at < idle]
    busy = [late for at, late in samples if idle <= at < ended]
    return [
        *(
            Figure(
                name,
                statistics.median(took[number, True]),
                statistics.median(took[number, False]),
                "s",
                note=f"{_MEGABYTES} MB each, {number} at once; peer: nginx",
            )
            for name, number in (("download", 1), ("download_50", _CLIENTS))
        ),
        Figure(
            "download_lag",
            percentile(busy, 99) * 1000,
            percentile(quiet, 99) * 1000,
            "ms",
            most_ours=_LAG_MS,
            note=f"p99 during {_CLIENTS} downloads; peer: the same bot with nothing to do",
        ),
    ]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


async def _fetched(port: int, paths: Sequence[str]) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.fetching",
        str(port),
        *paths,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, problem = await process.communicate()
    if process.returncode:
        raise RuntimeError(problem.decode(errors="replace"))
    return float(said)


@contextlib.asynccontextmanager
async def _both(folder: Path) -> AsyncIterator[Here]:
    lags, port = folder / "lags", free_port()
    watched = ("-m", "tests.benchmarks.watched", str(lags))
    address = f"127.0.0.1:{port}"
    async with launch(strict=False) as playground, playground.connect() as page:
        guild, channel, people = await populate(page)
        data = folder / "data"
        async with client(watched, playground, data, STUDY_BOT_WEB_ADDRESS=address):
            await open_session(page, people[0], channel)
            root, links = await asyncio.to_thread(_recorded, data, guild, channel)
            async with _nginx(folder, root) as peer_port:
                yield Here(port, links, peer_port, lags)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def _recorded(data: Path, guild: str, channel: str) -> tuple[Path, list[str]]:
    """Put a recording there with a link for each client; return its folder and the tokens."""
    root = data / "recordings" / guild
    root.mkdir(parents=True)
    with (root / "talk.mp4").open("wb") as file:
        for _ in range(_MEGABYTES):
            file.write(os.urandom(1_000_000))
    now = datetime.now(UTC)
    start, end = to_micros(now), to_micros(now + timedelta(hours=1))
    signer = load_signer(data)
    database = sqlite3.connect(data / "study-bot.sqlite3", timeout=10)
    with contextlib.closing(database), database:
        recording = database.execute(
            "INSERT INTO recordings (guild_id, session_id, channel_id, source, path, file_name,"
            " media_type, size_bytes, title, starts_at, added_at) SELECT ?, id, ?, 'folder', ?,"
            " 'talk.mp4', 'video/mp4', ?, 'KVM', ?, ? FROM sessions RETURNING id",
            (int(guild), int(channel), f"{guild}/talk.mp4", _MEGABYTES * 1_000_000, start, start),
        ).fetchone()[0]
        tokens: list[str] = []
        for person in range(_CLIENTS):
            link = database.execute(
                "INSERT INTO download_links (recording_id, guild_id, user_id, created_at,"
                " expires_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (recording, int(guild), person, start, end),
            ).fetchone()[0]
            tokens.append(signer.token(link, from_micros(end)))
    return root, tokens


@contextlib.asynccontextmanager
async def _nginx(folder: Path, root: Path) -> AsyncIterator[int]:
    """Have nginx serve a folder."""
    port = free_port()
    configuration = folder / "nginx.conf"
    text = _CONFIGURATION.format(folder=folder, port=port, root=root)
    await asyncio.to_thread(configuration.write_text, text, encoding="utf-8")
    # Its workers run as somebody else, who must get at the file.
    for place in (folder, folder / "data", root.parent, root):
        await asyncio.to_thread(place.chmod, 0o755)
    command = await asyncio.to_thread(nginx)
    process = await asyncio.create_subprocess_exec(
        *command,
        *("-e", "stderr", "-p", str(folder), "-c", str(configuration)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: _answers(port), within_s=10)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def nginx() -> list[str]:
    """Return how nginx is called.

    Raises:
        Unavailable: it isn't here and can't be had.
    """
    sbin = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    if found := shutil.which("nginx", path=sbin):
        return [found]
    if shutil.which("apt-get") is None:
        raise Unavailable("nginx isn't there to compare with")
    place = ROOT / "build" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    material = Material(place, place / "nginx.log")
    try:
        material.unpack("nginx", "libc6")
        program = material.program("nginx")
        material.libraries([program], ("nginx",))
        loader, path = material.loader()
    except NoMaterial as error:
        raise Unavailable(f"nginx can't be had: {error}") from error
    return [str(loader), "--library-path", path, str(program)]
