"""What staff hear when a machine of the lab runs short."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.guilds import Person, SetupChange
from bot.lab.drivers import Counters
from bot.usage import Reading, Sample
from tests.cogs.lab import LabStage, posts
from tests.cogs.stage import texts
from tests.cogs.usage import usage_stage

MOD = Person(1, "the test", manages_guild=True, manages_messages=True)


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cogs.usage.shortages._DISK_SECONDS", 0.0)
    async with usage_stage(tmp_path, monkeypatch) as stage:
        holds_memory(stage, 0.5)
        yield stage


async def staff_of(here: LabStage, guild: Any, locale: str = "en-US") -> Any:
    """Give a server's staff a channel of their own."""
    here.app.services.guilds.saw_locale(guild.id, locale)
    staff = guild.create_text_channel("staff")
    await here.app.services.guilds.configure(
        guild.id, MOD, SetupChange({"staff_channel_id": staff.id}, {})
    )
    return staff


def holds_memory(here: LabStage, share: float) -> None:
    """Have the machine's memory be in use to such a share."""
    whole = 16 * 1024**3
    held = Sample(datetime.now(UTC), 2.0, memory_bytes=whole * share, memory_limit_bytes=whole)
    counters = Counters(0.0, *[None] * 9)
    reading = Reading(held, counters)
    here.app.services.usage.latest_of_host = lambda _host: reading


def leave(here: LabStage, share: float) -> None:
    """Leave so much of the disk free."""
    facts = here.engine.host_facts
    free = round(share * 10**11)
    here.engine.host_facts = replace(facts, disk_total_bytes=10**11, disk_free_bytes=free)


async def test_staff_hear_once_of_a_full_disk_and_the_message_tells_when_it_is_over(
    here: LabStage,
):
    guild, channel, _speaker = await here.talk()
    staff = await staff_of(here, guild)
    check = here.app.shortages.check
    leave(here, 0.5)
    await check()
    assert not posts(staff, "short")

    leave(here, 0.06)
    await check()
    await check()

    (told,) = await here.until(lambda: posts(staff, "The lab runs short"))
    assert "disk left (6%)" in texts(told)
    leave(here, 0.12)  # Room comes and goes: nobody is told each time.
    await check()
    await here.until(lambda: posts(staff, "(12%)"))
    leave(here, 0.4)
    await check()
    (over,) = await here.until(lambda: posts(staff, "enough room again"))
    assert over.id == told.id
    assert len(staff.history()) == 1
    assert not posts(channel, "short")

    leave(here, 0.05)
    await check()
    (again,) = await here.until(lambda: posts(staff, "The lab runs short"))
    assert again.id != told.id


async def test_staff_hear_of_memory_too_each_in_its_line(here: LabStage):
    guild, _channel, _speaker = await here.talk()
    staff = await staff_of(here, guild, "ja")
    leave(here, 0.06)
    holds_memory(here, 0.95)

    await here.app.shortages.check()
    await here.app.shortages.check()

    (told,) = await here.until(lambda: posts(staff, "空きが少なくなっています"))
    assert "local: メモリの残り 819M / 16G（5%）" in texts(told)
    assert "local: ディスクの残り" in texts(told)


async def test_a_restart_in_the_middle_of_it_says_neither_too_early(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, _channel, _speaker = await here.talk()
    staff = await staff_of(here, guild, "ja")
    leave(here, 0.06)
    await here.app.shortages.check()
    await here.app.shortages.check()
    await here.until(lambda: posts(staff, "空きが少なくなっています"))

    monkeypatch.setattr(here.app.shortages, "_looks", 0)
    here.app.shortages._short.clear()
    await here.app.shortages.check()

    await here.until(lambda: posts(staff, "確認しています"))
    await here.app.shortages.check()
    assert await here.until(lambda: posts(staff, "空きが少なくなっています"))


async def test_servers_without_the_lab_hear_nothing(here: LabStage):
    await here.talk()
    elsewhere = here.guild("Elsewhere")
    staff = await staff_of(here, elsewhere)
    leave(here, 0.01)

    await here.app.shortages.check()
    await here.app.shortages.check()

    assert not staff.history()
