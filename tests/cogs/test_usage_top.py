"""`/lab top`: who sees what, sorted how, and that it moves and stops."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cogs.lab import LabStage, posts, said
from tests.cogs.stage import texts
from tests.cogs.usage import measured, usage_stage


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with usage_stage(tmp_path, monkeypatch) as stage:
        yield stage


async def talk_with_two(here: LabStage, **options: Any) -> tuple[Any, Any, Any]:
    """Have the speaker and an attendee each run something; return the channel and both."""
    guild, channel, speaker = await here.talk(**options)
    attendee = here.member(guild, "attendee", locale="ja")
    _result, demo = await here.up(speaker, channel, name="demo")
    _result, own = await here.up(attendee, channel, name="own")
    await measured(here, demo, own)
    return channel, speaker, attendee


async def test_the_speakers_list_is_for_everybody_and_names_nobodys_private_one(here: LabStage):
    channel, speaker, attendee = await talk_with_two(here)

    result = await speaker.slash(channel, "lab top")

    assert not result.ephemeral
    (shown,) = posts(channel, "The lab right now", viewer=attendee)
    assert "**demo**" in texts(shown)
    assert "MEM" in texts(shown)
    assert "others' private: 1" in texts(shown)
    assert "**own**" not in texts(shown)
    assert f"<@{attendee.id}>" not in texts(shown)


async def test_attendees_see_their_own_beside_public_ones_privately(here: LabStage):
    channel, speaker, attendee = await talk_with_two(here)
    other = here.member(channel.guild, "other")

    mine = await attendee.slash(channel, "lab top")
    theirs = await other.slash(channel, "lab top")

    assert mine.ephemeral
    assert "**own**" in said(mine)
    assert "**demo**" in said(mine)
    assert "private" not in said(mine)
    assert "**own**" not in said(theirs)
    assert "others' private: 1" in said(theirs)
    assert not posts(channel, "The lab right now", viewer=speaker)


async def test_staff_see_all_where_nobody_else_does(here: LabStage):
    channel, speaker, attendee = await talk_with_two(here)

    result = await speaker.slash(channel, "lab top", public=False)

    assert result.ephemeral
    assert "**own**" in said(result)
    assert f"<@{attendee.id}>" in said(result)
    refused = await attendee.slash(channel, "lab top", public=True)
    assert "登壇者と運営" in said(refused)


async def test_a_list_moves_and_after_ten_minutes_stands_still(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    channel, speaker, _attendee = await talk_with_two(here)
    await speaker.slash(channel, "lab top")
    await here.up(speaker, channel, name="second")

    (shown,) = await here.until(lambda: posts(channel, "**second**"))
    assert "live, stands still" in texts(shown)
    later = here.app.services.clock() + timedelta(minutes=11)
    monkeypatch.setattr(here.app.services.timeline, "clock", lambda: later)
    object.__setattr__(here.app.services, "clock", lambda: later)
    (still,) = await here.until(lambda: posts(channel, "as of"))
    assert still.id == shown.id
    assert f"<@{speaker.id}>" in texts(shown)
    assert f"<@{speaker.id}>" not in texts(still)  # It stays: it names nobody.
    assert "Go on for 10 minutes" in texts(still)
    await here.up(speaker, channel, name="third")
    assert "**third**" not in texts(posts(channel, "The lab right now")[0])

    await speaker.click(still, label="Go on for 10 minutes")

    (again,) = await here.until(lambda: posts(channel, "**third**"))
    assert "live, stands still" in texts(again)


async def test_sorting_a_public_list_is_for_who_runs_the_talk(here: LabStage):
    channel, speaker, attendee = await talk_with_two(here)
    await here.up(speaker, channel, name="alpha")
    await speaker.slash(channel, "lab top")
    (shown,) = posts(channel, "The lab right now")

    own = await attendee.select(shown, ["name"])
    await speaker.select(shown, ["name"])

    assert own.ephemeral
    assert "名前順" in said(own)
    (now,) = posts(channel, "sorted by name")
    assert now.id == shown.id
    assert texts(now).index("**alpha**") < texts(now).index("**demo**")


async def test_a_private_list_moves_and_has_an_idle_lab_looked_at_meanwhile(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    usage = here.app.services.usage
    await here.until(lambda: usage.latest_of_host("local") is None, 30)

    result = await attendee.slash(channel, "lab top")

    assert result.ephemeral
    assert "Nothing is up." in said(result)
    await here.until(lambda: usage.latest_of_host("local") is not None)
    await here.up(attendee, channel, name="late")
    await here.until(lambda: "**late**" in texts(result.response))
    await here.app.services.moving.close()
    assert not usage.sampling._looking["local"]
