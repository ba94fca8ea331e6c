"""`/vm screen`: the picture, its keys, and who may see and press."""

from pathlib import Path
from typing import Any

import pytest

from bot.lab.errors import HostUnreachable
from tests.cogs.lab import STAFF, LabStage, lab_stage, said
from tests.cogs.stage import texts


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cogs.lab.screen._LIVE_EVERY_SECONDS", 0.1)
    async with lab_stage(tmp_path, monkeypatch, guests=True) as stage:
        yield stage


def picture(message: Any) -> str:
    """Return the name of the one picture a message shows: another one for another picture."""
    (attachment,) = message.attachments
    name = attachment["filename"] if isinstance(attachment, dict) else attachment.filename
    assert name.endswith(".png")
    return name


async def test_the_speakers_screen_is_shown_to_everybody_and_only_they_press(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _result, instance = await here.guest_up(speaker, channel, name="demo")
    guest = here.hypervisor.guest(instance.engine_id)

    shown = await speaker.slash(channel, "vm screen", name="demo")

    assert not shown.ephemeral
    assert "demo" in texts(shown.response)
    assert picture(shown.response)
    await speaker.click(shown.response, label="Enter")
    await speaker.click(shown.response, label="Ctrl-Alt-Del")
    await speaker.click(shown.response, label="↑")
    pressed = [("ENTER",), ("LEFTCTRL", "LEFTALT", "DELETE"), ("UP",)]
    assert guest.pressed == pressed
    for label in ("Enter", "Refresh", "Live", "Type…"):
        refused = await attendee.click(shown.response, label=label)
        assert refused.ephemeral
        assert "somebody else" in said(refused)
    assert guest.pressed == pressed


async def test_an_attendees_screen_is_theirs_alone(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    await here.guest_up(attendee, channel, name="mine")

    shown = await attendee.slash(channel, "vm screen", name="mine")
    refused = await other.slash(channel, "vm screen", name="mine")

    assert shown.ephemeral
    assert picture(shown.response)
    assert refused.ephemeral
    assert "mine" in said(refused)
    assert not [one for one in channel.history(viewer=other) if one.attachments]


async def test_text_is_typed_from_a_form_and_what_cant_be_is_said(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    _result, instance = await here.guest_up(attendee, channel, name="mine")
    guest = here.hypervisor.guest(instance.engine_id)
    shown = await attendee.slash(channel, "vm screen", name="mine")

    form = await attendee.click(shown.response, label="入力…")
    text, enter = (item["component"]["custom_id"] for item in form.modal["components"])
    await attendee.submit_modal(form, {text: "ls -l", enter: True})
    form = await attendee.click(shown.response, label="入力…")
    text, enter = (item["component"]["custom_id"] for item in form.modal["components"])
    await attendee.submit_modal(form, {text: "x", enter: False})
    form = await attendee.click(shown.response, label="入力…")
    text, enter = (item["component"]["custom_id"] for item in form.modal["components"])
    refused = await attendee.submit_modal(form, {text: "日本", enter: True})

    assert guest.typed == "ls -l\nx"
    assert "「日本」は入力できません" in said(refused)


async def test_refresh_shows_what_is_there_now(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.guest_up(speaker, channel, name="demo")
    shown = await speaker.slash(channel, "vm screen", name="demo")
    first = picture(shown.response)

    here.hypervisor.guest(instance.engine_id).typed = "something new"
    await speaker.click(shown.response, label="Refresh")

    assert picture(shown.response) != first


async def test_a_live_picture_follows_by_itself_and_stops_when_told(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.guest_up(speaker, channel, name="demo")
    shown = await speaker.slash(channel, "vm screen", name="demo")
    first = picture(shown.response)

    await speaker.click(shown.response, label="Live")
    await here.until(lambda: "Stop live" in texts(shown.response))
    assert "until" in texts(shown.response)
    here.hypervisor.guest(instance.engine_id).typed = "something new"
    await here.until(lambda: picture(shown.response) != first)
    await speaker.click(shown.response, label="Stop live")

    assert "Stop live" not in texts(shown.response)
    assert "until" not in texts(shown.response)
    await here.until(lambda: not here.followers)


async def test_a_live_picture_ends_by_itself(here: LabStage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cogs.lab.screen._LIVE_SECONDS", 0.3)
    _guild, channel, speaker = await here.talk()
    await here.guest_up(speaker, channel, name="demo")
    shown = await speaker.slash(channel, "vm screen", name="demo")

    await speaker.click(shown.response, label="Live")
    await here.until(lambda: not here.followers)

    assert "Stop live" not in texts(shown.response)
    assert picture(shown.response)


async def test_a_live_picture_ends_with_its_guest_and_says_why(here: LabStage):
    _guild, channel, speaker = await here.talk()
    await here.guest_up(speaker, channel, name="demo")
    shown = await speaker.slash(channel, "vm screen", name="demo")
    await speaker.click(shown.response, label="Live")
    await here.until(lambda: "Stop live" in texts(shown.response))

    await speaker.slash(channel, "vm force-stop", name="demo")

    await here.until(lambda: "isn't running" in texts(shown.response))
    await here.until(lambda: not here.followers)
    assert "Stop live" not in texts(shown.response)


async def test_a_live_picture_isnt_shown_on_once_its_guest_is_private(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.guest_up(speaker, channel, name="demo")
    shown = await speaker.slash(channel, "vm screen", name="demo")
    await speaker.click(shown.response, label="Live")
    await here.until(lambda: "Stop live" in texts(shown.response))

    await here.lab.instances.publish(instance, STAFF, public=False)

    await here.until(lambda: not here.followers)
    assert not shown.response.attachments
    refused = await speaker.click(shown.response, label="Refresh")
    assert "isn't public any more" in said(refused)
    assert not shown.response.attachments


async def test_only_a_few_screens_are_live_at_once(here: LabStage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cogs.lab.screen._MOST_LIVE", 1)
    _guild, channel, speaker = await here.talk()
    await here.guest_up(speaker, channel, name="demo")
    first = await speaker.slash(channel, "vm screen", name="demo")
    second = await speaker.slash(channel, "vm screen", name="demo")
    await speaker.click(first.response, label="Live")

    refused = await speaker.click(second.response, label="Live")

    assert "live already" in said(refused)
    assert "Stop live" not in texts(second.response)


async def test_a_refusal_is_private_also_where_the_screen_would_be_public(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    await here.guest_up(speaker, channel, name="demo")
    await speaker.slash(channel, "vm stop", name="demo")
    before = len(channel.history(viewer=attendee))

    refused = await speaker.slash(channel, "vm screen", name="demo")

    assert "isn't running" in said(refused)
    assert len(channel.history(viewer=attendee)) == before


async def test_a_host_that_is_away_leaves_the_message_as_it_was(here: LabStage):
    _guild, channel, speaker = await here.talk()
    await here.guest_up(speaker, channel, name="demo")
    shown = await speaker.slash(channel, "vm screen", name="demo")
    here.hypervisor.fail_next("screenshot", HostUnreachable())

    refused = await speaker.click(shown.response, label="Refresh")

    assert refused.ephemeral or refused.followups[0].ephemeral
    assert picture(shown.response)


async def test_the_public_card_shows_the_screen_and_a_private_one_doesnt(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    public, _one = await here.guest_up(speaker, channel, name="demo")
    private, _two = await here.guest_up(attendee, channel, name="mine")

    await here.until(lambda: public.response.attachments)
    assert picture(public.response)
    assert not private.response.attachments
    await speaker.click(public.response, label="Stop")
    await here.until(lambda: not public.response.attachments)


async def test_everybody_watches_a_speakers_guest_boot(here: LabStage):
    _guild, channel, speaker = await here.talk()
    here.hypervisor.boot_seconds = 1000
    result = await speaker.slash(channel, "vm create", template="tiny", name="slow")

    await here.until(lambda: "booting" in texts(result.response) and result.response.attachments)
    booting = picture(result.response)
    (state,) = here.hypervisor.owned(here.lab.installation)
    here.hypervisor.guest(state.engine_id).boot_seconds = 0

    await here.until(lambda: picture(result.response) != booting)
    await here.until(lambda: "booting" not in texts(result.response))


async def test_the_screen_opens_from_the_card(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    card, _instance = await here.guest_up(attendee, channel, name="mine")

    shown = await attendee.click(card.response, label="Screen")

    assert shown.ephemeral
    assert picture(shown.response)
