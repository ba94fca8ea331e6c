"""Without the speaker's yes nothing is added; a no ends what is there."""

import pytest

from bot.guilds import Person, SetupChange
from bot.recordings import NewRecording, events
from bot.recordings.errors import (
    BadDays,
    ConsentRefused,
    LongerThanAgreed,
    NobodyToAsk,
    NotAsked,
    SpeakerOnly,
)
from bot.sessions import SessionEdit, StaffOnly
from tests.recordings.conftest import Studio
from tests.storage.world import ALICE, BOB, GUILD, MODERATOR, SPEAKER

LINK = NewRecording(url="https://video.example.org/1")


async def test_who_has_not_been_asked_is_asked_and_nothing_is_added(studio: Studio):
    session = await studio.talk(agreed=False)
    with pytest.raises(NotAsked) as told:
        await studio.service.add(session, MODERATOR, LINK)
    assert f"<@{SPEAKER.id}>" in str(told.value)
    assert not await studio.service.of_session(session)
    assert await studio.world.timeline.live_message("consent", session.id)
    await studio.consents.answer(session, SPEAKER, recorded=True, days=3, slides=False)
    recording = await studio.service.add(session, MODERATOR, LINK)
    assert recording.due_at is not None
    assert (recording.due_at - recording.added_at).days == 3


async def test_a_no_holds(studio: Studio):
    session = await studio.talk(agreed=False)
    await studio.consents.answer(session, SPEAKER, recorded=False, days=None, slides=False)
    with pytest.raises(ConsentRefused):
        await studio.service.add(session, MODERATOR, LINK)


@pytest.mark.parametrize("by", [MODERATOR, ALICE])
async def test_nobody_says_yes_for_the_speaker(studio: Studio, by: Person):
    session = await studio.talk(agreed=False)
    with pytest.raises(SpeakerOnly):
        await studio.consents.answer(session, by, recorded=True, days=7, slides=True)
    assert (await studio.consents.of(session)).recorded is None


async def test_attendees_add_nothing(studio: Studio):
    session = await studio.talk()
    with pytest.raises(StaffOnly):
        await studio.service.add(session, ALICE, LINK)


async def test_speakers_who_add_their_own_recording_say_yes_by_it(studio: Studio):
    session = await studio.talk(agreed=False)
    recording = await studio.service.add(session, SPEAKER, LINK)
    assert recording.due_at is not None
    assert (recording.due_at - recording.added_at).days == 7
    assert (await studio.consents.of(session)).recorded
    await studio.service.add(session, MODERATOR, LINK)


async def test_nobody_keeps_it_longer_than_agreed(studio: Studio):
    session = await studio.talk(days=3)
    with pytest.raises(LongerThanAgreed):
        await studio.service.add(
            session, MODERATOR, NewRecording(url="https://video.example.org", days=4)
        )
    await studio.service.add(
        session, MODERATOR, NewRecording(url="https://video.example.org", days=2)
    )


async def test_what_may_stay_stays_unless_staff_say_otherwise(studio: Studio):
    session = await studio.talk(agreed=False)
    await studio.consents.answer(session, SPEAKER, recorded=True, days=None, slides=True)
    assert (await studio.service.add(session, MODERATOR, LINK)).due_at is None
    shorter = NewRecording(url="https://video.example.org", days=2)
    assert (await studio.service.add(session, MODERATOR, shorter)).due_at is not None


async def test_taking_a_yes_back_ends_what_is_there(studio: Studio):
    session = await studio.talk()
    recording = await studio.add(session, MODERATOR)
    await studio.consents.answer(session, SPEAKER, recorded=False, days=None, slides=False)
    await studio.retention.tick()
    assert (await studio.again(recording)).gone_why == "withdrawn"
    assert not (studio.root / str(GUILD) / "talk.mp4").exists()


async def test_another_speaker_is_asked_anew(studio: Studio):
    session = await studio.talk()
    edit = SessionEdit(speaker_id=BOB.id, speaker_name=BOB.name)
    session = await studio.world.sessions.edit(session, MODERATOR, edit)
    with pytest.raises(NotAsked):
        await studio.service.add(session, MODERATOR, LINK)
    with pytest.raises(SpeakerOnly):
        await studio.consents.answer(session, SPEAKER, recorded=True, days=7, slides=True)


@pytest.mark.parametrize("days", [0, -1, 366])
async def test_days_have_bounds(studio: Studio, days: int):
    session = await studio.talk()
    with pytest.raises(BadDays):
        await studio.consents.answer(session, SPEAKER, recorded=True, days=days, slides=True)


async def test_a_guild_s_own_days_hold_where_the_speaker_named_none(studio: Studio):
    await studio.world.guilds.configure(GUILD, MODERATOR, SetupChange({}, {"recording_days": 30}))
    recording = await studio.service.add(await studio.talk(agreed=False), SPEAKER, LINK)
    assert recording.due_at is not None
    assert (recording.due_at - recording.added_at).days == 30


# -- erased, and other guilds ----------------------------------------------------------------


async def test_a_speaker_s_erasing_takes_their_recordings_along(studio: Studio):
    session = await studio.talk()
    recording = await studio.add(session, MODERATOR)
    await studio.world.sessions.end(session, MODERATOR)
    await studio.world.archive.erase(GUILD, SPEAKER.id, words_too=False)
    await studio.retention.tick()
    assert (await studio.again(recording)).is_gone
    assert not (studio.root / str(GUILD) / "talk.mp4").exists()
    session = await studio.world.sessions.get(session.id, GUILD)
    with pytest.raises(NobodyToAsk):
        await studio.service.add(session, MODERATOR, LINK)


async def test_erasing_leaves_no_id_in_any_table(studio: Studio):
    session = await studio.talk()
    recording = await studio.add(session, MODERATOR)
    await studio.service.issue_link(recording.id, GUILD, MODERATOR.id)
    await studio.keeping.longer(recording, MODERATOR, 7)
    told = await studio.world.archive.of_person(GUILD, MODERATOR.id)
    assert b'"links": 1' in told
    await studio.world.archive.erase(GUILD, MODERATOR.id, words_too=False)
    for table, column in (
        ("recordings", "added_by"),
        ("recording_requests", "asked_by"),
        ("recording_consents", "speaker_id"),
        ("download_links", "user_id"),
        ("events", "actor_id"),
    ):
        rows = await studio.world.rows(
            f"SELECT count(*) FROM {table} WHERE {column} = ?",
            MODERATOR.id,
        )
        assert rows == [(0,)], table
    assert not (await studio.again(recording)).is_gone


async def test_another_guild_reaches_nothing(studio: Studio):
    recording = await studio.add(await studio.talk())
    request = await studio.keeping.longer(recording, MODERATOR, 7)
    assert request is not None
    assert await studio.service.of_guild(GUILD + 1) == []
    assert await studio.keeping.request(request.id, GUILD + 1) is None
    for reached in (
        studio.service.get(recording.id, GUILD + 1),
        studio.service.issue_link(recording.id, GUILD + 1, ALICE.id),
        studio.keeping.answer(request.id, GUILD + 1, SPEAKER, granted=True),
    ):
        with pytest.raises(Exception, match="recording"):
            await reached


async def test_each_step_stands_in_the_timeline(studio: Studio):
    session = await studio.talk()
    recording = await studio.add(session, MODERATOR)
    await studio.service.remove(recording, MODERATOR)
    kinds = [event.kind for event in await studio.world.events() if "recording" in event.kind]
    assert kinds == [events.CONSENTED, events.ADDED, events.GONE]
