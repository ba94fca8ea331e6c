"""From the process's start to READY being handled, with a database that has sessions in it.

discord.py itself waits two seconds for the last guild after READY, in both.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.benchmarks.stage import BARE, OURS, client, open_session, populate
from tests.end_to_end.driver import launch

_SESSIONS = 3
_QUESTIONS = 5
_TIMES = 3


async def start(folder: Path) -> list[Figure]:
    """Start ours and the bare client in turn, on the same playground."""
    waits: dict[tuple[str, ...], list[float]] = {OURS: [], BARE: []}
    works: dict[tuple[str, ...], list[float]] = {OURS: [], BARE: []}
    async with launch(strict=False) as playground, playground.connect() as page:
        guild, channel, people = await populate(page)
        channels = [channel, *[await page.channel(guild, f"talk-{n}") for n in range(1, _SESSIONS)]]
        async with client(OURS, playground, folder):
            for here in channels:
                await open_session(page, people[0], here)
                for number in range(_QUESTIONS):
                    await page.send(people[number], here, f"Q. これは何ですか？ ({number})")
        for _ in range(_TIMES):
            for command in (OURS, BARE):
                async with client(command, playground, folder) as running:
                    waits[command].append(running.ready_after_s)
                    works[command].append(running.ready_cpu_s)
    return [
        Figure("start", statistics.median(waits[OURS]), statistics.median(waits[BARE]), "s"),
        Figure(
            "start_cpu",
            statistics.median(works[OURS]),
            statistics.median(works[BARE]),
            "s of CPU",
            note="what of it is work",
        ),
    ]
