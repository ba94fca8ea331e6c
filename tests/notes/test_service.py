"""Notes as rows: taken, planned, found, forgotten."""

from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.notes import Notes, Place, events
from bot.questions import StaffOnly
from tests.storage.world import ALICE, CHANNEL, GUILD, MODERATOR, SPEAKER, World, dump, world

PLACE = Place("thread", CHANNEL, CHANNEL)


def notes_of(here: World) -> Notes:
    return Notes(here.timeline, here.guilds, here.sessions)


async def posted(here: World, source: str = "# t\n\n- 仮想マシン\n", **given: int) -> None:
    """Post notes and say that they stand."""
    session = await here.start(**given)
    notes = notes_of(here)
    await notes.post(session, SPEAKER, source, "file", PLACE)
    plan = await notes.plan(session.id, session.guild_id)
    assert plan is not None
    await notes.complete(plan, CHANNEL, list(range(900, 900 + len(plan.parts))))


async def test_attendees_have_no_say(here: World):
    session = await here.start()
    with pytest.raises(StaffOnly):
        await notes_of(here).post(session, ALICE, "# x", "file", PLACE)
    assert not await here.events(events.POSTED)


@pytest.mark.parametrize(
    "source", ["", " \n\u3000\n", "<!-- nothing -->", "# t\n\n" + "むかしむかし。" * 60_000]
)
async def test_what_nobody_could_read_is_refused(here: World, source: str):
    session = await here.start()
    with pytest.raises(BadInput):
        await notes_of(here).post(session, SPEAKER, source, "file", PLACE)
    assert await notes_of(here).get(session) is None


async def test_the_place_stays_until_another_is_chosen(here: World):
    session = await here.start()
    notes = notes_of(here)
    await notes.post(session, SPEAKER, "# x", "file", PLACE)
    plan = await notes.plan(session.id, GUILD)
    assert plan is not None
    await notes.opened(plan, 77)
    await notes.post(session, SPEAKER, "# y", "file")
    assert (await notes.require(session)).channel_id == 77
    await notes.post(session, SPEAKER, "# y", "file", Place("channel", 5, 5))
    assert (await notes.require(session)).channel_id is None


async def test_a_guild_finds_its_own_notes_alone(here: World):
    await posted(here)
    await posted(here, "# t\n\n- 仮想の他人\n", guild_id=2, channel_id=20)
    found = await notes_of(here).find(GUILD, "仮")
    assert [hit.guild_id for hit in found] == [GUILD]
    assert "**仮**想マシン" in found[0].excerpt
    assert found[0].heading_path == ("t",)
    assert not await notes_of(here).find(GUILD, "仮", channel_ids=[12345])
    assert await notes_of(here).find(GUILD, "仮", channel_ids=[CHANNEL])


async def test_what_is_no_longer_in_the_notes_is_not_found(here: World):
    await posted(here)
    notes = notes_of(here)
    (session,) = here.sessions.open_sessions(GUILD)
    await notes.post(session, SPEAKER, "# t\n\n- コンテナ\n", "file")
    plan = await notes.plan(session.id, GUILD)
    assert plan is not None
    await notes.complete(plan, CHANNEL, [900])
    assert not await notes.find(GUILD, "仮想")
    assert await notes.find(GUILD, "コンテナ")


async def test_erasing_a_note_taker_leaves_the_text_without_them(tmp_path: Path):
    path = tmp_path / "study-bot.sqlite3"
    async with world(path) as here:
        await posted(here)
        (session,) = here.sessions.open_sessions(GUILD)
        await notes_of(here).post(session, MODERATOR, "# t\n\n- neu\n", "text")
        kept = (await here.archive.of_person(GUILD, MODERATOR.id)).decode()
        assert '"times_posted": 1' in kept

        await here.archive.erase(GUILD, MODERATOR.id, words_too=True)

        assert (await notes_of(here).require(session)).source == "# t\n\n- neu\n"
        assert [one.by_id for one in await notes_of(here).history(session)] == [None, SPEAKER.id]
    left = dump(path)
    assert not [row for row in left["note_revisions"] if MODERATOR.id in row]
    assert MODERATOR.name not in str(left["people"])


async def test_jokes_and_supplements_are_not_written_into_notes(here: World):
    session = await here.start()
    serious = await here.ask(session, ALICE, "Why is it fast?")
    joke = await here.ask(session, ALICE, "Will you marry me?")
    for question in (serious, joke):
        await here.answers.write(session, SPEAKER, "hardware", question.id)
    await here.answers.reply(
        session,
        ALICE,
        replied_to=serious.message_id or 0,
        message_id=999,
        body="an attendee's addition",
        ordinal=None,
        at=here.clock(),
    )
    await here.queue.toggle_joke(session, SPEAKER, joke.number)
    notes = notes_of(here)
    await notes.post(session, SPEAKER, "# t", "file", PLACE)
    plan = await notes.plan(session.id, GUILD)
    assert plan is not None
    text = "\n".join(part.text for part in plan.parts)
    assert "Why is it fast?" in text
    assert "marry" not in text
    assert "addition" not in text


async def test_erased_words_are_gone_from_what_is_searched(tmp_path: Path):
    path = tmp_path / "study-bot.sqlite3"
    async with world(path) as here:
        session = await here.start()
        question = await here.ask(session, ALICE, "Xylophon?")
        await here.answers.write(session, SPEAKER, "hardware", question.id)
        notes = notes_of(here)
        await notes.post(session, SPEAKER, "# t", "file", PLACE)
        plan = await notes.plan(session.id, GUILD)
        assert plan is not None
        await notes.complete(plan, CHANNEL, [900] * len(plan.parts))
        assert await notes.find(GUILD, "Xylophon")

        await here.archive.erase(GUILD, ALICE.id, words_too=True)

        assert not await notes.find(GUILD, "Xylophon")
    left = dump(path)
    assert not left["note_passages"]
    assert "Xylophon" not in str(left)
