"""The sample talk plays itself, and comes out as it was meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.end_to_end.driver import Page, launch, until
from tests.end_to_end.lab import guest_lab_file, lab_bot, lab_file
from tests.end_to_end.process import Bot, running
from tests.end_to_end.talk import text_of

pytestmark = pytest.mark.slow


@asynccontextmanager
async def rehearsing(data: Path, file: Path | None) -> AsyncIterator[tuple[Bot, Page]]:
    """Play the sample talk fast, with a lab or without one."""
    options = ("--rehearse", "--rehearse-speed", "60")
    async with launch(*options, empty=False) as playground, playground.connect() as page:
        made = running(playground, data) if file is None else lab_bot(playground, data, file)
        async with made as bot:
            await page.bot_online()

            def ended() -> bool:
                assert not playground.complaints, playground.complaints
                rows = bot.rows("SELECT ended_at, follow_up_id FROM sessions")
                return any(all(row.values()) for row in rows)

            await until(ended, within_s=180)
            yield bot, page
        assert not bot.troubles()


def hold_questions(bot: Bot) -> None:
    """See that the questions came out as they were meant."""
    states = [row["state"] for row in bot.rows("SELECT state FROM questions")]
    # Eight questions: one marked by staff, one anonymous, one missed; an empty one written out.
    assert len(states) == 8
    assert states.count("missed") == 1
    assert len(bot.rows("SELECT * FROM questions WHERE anonymous")) == 1
    assert len(bot.rows("SELECT * FROM questions WHERE source = 'staff'")) == 1
    assert len(bot.rows("SELECT * FROM answers WHERE NOT supplement")) == 5


async def test_the_sample_talk_is_played_to_its_end_without_a_lab(tmp_path: Path):
    async with rehearsing(tmp_path, None) as (bot, _page):
        hold_questions(bot)
        assert not bot.rows("SELECT * FROM instances")


async def test_the_sample_talk_shows_a_container_where_there_is_a_lab(tmp_path: Path):
    file = lab_file(tmp_path, more='[lease]\ngrace = "0s"\nstop_grace = "1s"')
    async with rehearsing(tmp_path, file) as (bot, page):
        hold_questions(bot)
        (demo,) = bot.rows("SELECT * FROM instances WHERE name = 'demo'")
        assert demo["template"] == "nginx"
        assert demo["ready_at"]
        # Stopped in the talk, gone with it.
        kinds = [row["kind"] for row in bot.rows("SELECT kind FROM events WHERE kind GLOB 'lab.*'")]
        assert "lab.stopped" in kinds

        def gone() -> bool:
            return not bot.rows("SELECT * FROM instances WHERE ended_at IS NULL")

        await until(gone, within_s=40)
        speaker = str(demo["owner_id"])
        channel = str(demo["channel_id"])
        card = await page.message(speaker, channel, lambda one: "⚫ demo" in text_of(one))
        assert not card["flags"] & 64


@pytest.mark.timeout(300)
async def test_the_sample_talk_shows_a_guest_where_there_is_a_hypervisor(tmp_path: Path):
    file = guest_lab_file(tmp_path, more='[lease]\ngrace = "0s"\nstop_grace = "1s"')
    async with rehearsing(tmp_path, file) as (bot, page):
        (box,) = bot.rows("SELECT * FROM instances WHERE name = 'box'")
        assert (box["kind"], box["template"]) == ("guest", "tiny")
        assert box["ready_at"]
        speaker, channel = str(box["owner_id"]), str(box["channel_id"])
        # The picture stands in the channel for everybody.
        await page.message(speaker, channel, lambda one: "🖥" in text_of(one))

        def gone() -> bool:
            return not bot.rows("SELECT * FROM instances WHERE ended_at IS NULL")

        await until(gone, within_s=60)
