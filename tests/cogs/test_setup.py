"""`/setup`: who may, what changes at once, what the card tells, in both languages."""

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.guilds import Person
from bot.sessions import BOARD, PANEL, NewSession
from cogs.permissions import IN_TALK
from tests.cogs.stage import Stage, stage, texts


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with stage(tmp_path, monkeypatch) as set_stage:
        yield set_stage


def chosen(here: Stage, guild: Any) -> Any:
    return here.app.services.guilds.get(guild.id)


async def card_of(member: Any, channel: Any) -> Any:
    result = await member.slash(channel, "setup")
    assert result.ephemeral
    return result.response


async def test_a_moderator_gets_one_private_card(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    attendee = here.member(guild, "attendee")

    card = await card_of(mod, channel)

    assert "Staff channel" in texts(card)
    assert "Asia/Tokyo" in texts(card)
    assert [m for m in channel.history(viewer=attendee) if m.id == card.id] == []


async def test_an_attendee_is_refused_even_where_the_server_shows_the_command(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    attendee = here.member(guild, "attendee", locale="ja")
    command = next(c for c in await here.app.client.tree.fetch_commands() if c.name == "setup")
    assert "setup" not in attendee.available_commands(channel)
    guild.set_command_permissions(command, {attendee: True})

    result = await attendee.slash(channel, "setup")

    assert result.ephemeral
    assert "運営" in result.response.content


async def test_a_chosen_role_counts_at_once_and_stands_on_the_card(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    role = guild.create_role("Speakers")
    card = await card_of(mod, channel)

    await mod.select(card, [role], custom_id="setup:speaker_role_id")

    assert chosen(here, guild).speaker_role_id == role.id
    assert await default_of(here, card, "setup:speaker_role_id") == [str(role.id)]
    await mod.select(card, [], custom_id="setup:speaker_role_id")
    assert chosen(here, guild).speaker_role_id is None


async def test_everyone_is_no_role_to_choose(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    card = await card_of(mod, channel)

    result = await mod.select(card, [guild.default_role], custom_id="setup:moderator_role_id")

    assert "@everyone" in result.response.content
    assert chosen(here, guild).moderator_role_id is None


async def default_of(here: Stage, card: Any, custom_id: str) -> list[str]:
    raw = here.env.backend.get_message(card.channel_id, card.id).components

    def walk(components: Any) -> Any:
        for component in components:
            if component.get("custom_id") == custom_id:
                yield component
            yield from walk(component.get("components", []))

    (found,) = walk(raw)
    return [str(value["id"]) for value in found.get("default_values", [])]


async def test_the_language_is_that_of_what_everybody_sees(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    await mod.slash(channel, "session start", title="KVM")
    board = await here.until(lambda: live(here, channel, "Ask"))

    await mod.select(await card_of(mod, channel), ["ja"], custom_id="setup:locale")

    assert await here.until(lambda: live(here, channel, "質問する"))
    assert board
    await mod.select(await card_of(mod, channel), ["automatic"], custom_id="setup:locale")
    assert chosen(here, guild).locale == "en"


def live(here: Stage, channel: Any, word: str) -> Any:
    return [m for m in channel.history() if m.author == here.app.client.user and word in texts(m)]


async def test_the_panel_follows_the_staff_channel(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    staff, other = guild.create_text_channel("staff"), guild.create_text_channel("other")
    mod = here.manager(guild)
    await mod.slash(channel, "session start", title="KVM")
    await here.until(lambda: live(here, channel, "Missed"))
    card = await card_of(mod, channel)

    await mod.select(card, [staff], custom_id="setup:staff_channel_id")
    await here.until(lambda: live(here, staff, "Question time"))
    await mod.select(card, [other], custom_id="setup:staff_channel_id")
    await here.until(lambda: live(here, other, "Question time"))
    assert not live(here, staff, "Question time")

    await mod.select(card, [], custom_id="setup:staff_channel_id")
    await here.until(lambda: not live(here, other, "Question time"))
    services = here.app.services
    (session,) = services.sessions.open_sessions(guild.id)
    assert await services.timeline.live_message(PANEL, session.id) is None
    assert await services.timeline.live_message(BOARD, session.id) is not None


async def test_another_server_keeps_its_own_choices(here: Stage):
    ours, theirs = here.guild("Ours"), here.guild("Theirs")
    channel = ours.create_text_channel("talk")
    staff = ours.create_text_channel("staff")
    theirs_channel = theirs.create_text_channel("talk")
    mod, other = here.manager(ours), here.manager(theirs, "other")
    await other.slash(theirs_channel, "session start", title="Theirs")

    card = await card_of(mod, channel)
    await mod.select(card, [staff], custom_id="setup:staff_channel_id")

    assert chosen(here, theirs).staff_channel_id is None
    (session,) = here.app.services.sessions.open_sessions(theirs.id)
    assert await here.app.services.timeline.live_message(PANEL, session.id) is None
    assert "staff" not in texts(await card_of(other, theirs_channel)).split("\n")[0]


async def test_limits_are_set_by_a_form_and_go_back_when_emptied(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    card = await card_of(mod, channel)
    fields = {"question_pace_seconds": "", "anonymous_open": "", "late_hours": ""}

    form = await mod.click(card, custom_id="setup:limits")
    await mod.submit_modal(form, {"open_questions": "９", "anonymous": ["0"], **fields})

    rules = chosen(here, guild).rules
    assert (rules.open_questions, rules.anonymous) == (9, False)
    form = await mod.click(card, custom_id="setup:limits")
    assert '"9"' in str(form.modal).replace("'", '"')
    await mod.submit_modal(form, {"open_questions": "", "anonymous": ["default"], **fields})
    rules = chosen(here, guild).rules
    assert (rules.open_questions, rules.anonymous) == (5, True)


@pytest.mark.parametrize(
    ("locale", "typed", "told"),
    [
        ("en-US", "many", "Open questions per person"),
        ("en-US", "0", "between 1 and 100"),
        ("ja", "0", "未回答の質問"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused_by_its_name(
    here: Stage, locale: str, typed: str, told: str
):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild, locale=locale)
    form = await mod.click(await card_of(mod, channel), custom_id="setup:limits")
    fields = {"question_pace_seconds": "", "anonymous_open": "", "late_hours": "1"}

    result = await mod.submit_modal(
        form, {"open_questions": typed, "anonymous": ["default"], **fields}
    )

    assert told in result.response.content
    assert here.app.services.guilds.choices(guild.id) == {}


async def test_a_session_cannot_end_before_it_is_asked_about(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    form = await mod.click(await card_of(mod, channel), custom_id="setup:times")

    result = await mod.submit_modal(
        form,
        {"quiet_ask_minutes": "60", "quiet_end_minutes": "30", "session_hours": ""}
        | {"show_names": ["0"], "notes_thread": ["0"]},
    )

    assert "quiet" in result.response.content
    assert chosen(here, guild).rules.show_names


async def test_any_time_zone_can_be_written(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    card = await card_of(mod, channel)

    form = await mod.select(card, ["other"], custom_id="setup:time_zone")
    refused = await mod.submit_modal(form, {"time_zone": "Mars/Base"})
    assert "Mars/Base" in refused.response.content

    form = await mod.select(card, ["other"], custom_id="setup:time_zone")
    await mod.submit_modal(form, {"time_zone": "Pacific/Auckland"})
    assert str(chosen(here, guild).time_zone) == "Pacific/Auckland"
    await mod.select(card, ["automatic"], custom_id="setup:time_zone")
    assert str(chosen(here, guild).time_zone) == "UTC"


@pytest.mark.parametrize(
    ("locale", "name", "other"),
    [
        ("en-US", "Pin Messages", "Add Reactions"),
        ("ja", "メッセージをピン留め", "リアクションの追加"),
    ],
)
async def test_the_card_names_what_the_bot_lacks_and_where(
    here: Stage, locale: str, name: str, other: str
):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    staff = guild.create_text_channel(
        "staff",
        overwrites={guild.default_role: discord.PermissionOverwrite(pin_messages=False)},
    )
    mod = here.manager(guild, locale=locale)
    card = await card_of(mod, channel)
    assert name not in texts(card)

    await mod.select(card, [staff], custom_id="setup:staff_channel_id")

    told = texts(here.env.backend.get_message(card.channel_id, card.id))
    line = next(line for line in told.splitlines() if name in line)
    assert f"<#{staff.id}>" in line
    assert other not in told


async def test_the_card_says_what_is_kept_and_for_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with stage(tmp_path, monkeypatch, study_bot_forget_askers_days=123) as here:
        guild = here.guild()
        channel = guild.create_text_channel("talk")
        told = texts(await card_of(here.manager(guild, locale="ja"), channel))
    assert "123日" in told
    assert "90日" in told
    assert "/me erase" in told


@pytest.mark.parametrize("locale", ["en-US", "ja"])
async def test_the_card_fits_however_much_is_wrong(here: Stage, locale: str):
    guild = here.guild()
    bots = guild.roles[here.app.client.user.name]
    nothing = {bots: discord.PermissionOverwrite(**dict.fromkeys(IN_TALK, False))}
    mod = here.manager(guild, locale=locale)
    for n in range(30):
        channel = guild.create_text_channel(f"talk-{n}", overwrites=nothing)
        await here.app.services.sessions.start(
            NewSession(guild.id, channel.id, f"Talk {n}"), Person(mod.id, "mod")
        )

    hall = guild.create_text_channel("hall")
    told = texts(await card_of(mod, hall))

    name = "View Channels" if locale == "en-US" else "チャンネルを見る"
    assert told.count(name) >= 3
    assert "…" in told
