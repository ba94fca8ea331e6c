"""What the channel sees of a real container's use: a list that moves, and the report at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.end_to_end.driver import Json, Page, Playground, until
from tests.end_to_end.lab import lab_bot, lab_file, make_lab, text_of, up
from tests.end_to_end.process import Bot

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

_BURN = "sh -c 'httpd -p 80 -h /srv; while :; do :; done'"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    playground: Playground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    data = tmp_path_factory.mktemp("bot")
    async with lab_bot(playground, data, lab_file(data)) as bot:
        await up(bot)
        yield bot
    assert not bot.troubles()


def cpu_of(text: str, name: str) -> float:
    """Read an instance's CPU in the list, in per cent of one CPU; -1 where it isn't known."""
    lines = text.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith(f"**{name}**")]
    first = lines[at + 1].strip("`").split()[0]
    return -1.0 if first == "-" else float(first.rstrip("%"))


async def test_the_list_moves_and_the_end_brings_one_report_even_over_a_crash(page: Page, bot: Bot):
    lab = await make_lab(page, bot)
    talk = lab.talk
    await lab.up(talk.speaker, "hello", name="busy", command=_BURN)
    await lab.up(talk.speaker, "hello", name="idle")

    record = await lab.use(talk.speaker, "lab top")

    shown = record["messages"][0]["id"]

    async def busy() -> Json | None:
        history = await page.history(talk.speaker, talk.channel, limit=50)
        (message,) = [one for one in history if one["id"] == shown]
        text = text_of(message)
        is_known = cpu_of(text, "busy") > 5 and cpu_of(text, "idle") >= 0
        return message if is_known and message["edited_timestamp"] else None

    text = text_of(await until(busy, within_s=40))
    assert cpu_of(text, "busy") > cpu_of(text, "idle")

    await lab.use(talk.speaker, "session end")
    await bot.restart()

    async def reports() -> list[Json]:
        history = await page.history(talk.speaker, talk.channel, limit=50)
        names = {"usage.csv", "usage.json"}
        return [
            one for one in history if names <= {file["filename"] for file in one["attachments"]}
        ]

    (report,) = await until(reports, within_s=60)
    assert "**busy**" in text_of(report)
    assert "usage.png" in {file["filename"] for file in report["attachments"]}
    await asyncio.sleep(2)
    assert len(await reports()) == 1
