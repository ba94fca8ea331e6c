"""`/vm create`: what its owner, the speaker and everybody else see of a virtual machine."""

from pathlib import Path
from typing import Any

import pytest

from bot.lab.errors import DiskFull
from tests.cogs.lab import HOST_KEY, LabStage, lab_stage, posts, said
from tests.cogs.stage import texts

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGu7WVGDxJqbj4Uaclu/iFteblYokkmeMbqhqM6iYFeW me@laptop"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch, guests=True) as stage:
        yield stage


async def test_a_speakers_guest_becomes_one_public_card_and_is_deleted(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    result, instance = await here.guest_up(speaker, channel, name="demo")

    assert not result.ephemeral
    await here.until(lambda: posts(channel, "**vCPU**", attendee))
    (card,) = posts(channel, "demo", attendee)
    assert card.id == result.response.id
    assert "demo — running" in texts(card)
    assert "`tiny`" in texts(card)
    assert f"process {instance.process_id} of the host" in texts(card)
    assert "HW → Linux → QEMU → vHW → Fake" in texts(card)

    deleted = await speaker.slash(channel, "vm delete", name="demo")

    assert "removed" in said(deleted)
    assert await here.there(guild) == []
    assert here.hypervisor.owned(here.lab.installation) == []


async def test_how_to_log_in_is_never_on_the_public_card(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await speaker.slash(channel, "ssh-key add", key=KEY)
    await here.guest_up(speaker, channel, name="demo")
    (card,) = await here.until(lambda: posts(channel, "**vCPU**"))

    told = await speaker.click(card, label="Log in")
    refused = await attendee.click(card, label="Log in")
    to_staff = await here.manager(guild).click(card, label="Log in")

    assert "/ssh-key" not in said(to_staff)
    for word in ("ssh -p", "SHA256:", str(here.app.settings.study_bot_data)):
        assert word not in texts(card)
        assert word not in said(refused)
    assert told.ephemeral
    assert "`ssh -p 31100 root@lab.example.org`" in said(told)
    assert HOST_KEY in said(told)
    assert "/ssh-key add" not in said(told)


async def test_an_attendees_guest_is_theirs_alone_and_tells_how_to_log_in(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee, other = here.member(guild, "attendee", locale="ja"), here.member(guild, "other")
    mod = here.manager(guild)

    result, _instance = await here.guest_up(attendee, channel, name="mine")

    assert result.ephemeral
    card = texts(result.response)
    assert "mine — 稼働中" in card
    assert "`ssh -p 31000 root@lab.example.org`" in card
    assert HOST_KEY in card
    # Without a key on file nobody gets in: they are told what to do.
    assert "/ssh-key add で登録" in card
    # One that is added later doesn't open what is there.
    await attendee.slash(channel, "ssh-key add", key=KEY)
    assert "/ssh-key add で登録" in said(await attendee.slash(channel, "lab mine"))
    assert not posts(channel, "mine", other)
    assert "mine" not in said(await other.slash(channel, "vm list"))
    listed = said(await mod.slash(channel, "vm list"))
    assert "mine" in listed
    assert "ssh -p" not in listed


async def test_with_a_key_on_file_there_is_nothing_to_do_first(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await attendee.slash(channel, "ssh-key add", key=KEY)

    result, instance = await here.guest_up(attendee, channel)

    assert "ssh -p" in texts(result.response)
    assert "/ssh-key" not in texts(result.response)
    assert here.hypervisor.inspect(instance.engine_id).is_running


async def test_it_is_watched_booting_stage_by_stage(here: LabStage):
    _guild, channel, speaker = await here.talk()
    here.hypervisor.boot_seconds = 1.5

    result = await speaker.slash(channel, "vm create", template="tiny", name="slow")

    await here.until(lambda: "booting; waiting for a sign" in texts(result.response))
    assert "disk made in" in texts(result.response)
    assert "switched on in" in texts(result.response)
    await here.until(lambda: "switched on " in _last_line(result))
    assert "booted " in _last_line(result)
    assert "SSH " in _last_line(result)
    assert "booting" not in texts(result.response)


async def test_what_never_boots_says_where_to_look(here: LabStage, monkeypatch: pytest.MonkeyPatch):
    from datetime import timedelta

    monkeypatch.setattr("cogs.lab.look._GUEST_ANSWERS_WITHIN", timedelta(0))
    monkeypatch.setattr("bot.lab.guests.steps._FOLLOW_SECONDS", 0.2)
    _guild, channel, speaker = await here.talk()
    here.hypervisor.boot_seconds = 1000

    result = await speaker.slash(channel, "vm create", template="tiny")

    await here.until(lambda: "Nothing was heard from inside yet" in texts(result.response))


async def test_an_installer_is_for_those_who_run_the_talk(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    refused = await attendee.slash(channel, "vm create", template="installer")
    result, instance = await here.guest_up(speaker, channel, template="installer", name="setup")

    assert refused.ephemeral
    assert "for those who run the talk" in said(refused)
    assert "tiny" in said(refused)
    assert instance.iso == "disc"
    assert "`disc.iso`" in texts(result.response)
    await here.until(lambda: "**vCPU**" in texts(result.response))
    told = await speaker.click(result.response, label="Log in")
    assert "leads to its port 22" in said(told)
    offered = await attendee.autocomplete(channel, "vm create", "template", "")
    assert [one["value"] for one in offered] == ["tiny"]
    offered = await speaker.autocomplete(channel, "vm create", "template", "")
    assert [one["value"] for one in offered] == ["tiny", "installer"]
    offered = await speaker.autocomplete(channel, "vm create", "iso", "")
    assert [one["value"] for one in offered] == ["disc"]


async def test_a_launch_that_fails_says_why_and_leaves_nothing(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    here.hypervisor.fail_next("create_volume", DiskFull())

    result = await attendee.slash(channel, "vm create", template="tiny", name="big")

    await here.until(lambda: "失敗" in texts(result.response))
    assert "ディスクがいっぱい" in texts(result.response)
    assert await here.there(guild) == []


async def test_cancel_takes_a_launch_back(here: LabStage):
    guild, channel, speaker = await here.talk()
    here.hypervisor.upload_step_seconds = 0.5
    result = await speaker.slash(channel, "vm create", template="tiny", name="oops")
    await here.until(lambda: "downloading the image" in texts(result.response))

    await speaker.click(result.response, label="Cancel")

    await here.until(lambda: "it was cancelled" in texts(result.response))
    assert await here.there(guild) == []


async def test_guests_and_containers_count_together_on_the_board(here: LabStage):
    guild, channel, speaker = await here.talk()

    await here.guest_up(speaker, channel)
    await here.up(speaker, channel)

    await here.until(lambda: posts(channel, "Lab: 2 up · 0 waiting", here.member(guild, "b")))


async def test_where_there_is_no_hypervisor_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with lab_stage(tmp_path, monkeypatch) as here:
        guild, channel, speaker = await here.talk()

        result = await speaker.slash(channel, "vm create", template="tiny")

        assert result.ephemeral
        assert "no virtual machine" in said(result)
        assert "There is no virtual machine" in said(
            await speaker.slash(channel, "vm template list")
        )
        assert await here.there(guild) == []


def _last_line(result: Any) -> str:
    """Return the line of the stages' times on a card."""
    found = [line for line in texts(result.response).splitlines() if line.startswith("-# ")]
    return next((line for line in found if "SSH " in line), "")
