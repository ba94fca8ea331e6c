"""What staff do with the lab, who may, and what everybody is told of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.lab import State, events
from bot.timeline import NewEvent
from tests.cogs.lab import LabStage, lab_stage, posts, said
from tests.cogs.stage import texts


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch) as stage:
        yield stage


async def state_of(here: LabStage, instance: Any) -> State:
    return (await here.lab.instances.peek(instance.id, instance.guild_id)).state


# --- who may ---


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("lab close", {}),
        ("lab open", {}),
        ("lab clear", {}),
        ("lab audit", {}),
        ("lab ban", {"member": True}),
        ("lab unban", {"member": True}),
    ],
)
async def test_attendees_run_no_lab(here: LabStage, command: str, options: dict[str, Any]):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    given = dict.fromkeys(options, speaker)

    result = await attendee.slash(channel, command, **given)

    assert result.ephemeral
    assert "Only" in said(result)
    assert "open" in said(await attendee.slash(channel, "lab status"))


async def test_without_a_lab_every_command_says_so(here: LabStage):
    guild = here.guild("Elsewhere")
    channel = guild.create_text_channel("talk")
    speaker = here.manager(guild, locale="ja")
    await speaker.slash(channel, "session start", title="No lab here")

    for command, options in (
        ("container run", {"image": "nginx"}),
        ("container list", {}),
        ("image list", {}),
        ("image search", {"term": "nginx"}),
        ("image pull", {"image": "nginx"}),
        ("lab mine", {}),
        ("lab status", {}),
        ("lab close", {}),
        ("lab audit", {}),
    ):
        result = await speaker.slash(channel, command, **options)
        assert "このサーバーではラボを使えません" in said(result), command
    assert await speaker.autocomplete(channel, "container run", "image", "") == []


# --- closing and clearing ---


async def test_a_closed_lab_starts_nothing_new_and_stops_nothing(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    _result, instance = await here.up(speaker, channel)

    await speaker.slash(channel, "lab close")
    refused = await attendee.slash(channel, "container run", image="nginx")
    status = said(await attendee.slash(channel, "lab status"))
    await speaker.slash(channel, "lab open")

    assert "閉じています" in said(refused)
    assert "閉じています" in status
    assert await state_of(here, instance) is State.RUNNING
    await here.up(attendee, channel)


async def test_clear_asks_once_more_then_removes_all_of_the_session(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await here.up(attendee, channel, name="theirs")
    await here.up(speaker, channel, name="demo")

    asked = await speaker.slash(channel, "lab clear")
    assert "2 up" in said(asked)
    assert len(await here.there(guild)) == 2
    await speaker.click(asked.response, label="Remove all")

    assert "2 instances were removed" in texts(asked.response)
    assert await here.there(guild) == []
    (letter,) = await here.until(lambda: posts(channel, "so these were removed"))
    assert f"<@{attendee.id}>" in texts(letter)
    assert "demo" in texts(letter)
    assert "theirs" not in texts(letter)


# --- people ---


async def test_a_ban_keeps_out_and_freezes(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    _result, instance = await here.up(attendee, channel)

    banned = await speaker.slash(channel, "lab ban", member=attendee)
    assert "1 instance is frozen" in said(banned)
    assert await state_of(here, instance) is State.FROZEN
    await speaker.slash(channel, "lab kill", name=instance.name)
    refused = await attendee.slash(channel, "container run", image="nginx")
    assert "利用できません" in said(refused)

    await speaker.slash(channel, "lab unban", member=attendee)
    await here.up(attendee, channel)


async def test_a_banned_member_of_the_server_has_theirs_frozen_at_once(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _result, instance = await here.up(attendee, channel)
    life = here.app.client.get_cog("LifeCog")

    await life.on_member_ban(here.app.client.get_guild(guild.id), attendee)

    assert await state_of(here, instance) is State.FROZEN
    assert "frozen" in said(await speaker.slash(channel, "container list"))


async def test_an_owner_whose_instance_was_killed_is_told_without_naming_it(here: LabStage):
    guild, channel, _speaker = await here.talk(locale="ja")
    mod, attendee = here.manager(guild), here.member(guild, "attendee", locale="ja")
    await here.up(attendee, channel, name="miner")

    killed = await mod.slash(channel, "lab kill", name="miner")

    assert "stopped by the staff" in said(killed)
    (letter,) = await here.until(lambda: posts(channel, "強制停止しました"))
    assert f"<@{attendee.id}>" in texts(letter)
    assert "miner" not in texts(letter)
    assert attendee.id in {user.id for user in letter.mentions}
    mine = await attendee.click(letter, label="自分の環境")
    assert mine.ephemeral
    assert "運営が強制停止しました" in said(mine)


async def test_freeze_and_kill_are_for_staff(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _result, instance = await here.up(attendee, channel)

    for command in ("lab freeze", "lab kill"):
        result = await attendee.slash(channel, command, name=instance.name)
        assert "Only the speaker and moderators" in said(result)
    assert await state_of(here, instance) is State.RUNNING


# --- looking ---


async def test_status_tells_staff_why_attendees_get_none(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    (host,) = here.lab.hosts
    host.is_proven, host.proof = False, "the rule against SMTP is missing"

    for_staff = said(await speaker.slash(channel, "lab status"))
    for_attendee = said(await attendee.slash(channel, "lab status"))
    refused = said(await attendee.slash(channel, "container run", image="nginx"))

    assert "the rule against SMTP is missing" in for_staff
    assert "SMTP" not in for_attendee
    assert "Not for attendees" in for_attendee
    assert "isn't ready for attendees" in refused


async def test_a_lab_that_is_away_is_said_at_once_everywhere(here: LabStage):
    _guild, channel, speaker = await here.talk(locale="ja")
    _result, instance = await here.up(speaker, channel)
    here.engine.is_down = True
    (host,) = here.lab.hosts
    assert not await host.look()

    for command, options in (
        ("container run", {"image": "nginx"}),
        ("container stop", {"name": instance.name}),
        ("container logs", {"name": instance.name}),
        ("image list", {}),
        ("image search", {"term": "nginx"}),
    ):
        result = await speaker.slash(channel, command, **options)
        assert "ラボに接続できません。質問は引き続き受け付けています。" in said(result), command
    assert "応答がありません" in said(await speaker.slash(channel, "lab status"))
    assert "ラボに接続できません" in said(await speaker.slash(channel, "lab mine"))


async def test_audit_tells_who_did_what_to_moderators(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    await here.up(attendee, channel, name="box")
    await attendee.slash(channel, "container exec", name="box", command="false")
    await here.up(other, channel, name="theirs")
    await speaker.slash(channel, "lab freeze", name="box")
    await speaker.slash(channel, "lab ban", member=other)

    everything = said(await speaker.slash(channel, "lab audit"))
    about = said(await speaker.slash(channel, "lab audit", member=attendee))

    assert f"<@{attendee.id}> asked for `box`" in everything
    assert f"<@{attendee.id}> ran a command in `box` (nginx) (exit code 1)" in everything
    assert f"<@{speaker.id}> froze `box`" in everything
    assert f"<@{speaker.id}> banned <@{other.id}>" in everything
    assert "froze `box`" in about
    assert "theirs" not in about


# --- letters ---


async def test_owners_are_warned_once_and_extend_from_there(here: LabStage):
    guild, channel, speaker = await here.talk(locale="ja")
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other", locale="ja")
    _result, instance = await here.up(attendee, channel, name="web-1", lifetime="5m")

    await here.lab.keeper.tick()

    (letter,) = await here.until(lambda: posts(channel, "あと10分で終了します"))
    assert "続ける場合は「延長」を押してください。" in texts(letter)
    assert f"<@{attendee.id}>" in texts(letter)
    assert [user.id for user in letter.mentions] == [attendee.id]
    assert "web-1" not in texts(letter)
    nothing = await other.click(letter, label="延長")
    assert "まもなく終了する環境はありません" in said(nothing)
    extended = await attendee.click(letter, label="延長")
    assert extended.ephemeral
    assert "web-1 — running" in said(extended)
    now = await here.lab.instances.peek(instance.id, guild.id)
    assert now.deadline - instance.deadline == timedelta(minutes=30)
    assert speaker.id not in {user.id for user in letter.mentions}


async def test_what_expired_is_told_a_public_one_by_name(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    _guild, channel, speaker = await here.talk(locale="ja")
    _result, instance = await here.up(speaker, channel, name="web-1", lifetime="5m")
    later = instance.deadline + timedelta(seconds=1)
    monkeypatch.setattr(here.app.services.timeline, "clock", lambda: later)

    await here.lab.keeper.tick()

    (letter,) = await here.until(lambda: posts(channel, "利用期限を過ぎたため"))
    assert "利用期限を過ぎたため、**web-1** を削除しました。" in texts(letter)
    assert posts(channel, "web-1 — 削除済み")


async def test_after_a_restart_the_channel_hears_that_launches_go_on(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _result, instance = await here.up(attendee, channel)

    def recovered(tx: Any) -> None:
        here.app.services.timeline.append(
            tx,
            NewEvent(
                events.RECOVERED,
                guild.id,
                instance.session_id,
                channel.id,
                data={"instance_ids": [instance.id]},
            ),
        )

    await here.app.database.write(recovered)

    (letter,) = await here.until(lambda: posts(channel, "I was restarted"))
    assert "1 private instance" in texts(letter)
    assert instance.name not in texts(letter)


async def test_nobody_hears_of_a_server_that_is_gone(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await here.up(attendee, channel)

    await here.app.services.sessions.guild_gone(guild.id)

    async def removed() -> bool:
        return not await here.there(guild)

    await here.until(removed)
    assert not posts(channel, f"<@{attendee.id}>")
