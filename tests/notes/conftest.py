"""Rooms on a real file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.storage.world import World, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "study-bot.sqlite3") as opened:
        yield opened
