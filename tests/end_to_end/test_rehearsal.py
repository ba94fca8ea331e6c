"""The sample talk plays itself, and comes out as it was meant."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.driver import launch, until
from tests.end_to_end.process import GENEROUS, running

pytestmark = pytest.mark.slow


async def test_the_sample_talk_is_played_to_its_end(tmp_path: Path):
    options = ("--rehearse", "--rehearse-speed", "20")
    async with launch(*options, empty=False) as playground:
        async with running(playground, tmp_path, **GENEROUS) as bot:

            def ended() -> bool:
                with closing(sqlite3.connect(bot.data / "study-bot.sqlite3")) as database:
                    rows = database.execute("SELECT ended_at, follow_up_id FROM sessions")
                    return any(all(row) for row in rows)

            await until(ended, within_s=60)
            with closing(sqlite3.connect(bot.data / "study-bot.sqlite3")) as database:
                states = dict(database.execute("SELECT number, state FROM questions").fetchall())
                anonymous, taken_by_staff, answers = (
                    database.execute(sql).fetchone()[0]
                    for sql in (
                        "SELECT count(*) FROM questions WHERE anonymous",
                        "SELECT count(*) FROM questions WHERE source = 'staff'",
                        "SELECT count(*) FROM answers WHERE NOT supplement",
                    )
                )
        assert not bot.troubles()
    # Eight questions: one marked by staff, one anonymous, one missed; an empty one written out.
    assert len(states) == 8
    assert list(states.values()).count("missed") == 1
    assert (anonymous, taken_by_staff, answers) == (1, 1, 5)
