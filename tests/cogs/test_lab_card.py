"""What the buttons of a card do, and for whom."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import NotAllowed
from bot.guilds import Person
from bot.lab.drivers.fake_container import Ran
from bot.lab.errors import HostUnreachable
from tests.cogs.lab import LabStage, lab_stage, posts, said
from tests.cogs.stage import texts


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch) as stage:
        yield stage


async def now(here: LabStage, instance: Any) -> Any:
    return await here.lab.instances.peek(instance.id, instance.guild_id)


async def test_the_owner_stops_starts_restarts_and_removes_in_place(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    result, instance = await here.up(attendee, channel)
    card = result.response

    await attendee.click(card, label="Stop")
    assert "stopped" in texts(card)
    await attendee.click(card, label="Start")
    assert "running" in texts(card)
    before = (await now(here, instance)).process_id
    await attendee.click(card, label="Restart")
    after = (await now(here, instance)).process_id
    assert f"process {after} of the host" in texts(card)
    assert before != after
    await attendee.click(card, label="Remove")
    assert "it was removed" in texts(card)
    assert "Logs" not in texts(card)


async def test_extend_gives_more_time_as_often_as_allowed(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    result, instance = await here.up(attendee, channel)

    await attendee.click(result.response, label="延長")
    first = (await now(here, instance)).deadline
    await attendee.click(result.response, label="延長")
    refused = await attendee.click(result.response, label="延長")

    assert first - instance.deadline == timedelta(minutes=30)
    assert "上限" in said(refused)


async def test_nobody_else_acts_on_a_public_card(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    result, instance = await here.up(speaker, channel)

    for label in ("Stop", "Remove", "Logs", "Refresh", "Restart"):
        refused = await attendee.click(result.response, label=label)
        assert refused.ephemeral
        assert "ほかの方の環境" in said(refused)
    assert (await now(here, instance)).state == "running"


async def test_staff_act_on_the_speakers_card(here: LabStage):
    guild, channel, speaker = await here.talk()
    mod = here.manager(guild)
    result, _instance = await here.up(speaker, channel)

    await mod.click(result.response, label="Stop")

    await here.until(lambda: "stopped" in texts(result.response))


async def test_a_removed_public_card_says_why_and_names_nobody(here: LabStage):
    _guild, channel, speaker = await here.talk()
    result, instance = await here.up(speaker, channel, name="demo")

    await speaker.click(result.response, label="Remove")

    await here.until(lambda: "demo — removed" in texts(result.response))
    assert f"<@{speaker.id}>" not in texts(result.response)
    timeline = here.app.services.timeline

    async def let_go() -> bool:
        return await timeline.live_message("lab_card", instance.id) is None

    await here.until(let_go)


async def test_logs_come_privately_and_cant_break_out(here: LabStage):
    _guild, channel, speaker = await here.talk()
    noise = b"\x1b[31mred\x1b[0m ``` @everyone <@1>\r\nsecond\n"
    here.engine.programs["talker"] = lambda _arguments: Ran(noise, float("inf"))
    result, _instance = await here.up(speaker, channel, command="talker")

    logs = await speaker.click(result.response, label="Logs")

    assert logs.ephemeral
    text = said(logs)
    assert "second" in text
    assert "\x1b" not in text
    assert text.count("```") == 2


async def test_long_logs_come_as_a_file_with_their_last_page_shown(here: LabStage):
    _guild, channel, speaker = await here.talk()
    lines = b"".join(b"line %d of a long log\n" % n for n in range(2000))
    here.engine.programs["talker"] = lambda _arguments: Ran(lines, float("inf"))
    _result, instance = await here.up(speaker, channel, command="talker")

    logs = await speaker.slash(channel, "container logs", name=instance.name, lines=1500)

    (message,) = logs.followups or [logs.response]
    assert "line 1999 of" in texts(message)
    assert "line 3 of" not in texts(message)
    (file,) = message.attachments
    assert file.filename == f"{instance.name}.log"
    assert len(texts(message)) < 4000


async def test_nothing_printed_is_said(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.up(speaker, channel)

    logs = await speaker.slash(channel, "container logs", name=instance.name)

    assert "printed nothing" in said(logs)


async def test_staff_publish_an_attendees_instance_and_take_it_back(here: LabStage):
    guild, channel, _speaker = await here.talk()
    mod, attendee = here.manager(guild), here.member(guild, "attendee")
    other = here.member(guild, "other")
    mine, instance = await here.up(attendee, channel, name="nice")
    assert "Publish" not in texts(mine.response)
    listed = await mod.slash(channel, "container list")
    shown = await mod.select(listed.response, [str(instance.id)])
    card = (shown.followups or [shown.response])[0]

    await mod.click(card, label="Publish")

    await here.until(lambda: posts(channel, "nice — running", other))
    await mod.click(card, label="Make private")
    await here.until(lambda: not posts(channel, "nice", other))


async def test_an_attendee_cant_publish_by_an_old_button(here: LabStage):
    """A button that staff saw isn't theirs to press; the service says so, not the card."""
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _result, instance = await here.up(attendee, channel)
    person = Person(attendee.id, "attendee")

    with pytest.raises(NotAllowed):
        await here.lab.instances.publish(instance, person, public=True)


