"""The bot as it is, and beside it on the same event loop somebody who writes down how late that is.

python -m tests.benchmarks.watched FILE     a line each: seconds since 1970, seconds late
FILE.consoles                               a line each: when a guest printed its first line
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from bot import logs, running
from bot.settings import Settings

_EVERY_S = 0.005
_WRITTEN_AFTER = 200
# What the small guest's console says first: tests/benchmarks/guests.py looks for the same.
FIRST_LINE = b": started"


async def watch(path: Path) -> None:
    """Sleep a little again and again, and keep by how much each sleep was too long."""
    lines: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_EVERY_S)
            late = time.perf_counter() - began - _EVERY_S
            lines.append(f"{time.time():.6f} {late:.6f}\n")
            if len(lines) >= _WRITTEN_AFTER:
                file.writelines(lines)
                file.flush()
                lines.clear()


def watch_consoles(path: Path) -> None:
    """Write down when each guest prints its first line; nothing where there is no libvirt."""
    try:
        from bot.lab.drivers.libvirt.ring import Ring
    except ImportError:
        return
    add = Ring.add
    # A line may come in two pieces.
    ends: dict[int, bytes] = {}

    def heard(ring: Ring, data: bytes) -> None:
        add(ring, data)
        together = ends.get(id(ring), b"") + data
        ends[id(ring)] = together[-len(FIRST_LINE) + 1 :]
        if FIRST_LINE in together:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{time.time():.6f}\n")

    Ring.add = heard


async def main() -> None:
    """Run the bot, watched."""
    settings = Settings.load()
    logs.configure(settings.study_bot_log_format, settings.study_bot_log_level)
    watch_consoles(Path(f"{sys.argv[1]}.consoles"))
    watching = asyncio.create_task(watch(Path(sys.argv[1])))
    try:
        await running.run(settings)
    finally:
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(main())
