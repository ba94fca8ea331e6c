"""`/vm …`, `/iso list`, `/lab layers`: what each tells, and to whom."""

import re
from pathlib import Path
from typing import Any

import pytest

from bot.lab.drivers import GuestSystem, Snapshot
from bot.lab.errors import HostUnreachable
from tests.cogs.lab import HOST_KEY, LabStage, lab_stage, posts, said
from tests.cogs.stage import texts


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    more = '[lease]\nguest_stop_grace = "1s"\n'
    async with lab_stage(tmp_path, monkeypatch, guests=True, more=more) as stage:
        yield stage


async def now(here: LabStage, instance: Any) -> Any:
    return await here.lab.instances.peek(instance.id, instance.guild_id)


async def test_a_guest_is_stopped_and_started_again(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _card, instance = await here.guest_up(attendee, channel, name="mine")

    stopped = await attendee.slash(channel, "vm stop", name="mine")
    assert stopped.ephemeral
    assert "mine — stopped" in said(stopped)
    assert "plug" not in said(stopped)
    assert not here.hypervisor.inspect(instance.engine_id).is_running
    started = await attendee.slash(channel, "vm start", name="mine")
    assert "mine — running" in said(started)
    rebooted = await attendee.slash(channel, "vm reboot", name="mine")
    assert "mine — running" in said(rebooted)
    assert "reboot" in here.hypervisor.calls


async def test_one_that_doesnt_heed_a_shutdown_is_stopped_by_force_which_is_said(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    card, _instance = await here.guest_up(attendee, channel, name="mine")
    here.hypervisor.heeds_shutdown = False

    stopped = await attendee.slash(channel, "vm stop", name="mine")
    await attendee.slash(channel, "vm start", name="mine")
    pressed = await attendee.click(card.response, label="Stop")

    for told in (stopped, pressed):
        assert "its plug was pulled" in said(told)
    assert "stopped" in texts(card.response)


async def test_force_stop_pulls_the_plug_at_once(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _card, instance = await here.guest_up(speaker, channel, name="demo")

    result = await speaker.slash(channel, "vm force-stop", name="demo")

    assert "demo — stopped" in said(result)
    assert not here.hypervisor.inspect(instance.engine_id).is_running
    assert "shut_down" not in here.hypervisor.calls


async def test_a_pause_is_the_owners_own_and_looks_like_one(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    card, instance = await here.guest_up(attendee, channel, name="mine")

    paused = await attendee.slash(channel, "vm pause", name="mine")
    assert "mine — 一時停止中" in said(paused)
    assert "凍結" not in said(paused)
    assert here.hypervisor.inspect(instance.engine_id).is_paused
    await attendee.click(card.response, label="更新")
    await attendee.click(card.response, label="再開")
    assert "稼働中" in texts(card.response)
    await attendee.slash(channel, "vm pause", name="mine")
    resumed = await attendee.slash(channel, "vm resume", name="mine")
    assert "mine — 稼働中" in said(resumed)
    again = await attendee.slash(channel, "vm resume", name="mine")
    assert "一時停止していません" in said(again)


async def test_what_staff_froze_its_owner_doesnt_resume(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _card, instance = await here.guest_up(attendee, channel, name="mine")

    frozen = await speaker.slash(channel, "lab freeze", name="mine")
    refused = await attendee.slash(channel, "vm resume", name="mine")

    assert "mine — frozen" in said(frozen)
    assert "Let it go on" in said(frozen)
    assert "frozen" in said(refused)
    assert here.hypervisor.inspect(instance.engine_id).is_paused
    await speaker.slash(channel, "lab thaw", name="mine")
    assert not here.hypervisor.inspect(instance.engine_id).is_paused


async def test_snapshots_are_made_listed_reverted_to_and_deleted(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _card, instance = await here.guest_up(attendee, channel, name="mine")
    guest = here.hypervisor.guest(instance.engine_id)

    none = await attendee.slash(channel, "vm snapshot list", name="mine")
    made = await attendee.slash(channel, "vm snapshot create", name="mine", snapshot="clean")
    guest.typed = "rm -rf /"

    async def offered(who: Any) -> list[str]:
        asked = ("vm snapshot revert", "snapshot", "cl")
        return [one["value"] for one in await who.autocomplete(channel, *asked, name="mine")]

    assert await here.until(lambda: offered(attendee)) == ["clean"]
    assert await offered(here.member(guild, "other")) == []
    card = await attendee.slash(channel, "vm snapshot revert", name="mine", snapshot="clean")
    info = await attendee.slash(channel, "vm info", name="mine")
    wrong = await attendee.slash(channel, "vm snapshot revert", name="mine", snapshot="gone")
    bad = await attendee.slash(channel, "vm snapshot create", name="mine", snapshot="no spaces")
    deleted = await attendee.slash(channel, "vm snapshot delete", name="mine", snapshot="clean")

    assert "no snapshots" in said(none)
    assert "`clean`" in said(made)
    assert "with its memory" in said(made)
    assert guest.typed == ""
    assert "mine — running" in said(card)
    assert "1 snapshot" in said(card)
    assert "**Snapshots** 1" in said(info)
    assert "no snapshot “gone”" in said(wrong)
    assert "letters, digits" in said(bad)
    assert "no snapshots" in said(deleted)


async def test_a_card_is_drawn_without_snapshots_that_dont_come(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await here.guest_up(attendee, channel, name="mine")
    await attendee.slash(channel, "vm snapshot create", name="mine", snapshot="clean")

    def too_late(_engine_id: str) -> list[Snapshot]:
        raise HostUnreachable

    with monkeypatch.context() as patch:
        patch.setattr(here.hypervisor, "snapshots", too_late)
        without = await attendee.slash(channel, "vm info", name="mine")
    again = await attendee.slash(channel, "vm info", name="mine")

    assert "mine — running" in said(without)
    assert "Snapshots" not in said(without)
    assert "**Snapshots** 1" in said(again)


async def test_nothing_a_console_prints_disturbs_the_message(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await here.guest_up(attendee, channel, name="mine")
    evil = (
        b"\x1b[2J\x1b[31mred\x1b[0m \x1b]0;title\x07 ```\n@everyone <@&1> \x00\x08\xff\xfe"
        b"\xe2\x80\xae backwards\rover\r\n" + b"`" * 200 + b"\nlast line\n"
    )
    monkeypatch.setattr(here.hypervisor, "console", lambda _id, *, lines: evil)

    shown = await attendee.slash(channel, "vm console", name="mine", lines=10)

    assert shown.ephemeral
    text = said(shown)
    body = text.split("```", 1)[1]
    assert body.count("```") == 1  # the fence's own end
    assert not {"\x1b", "\x00", "\x08", "\x07", "\u202e", "\r"} & set(text)
    assert "red" in text
    assert "title" not in text
    assert "last line" in text


async def test_what_an_agent_calls_its_system_is_text_like_any_other(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    evil = GuestSystem("[free](https://evil.example) **@everyone**\n# Big " + "x" * 5000, "6.1")
    monkeypatch.setattr(here.hypervisor, "system", lambda _id: evil)
    card, _instance = await here.guest_up(attendee, channel, name="mine")

    info = said(await attendee.slash(channel, "vm info", name="mine"))
    layers = said(await attendee.slash(channel, "lab layers", instance="mine"))

    for text in (texts(card.response), info, layers):
        assert "](" not in re.sub(r"`[^`\n]*`", "", text)
        assert "**@everyone**" not in text
        assert "\n# Big" not in text
        assert len(text) < 4000
    assert "@everyone" in info


async def test_a_console_is_for_its_owner_and_staff(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    card, _instance = await here.guest_up(attendee, channel, name="mine")

    shown = await attendee.click(card.response, label="Console")
    staff = await speaker.slash(channel, "vm console", name="mine")
    refused = await other.slash(channel, "vm console", name="mine")

    assert "login:" in said(shown)
    assert "login:" in said(staff)
    assert "login:" not in said(refused)
    assert all(one.ephemeral for one in (shown, staff, refused))


async def test_info_tells_all_there_is_but_no_path_of_the_operators(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _card, instance = await here.guest_up(speaker, channel, name="demo")

    shown = await speaker.slash(channel, "vm info", name="demo")

    assert shown.ephemeral
    for word in (
        "Fake GNU/Linux 1",
        instance.guest.address or "10.",
        HOST_KEY,
        "HW → Linux → QEMU → vHW → Fake",
        "cut off" if not instance.outward else "reachable",
        str(instance.process_id),
    ):
        assert word in said(shown)
    assert str(here.app.settings.study_bot_data) not in said(shown)


async def test_each_kinds_commands_name_the_others(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    mod = here.manager(guild)
    await here.guest_up(attendee, channel, name="vm-a")
    await here.up(attendee, channel, name="ct-a")

    as_container = await attendee.slash(channel, "container stop", name="vm-a")
    as_guest = await attendee.slash(channel, "vm stop", name="ct-a")
    assert "/vm" in said(as_container)
    assert "/container" in said(as_guest)
    expected = {
        ("vm stop", "name"): ["vm-a"],
        ("container stop", "name"): ["ct-a"],
        ("lab kill", "name"): ["ct-a", "vm-a"],
        ("lab layers", "instance"): ["ct-a", "vm-a"],
    }

    async def all_offered() -> bool:
        return expected == {
            asked: [one["value"] for one in await mod.autocomplete(channel, *asked, "")]
            for asked in expected
        }

    await here.until(all_offered)
    containers = said(await mod.slash(channel, "container list"))
    guests = said(await mod.slash(channel, "vm list"))
    assert "ct-a" in containers
    assert "vm-a" not in containers
    assert "vm-a" in guests
    assert "ct-a" not in guests
    everything = said(await attendee.slash(channel, "lab mine"))
    assert "ct-a" in everything
    assert "vm-a" in everything


async def test_what_can_be_created_is_listed_by_role(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    theirs = said(await attendee.slash(channel, "vm template list"))
    leads = said(await speaker.slash(channel, "vm template list"))
    isos = said(await attendee.slash(channel, "iso list"))

    assert "Up in seconds" in theirs
    assert "installer" not in theirs
    assert "`installer`" in leads
    assert "`disc.iso`" in leads
    assert "A disc to start from" in isos


async def test_the_layers_are_told_of_a_guest_a_container_and_any(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    _card, guest = await here.guest_up(attendee, channel, name="vm-a")
    _card, container = await here.up(attendee, channel, name="ct-a")

    of_guest = said(await attendee.slash(channel, "lab layers", instance="vm-a"))
    of_container = said(await attendee.slash(channel, "lab layers", instance="ct-a"))
    of_any = said(await other.slash(channel, "lab layers"))
    refused = said(await other.slash(channel, "lab layers", instance="vm-a"))

    assert "HW → Linux → QEMU → vHW → Fake" in of_guest
    assert f"process {guest.process_id} of the host" in of_guest
    assert "TCG" in of_guest
    assert "containerd → runc → namespaces" in of_container
    assert f"process {container.process_id}" in of_container
    assert "vHW → guest system" in of_any
    assert "namespaces → process" in of_any
    assert "vHW" not in refused
    assert "Publish" in said(await speaker.slash(channel, "lab layers", instance="vm-a"))


async def test_the_lab_status_tells_both_engines_of_a_machine(here: LabStage):
    _guild, channel, speaker = await here.talk()

    shown = said(await speaker.slash(channel, "lab status"))

    assert "local (containers)" in shown
    assert "local (virtual machines)" in shown


async def test_what_was_done_to_guests_stands_in_the_audit(here: LabStage):
    guild, channel, _speaker = await here.talk()
    mod, attendee = here.manager(guild), here.member(guild, "attendee")
    await here.guest_up(attendee, channel, name="mine")
    shown = await attendee.slash(channel, "vm screen", name="mine")
    await attendee.click(shown.response, label="Enter")
    await attendee.slash(channel, "vm snapshot create", name="mine", snapshot="one")
    await attendee.slash(channel, "vm pause", name="mine")
    await attendee.slash(channel, "vm resume", name="mine")
    await attendee.slash(channel, "vm snapshot revert", name="mine", snapshot="one")
    await attendee.slash(channel, "vm snapshot delete", name="mine", snapshot="one")

    told = said(await mod.slash(channel, "lab audit"))

    for what in ("looked at the screen", "pressed keys", "made a snapshot", "paused `mine`",
                 "back to a snapshot", "deleted a snapshot", "after a pause"):  # fmt: skip
        assert what in told


async def test_staff_publish_an_attendees_guest_without_its_login(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    _card, instance = await here.guest_up(attendee, channel, name="mine")
    mine = await speaker.slash(channel, "vm extend", name="mine")

    await speaker.click(mine.followups[0] if mine.followups else mine.response, label="Publish")

    (public,) = await here.until(lambda: posts(channel, "mine", other))
    assert "ssh -p" not in texts(public)
    told = await attendee.click(public, label="Log in")
    assert f"ssh -p {instance.ports[0].host}" in said(told)
    refused = await other.click(public, label="Log in")
    assert "ssh -p" not in said(refused)


async def test_without_its_host_a_guests_card_says_so_and_loses_nothing(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    card, instance = await here.guest_up(attendee, channel, name="mine")
    here.hypervisor.fail_next("counters", HostUnreachable())

    await attendee.click(card.response, label="更新")

    assert "mine — 稼働中" in texts(card.response)
    assert (await now(here, instance)).is_alive
    here.hypervisor.is_down = True
    refused = await attendee.slash(channel, "vm stop", name="mine")
    assert "ラボに接続できません" in said(refused)
    here.hypervisor.is_down = False
