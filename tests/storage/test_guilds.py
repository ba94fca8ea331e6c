"""A guild's own choices over the installation's defaults."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.guilds import CHOICES, NotModerator, Person, Role, SetupChange, forget_unused_names
from tests.patience import LONG_SECONDS
from tests.storage.world import ALICE, BOB, GUILD, MODERATOR, World, world


async def test_a_guild_without_choices_has_the_defaults(here: World) -> None:
    guild = here.guilds.get(GUILD)
    assert guild.rules == here.guilds.defaults()
    assert guild.rules.open_questions == 5
    assert guild.rules.question_pace == timedelta(seconds=20)
    assert guild.rules.late == timedelta(hours=48)
    assert (guild.locale, str(guild.time_zone)) == ("en", "UTC")


async def test_a_japanese_guild_lives_in_tokyo_until_it_says_otherwise(here: World) -> None:
    here.guilds.saw_locale(GUILD, "ja")
    guild = here.guilds.get(GUILD)
    assert (guild.locale, str(guild.time_zone)) == ("ja", "Asia/Tokyo")
    change = SetupChange({"time_zone": "Europe/Berlin", "locale": "en"}, {})
    guild = await here.guilds.configure(GUILD, MODERATOR, change)
    assert (guild.locale, str(guild.time_zone)) == ("en", "Europe/Berlin")
    assert str(here.guilds.get(2).time_zone) == "UTC"


async def test_choices_survive_a_restart_and_go_back_to_the_default(tmp_path: Path) -> None:
    async with world(tmp_path / "one.sqlite3") as here:
        await here.guilds.configure(GUILD, MODERATOR, SetupChange({}, {"open_questions": 9}))
    async with world(tmp_path / "one.sqlite3", study_bot_open_questions=7) as here:
        assert here.guilds.get(GUILD).rules.open_questions == 9
        assert here.guilds.get(2).rules.open_questions == 7
        await here.guilds.configure(GUILD, MODERATOR, SetupChange({}, {"open_questions": None}))
        assert here.guilds.get(GUILD).rules.open_questions == 7


async def test_two_moderators_at_once_both_get_their_way(here: World) -> None:
    names = [name for name in CHOICES if name not in {"quiet_ask_minutes", "quiet_end_minutes"}]
    least = {name: CHOICES[name][0] for name in names}
    await asyncio.gather(
        *(
            here.guilds.configure(GUILD, MODERATOR, SetupChange({}, {name: value}))
            for name, value in least.items()
        )
    )
    assert here.guilds.choices(GUILD) == least


@pytest.mark.parametrize(
    "change",
    [
        SetupChange({"time_zone": "Mars/Olympus"}, {}),
        SetupChange({"time_zone": "../../etc/passwd"}, {}),
        SetupChange({"time_zone": "Asia"}, {}),
        SetupChange({"time_zone": ""}, {}),
        SetupChange({}, {"open_questions": 0}),
        SetupChange({}, {"open_questions": 101}),
        SetupChange({}, {"quiet_ask_minutes": 60}),
        SetupChange({}, {"quiet_end_minutes": 30}),
        SetupChange({"moderator_role_id": GUILD}, {}),
        SetupChange({"speaker_role_id": GUILD}, {}),
    ],
)
async def test_choices_that_dont_do_change_nothing(here: World, change: SetupChange) -> None:
    before = here.guilds.get(GUILD)
    with pytest.raises(BadInput):
        await here.guilds.configure(
            GUILD, MODERATOR, replace(change, columns={"lab_role_id": 5, **change.columns})
        )
    assert here.guilds.get(GUILD) == before
    assert await here.events() == []


async def test_every_bound_itself_will_do(here: World) -> None:
    for name, bounds in CHOICES.items():
        for value in bounds:
            if name.startswith("quiet"):
                continue
            await here.guilds.configure(GUILD, MODERATOR, SetupChange({}, {name: value}))
            assert here.guilds.get(GUILD).rules.as_choices()[name] == value


async def test_only_moderators_set_up(here: World) -> None:
    change = SetupChange({"moderator_role_id": 7}, {})
    with pytest.raises(NotModerator):
        await here.guilds.configure(GUILD, ALICE, change)
    await here.guilds.configure(GUILD, MODERATOR, change)
    holder = replace(ALICE, role_ids=frozenset({7}))
    await here.guilds.configure(GUILD, holder, SetupChange({"lab_role_id": 8}, {}))
    with pytest.raises(NotModerator):
        await here.guilds.configure(2, holder, SetupChange({"lab_role_id": 8}, {}))


async def test_roles_are_the_guilds_the_permissions_and_the_sessions(here: World) -> None:
    columns = {"speaker_role_id": 1, "moderator_role_id": 2, "note_taker_role_id": 3}
    guild = await here.guilds.configure(7, MODERATOR, SetupChange(columns, {}))
    everyone = frozenset({Role.ATTENDEE})
    assert guild.roles_of(Person(1, "x")) == everyone
    assert guild.roles_of(Person(1, "x", frozenset({1, 2, 3}))) == frozenset(Role)
    assert guild.roles_of(Person(1, "x"), [1]) == everyone | {Role.SPEAKER}
    # Without roles nobody has one by accident.
    assert here.guilds.get(8).roles_of(Person(1, "x"), [None]) == everyone


async def test_a_mute_outlives_an_unused_name(here: World) -> None:
    session = await here.start()
    await here.ask(session, ALICE, "One?")
    for person in (ALICE, BOB):
        await here.guilds.mute(GUILD, person.id, here.clock() + timedelta(hours=1))
    async with asyncio.timeout(LONG_SECONDS):
        await here.database.write(
            lambda tx: tx.execute("UPDATE people SET name = 'somebody'").rowcount
        )
    await here.database.write(forget_unused_names)
    assert await here.rows("SELECT user_id, name, muted_until IS NULL FROM people ORDER BY 1") == [
        (100, "somebody", 1),
        (ALICE.id, "somebody", 0),
        (BOB.id, "", 0),
    ]
