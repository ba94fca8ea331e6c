"""`/container run`: what the speaker, an attendee and everybody else see of a launch."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.lab.drivers.fake import Offered
from cogs.lab.cards import LAB_CARD
from tests.cogs.lab import MIB, LabStage, lab_stage, posts, said
from tests.cogs.stage import texts

PLAIN = "[limits.attendee]\nplain_images = true\n"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch) as stage:
        yield stage


@pytest.fixture
async def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A host with room for two attendees, or one of theirs and one of the speaker's."""
    more = '[limits.speaker]\nmemory = "256M"\n'
    async with lab_stage(tmp_path, monkeypatch, more=more, memory_bytes=900 * MIB) as stage:
        yield stage


async def test_a_speakers_launch_becomes_one_public_card(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    result, instance = await here.up(speaker, channel, ports="80:80", name="web")

    assert not result.ephemeral
    (card,) = await here.until(lambda: posts(channel, "**CPU**", attendee))
    assert card.id == result.response.id
    assert "web — running" in texts(card)
    assert "nginx:1.27" in texts(card)
    assert f"<@{speaker.id}>" in texts(card)
    assert f"process {instance.process_id} of the host" in texts(card)
    assert "http://lab.example.org:30000 → 80 (instead of 80)" in texts(card)
    assert "session's end" in texts(card)
    assert len(posts(channel, "web", attendee)) == 1


async def test_a_wished_port_that_was_given_is_not_explained(here: LabStage):
    _guild, channel, speaker = await here.talk()

    result, _instance = await here.up(speaker, channel, ports="30005:80")

    assert "http://lab.example.org:30005 → 80" in texts(result.response)
    assert "instead" not in texts(result.response)


async def test_an_attendees_launch_is_theirs_alone(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    mod = here.manager(guild)

    result, _instance = await here.up(attendee, channel, name="mine")

    assert result.ephemeral
    assert "mine — running" in texts(result.response)
    assert "**Memory**" in texts(result.response)
    assert not posts(channel, "mine", other)
    assert not posts(channel, "mine", mod)
    assert "mine" not in said(await other.slash(channel, "container list"))
    assert "mine" in said(await mod.slash(channel, "container list"))


async def test_everybody_sees_how_many_there_are(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")

    await here.up(attendee, channel)

    await here.until(lambda: posts(channel, "Lab: 1 up · 0 waiting", other))


async def test_people_are_told_in_their_own_language(here: LabStage):
    guild, channel, speaker = await here.talk(locale="ja")
    attendee = here.member(guild, "attendee", locale="en-US")

    private, _one = await here.up(attendee, channel)
    public, _two = await here.up(speaker, channel)

    assert "running" in texts(private.response)
    assert "稼働中" in texts(public.response)
    await here.until(lambda: posts(channel, "ラボ: 起動 2・待ち 0"))


async def test_a_refusal_is_private_also_for_the_speaker(here: LabStage):
    guild, channel, speaker = await here.talk()

    result = await speaker.slash(channel, "container run", image="ghcr.io/evil/miner")

    assert result.ephemeral
    assert "isn't allowed" in said(result)
    assert await here.there(guild) == []


@pytest.mark.parametrize(
    ("option", "typed", "told"),
    [
        ("ports", "http", "80:80"),
        ("memory", "lots", "256M"),
        ("cpus", "many", "0.5"),
        ("lifetime", "soon", "30m"),
        ("env", "no-equals", "KEY=value"),
        ("command", "echo 'open", "quotation mark"),
        ("name", "Ünicode!", "letters"),
    ],
)
async def test_what_cant_be_read_is_explained(here: LabStage, option: str, typed: str, told: str):
    guild, channel, speaker = await here.talk()

    result = await speaker.slash(channel, "container run", image="nginx", **{option: typed})

    assert result.ephemeral
    assert told in said(result)
    assert await here.there(guild) == []


async def test_only_those_with_the_role_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch, members="role") as here:
        guild, channel, speaker = await here.talk()
        role = guild.create_role("Lab")
        outsider, insider = here.member(guild, "out", locale="ja"), here.member(guild, "in", role)

        first = await outsider.slash(channel, "container run", image="nginx")
        card = (await speaker.slash(channel, "setup")).response
        await speaker.select(card, [role], custom_id="setup:lab_role_id")
        second = await outsider.slash(channel, "container run", image="nginx")

        assert "/setup" in said(first)
        assert role.mention in said(second)
        assert (await here.up(insider, channel))[0].ephemeral


async def test_a_full_lab_tells_the_place_in_the_queue_and_goes_on(small: LabStage):
    guild, channel, _speaker = await small.talk()
    people = [small.member(guild, f"p{n}", locale="ja") for n in range(4)]
    ups = [await small.up(one, channel) for one in people[:2]]

    third = await people[2].slash(channel, "container run", image="nginx")
    fourth = await people[3].slash(channel, "container run", image="nginx")

    await small.until(lambda: "ただいま満席です。1番目にご案内します。" in texts(third.response))
    await small.until(lambda: "ただいま満席です。2番目にご案内します。" in texts(fourth.response))
    await people[0].slash(channel, "container remove", name=ups[0][1].name)
    await small.until(lambda: "稼働中" in texts(third.response))
    await small.until(lambda: "1番目" in texts(fourth.response))


async def test_cancel_takes_a_waiting_launch_back(small: LabStage):
    guild, channel, _speaker = await small.talk()
    people = [small.member(guild, f"p{n}") for n in range(3)]
    for one in people[:2]:
        await small.up(one, channel)
    waiting = await people[2].slash(channel, "container run", image="nginx", name="late")
    await small.until(lambda: "number 1" in texts(waiting.response))

    await people[2].click(waiting.response, label="Cancel")

    await small.until(lambda: "cancelled" in texts(waiting.response))
    assert "late" not in {one.name for one in await small.there(guild)}


async def test_a_missing_image_is_pulled_before_everybodys_eyes(here: LabStage):
    _guild, channel, speaker = await here.talk()
    here.engine.registry = {"redis:7": Offered(layers=(40_000_000, 9_000_000))}
    here.engine.pull_step_seconds = 0.1

    result = await speaker.slash(channel, "container run", image="redis:7", name="cache")

    await here.until(lambda: "pulling" in texts(result.response) and "▰" in texts(result.response))
    await here.until(lambda: "cache — running" in texts(result.response))
    assert len(posts(channel, "cache")) == 1


async def test_cancel_stops_a_launch_in_mid_pull(here: LabStage):
    guild, channel, speaker = await here.talk()
    here.engine.registry = {"redis:7": Offered(layers=(40_000_000, 9_000_000))}
    here.engine.pull_step_seconds = 1.0
    result = await speaker.slash(channel, "container run", image="redis:7", name="cache")
    await here.until(lambda: "pulling" in texts(result.response))

    await speaker.click(result.response, label="Cancel")

    await here.until(lambda: "cache — removed" in texts(result.response))
    assert "it was cancelled" in texts(result.response)
    assert "Cancel\n" not in texts(result.response) + "\n"
    assert await here.there(guild) == []


async def test_a_launch_that_fails_says_why_in_the_same_place(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    here.engine.remove_image("nginx:1.27")

    result = await attendee.slash(channel, "container run", image="nginx", name="web")

    await here.until(lambda: "失敗" in texts(result.response))
    assert "「nginx:1.27」というイメージは見つかりません" in texts(result.response)
    assert await here.there(guild) == []


async def test_a_port_that_stays_silent_is_named(here: LabStage, monkeypatch: pytest.MonkeyPatch):
    _guild, channel, speaker = await here.talk()

    async def silent(*_args: Any) -> bool:
        return False

    monkeypatch.setattr("bot.lab.steps.wait_until_it_answers", silent)
    monkeypatch.setattr("cogs.lab.look._ANSWERS_WITHIN", _no_time())
    result = await speaker.slash(channel, "container run", image="nginx")

    await here.until(lambda: "Port 80 of the container doesn't answer" in texts(result.response))


def _no_time() -> Any:
    from datetime import timedelta

    return timedelta(0)


async def test_a_command_that_ends_at_once_shows_its_exit_code(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    result = await attendee.slash(channel, "container run", image="tool", command="false")

    await here.until(lambda: "exit code 1" in texts(result.response))
    assert "stopped" in texts(result.response)


async def test_the_live_editor_goes_on_with_what_a_crash_left(small: LabStage):
    guild, channel, speaker = await small.talk()
    _result, other = await small.up(small.member(guild, "a"), channel)
    await small.up(small.member(guild, "b"), channel)
    result = await speaker.slash(channel, "container run", image="nginx", name="demo")
    await small.until(lambda: "demo — waiting" in texts(result.response))

    async def known() -> bool:
        (found,) = [one for one in await small.there(guild) if one.name == "demo"]
        row = await small.app.services.timeline.live_message(LAB_CARD, found.id)
        return row is not None and row.message_id == result.response.id

    await small.until(known)
    await small.leave_alone()
    await small.lab.keeper.take_away(other, _owner(other))

    await small.until(lambda: "demo — running" in texts(result.response))
    assert len(posts(channel, "demo")) == 1


def _owner(instance: Any) -> Any:
    from bot.guilds import Person

    return Person(instance.owner_id, "owner")


async def test_a_public_launch_whose_reply_failed_gets_its_card_all_the_same(here: LabStage):
    _guild, channel, speaker = await here.talk()
    here.env.inject_error("POST", "/interactions/*", status=404, code=10062)

    await speaker.slash(channel, "container run", image="nginx", name="lost-reply")

    await here.until(lambda: posts(channel, "lost-reply — running"))


async def test_who_waits_longer_than_discord_allows_is_sent_to_lab_mine(
    small: LabStage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("cogs.lab.following._TOKEN_SECONDS", 0.5)
    guild, channel, _speaker = await small.talk()
    people = [small.member(guild, f"p{n}") for n in range(3)]
    for one in people[:2]:
        await small.up(one, channel)

    waiting = await people[2].slash(channel, "container run", image="nginx", name="late")

    await small.until(lambda: "/lab mine" in texts(waiting.response))
    assert "late — waiting" in said(await people[2].slash(channel, "lab mine"))


async def test_a_reply_is_not_edited_more_often_than_people_can_read(here: LabStage):
    from cogs.lab.following import Pace

    pace, loop = Pace(3, 0.6), asyncio.get_running_loop()
    began = loop.time()
    for _edit in range(7):
        await pace.wait()

    assert loop.time() - began >= 1.2


async def test_the_catalogue_comes_first_while_typing(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    offered = await speaker.autocomplete(channel, "container run", "image", "")
    to_attendee = await attendee.autocomplete(channel, "container run", "image", "")

    values = [one["value"] for one in offered]
    assert values == ["nginx", "tool", "busybox:1.36", "nginx:1.27"]
    assert [one["value"] for one in to_attendee] == ["nginx", "tool"]
