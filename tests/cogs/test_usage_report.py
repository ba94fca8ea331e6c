"""Reports and graphs: at a session's end for everybody, and for whoever asks."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.sessions import ENDED
from bot.timeline import Delivery
from cogs.usage import Reports
from tests.cogs.lab import LabStage, posts, said
from tests.cogs.stage import texts
from tests.cogs.usage import measured, usage_stage

PNG = b"\x89PNG\r\n\x1a\n, as far as Discord knows"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def drawn(*_: Any) -> bytes:
        return PNG

    # Drawing takes its time, and is looked at by the tests of bot.usage and once here.
    monkeypatch.setattr("bot.usage.graphs.Graphs._draw", drawn)
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


# The set has a part with the first of these words, too.
REPORT = "What the lab used in"


async def files(message: Any) -> dict[str, bytes]:
    return {one.filename: await one.read() for one in message.attachments}


async def test_the_end_of_a_session_brings_its_report_once_without_private_names(here: LabStage):
    channel, speaker, attendee = await talk_with_two(here)

    await speaker.slash(channel, "session end")

    (report,) = await here.until(lambda: posts(channel, REPORT, viewer=attendee))
    text = texts(report)
    assert "2 instances" in text
    assert "CPU-seconds" in text
    assert "**demo**" in text
    assert "others' private: 1" in text
    assert "**own**" not in text
    assert f"<@{attendee.id}>" not in text
    found = await files(report)
    assert {"usage.png", "usage.csv", "usage.json"} == set(found)
    assert b"own" not in found["usage.csv"]
    names = [one["name"] for one in json.loads(found["usage.json"])["instances"]]
    assert names == ["demo", "others' private: 1"]


async def test_what_leads_to_the_report_finds_it(here: LabStage):
    channel, speaker, _attendee = await talk_with_two(here)
    session = here.app.services.sessions.at(channel.id)

    assert await here.app.services.usage.place_of_report(session) is None
    await speaker.slash(channel, "session end")
    (report,) = await here.until(lambda: posts(channel, REPORT))

    async def place() -> Any:
        return await here.app.services.usage.place_of_report(session)

    assert await here.until(place) == (channel.id, report.id)


async def ended(here: LabStage, session: Any, tried_at: Any = None) -> Delivery:
    """Return what its end has those do who act on it."""
    (event,) = await here.app.services.timeline.of_session(session.id, ENDED)
    return Delivery(event, "usage_report", session.id, tried_at)


async def test_a_try_that_was_interrupted_posts_no_second_report(here: LabStage):
    channel, speaker, _attendee = await talk_with_two(here)
    session = here.app.services.sessions.at(channel.id)
    # SimCord's own clock is another one.
    began = here.app.services.clock() - timedelta(days=800)
    await speaker.slash(channel, "session end")
    (report,) = await here.until(lambda: posts(channel, REPORT))
    usage = here.app.services.usage

    async def forgotten(_session: Any) -> None:
        return None

    # As after a crash between the sending and the note of it; figures have moved on since.
    usage.place_of_report = forgotten
    again = await Reports(here.app.services).deliver(await ended(here, session, began))

    assert again == report.id
    assert len(posts(channel, REPORT)) == 1


async def test_a_session_in_which_nothing_ran_has_no_report(here: LabStage):
    _guild, channel, speaker = await here.talk()
    session = here.app.services.sessions.at(channel.id)

    asked = await speaker.slash(channel, "lab report")
    await speaker.slash(channel, "session end")

    assert "Nothing ran" in said(asked)
    assert await Reports(here.app.services).deliver(await ended(here, session)) is None
    assert not posts(channel, "What the lab used")


async def test_a_real_graph_comes_as_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with usage_stage(tmp_path, monkeypatch) as here:
        channel, _speaker, attendee = await talk_with_two(here)

        result = await attendee.slash(channel, "lab graph", instance="own", minutes=5)

        picture = (await files(result.response))["usage.png"]
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 10_000


async def test_a_report_shows_staff_all_and_others_their_own(here: LabStage):
    channel, speaker, attendee = await talk_with_two(here)
    other = here.member(channel.guild, "other")

    for_staff = await speaker.slash(channel, "lab report")
    for_owner = await attendee.slash(channel, "lab report")
    for_other = await other.slash(channel, "lab report")
    refused = await other.slash(channel, "lab report", public=True)

    assert all(one.ephemeral for one in (for_staff, for_owner, for_other, refused))
    assert "**own**" in said(for_staff)
    assert "**own**" in said(for_owner)
    assert "**own**" not in said(for_other)
    assert "others' private: 1" in said(for_other)
    assert "Only the speaker" in said(refused)


async def test_graphs_are_of_what_one_may_know_of(here: LabStage):
    channel, speaker, attendee = await talk_with_two(here)
    other = here.member(channel.guild, "other")

    own = await attendee.slash(channel, "lab graph", instance="own", minutes=5)
    public = await other.slash(channel, "lab graph", instance="demo")
    hidden = await other.slash(channel, "lab graph", instance="own")
    whole = await speaker.slash(channel, "lab graph")
    host = await other.slash(channel, "lab graph", host="local")
    both = await other.slash(channel, "lab graph", host="local", instance="demo")

    for result in (own, public, host):
        assert result.ephemeral
        assert (await files(result.response))["usage.png"].startswith(b"\x89PNG")
    assert "own" in said(own)
    assert not await files(hidden.response)
    assert "There is no “own” here" in said(hidden)
    assert not whole.ephemeral
    assert "usage.png" in await files(posts(channel, REPORT)[0])
    assert "one thing" in said(both)


async def test_staff_drawing_a_private_one_keep_it_to_themselves(here: LabStage):
    channel, speaker, _attendee = await talk_with_two(here)

    result = await speaker.slash(channel, "lab graph", instance="own", public=True)

    assert result.ephemeral
    offered = await speaker.autocomplete(channel, "lab graph", "instance", "o")
    assert [one["value"] for one in offered][:1] == ["own"]
