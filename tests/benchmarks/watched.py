"""The bot as it is, and beside it on the same event loop somebody who writes down how late that is.

python -m tests.benchmarks.watched FILE     a line each: seconds since 1970, seconds late
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from bot import app, logs
from bot.settings import Settings

_EVERY_S = 0.005
_WRITTEN_AFTER = 200


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


async def main() -> None:
    """Run the bot, watched."""
    settings = Settings.load()
    logs.configure(settings.study_bot_log_format, settings.study_bot_log_level)
    watching = asyncio.create_task(watch(Path(sys.argv[1])))
    try:
        await app.run(settings)
    finally:
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(main())
