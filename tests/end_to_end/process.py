"""The bot as a process of its own: started, stopped, killed, started again on the same data."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from tests.end_to_end.driver import ROOT, Json, Playground, until
from tests.patience import LONG_SECONDS

# Every warning becomes a line on standard error, which fails the test. discord.py's import of
# audioop is for voice, which the bot has none of.
WARNINGS = ("-W", "default", "-W", "ignore:'audioop' is deprecated:DeprecationWarning")

# Shorter than SQLite itself waits for another program.
LONGER_THAN_DISCORD_WAITS_S = 3.5
LONGER_THAN_SQLITE_WAITS_S = 6.5

# Several questions in a row from few people: limits get tests of their own.
GENEROUS = {"STUDY_BOT_QUESTION_PACE_SECONDS": "0", "STUDY_BOT_OPEN_QUESTIONS": "100"}


def environment(playground: Playground | None, data: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a bot that speaks to `playground` and keeps its data there."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DISCORD_", "STUDY_BOT_"))
    }
    own = {"STUDY_BOT_DATA": str(data), "STUDY_BOT_LOG_FORMAT": "json", "PYTHONPATH": str(ROOT)}
    if playground is not None:
        own |= {
            "DISCORD_TOKEN": playground.bot_token,
            "STUDY_BOT_API_BASE": playground.api,
            "STUDY_BOT_GATEWAY": playground.gateway,
            "STUDY_BOT_CDN": playground.cdn,
        }
    return kept | own | settings


class Bot:
    """A bot on one data folder, in however many processes one after the other."""

    def __init__(self, playground: Playground, data: Path, **settings: str) -> None:
        self.playground = playground
        self.data = data
        self.settings = settings
        self.log: list[Json] = []
        """What it logged, one mapping a line, over all its processes."""
        self.complaints: list[str] = []
        """Lines on standard error that aren't log lines: warnings, bare tracebacks."""
        self.process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._is_ready = False
        self._alive_before: str | None = None

    @property
    def database(self) -> Path:
        return self.data / "study-bot.sqlite3"

    @contextmanager
    def disk_busy(self) -> Iterator[None]:
        """Have nothing be written for the length of the block."""
        another = sqlite3.connect(self.database, isolation_level=None)
        with contextlib.closing(another):  # which gives the file free
            another.execute("BEGIN IMMEDIATE")
            yield

    async def start(self, *, wait: bool = True) -> None:
        """Start a process, and wait until it says that it is ready."""
        assert self.process is None
        self._is_ready = False
        self._alive_before = self._alive_at() if self.database.exists() else None
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *WARNINGS,
            *("-m", "bot", "run"),
            # No .env of the one who runs the tests is read there.
            cwd=self.data,
            env=environment(self.playground, self.data, **self.settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._listener = asyncio.create_task(self._listen(self.process))
        if wait:
            await self.ready()

    async def ready(self, *, within_s: float = LONG_SECONDS) -> None:
        """Wait until the present process is ready."""
        process = self.process
        assert process is not None

        def look() -> bool:
            if process.returncode is not None:
                raise AssertionError(f"the bot ended with {process.returncode}: {self.tail()}")
            return self._is_ready

        await until(look, within_s=within_s)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        # A line of the log may hold a long traceback.
        pending = b""
        while chunk := await process.stderr.read(65_536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))
        if pending:
            self._take(pending.decode(errors="replace"))

    def _take(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            self.complaints.append(line)
            return
        self.log.append(entry)
        if entry.get("event") == "ready":
            self._is_ready = True

    def times(self, event: str) -> int:
        """Count the log lines of one kind."""
        return sum(entry.get("event") == event for entry in self.log)

    def tail(self, number: int = 15) -> str:
        """Return the last lines of the log, for messages of failures."""
        return "\n".join([*map(str, self.log[-number:]), *self.complaints[-number:]])

    def troubles(self) -> list[str]:
        """Return tracebacks, errors, and whatever isn't a log line."""
        logged = [
            json.dumps(entry, ensure_ascii=False)
            for entry in self.log
            if entry.get("level") in {"error", "critical"} or "exception" in entry
        ]
        return [*logged, *self.complaints]

    async def stop(self, number: int = signal.SIGTERM, *, within_s: float = 10.0) -> int:
        """Ask it to end, and return its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.ended(within_s=within_s)

    async def ended(self, *, within_s: float = 10.0) -> int:
        """Wait for its end, and return its exit status."""
        process, listener = self.process, self._listener
        assert process is not None
        assert listener is not None
        async with asyncio.timeout(within_s):
            status = await process.wait()
        await listener
        self.process = self._listener = None
        _close(process)
        return status

    async def kill(self) -> None:
        """Take its power away."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.ended()

    async def read_up(self, *, within_s: float = LONG_SECONDS) -> None:
        """Wait until the present process has read up on what it missed.

        Only after that it notes again that it is here.
        """
        before = self._alive_before

        def look() -> bool:
            return self._alive_at() != before

        await until(look, within_s=within_s)

    def _alive_at(self) -> str | None:
        found = self.rows("SELECT value FROM installation WHERE key = 'alive_at'")
        return found[0]["value"] if found else None

    async def restart(self, number: int = signal.SIGKILL) -> None:
        """End it and start it again on the same data."""
        if number == signal.SIGKILL:
            await self.kill()
        else:
            assert await self.stop(number) == 0
        await self.start()

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """Read its database from outside."""
        connection = sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=5)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, statement: str, *parameters: Any) -> list[Json]:
        """Return what a SELECT gives."""
        with self.look() as connection:
            return [dict(row) for row in connection.execute(statement, parameters)]

    def change(self, statement: str, *parameters: Any) -> None:
        """Change its database while it doesn't run."""
        assert self.process is None
        connection = sqlite3.connect(self.database)
        try:
            with connection:
                connection.execute(statement, parameters)
        finally:
            connection.close()


def _close(process: asyncio.subprocess.Process) -> None:
    # Otherwise the pipe's transport is left to the garbage collector, which warns.
    transport: Any = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


@asynccontextmanager
async def running(playground: Playground, data: Path, **settings: str) -> AsyncIterator[Bot]:
    """Run a bot for the length of the block; it must end well and have said nothing bad."""
    bot = Bot(playground, data, **{**GENEROUS, **settings})
    try:
        await bot.start()
        yield bot
        if bot.process is not None:
            assert await bot.stop() == 0, bot.tail()
    finally:
        await bot.kill()


async def command(
    *arguments: str,
    playground: Playground | None,
    data: Path,
    within_s: float = LONG_SECONDS,
    **settings: str,
) -> tuple[int, str, str]:
    """Run `study-bot …` to its end in a folder that exists; return status, output, errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *WARNINGS,
        *("-m", "bot", *arguments),
        cwd=data,
        env=environment(playground, data, **settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        _close(process)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()
