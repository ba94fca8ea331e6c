"""`/ssh-key`: one's own keys, seen by nobody else."""

import json
from pathlib import Path

import pytest

from tests.cogs.lab import LabStage, lab_stage, said

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIGu7WVGDxJqbj4Uaclu/iFteblYokkmeMbqhqM6iYFeW"
KEY = f"ssh-ed25519 {BLOB} me@laptop"
PRINT = "SHA256:PsulQ4YNE7eDQI4M18JD4cBy0+YU9GRdgvAy2izIAaI"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch, guests=True) as stage:
        yield stage


async def test_a_key_is_added_listed_and_removed_privately(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")

    added = await attendee.slash(channel, "ssh-key add", key=KEY)
    listed = await attendee.slash(channel, "ssh-key list")
    of_other = await other.slash(channel, "ssh-key list")
    offered = await attendee.autocomplete(channel, "ssh-key remove", "name", "lap")
    offered_other = await other.autocomplete(channel, "ssh-key remove", "name", "")
    refused = await other.slash(channel, "ssh-key remove", name="me@laptop")
    removed = await attendee.slash(channel, "ssh-key remove", name="me@laptop")

    for one in (added, listed, of_other, refused, removed):
        assert one.ephemeral
        assert BLOB not in said(one)
    assert PRINT in said(added)
    assert "me@laptop" in said(listed)
    assert "ssh-ed25519" in said(listed)
    assert "no SSH key" in said(of_other)
    assert [one["value"] for one in offered] == ["me@laptop"]
    assert offered_other == []
    assert "no key" in said(refused)
    assert "me@laptop" in said(removed)
    assert "no SSH key" in said(await attendee.slash(channel, "ssh-key list"))


async def test_a_key_can_be_pasted_into_a_form(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")

    form = await attendee.slash(channel, "ssh-key add")
    key, name = (item["component"]["custom_id"] for item in form.modal["components"])
    done = await attendee.submit_modal(form, {key: KEY + "\n", name: "laptop"})

    assert "SSH鍵の登録" in str(form.modal)
    assert done.ephemeral
    assert "`laptop` を登録しました" in said(done)
    assert PRINT in said(done)


async def test_a_private_key_is_refused_with_what_to_do_now(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")

    refused = await attendee.slash(
        channel, "ssh-key add", key="-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXk"
    )

    assert refused.ephemeral
    assert "秘密鍵です" in said(refused)
    assert "b3Blb" not in said(refused)


async def test_a_persons_own_data_holds_their_keys_and_erasing_takes_them(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await attendee.slash(channel, "ssh-key add", key=KEY)
    archive = here.app.services.archive

    held = json.loads(await archive.of_person(guild.id, attendee.id))
    await archive.erase(guild.id, attendee.id, words_too=False)

    assert [one["key"] for one in held["ssh_keys"]] == [f"ssh-ed25519 {BLOB}"]
    assert json.loads(await archive.of_person(guild.id, attendee.id))["ssh_keys"] == []
    assert "no SSH key" in said(await attendee.slash(channel, "ssh-key list"))


async def test_without_a_lab_there_are_no_keys_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with lab_stage(tmp_path, monkeypatch) as here:
        guild = here.guild("Elsewhere")
        channel = guild.create_text_channel("talk")
        member = here.member(guild, "member")

        for command in ("ssh-key add", "ssh-key list"):
            refused = await member.slash(channel, command)
            assert "no lab" in said(refused)
