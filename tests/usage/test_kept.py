"""What is kept of usage, for how long, and how large it may become."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.database import Transaction
from bot.usage import store
from bot.usage.model import FIGURES, Sample, Spread
from bot.usage.spans import MEANS, MINUTE, SPREAD, TEN_SECONDS, Gathering, Row, together
from tests.storage.world import SPEAKER
from tests.usage.world import MIB, UsageWorld, usage_world

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
async def usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[UsageWorld]:
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch) as world:
        yield world


def full(span: int, at: int, value: float = 1.0) -> Row:
    """Make a span in which everything is known."""
    return Row(span, at, float(span), {name: Spread(value, value, value) for name in FIGURES})


async def keep(usage: UsageWorld, subject: int | str, *rows: Row) -> None:
    await usage.here.world.database.write(store.keep, [(subject, row) for row in rows], [])


async def there(usage: UsageWorld, span: int) -> list[int]:
    """Return when the spans that are kept began."""
    rows = await usage.here.world.rows("SELECT at FROM usage_rows WHERE span = ? ORDER BY at", span)
    return [row[0] for row in rows]


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


# --- spans ---


@given(st.lists(st.tuples(st.floats(0, 64), st.floats(0.5, 4.0)), min_size=1, max_size=30))
def test_a_span_has_the_least_the_mean_over_time_and_the_most(taken: list[tuple[float, float]]):
    gathering = Gathering(MINUTE)
    for value, passed in taken:
        assert gathering.put(Sample(at=AT, seconds=passed, cpus=value)) is None
    row = gathering.close()
    assert row is not None
    spread = row.figures["cpus"]
    mean = sum(value * passed for value, passed in taken) / sum(passed for _, passed in taken)
    assert spread.mean == pytest.approx(mean)
    assert (spread.least, spread.most) == (min(taken)[0], max(taken)[0])
    assert set(row.figures) == {"cpus"}  # Nothing is said of what nobody told.


@given(st.lists(st.floats(0, 64), min_size=2, max_size=30), st.data())
def test_a_span_that_was_cut_in_two_comes_together_again(values: list[float], data: st.DataObject):
    cut = data.draw(st.integers(1, len(values) - 1))

    def span(of: list[float]) -> Row:
        gathering = Gathering(MINUTE)
        for value in of:
            gathering.put(Sample(at=AT, seconds=2.0, cpus=value))
        row = gathering.close()
        assert row is not None
        return row

    whole, parts = span(values), together(span(values[:cut]), span(values[cut:]))
    assert parts.seconds == pytest.approx(whole.seconds)
    assert parts.figures["cpus"].mean == pytest.approx(whole.figures["cpus"].mean)
    assert parts.figures["cpus"].least == whole.figures["cpus"].least
    assert parts.figures["cpus"].most == whole.figures["cpus"].most


def test_the_next_span_closes_the_one_before():
    gathering = Gathering(TEN_SECONDS)
    gathering.put(Sample(at=AT + timedelta(seconds=8), seconds=2.0, cpus=1.0))
    closed = gathering.put(Sample(at=AT + timedelta(seconds=10), seconds=2.0, cpus=3.0))
    assert closed is not None
    assert (closed.at, closed.figures["cpus"].mean) == (seconds(AT), 1.0)


# --- rows ---


async def test_what_was_kept_reads_back(usage: UsageWorld):
    instance = await usage.here.run()
    figures = {
        "cpus": Spread(0.1, 0.25, 1.5),
        "memory_bytes": Spread(1.0, 2.4, 3.0),
        "processes": Spread(4, 4, 4),
    }
    await keep(usage, instance.id, Row(TEN_SECONDS, seconds(AT), 10.0, figures))
    (point,) = await usage.here.world.database.read(
        store.points, instance.id, TEN_SECONDS, AT, AT + timedelta(hours=1)
    )
    assert point.at == AT + timedelta(seconds=10)
    assert point.figures == {
        "cpus": Spread(0.1, 0.25, 1.5),
        "memory_bytes": Spread(1, 2, 3),  # Nobody misses a part of a byte.
        "processes": Spread(4, 4, 4),
    }


async def test_a_hole_in_what_was_kept_shows(usage: UsageWorld):
    instance, begun = await usage.here.run(), seconds(AT)
    kept = (full(MINUTE, begun + passed) for passed in (0, 60, 240, 300))
    await keep(usage, instance.id, *kept)
    points = await usage.here.world.database.read(
        store.points, instance.id, MINUTE, AT, AT + timedelta(hours=1)
    )
    assert [point.after_hole for point in points] == [True, False, True, False]


async def test_the_same_span_kept_twice_is_one(usage: UsageWorld):
    """As after the clock was set back, or the bot was started anew within a minute."""
    instance = await usage.here.run()
    begun = seconds(AT)
    await keep(usage, instance.id, full(MINUTE, begun, 1.0))
    await keep(usage, instance.id, full(MINUTE, begun, 3.0))
    (point,) = await usage.here.world.database.read(
        store.points, instance.id, MINUTE, AT, AT + timedelta(hours=1)
    )
    assert point.figures["cpus"] == Spread(1.0, 2.0, 3.0)


async def test_nothing_is_lost_while_the_database_cannot_be_written(
    usage: UsageWorld, monkeypatch: pytest.MonkeyPatch
):
    instance = await usage.here.run()
    usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    with monkeypatch.context() as full_disk:

        def refuse(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        full_disk.setattr(store, "keep", refuse)
        with pytest.raises(sqlite3.OperationalError):
            await usage.usage.sampling.flush()
    await usage.usage.keep()
    assert len(await there(usage, TEN_SECONDS)) == len(await there(usage, MINUTE)) == 1


# --- how long ---


async def test_minutes_are_kept_for_thirty_days(usage: UsageWorld):
    instance, now = await usage.here.run(), usage.here.clock()
    old, young = seconds(now - timedelta(days=30, minutes=1)), seconds(now - timedelta(days=29))
    await keep(usage, instance.id, full(MINUTE, old), full(MINUTE, young))
    await keep(usage, "one", full(MINUTE, old), full(MINUTE, young))
    await usage.usage.tidy()
    assert await there(usage, MINUTE) == [young, young]


async def test_ten_second_rows_last_as_long_as_their_session(usage: UsageWorld):
    instance = await usage.here.run()
    begun = seconds(usage.here.clock())
    await keep(usage, instance.id, full(TEN_SECONDS, begun), full(MINUTE, begun))
    await keep(usage, "one", full(TEN_SECONDS, begun), full(TEN_SECONDS, begun - 3600 * 5))
    usage.here.clock.on(hours=4)
    await usage.usage.tidy()
    assert await there(usage, TEN_SECONDS) == [begun, begun]
    await usage.here.world.sessions.end(usage.here.session, SPEAKER)
    usage.here.clock.on(minutes=59)
    await usage.usage.tidy()
    # The last report may still be on its way.
    assert await there(usage, TEN_SECONDS) == [begun, begun]
    usage.here.clock.on(minutes=2)
    await usage.usage.tidy()
    assert await there(usage, TEN_SECONDS) == []
    assert await there(usage, MINUTE) == [begun]


# --- how large ---


async def test_beyond_its_bound_the_oldest_goes(usage: UsageWorld, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "MOST_ROWS", {TEN_SECONDS: 50, MINUTE: 30})
    monkeypatch.setattr(store, "_DROPPED_AT_ONCE", 15)
    instance, now = await usage.here.run(), seconds(usage.here.clock())
    await keep(usage, instance.id, *(full(MINUTE, now - 60 * number) for number in range(60)))
    await usage.usage.tidy()
    assert len(await there(usage, MINUTE)) == 45
    await usage.usage.tidy()
    await usage.usage.tidy()
    assert await there(usage, MINUTE) == [now - 60 * number for number in range(29, -1, -1)]


async def test_a_row_takes_a_quarter_of_a_kilobyte(usage: UsageWorld):
    """So that the bound on rows is one on bytes: with busy figures, which take the most."""
    instance, now = await usage.here.run(), seconds(usage.here.clock())
    rows = [full(TEN_SECONDS, now + 10 * number, 123_456_789.123) for number in range(2000)]
    before = await size(usage)
    await keep(usage, instance.id, *rows)
    each = (await size(usage) - before) / len(rows)
    assert each < 300
    assert each * sum(store.MOST_ROWS.values()) < 300 * MIB


async def size(usage: UsageWorld) -> int:
    """Return how much of the file is in use."""
    ((pages,),) = await usage.here.world.rows("SELECT page_count FROM pragma_page_count")
    ((page,),) = await usage.here.world.rows("SELECT page_size FROM pragma_page_size")
    ((free,),) = await usage.here.world.rows("SELECT freelist_count FROM pragma_freelist_count")
    return (pages - free) * page


def test_every_figure_is_kept_one_way_or_the_other():
    assert sorted(SPREAD + MEANS) == sorted(FIGURES)


async def test_usage_goes_with_its_instance(usage: UsageWorld):
    instance = await usage.here.run()
    usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    await usage.usage.sampling.flush()

    def forget(tx: Transaction) -> None:
        tx.execute("DELETE FROM sessions WHERE id = ?", (usage.here.session.id,))

    await usage.here.world.database.write(forget)
    assert await usage.here.world.rows("SELECT * FROM usage_rows") == []
    assert await usage.here.world.rows("SELECT * FROM usage_totals") == []
