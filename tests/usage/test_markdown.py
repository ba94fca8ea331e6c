"""The report in the one file that holds all of a talk."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.localization import words
from bot.usage import report_section
from tests.lab.world import lab_world
from tests.storage.world import ALICE


async def test_what_ran_stands_in_a_table_and_attendees_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with lab_world(tmp_path / "bot.db", monkeypatch) as here:
        read = here.world.database.read
        assert await read(report_section, here.session, words("en")) is None
        await here.run(name="demo", what="nginx")
        await here.run(ALICE, "hello", name="secret")
        text = await read(report_section, here.session, words("ja"))
        assert text is not None
        assert text.startswith("## ラボの使用量")
        assert "| demo |" in text
        assert "secret" not in text
        assert "| 参加者の環境 |" in text
        assert "| 合計 |" in text
        widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
        assert len(widths) == 1
