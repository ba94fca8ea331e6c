"""How long a recording is, where ffprobe is installed."""

import asyncio
import contextlib
import json
import shutil
from datetime import timedelta
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_SECONDS = 10.0
_LONGEST = timedelta(days=7)


async def duration_of(path: Path) -> timedelta | None:
    """Return a file's length; None where that can't be told within seconds."""
    program = shutil.which("ffprobe")
    if program is None:
        return None
    # The file is somebody's: only the file itself is opened, whatever it names inside.
    process = await asyncio.create_subprocess_exec(
        program,
        *("-v", "error", "-protocol_whitelist", "file", "-show_entries", "format=duration"),
        *("-of", "json", f"file:{path}"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        log.info("ffprobe took too long", file=path.name)
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _read(output)


def _read(output: bytes) -> timedelta | None:
    try:
        length = timedelta(seconds=float(json.loads(output)["format"]["duration"]))
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return length if timedelta() < length < _LONGEST else None
