"""Chapters: when in a recording each question was taken and each demo was started."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.database import Transaction
from bot.lab import events as lab_events
from bot.questions import State
from bot.recordings import (
    Chapter,
    NewRecording,
    Recording,
    as_webvtt,
    as_youtube,
    parse_moment,
    parse_shift,
)
from bot.recordings.errors import BadMoment, BadShift
from bot.sessions import Session
from bot.timeline import NewEvent
from tests.recordings.conftest import Studio
from tests.storage.world import ALICE, GUILD, SPEAKER

TOKYO = ZoneInfo("Asia/Tokyo")


def at(**length: float) -> timedelta:
    return timedelta(**length)


async def add(studio: Studio, session: Session, **given: object) -> Recording:
    new = NewRecording(url="https://video.example.org/1", **given)
    return await studio.service.add(session, SPEAKER, new)


async def told(studio: Studio, recording: Recording) -> list[tuple[int, str]]:
    found = await studio.service.chapters(recording)
    return [(int(chapter.at.total_seconds()), chapter.title) for chapter in found]


async def take(studio: Studio, session: Session, **passed: float) -> None:
    studio.clocks.on(**passed)
    await studio.world.queue.next(session, SPEAKER)


async def test_a_chapter_begins_when_its_question_is_taken(studio: Studio):
    session = await studio.talk()
    await studio.world.ask(session, ALICE, "What is KVM?")
    await studio.world.ask(session, ALICE, "And\nXen?")
    await take(studio, session, minutes=9)
    await take(studio, session, minutes=5)
    recording = await add(studio, session)
    assert await told(studio, recording) == [(600, "Q. What is KVM?"), (900, "Q. And Xen?")]


async def test_undoing_next_takes_its_chapter_back(studio: Studio):
    session = await studio.talk()
    await studio.world.ask(session, ALICE, "What is KVM?")
    await take(studio, session, minutes=9)
    await studio.world.queue.undo(session, SPEAKER)
    recording = await add(studio, session)
    assert await told(studio, recording) == []
    await take(studio, session, minutes=1)
    assert [title for _, title in await told(studio, recording)] == ["Q. What is KVM?"]


async def test_chapters_count_from_the_recording_s_own_beginning(studio: Studio):
    session = await studio.talk()
    await studio.world.ask(session, ALICE, "What is KVM?")
    await take(studio, session, seconds=30)
    later = session.started_at + at(seconds=20)
    recording = await add(studio, session, starts_at=later)
    assert await told(studio, recording) == [(40, "Q. What is KVM?")]
    moved = await studio.service.shift(recording, SPEAKER, at(seconds=-15))
    assert await told(studio, moved) == [(25, "Q. What is KVM?")]
    moved = await studio.service.shift(moved, SPEAKER, at(seconds=-30))
    assert await told(studio, moved) == []


async def test_what_somebody_had_erased_is_not_in_the_chapters(studio: Studio):
    session = await studio.talk()
    await studio.world.ask(session, ALICE, "My name is Alice")
    await take(studio, session, minutes=1)
    await studio.world.queue.close(session, SPEAKER, State.ANSWERED)
    recording = await add(studio, session)
    await studio.world.archive.erase(GUILD, ALICE.id, words_too=True)
    assert "Alice" not in str(await told(studio, recording))


async def test_public_demos_are_chapters_and_private_ones_are_not(studio: Studio):
    session = await studio.talk()
    for number, (name, public) in enumerate([("web-1", True), ("mine", False)], start=1):
        studio.clocks.on(minutes=1)
        await studio.world.database.write(_start, studio, session, number, name, public)
    recording = await add(studio, session)
    assert await told(studio, recording) == [(60, "Demo: web-1 (nginx)")]


def _start(
    tx: Transaction, studio: Studio, session: Session, number: int, name: str, public: bool
) -> None:
    tx.execute(
        "INSERT INTO instances (id, guild_id, session_id, channel_id, role, kind, name, image,"
        " cpus, memory_bytes, disk_bytes, processes, outward, public, state, stage, requested_at)"
        " VALUES (?, ?, ?, ?, 'speaker', 'container', ?, 'nginx', 1, 1, 1, 1, 0, ?, 'running',"
        " 'started', 0)",
        (number, session.guild_id, session.id, session.channel_id, name, public),
    )
    event = NewEvent(
        lab_events.STARTED, GUILD, session.id, session.channel_id, data={"instance_id": number}
    )
    studio.world.timeline.append(tx, event)


# -- written ---------------------------------------------------------------------------------

SOME = [
    Chapter(at(seconds=5), "Q. one"),
    Chapter(at(minutes=2), "Q. a < b --> c & d"),
    Chapter(at(hours=1, minutes=2, seconds=3), "Demo: web-1 (nginx)"),
]


def test_youtube_gets_a_list_it_takes():
    assert as_youtube(SOME, "Beginning").splitlines() == [
        "0:00 Q. one",
        "2:00 Q. a < b --> c & d",
        "1:02:03 Demo: web-1 (nginx)",
    ]


@given(st.lists(st.integers(0, 20_000), max_size=40))
def test_youtube_s_rules_hold_and_nothing_is_lost(seconds: list[int]):
    chapters = [
        Chapter(at(seconds=second), f"c{index}") for index, second in enumerate(sorted(seconds))
    ]
    lines = as_youtube(chapters, "Beginning").splitlines()
    places = [_seconds(line.split()[0]) for line in lines]
    assert places[0] == 0
    assert all(later - earlier >= 10 for earlier, later in pairwise(places))
    said = [word for line in lines for word in line.split() if word.startswith("c")]
    assert said == [chapter.title for chapter in chapters]


def _seconds(place: str) -> int:
    found = 0
    for part in place.split(":"):
        found = found * 60 + int(part)
    return found


def test_webvtt_has_a_cue_for_each_and_nothing_that_ends_one():
    blocks = as_webvtt(SOME, at(hours=2)).strip().split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert [block.splitlines()[1] for block in blocks[1:]] == [
        "00:00:05.000 --> 00:02:00.000",
        "00:02:00.000 --> 01:02:03.000",
        "01:02:03.000 --> 02:02:03.000",
    ]
    assert blocks[2].splitlines()[2] == "Q. a &lt; b --&gt; c &amp; d"


# -- typed -----------------------------------------------------------------------------------

NEAR = datetime(2026, 11, 25, 15, 5, tzinfo=UTC)  # 0:05 in Tokyo, on the 26th


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("0:04", datetime(2026, 11, 26, 0, 4, tzinfo=TOKYO)),
        ("２３：５５", datetime(2026, 11, 25, 23, 55, tzinfo=TOKYO)),
        ("23:55:10", datetime(2026, 11, 25, 23, 55, 10, tzinfo=TOKYO)),
        ("2026-11-20 19:30", datetime(2026, 11, 20, 19, 30, tzinfo=TOKYO)),
        ("2026/11/20 9:30", datetime(2026, 11, 20, 9, 30, tzinfo=TOKYO)),
    ],
)
def test_a_time_is_read_as_it_was_meant(typed: str, meant: datetime):
    assert parse_moment(typed, NEAR, TOKYO) == meant


@pytest.mark.parametrize("typed", ["", "now", "25:00", "19:60", "2026-02-30 10:00", "1930"])
def test_what_is_no_time_is_said(typed: str):
    with pytest.raises(BadMoment, match="Asia/Tokyo"):
        parse_moment(typed, NEAR, TOKYO)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("90", 90),
        ("-90", -90),
        ("+1:30", 90),
        ("－１：３０", -90),
        ("−5", -5),
        ("1:02:03", 3723),
    ],
)
def test_a_shift_is_read_as_it_was_meant(typed: str, meant: int):
    assert parse_shift(typed) == at(seconds=meant)


@pytest.mark.parametrize("typed", ["", "soon", "1:2:3:4", "999999", "--5"])
def test_what_is_no_shift_is_said(typed: str):
    with pytest.raises(BadShift):
        parse_shift(typed)
