"""What a container uses, from the real engine to the bot's rows and to Prometheus."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
import pytest
import pytest_asyncio

from tests.end_to_end.driver import Json, Page, Playground, until
from tests.end_to_end.lab import Lab, lab_bot, lab_file, make_lab, up
from tests.end_to_end.process import Bot

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

T = TypeVar("T")
module_wide = {"scope": "module", "loop_scope": "module"}
_BURN = "sh -c 'httpd -p 80 -h /srv; while :; do :; done'"


@dataclass
class Watched:
    """A bot whose figures Prometheus may have."""

    bot: Bot
    address: str

    async def metrics(self) -> str:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{self.address}/metrics") as answer,
        ):
            assert answer.status == 200
            return await answer.text()

    def rows(self, row: Json, span: int) -> list[Json]:
        return self.bot.rows(
            "SELECT r.* FROM usage_rows r JOIN usage_subjects s ON s.id = r.subject_id"
            " WHERE s.instance_id = ? AND r.span = ?",
            row["id"],
            span,
        )


async def told(waiting: Awaitable[T], seen: Callable[[], object], bot: Bot) -> T:
    """Wait, and say what was seen last where that was in vain."""
    try:
        return await waiting
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen()}\n{bot.tail()}") from None


@pytest_asyncio.fixture(**module_wide)
async def watched(
    playground: Playground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Watched]:
    data = tmp_path_factory.mktemp("bot")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    file = lab_file(data)
    async with lab_bot(playground, data, file, STUDY_BOT_METRICS_ADDRESS=port) as bot:
        await up(bot)
        yield Watched(bot, port)
    assert not bot.troubles()


async def test_a_busy_container_is_seen_as_busy_everywhere(page: Page, watched: Watched):
    lab: Lab = await make_lab(page, watched.bot)
    row = await lab.up(lab.talk.speaker, "hello", name="busy", command=_BURN)

    lines: list[str] = []

    async def busy() -> str | None:
        nonlocal lines
        text = await watched.metrics()
        lines = [one for one in text.splitlines() if f'instance="{row["id"]}"' in one]
        used = [one for one in lines if one.startswith("study_bot_instance_cpu_seconds_total")]
        return text if used and float(used[0].split()[-1]) > 0.2 else None

    text = await told(until(busy), lambda: lines, watched.bot)
    assert "study_bot_event_loop_lag_seconds" in text
    assert 'study_bot_host_up{host="local"} 1.0' in text
    assert lab.talk.speaker not in text
    assert "busy" not in text

    def kept() -> bool:
        rows = watched.rows(row, 10)
        return any(one["memory_bytes"] and (one["cpus_most"] or 0) > 0.05 for one in rows)

    await told(until(kept, within_s=40), lambda: watched.rows(row, 10), watched.bot)


async def test_what_it_used_is_summed_up_although_the_bot_was_killed(page: Page, watched: Watched):
    def totals() -> list[Json]:
        return watched.bot.rows(
            "SELECT t.* FROM usage_totals t JOIN usage_subjects s ON s.id = t.subject_id"
            " JOIN instances i ON i.id = s.instance_id WHERE i.name = 'busy'"
        )

    (before,) = await told(until(totals), totals, watched.bot)
    await watched.bot.restart()

    def more() -> bool:
        (after,) = totals()
        assert after["first_at"] == before["first_at"]
        return after["cpu_seconds"] > before["cpu_seconds"]

    await told(until(more, within_s=40), totals, watched.bot)
