"""Recordings go when their time has come, and not before, whatever clocks say."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.guilds import Person
from bot.recordings import NewRecording, RecordingGone, events
from bot.recordings.errors import LinkRefused
from tests.recordings.conftest import Clocks, Studio, studio_over
from tests.storage.world import ALICE, GUILD, MODERATOR, SPEAKER, world


def there(studio: Studio, name: str = "talk.mp4") -> bool:
    return (studio.root / str(GUILD) / name).exists()


async def test_a_file_is_deleted_after_its_days(studio: Studio):
    recording = await studio.add(await studio.talk())
    await studio.look(days=6, hours=23, minutes=59)
    assert there(studio)
    assert not (await studio.again(recording)).is_gone
    await studio.look(minutes=1)
    assert not there(studio)
    gone = await studio.again(recording)
    assert (gone.gone_why, gone.deleted_at) == ("expired", studio.world.clock())
    assert len(await studio.world.events(events.GONE)) == 1


async def test_what_is_held_elsewhere_only_loses_its_link(studio: Studio):
    session = await studio.talk()
    recording = await studio.service.add(
        session, SPEAKER, NewRecording(url="https://video.example.org/1")
    )
    await studio.look(days=7)
    assert (await studio.again(recording)).gone_why == "expired"
    assert not await studio.service.of_session(session)


async def test_a_reminder_comes_once_a_day_ahead(studio: Studio):
    await studio.add(await studio.talk())
    await studio.look(days=5, hours=23)
    assert not await studio.world.events(events.REMINDED)
    await studio.look(hours=1)
    await studio.look(hours=1)
    (reminded,) = await studio.world.events(events.REMINDED)
    assert reminded.channel_id == 10


async def test_what_lives_for_a_day_is_not_announced_twice(studio: Studio):
    await studio.add(await studio.talk(days=1))
    await studio.look(hours=23)
    assert not await studio.world.events(events.REMINDED)


async def test_a_bot_that_was_away_catches_up(studio: Studio):
    recording = await studio.add(await studio.talk())
    await studio.look()
    studio.clocks.on(days=30)
    later = studio_over(studio.world, studio.root.parent, studio.clocks)
    await later.retention.tick()
    assert (await later.again(recording)).gone_why == "expired"
    assert not there(studio)


async def test_a_machine_that_was_off_catches_up_once_its_clock_has_settled(studio: Studio):
    recording = await studio.add(await studio.talk())
    await studio.look()
    studio.world.clock.on(days=30)
    studio.clocks.reboot()
    await studio.look()
    assert there(studio)
    with pytest.raises(LinkRefused):
        await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    await studio.look(minutes=16)
    await studio.look()
    assert not there(studio)


# -- clocks that are wrong -------------------------------------------------------------------


async def test_a_clock_set_back_deletes_nothing_early(studio: Studio):
    await studio.add(await studio.talk())
    await studio.look(days=3)
    studio.world.clock.on(days=-10)
    await studio.look()
    await studio.look(days=4)
    assert there(studio)
    studio.world.clock.on(days=10)
    await studio.look()
    assert not there(studio)


async def test_a_clock_wrongly_set_forward_deletes_nothing_early(studio: Studio):
    recording = await studio.add(await studio.talk())
    await studio.look(days=1)
    studio.world.clock.on(days=400)
    await studio.look()
    await studio.look(hours=20)
    assert there(studio)
    studio.world.clock.on(days=-400)
    await studio.look()
    await studio.look(days=5)
    assert there(studio)
    await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    await studio.look(hours=5)
    assert not there(studio)


async def test_nobody_is_reminded_by_a_clock_wrongly_set_forward(studio: Studio):
    await studio.add(await studio.talk())
    await studio.look(days=1)
    studio.world.clock.on(days=400)
    await studio.look()
    assert not await studio.world.events(events.REMINDED)


async def test_a_clock_that_was_wrong_when_it_was_added_deletes_nothing_early(studio: Studio):
    await studio.look()
    studio.world.clock.on(days=-20_000)
    await studio.look(minutes=1)
    await studio.add(await studio.talk())
    studio.world.clock.on(days=20_000)
    await studio.look(minutes=1)
    await studio.look(days=6)
    assert there(studio)
    await studio.look(days=1)
    assert not there(studio)


async def test_a_machine_without_a_clock_of_its_own_deletes_nothing_early(studio: Studio):
    """It comes up in 1970, and a time server corrects it a minute later."""
    await studio.add(await studio.talk())
    await studio.look(days=2)
    right = studio.world.clock.now
    studio.world.clock.now = right - timedelta(days=20_000)
    studio.clocks.reboot()
    await studio.look()
    studio.world.clock.now = right + timedelta(hours=1)
    await studio.look(minutes=1)
    await studio.look(minutes=20)
    await studio.look(days=4, hours=22)
    assert there(studio)
    await studio.look(hours=1)
    assert not there(studio)


async def test_a_machine_whose_clock_came_up_in_the_future_deletes_nothing_early(studio: Studio):
    await studio.add(await studio.talk())
    await studio.look(days=2)
    studio.world.clock.on(days=4000)
    studio.clocks.reboot()
    await studio.look()
    await studio.look(minutes=5)
    studio.world.clock.on(days=-4000)
    await studio.look(minutes=1)
    await studio.look(minutes=20)
    await studio.look(days=4)
    assert there(studio)
    await studio.look(days=1)
    assert not there(studio)


async def test_a_step_that_stands_for_a_day_is_believed(studio: Studio):
    """A virtual machine was stopped for days: its clocks went on without them."""
    await studio.add(await studio.talk())
    await studio.look(days=1)
    studio.world.clock.on(days=10)
    await studio.look()
    assert there(studio)
    await studio.look(days=1)
    await studio.look()
    assert not there(studio)


# -- interrupted -----------------------------------------------------------------------------


async def test_a_crash_between_row_and_file_leaves_no_file(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    recording = await studio.add(await studio.talk())

    def crash(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(studio.files, "delete", crash)
        with pytest.raises(KeyboardInterrupt):
            await studio.look(days=7)
    assert there(studio)
    with pytest.raises(RecordingGone):
        await studio.service.issue_link(recording.id, GUILD, ALICE.id)
    await studio_over(studio.world, studio.root.parent, studio.clocks).retention.tick()
    assert not there(studio)


async def test_a_file_that_can_t_be_deleted_is_tried_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    recording = await studio.add(await studio.talk())

    def refuse(*_args: object) -> None:
        raise PermissionError("read-only")

    with monkeypatch.context() as patched:
        patched.setattr(studio.files, "delete", refuse)
        await studio.look(days=7)
        assert (await studio.again(recording)).deleted_at is None
    await studio.look()
    assert (await studio.again(recording)).deleted_at is not None
    assert not there(studio)


async def test_what_an_interrupted_fetch_left_is_tidied_away(studio: Studio):
    kept = studio.data / "kept" / str(GUILD)
    kept.mkdir(parents=True)
    (kept / "abc.mp4.part").write_bytes(b"half")
    (kept / "abc.mp4").write_bytes(b"whole, without a row")
    recording = await studio.add(await studio.talk())
    await studio.retention.tidy()
    assert not list(kept.iterdir())
    assert there(studio)
    assert not (await studio.again(recording)).is_gone


async def test_counting_outlives_the_program(tmp_path: Path, studio: Studio):
    await studio.add(await studio.talk())
    await studio.look(days=3)
    clocks: Clocks = studio.clocks
    path = studio.world.database.path
    await studio.world.database.close()
    clocks.on(days=4)
    async with world(path, studio.world.clock) as again:
        await studio_over(again, tmp_path, clocks).retention.tick()
    assert not there(studio)


# -- keeping ---------------------------------------------------------------------------------


async def test_staff_ask_the_speaker_before_it_stays_longer(studio: Studio):
    recording = await studio.add(await studio.talk(), MODERATOR)
    request = await studio.keeping.longer(recording, MODERATOR, 7)
    assert request is not None
    assert (await studio.again(recording)).due_at == recording.due_at
    await studio.keeping.answer(request.id, GUILD, SPEAKER, granted=True)
    await studio.look(days=13)
    assert there(studio)
    await studio.look(days=1)
    assert not there(studio)


async def test_a_no_changes_nothing(studio: Studio):
    recording = await studio.add(await studio.talk())
    request = await studio.keeping.longer(recording, MODERATOR, None)
    assert request is not None
    await studio.keeping.answer(request.id, GUILD, SPEAKER, granted=False)
    await studio.look(days=7)
    assert not there(studio)


@pytest.mark.parametrize("by", [MODERATOR, ALICE])
async def test_only_the_speaker_says_yes_to_more(studio: Studio, by: Person):
    recording = await studio.add(await studio.talk())
    request = await studio.keeping.longer(recording, MODERATOR, 7)
    assert request is not None
    with pytest.raises(Exception, match="speaker"):
        await studio.keeping.answer(request.id, GUILD, by, granted=True)
    assert (await studio.again(recording)).due_at == recording.due_at


async def test_the_speaker_keeps_it_for_good_without_being_asked(studio: Studio):
    recording = await studio.add(await studio.talk())
    assert await studio.keeping.longer(recording, SPEAKER, None) is None
    await studio.look(days=365)
    assert there(studio)


async def test_an_extended_recording_is_announced_again(studio: Studio):
    recording = await studio.add(await studio.talk())
    await studio.look(days=6)
    await studio.keeping.longer(recording, SPEAKER, 7)
    await studio.look(days=7)
    assert len(await studio.world.events(events.REMINDED)) == 2
