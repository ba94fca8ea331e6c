"""Programs that outlive the one that started them, and how they are found again.

Each is recorded with its id and its start time: an id that somebody else has by now is never
signalled.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_STOP_SECONDS = 20


def start(record: Path, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; nothing of ours stays open in it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            close_fds=True,
            cwd="/",
        )
    remember(record, process.pid)
    return process


def remember(record: Path, pid: int) -> None:
    """Record a program that runs."""
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"pid": pid, "started": started(pid)}))


def running(record: Path) -> int | None:
    """Return the id of a recorded program if it still runs, and is that very one."""
    try:
        found = json.loads(record.read_text())
    except (OSError, ValueError):
        return None
    began = started(found["pid"])
    return found["pid"] if began is not None and began == found["started"] else None


def stop(record: Path, seconds: float = _STOP_SECONDS) -> bool:
    """End a recorded program, by force after a while; say whether it ran."""
    pid = running(record)
    if pid is not None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            until = time.monotonic() + seconds
            while running(record) is not None and time.monotonic() < until:
                time.sleep(0.05)
            if running(record) is None:
                break
    record.unlink(missing_ok=True)
    return pid is not None


def started(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None: it has ended."""
    try:
        # The name in parentheses may hold anything, spaces and parentheses too.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
