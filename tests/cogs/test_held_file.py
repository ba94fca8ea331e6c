"""What people are told while another program holds the file that everything is kept in."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bot.localization import words
from cogs.kit import _sentence
from tests.cogs.lab import LabStage, lab_stage, said
from tests.cogs.stage import texts


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch) as stage:
        yield stage


def held_too_long(path: Path) -> sqlite3.OperationalError:
    """Return what SQLite itself raises."""
    holder, other = (sqlite3.connect(path, timeout=0, isolation_level=None) for _ in range(2))
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(sqlite3.OperationalError) as raised:
            other.execute("BEGIN IMMEDIATE")
    finally:
        holder.close()
        other.close()
    return raised.value


def failing(error: Exception) -> Any:
    async def work(*_args: Any, **_kwargs: Any) -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("locale", "what", "then"),
    [
        ("en", "Another program holds the file", "try again in a minute"),
        ("ja", "別のプログラムが使用中", "もう一度お試しください"),
    ],
)
def test_what_could_not_be_kept_is_told_with_what_to_do(
    tmp_path: Path, locale: str, what: str, then: str
):
    error = held_too_long(tmp_path / "other.sqlite3")

    told = _sentence(error, words(locale), "ask", 1)

    assert what in told
    assert then in told
    assert "incident" in _sentence(sqlite3.OperationalError("no such table"), words("en"), "ask", 1)


async def test_a_press_that_was_done_and_shown_is_no_failure(
    here: LabStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _guild, channel, speaker = await here.talk()
    result, instance = await here.up(speaker, channel)
    timeline = here.app.services.timeline
    before = await timeline.live_message("lab_card", instance.id)
    error = held_too_long(tmp_path / "other.sqlite3")
    with monkeypatch.context() as patched:
        patched.setattr(timeline, "live_message_shows", failing(error))
        pressed = await speaker.click(result.response, label="Stop")
    assert "Another program" not in said(pressed)
    assert "stopped" in texts(result.response)

    async def noted() -> bool:
        row = await timeline.live_message("lab_card", instance.id)
        return row is not None and row.digest != before.digest

    await here.until(noted)
