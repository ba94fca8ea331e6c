"""Pictures of usage: what is in them, and in which words."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot import fonts
from bot.lab import Instance
from bot.localization import words
from bot.usage import picture
from bot.usage.chart import Picture, Unit, draw, scale
from bot.usage.history import History
from bot.usage.model import Point, Spread
from tests.storage.world import ALICE, SPEAKER
from tests.usage.data import AT, instance
from tests.usage.world import MIB, UsageWorld, usage_world

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
async def usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[UsageWorld]:
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch) as world:
        yield world


def points(*values: float | None, step: float = 10.0) -> tuple[Point, ...]:
    """Make a history of CPU use, a step a value; None: nothing came in then."""
    return tuple(
        Point(
            AT + timedelta(seconds=step * number),
            step,
            {"cpus": Spread(value / 2, value, value * 2), "memory_bytes": Spread(1, MIB, 2 * MIB)},
        )
        for number, value in enumerate(values)
        if value is not None
    )


def of(found: tuple[Point, ...], locale: str = "en", subject: Instance | None = None) -> Picture:
    history = History(AT, AT + timedelta(minutes=10), found)
    return picture.of_instance(subject or instance(), history, (), words(locale), TOKYO)


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_picture_has_four_panels_and_fits_a_phone():
    drawn = of(points(0.1, 0.5, 0.2))
    assert [panel.title for panel in drawn.panels] == [
        "CPU (100 % is one CPU)", "Memory", "Disk", "Network",
    ]  # fmt: skip
    assert size(draw(drawn, drawn)) == (1080, 1440)


def test_cpus_are_drawn_in_percent_of_one():
    (cpu, *_) = of(points(0.1, 0.5)).panels
    assert cpu.curves[0].values == (10.0, 50.0)
    assert cpu.curves[0].most == (20.0, 100.0)
    assert cpu.limit == 100.0


def test_a_hole_is_a_hole():
    (curve, *_) = of(points(0.1, 0.1, None, None, None, 0.3)).panels[0].curves
    assert [math.isnan(value) for value in curve.values] == [False, False, True, False]


def test_holes_stay_where_points_are_put_together():
    values: list[float | None] = [0.1] * 500 + [None] * 30 + [0.2] * 500
    thin = picture.thinned(points(*values))
    assert len(thin) <= picture.MOST_POINTS + 1
    (curve, *_) = of(tuple(thin)).panels[0].curves
    assert sum(math.isnan(value) for value in curve.values) == 1
    assert {round(value) for value in curve.values if not math.isnan(value)} == {10, 20}


def test_what_nobody_told_says_so_and_is_not_drawn_as_nothing():
    disk = of(points(0.1, 0.2)).panels[2]
    assert all(math.isnan(value) for curve in disk.curves for value in curve.values)
    drawn = of(())
    assert drawn.nothing == "no figures"
    assert size(draw(drawn, drawn))


@pytest.mark.parametrize(
    ("highest", "unit", "written"),
    [
        (0.0, "bytes", ["0", "256 B", "512 B", "768 B", "1 KB"]),
        (0.0, "bytes/s", ["0", "256 B/s", "512 B/s", "768 B/s", "1 KB/s"]),
        (0.0, "percent", ["0 %", "0.25 %", "0.5 %", "0.75 %", "1 %"]),
        (3.0 * MIB, "bytes", ["0", "1 MB", "2 MB", "3 MB"]),
        (100.0, "percent", ["0 %", "50 %", "100 %"]),
    ],
)
def test_an_axis_counts_in_round_values_also_of_nothing(
    highest: float, unit: Unit, written: list[str]
):
    top, ticks = scale(highest, unit)
    assert list(ticks.values()) == written
    assert max(highest, 0.1) < top


def test_what_several_use_is_added_up():
    fine, coarse = points(1.0, 1.0, 3.0, 3.0, step=5.0), points(0.5, 0.5, step=10.0)
    added = picture.together([fine, coarse])
    assert [round(point.mean("cpus") or 0, 3) for point in added] == [1.5, 2.5, 3.0]


def test_letters_that_are_no_formula_are_drawn_as_they_are():
    drawn = replace(of(points(0.1, 0.2)), title="$x_1$ costs $5 and 100 %")
    assert size(draw(drawn, drawn))


# --- words ---


@pytest.fixture
def no_japanese_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from matplotlib.font_manager import fontManager

    # What matplotlib brings along stays: also the font that has a box for every letter.
    own = ("DejaVu", "Last Resort", "STIX", "cm")
    latin = [entry for entry in fontManager.ttflist if entry.name.startswith(own)]
    monkeypatch.setattr(fontManager, "ttflist", latin)
    fonts.font_for.cache_clear()
    yield
    fonts.font_for.cache_clear()


def test_labels_are_japanese_where_there_is_a_font():
    if fonts.font_for("日本語") is None:
        pytest.skip("no Japanese font here")
    japanese, english = of(points(0.1, 0.2), "ja"), of(points(0.1, 0.2))
    assert draw(japanese, english) == draw(japanese, japanese) != draw(english, english)


@pytest.mark.usefixtures("no_japanese_font")
def test_without_a_font_they_are_english_and_never_boxes():
    japanese, english = of(points(0.1, 0.2), "ja"), of(points(0.1, 0.2))
    assert fonts.font_for("日本語") is None
    assert draw(japanese, english) == draw(english, english)
    mixed = replace(english, title="QEMU の中を覗く")
    assert draw(mixed, mixed) == draw(replace(english, title="QEMU"), english)


def test_a_face_in_a_title_makes_no_picture_english():
    if fonts.font_for("日本語") is None:
        pytest.skip("no Japanese font here")
    plain = replace(of(points(0.1, 0.2), "ja"), title="夜話会")
    faced = replace(plain, title="夜話会 🫨")
    english = of(points(0.1, 0.2))
    assert draw(faced, english) == draw(plain, english)


# --- out of the database ---


async def test_all_three_kinds_are_drawn(usage: UsageWorld):
    subject = await usage.here.run()
    usage.count(subject, memory_bytes=MIB)
    await usage.sweep()
    over = timedelta(minutes=15)
    session, guild_id = usage.here.session, usage.here.session.guild_id
    assert size(await usage.usage.graph_of_instance(subject, over, words("ja")) or b"")
    assert size(await usage.usage.graph_of_host("one", over, words("ja"), guild_id) or b"")
    assert size(await usage.usage.graph_of_session(session, words("en")) or b"")


async def test_what_happened_is_marked(usage: UsageWorld):
    world, session = usage.here.world, usage.here.session
    await usage.here.run()
    first = await world.ask(session, ALICE, "What is KVM?")
    await world.queue.next(session, SPEAKER)
    await world.queue.next(session, SPEAKER)
    instances = await usage.here.lab.instances.of_session(session.id)
    later = world.clock.on(minutes=5)
    questions = [await world.question(first)]
    marks = picture.marks_of(questions, instances, session.started_at, later)
    assert [mark.label for mark in marks] == ["Q1", instances[0].name]
    assert picture.marks_of(questions, instances, later, later) == ()


async def test_a_private_instance_has_no_name_in_a_picture_for_everybody(usage: UsageWorld):
    shown, private = await usage.here.run(), await usage.here.run(ALICE)
    assert shown.public
    assert not private.public
    frame = picture.Frame(AT, AT + timedelta(minutes=10), words("en"), TOKYO)
    both = [(shown, points(0.1, 0.2)), (private, points(0.3, 0.4))]
    marks = picture.marks_of((), (shown, private), shown.requested_at, usage.here.clock.on(hours=1))
    drawn = picture.of_session("A talk", both, marks, frame)
    written = [*drawn.texts(), *(mark.label for mark in drawn.marks)]
    assert shown.name in written
    assert private.name not in written
    # It counts all the same.
    assert drawn.panels[0].curves[0].values == pytest.approx((40.0, 60.0))


async def test_where_nothing_can_be_drawn_there_is_no_picture(
    usage: UsageWorld, monkeypatch: pytest.MonkeyPatch
):
    subject = await usage.here.run()
    monkeypatch.setattr("bot.usage.graphs.draw", _fails)
    over = timedelta(minutes=5)
    assert await usage.usage.graph_of_instance(subject, over, words("en")) is None


def _fails(*_: object) -> bytes:
    raise RuntimeError("no room left")
