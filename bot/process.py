"""One process for each token and each database, and what it leaves as signs of life."""

import asyncio
import fcntl
import hashlib
import json
import os
import resource
import socket
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Self

from bot.errors import N_, OperatorError
from bot.moments import utc_now

ALIVE_SECONDS = 15
# Each container that is counted keeps some open, each download one.
_FILES = 65_536


def allow_many_files() -> int:
    """Let this process have as many files open as the system allows it; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft


class AlreadyRunning(OperatorError):
    """Somebody holds the lock."""

    message = N_(
        "Another bot process already uses this {what}: process {pid} on {host}, since {since}."
        " Two would answer everything twice. End that one first."
    )


class CannotLock(OperatorError):
    """No right to write where the lock belongs."""

    message = N_("Can't write {path}: {why}. The user that runs the bot needs the right to.")


class Locks:
    """Held while the bot runs; the operating system lets go even of a killed process."""

    def __init__(self, data: Path, token: str) -> None:
        digest = hashlib.sha256(token.encode()).hexdigest()[:16]
        shared = Path(tempfile.gettempdir()) / f"study-bot-{os.getuid()}"
        self._wanted = (
            ("database", data / "study-bot.lock"),
            ("token", shared / f"{digest}.lock"),
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            for what, path in self._wanted:
                self._stack.enter_context(_hold(what, path))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _hold(what: str, path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise CannotLock(path=path, why=error.strerror) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = _read_holder(file.read())
        file.close()
        raise AlreadyRunning(what=what, **holder) from error
    except OSError as error:  # Some network folders know no locks.
        file.close()
        raise CannotLock(path=path, why=error.strerror) from error
    file.seek(0)
    file.truncate()
    json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": _short(utc_now())}, file)
    file.flush()
    return file


def _read_holder(text: str) -> dict[str, object]:
    try:
        holder = json.loads(text)
        return {name: holder[name] for name in ("pid", "host", "since")}
    except (ValueError, KeyError, TypeError):
        return {"pid": "?", "host": "?", "since": "?"}


def _short(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


async def show_alive(path: Path) -> None:
    """Touch a file every quarter of a minute, for health checks from outside."""
    while True:
        await asyncio.to_thread(path.touch)
        await asyncio.sleep(ALIVE_SECONDS)
