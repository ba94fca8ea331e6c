"""Cards with small history bars: moving at first, then while somebody watches."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cogs.lab import LabStage, posts
from tests.cogs.stage import texts
from tests.cogs.usage import measured, usage_stage


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with usage_stage(tmp_path, monkeypatch) as stage:
        yield stage


def bars(message: Any) -> dict[str, str]:
    """Return the history of a card by resource."""
    block = texts(message).partition("```")[2].partition("```")[0]
    return dict(line.split(" ", 1) for line in block.strip().splitlines())


def later(here: LabStage, monkeypatch: pytest.MonkeyPatch, passed: timedelta) -> None:
    """Let time pass for the bot."""
    began = here.app.services.timeline.clock
    monkeypatch.setattr(here.app.services.timeline, "clock", lambda: began() + passed)
    object.__setattr__(here.app.services, "clock", lambda: began() + passed)
    monkeypatch.setattr(here.app.services.moving, "_clock", lambda: began() + passed)


async def test_a_card_has_the_last_minute_in_bars_that_fit_a_phone(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, demo = await here.up(speaker, channel, name="demo")
    await measured(here, demo)

    card = (await here.until(lambda: posts(channel, "```")))[0]

    assert list(bars(card)) == ["CPU", "MEM", "DSK", "NET"]
    assert "▁▁" in bars(card)["DSK"]
    assert bars(card)["DSK"].endswith("0/s")
    assert all(len(line) <= 40 for line in bars(card).values())


async def test_an_old_card_stands_still_until_somebody_watches(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    _guild, channel, speaker = await here.talk()
    _result, demo = await here.up(speaker, channel, name="demo")
    await measured(here, demo)
    later(here, monkeypatch, timedelta(minutes=6))
    (card,) = await here.until(lambda: posts(channel, "figures of"))
    assert "Watch" in texts(card)

    await speaker.click(card, label="Watch live")

    (watched,) = posts(channel, "demo — running")
    assert "figures of" not in texts(watched)
    assert "Watch" not in texts(watched)
    later(here, monkeypatch, timedelta(minutes=6))
    await here.until(lambda: posts(channel, "figures of"))


async def test_an_attendees_private_card_moves_too_and_stops_by_itself(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    result, own = await here.up(attendee, channel, name="own")
    await measured(here, own)

    def reply() -> Any:
        return next(
            (one for one in channel.history(viewer=attendee) if "own — running" in texts(one)), None
        )

    await here.until(lambda: reply() is not None and "```" in texts(reply()))
    assert result.ephemeral
    assert here.app.services.moving._tasks
    monkeypatch.setattr("cogs.lab.mine.MOVES_FOR", timedelta(seconds=0.3))
    later(here, monkeypatch, timedelta(minutes=6))
    await here.until(lambda: "Watch" in texts(reply()))
    await attendee.click(reply(), label="Watch live")
    assert "Watch" not in texts(reply())
    later(here, monkeypatch, timedelta(minutes=6))
    await here.until(lambda: "Watch" in texts(reply()))