async def test_frozen_by_staff_only_staff_let_it_go_on(here: LabStage):
    guild, channel, _speaker = await here.talk()
    mod, attendee = here.manager(guild), here.member(guild, "attendee")
    result, instance = await here.up(attendee, channel)
    await mod.slash(channel, "lab freeze", name=instance.name)

    await attendee.click(result.response, label="Refresh")
    assert "frozen" in texts(result.response)
    assert "Let it go on" not in texts(result.response)
    refused = await attendee.slash(channel, "lab thaw", name=instance.name)
    assert "Only the speaker and moderators" in said(refused)
    cant = await attendee.slash(channel, "container restart", name=instance.name)
    assert "frozen" in said(cant)

    thawed = await mod.slash(channel, "lab thaw", name=instance.name)
    assert "running" in said(thawed)


async def test_figures_that_arent_given_are_no_zeros(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    result, _instance = await here.up(attendee, channel)
    here.engine.fail_next("counters", HostUnreachable())

    await attendee.click(result.response, label="Refresh")

    assert "**CPU** – of 0.5" in texts(result.response)
    assert "read – · written – · size –" in texts(result.response)
    assert "can't be reached" in texts(result.response)


async def test_a_young_public_card_moves_and_then_stands_still(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    _guild, channel, speaker = await here.talk()
    result, _instance = await here.up(speaker, channel)
    await here.until(lambda: "**CPU** ▱" in texts(result.response))
    reads = here.engine.calls.count("counters")
    await here.until(lambda: here.engine.calls.count("counters") > reads + 2)

    monkeypatch.setattr("cogs.lab.look.MOVES_FOR", timedelta(0))

    await here.until(lambda: "figures of <t:" in texts(result.response))
    await asyncio.sleep(0.4)
    edits = here.app.services.live.edits
    await asyncio.sleep(0.6)
    assert here.app.services.live.edits == edits


async def test_an_idle_card_isnt_edited_without_need(here: LabStage):
    _guild, channel, speaker = await here.talk()
    result, _instance = await here.up(speaker, channel)
    await here.until(lambda: "**CPU** ▱" in texts(result.response))
    reads, edits = here.engine.calls.count("counters"), here.app.services.live.edits

    await here.until(lambda: here.engine.calls.count("counters") > reads + 5)

    assert here.app.services.live.edits - edits <= 2


async def test_lab_mine_shows_one_and_lets_choose_the_others(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _first, one = await here.up(speaker, channel, name="one")
    await here.up(speaker, channel, name="two")

    mine = await speaker.slash(channel, "lab mine")
    card = (mine.followups or [mine.response])[0]
    assert "two — running" in texts(card)
    await speaker.select(card, [str(one.id)])

    assert "### 🟢 one — running" in texts(card)
    await speaker.click(card, custom_id=f"do:lab_stop:{one.id}:1")
    assert "### 🟠 one — stopped" in texts(card)
    assert "two" in texts(card)


async def test_lab_mine_tells_what_ended_and_why(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    await here.up(attendee, channel, name="gone")
    await speaker.slash(channel, "lab kill", name="gone")

    mine = await attendee.slash(channel, "lab mine")

    assert "gone — 削除済み" in said(mine)
    assert "運営が強制停止しました" in said(mine)


async def test_another_servers_instance_is_unknown(here: LabStage):
    _guild, channel, speaker = await here.talk()
    await here.up(speaker, channel, name="ours")
    _other, other_channel, other_speaker = await here.talk()

    result = await other_speaker.slash(other_channel, "container inspect", name="ours")

    assert "There is no" in said(result)
    assert "ours" not in said(await other_speaker.slash(other_channel, "container list"))
    offered = await other_speaker.autocomplete(other_channel, "container logs", "name", "")
    assert offered == []
