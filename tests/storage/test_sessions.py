"""A talk from its start to its last late question, and what is remembered of it in memory."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.errors import BadInput, NotAllowed, NotFound, StudyBotError
from bot.guilds import Person, SetupChange
from bot.sessions import (
    CONTINUED,
    EDITED,
    ENDED,
    QUIET,
    STARTED,
    NewSession,
    NoSession,
    Session,
    SessionAlreadyOpen,
    SessionEdit,
    SessionEnded,
    SessionService,
    store,
)
from tests.storage.world import (
    ALICE,
    BOB,
    CHANNEL,
    GUILD,
    MODERATOR,
    SPEAKER,
    World,
    world,
)


async def reasons(here: World) -> list[str]:
    return [event.data["reason"] for event in await here.events(ENDED)]


def new(title: str = "A talk", channel_id: int = CHANNEL, **given: Any) -> NewSession:
    return NewSession(GUILD, channel_id, title, **given)


# --- starting -------------------------------------------------------------------------------


async def test_one_session_at_a_time_in_a_channel(here: World) -> None:
    session = await here.start()
    with pytest.raises(SessionAlreadyOpen) as refused:
        await here.sessions.start(new("Another"), SPEAKER)
    assert refused.value.session.id == session.id
    assert here.sessions.at(CHANNEL) == session
    other = await here.sessions.start(new("Elsewhere", 11), SPEAKER)
    assert {one.id for one in here.sessions.open_sessions(GUILD)} == {session.id, other.id}


async def test_of_many_who_start_at_once_one_does(here: World) -> None:
    results = await asyncio.gather(
        *(here.sessions.start(new(f"Talk {n}"), SPEAKER) for n in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Session) for one in results) == 1
    assert sum(isinstance(one, SessionAlreadyOpen) for one in results) == 9
    assert len(await here.events(STARTED)) == 1


async def test_replacing_ends_the_one_before(here: World) -> None:
    before = await here.start()
    after = await here.sessions.start(new("The next"), SPEAKER, replace=True)
    assert here.sessions.at(CHANNEL) == after
    assert not (await here.sessions.get(before.id, GUILD)).is_open
    assert await reasons(here) == ["replaced"]


async def test_only_its_people_replace_a_session(here: World) -> None:
    session = await here.start()
    with pytest.raises(NotAllowed):
        await here.sessions.start(new("Mine"), BOB, replace=True)
    # The one that is open came a moment ago: the memory knows nothing of it yet.
    here.sessions._by_channel.clear()
    with pytest.raises(NotAllowed):
        await here.sessions.start(new("Mine"), BOB, replace=True)
    assert (await here.sessions.get(session.id, GUILD)).is_open


async def test_where_speakers_have_a_role_others_dont_start(here: World) -> None:
    await here.guilds.configure(GUILD, MODERATOR, SetupChange({"speaker_role_id": 7}, {}))
    with pytest.raises(NotAllowed):
        await here.sessions.start(new(), BOB)
    await here.sessions.start(new(), replace(BOB, role_ids=frozenset({7})))
    await here.sessions.start(new(channel_id=11), MODERATOR)


@pytest.mark.parametrize("title", ["", " \n\u3000 ", "x" * 91])
async def test_titles_that_dont_do(here: World, title: str) -> None:
    with pytest.raises(BadInput):
        await here.sessions.start(new(title), SPEAKER)
    session = await here.start()
    with pytest.raises(BadInput):
        await here.sessions.edit(session, SPEAKER, SessionEdit(title=title))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "example.org/slides",
        "javascript:alert(1)",
        "https://",
        "https://a b",
        "https://<x>",
    ],
)
async def test_slides_that_dont_do(here: World, url: str) -> None:
    with pytest.raises(BadInput):
        await here.sessions.start(new(slides_url=url), SPEAKER)


async def test_a_title_is_one_tidy_line_and_slides_are_a_link(here: World) -> None:
    session = await here.sessions.start(
        new("  KVM \n と libvirt ", slides_url=" https://example.org/スライド.pdf "), SPEAKER
    )
    assert session.title == "KVM と libvirt"
    assert session.slides_url == "https://example.org/スライド.pdf"
    edited = await here.sessions.edit(session, SPEAKER, SessionEdit(slides_url=" "))
    assert edited.slides_url is None
    assert (await here.sessions.start(new("x" * 90, 11), SPEAKER)).title == "x" * 90


async def test_a_board_comes_with_the_session_and_a_panel_where_staff_are(here: World) -> None:
    plain = await here.start()
    assert await here.timeline.live_message("board", plain.id) is not None
    assert await here.timeline.live_message("panel", plain.id) is None
    await here.guilds.configure(GUILD, MODERATOR, SetupChange({"staff_channel_id": 99}, {}))
    staffed = await here.start(channel_id=11)
    panel = await here.timeline.live_message("panel", staffed.id)
    assert panel is not None
    assert panel.channel_id == 99


# --- where ----------------------------------------------------------------------------------


async def test_a_session_is_found_in_its_threads(here: World) -> None:
    session = await here.start()
    assert here.sessions.at(555, CHANNEL) == session
    assert here.sessions.require(555, CHANNEL) == session
    assert here.sessions.at(555, 11) is None
    with pytest.raises(NoSession):
        here.sessions.require(555, 11)


async def test_late_questions_go_to_their_thread_until_the_time_is_up(here: World) -> None:
    session = await here.start()
    session = await here.sessions.end(session, SPEAKER)
    assert here.sessions.at(CHANNEL) is None
    session = await here.sessions.opened_follow_up(session, 20)
    assert here.sessions.at(20, CHANNEL) == session
    with pytest.raises(NoSession):
        here.sessions.require(20, CHANNEL)
    following = await here.start(title="The next talk")
    assert here.sessions.at(20, CHANNEL) == session
    assert here.sessions.at(CHANNEL) == following
    here.clock.on(hours=49)
    await here.sessions.tick()
    assert session not in here.sessions.taking_questions()


async def test_a_guild_may_want_no_late_questions(here: World) -> None:
    await here.guilds.configure(GUILD, MODERATOR, SetupChange({}, {"late_hours": 0}))
    session = await here.sessions.end(await here.start(), SPEAKER)
    await here.sessions.opened_follow_up(session, 20)
    assert here.sessions.at(20, CHANNEL) is None


# --- ending ---------------------------------------------------------------------------------


async def test_ending_twice_is_refused(here: World) -> None:
    session = await here.start()
    results = await asyncio.gather(
        here.sessions.end(session, SPEAKER),
        here.sessions.end(session, MODERATOR),
        return_exceptions=True,
    )
    assert [type(one) for one in results].count(SessionEnded) == 1
    with pytest.raises(SessionEnded):
        await here.sessions.end(session, SPEAKER)
    with pytest.raises(SessionEnded):
        await here.sessions.go_on(session, SPEAKER)
    assert await reasons(here) == ["ended"]


async def test_attendees_neither_end_nor_edit(here: World) -> None:
    session = await here.start()
    for action in (
        lambda: here.sessions.end(session, BOB),
        lambda: here.sessions.go_on(session, BOB),
        lambda: here.sessions.edit(session, BOB, SessionEdit(title="Mine")),
    ):
        with pytest.raises(NotAllowed):
            await action()


async def test_a_named_speaker_runs_it(here: World) -> None:
    session = await here.start(speaker_id=ALICE.id, speaker_name=ALICE.name)
    assert here.sessions.is_staff(ALICE, session)
    edited = await here.sessions.edit(
        session, ALICE, SessionEdit(speaker_id=BOB.id, speaker_name=BOB.name)
    )
    assert not here.sessions.is_staff(ALICE, edited)
    await here.sessions.end(edited, BOB)
    assert await here.guilds.names(GUILD, [ALICE.id, BOB.id]) == {
        ALICE.id: "Alice",
        BOB.id: "Bob",
    }


async def test_a_quiet_session_is_asked_about_and_then_ended(here: World) -> None:
    session = await here.start()
    here.clock.on(minutes=30)
    await here.sessions.tick()
    assert await here.events(QUIET) == []
    here.clock.on(seconds=20)
    for _ in range(3):
        await here.sessions.tick()
    assert len(await here.events(QUIET)) == 1, "asked once"
    here.clock.on(minutes=29)
    await here.sessions.tick()
    assert await reasons(here) == []
    here.clock.on(minutes=1, seconds=1)
    await here.sessions.tick()
    assert await reasons(here) == ["quiet"]
    assert here.sessions.at(CHANNEL) is None
    assert not (await here.sessions.get(session.id, GUILD)).is_open


async def test_saying_no_or_talking_on_keeps_it_open(here: World) -> None:
    session = await here.start()
    here.clock.on(minutes=31)
    await here.sessions.tick()
    await here.sessions.go_on(session, SPEAKER)
    here.clock.on(minutes=29)
    await here.sessions.tick()
    assert len(await here.events(QUIET)) == 1
    here.clock.on(minutes=2)
    await here.sessions.tick()
    assert len(await here.events(QUIET)) == 2
    here.sessions.touch(session, CHANNEL, 70, here.clock.on(minutes=10))
    here.clock.on(minutes=29)
    await here.sessions.tick()
    assert await reasons(here) == []
    assert len(await here.events(CONTINUED)) == 1
    here.clock.on(minutes=2)
    await here.sessions.tick()
    assert len(await here.events(QUIET)) == 3


async def test_nobody_is_cut_off_unasked_after_a_pause_of_the_bot(here: World) -> None:
    await here.start()
    here.clock.on(hours=2)
    await here.sessions.tick()
    assert (len(await here.events(QUIET)), await reasons(here)) == (1, [])
    here.clock.on(minutes=29)
    await here.sessions.tick()
    assert await reasons(here) == []
    here.clock.on(minutes=2)
    await here.sessions.tick()
    assert await reasons(here) == ["quiet"]


async def test_a_session_has_a_longest_time(here: World) -> None:
    session = await here.start()
    for _ in range(31):
        here.clock.on(minutes=10)
        here.sessions.touch(session, CHANNEL, 70, here.clock())
        await here.sessions.tick()
    assert await reasons(here) == ["too_long"]


async def test_a_session_ended_while_the_clock_looks_at_it_is_no_failure(here: World) -> None:
    for _ in range(5):
        session = await here.start()
        here.clock.on(hours=6)
        ticked, ended = await asyncio.gather(
            here.sessions.tick(), here.sessions.end(session, SPEAKER), return_exceptions=True
        )
        assert isinstance(ended, Session | SessionEnded)
        assert ticked is None


async def test_a_deleted_channel_ends_its_session_for_good(here: World) -> None:
    session = await here.start()
    await here.sessions.channel_gone(999)
    await here.sessions.channel_gone(CHANNEL)
    await here.sessions.channel_gone(CHANNEL)
    assert await reasons(here) == ["channel_gone"]
    assert here.sessions.taking_questions() == []
    ended = await here.sessions.get(session.id, GUILD)
    assert ended.late_until == ended.ended_at


async def test_a_guild_that_let_the_bot_go_has_nothing_open(here: World) -> None:
    late = await here.sessions.end(await here.start(), SPEAKER)
    await here.sessions.opened_follow_up(late, 20)
    await here.start()
    elsewhere = await here.start(channel_id=77, guild_id=2)
    await here.sessions.guild_gone(GUILD)
    assert here.sessions.taking_questions() == [elsewhere]
    await here.sessions.load()
    assert here.sessions.taking_questions() == [elsewhere], "nor after a restart"


async def test_a_deleted_thread_takes_no_late_questions_even_after_a_restart(here: World) -> None:
    late = await here.sessions.end(await here.start(), SPEAKER)
    await here.sessions.opened_follow_up(late, 20)
    await here.sessions.channel_gone(20)
    assert here.sessions.at(20) is None
    await here.sessions.load()
    assert here.sessions.at(20) is None


# --- marks ----------------------------------------------------------------------------------


async def test_how_far_was_read_never_goes_back(here: World) -> None:
    session = await here.start()
    here.sessions.touch(session, CHANNEL, 50, here.clock())
    here.sessions.touch(session, 555, 60, here.clock())
    here.sessions.touch(session, CHANNEL, 40, here.clock() - timedelta(minutes=5))
    assert await here.sessions.marks(session) == {CHANNEL: 50, 555: 60}
    here.sessions.touch(session, CHANNEL, 45, here.clock() - timedelta(minutes=3))
    assert await here.sessions.marks(session) == {CHANNEL: 50, 555: 60}
    stored = await here.sessions.get(session.id, GUILD)
    assert stored.active_at == here.clock()


async def test_marks_survive_a_failing_database(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await here.start()
    here.sessions.touch(session, CHANNEL, 50, here.clock())
    touch = store.touch

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("disk is full")

    monkeypatch.setattr(store, "touch", full)
    with pytest.raises(sqlite3.OperationalError):
        await here.sessions.flush()
    monkeypatch.setattr(store, "touch", touch)
    assert await here.sessions.marks(session) == {CHANNEL: 50}


# --- memory and rows ------------------------------------------------------------------------


def remembered(here: World) -> dict[int, Session]:
    return dict(here.sessions._by_channel)


async def as_after_a_restart(here: World) -> dict[int, Session]:
    fresh = SessionService(here.timeline, here.guilds)
    await fresh.load()
    return fresh._by_channel


async def test_a_cancelled_command_leaves_memory_and_rows_agreeing(here: World) -> None:
    for steps in range(12):
        task = asyncio.create_task(here.sessions.start(new(f"Talk {steps}"), SPEAKER, replace=True))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await here.database.write(lambda _tx: None)
        assert remembered(here) == await as_after_a_restart(here)


@pytest.mark.parametrize("seed", range(10))
async def test_memory_is_what_a_restart_would_find(  # noqa: C901 - many small actions
    tmp_path: Path, seed: int
) -> None:
    chance = Random(seed)
    async with world(tmp_path / "one.sqlite3") as here:
        sessions = here.sessions

        def channel() -> int:
            return chance.randint(10, 12)

        async def some() -> Session:
            found = [one for guild in (1, 2) for one in await sessions.list(guild)]
            return chance.choice(found) if found else await here.start()

        async def start() -> None:
            where = channel()
            guild_id = 1 if where < 12 else 2
            fresh = NewSession(guild_id, where, "Talk")
            await sessions.start(fresh, SPEAKER, replace=chance.random() < 0.5)

        async def end() -> None:
            await sessions.end(await some(), SPEAKER)

        async def edit() -> None:
            await sessions.edit(await some(), SPEAKER, SessionEdit(title=f"T{chance.random()}"))

        async def follow_up() -> None:
            session = await some()
            if not session.is_open and session.follow_up_id is None:
                await sessions.opened_follow_up(session, 1000 + session.id)

        async def go_on() -> None:
            await sessions.go_on(await some(), SPEAKER)

        async def thread_gone() -> None:
            await sessions.channel_gone(1000 + (await some()).id)

        async def pass_time() -> None:
            here.clock.on(minutes=chance.choice([1, 29, 31, 300, 1500]))
            await sessions.tick()

        actions: list[Callable[[], Awaitable[None]]] = [
            start, start, end, edit, follow_up, follow_up, go_on, thread_gone, pass_time,
            lambda: sessions.channel_gone(channel()),
            lambda: sessions.guild_gone(2),
        ]  # fmt: skip
        for _ in range(60):
            with contextlib.suppress(StudyBotError):
                await chance.choice(actions)()
            await sessions.flush()
            assert remembered(here) == await as_after_a_restart(here)


# --- editing and reading --------------------------------------------------------------------


async def test_an_edit_changes_what_it_names(here: World) -> None:
    session = await here.start(slides_url="https://example.org/a")
    edited = await here.sessions.edit(session, SPEAKER, SessionEdit(title="Better"))
    assert edited == replace(session, title="Better")
    assert here.sessions.at(CHANNEL) == edited
    (event,) = await here.events(EDITED)
    assert event.data == {"changed": ["title"]}


async def test_sessions_are_listed_newest_first(here: World) -> None:
    ids: list[int] = []
    for n in range(4):
        here.clock.on(hours=1)
        session = await here.start(title=f"Talk {n}")
        ids.insert(0, session.id)
        await here.sessions.end(session, SPEAKER)
    assert [one.id for one in await here.sessions.list(GUILD)] == ids
    assert [one.id for one in await here.sessions.list(GUILD, 2)] == ids[:2]
    with pytest.raises(NotFound):
        await here.sessions.get(ids[0], 2)
    with pytest.raises(NotFound):
        await here.sessions.get(12345, GUILD)


async def test_manage_messages_is_moderator_without_setup(here: World) -> None:
    session = await here.start()
    assert here.sessions.is_staff(MODERATOR, session)
    assert here.sessions.is_staff(Person(9, "x", manages_guild=True), session)
    assert not here.sessions.is_staff(ALICE, session)
