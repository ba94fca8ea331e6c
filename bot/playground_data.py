"""What a playground's bot leaves behind: a folder with its database, and containers of its lab.

Each run has its own and takes both away at its end. One that was killed couldn't: the next
does it for it.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

from bot.settings import Settings

_PREFIX = "study-bot-playground-"
_LOCK = "in-use"
# Where scripts/setup.sh describes this machine's lab.
_LAB_FILE = Path("build/lab/lab.toml")


def lab_file(settings: Settings) -> Path | None:
    """Return the lab's file of the playground: this machine's own lab, else the settings'."""
    # `make LAB=off` hands it down.
    is_chosen = "study_bot_lab" in settings.model_fields_set or os.environ.get("LAB") == "off"
    candidates = [settings.study_bot_lab] if is_chosen else [_LAB_FILE, settings.study_bot_lab]
    return next((path.absolute() for path in candidates if path.exists()), None)


@contextlib.contextmanager
def data_folder() -> Generator[Path]:
    """Make a fresh one, held as long as this process uses it."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


async def sweep_leftovers(lab: Path | None) -> None:
    """Take away what playgrounds that were killed left."""
    for folder in await asyncio.to_thread(_abandoned):
        await sweep(folder, lab)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def sweep(folder: Path, lab: Path | None) -> None:
    """Remove the containers and networks that a playground's bot started."""
    if lab is None:
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "lab", "sweep", "--quiet", "--file", str(lab)),
        env={**os.environ, "STUDY_BOT_DATA": str(folder)},
        start_new_session=True,
    )
    await process.wait()


def _abandoned() -> list[Path]:
    found: list[Path] = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Whoever else is on this machine could name one of ours in theirs.
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.geteuid() and not _is_held(folder / _LOCK):
                found.append(folder)
    return found


def _is_held(path: Path) -> bool:
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
