"""A lab over an engine in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.lab.world import LabWorld, lab_world


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LabWorld]:
    async with lab_world(tmp_path / "study-bot.sqlite3", monkeypatch) as opened:
        yield opened
