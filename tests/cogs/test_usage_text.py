"""How figures of usage read: in columns that a phone shows, whatever the numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.localization import words
from bot.usage import Point, Sample, Spread, Top
from cogs.figures import DISK, gauge, history, number, rate, share, size
from cogs.usage.sight import Sight, Sort
from cogs.usage.top import COLUMNS, cells, top_view

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PHONE = 33
amounts = st.floats(0, 9e14)


@given(amounts)
def test_sizes_and_numbers_take_four_characters(amount: float):
    assert len(size(amount)) <= 4
    assert len(number(amount)) <= 4
    assert rate(amount) == size(amount) + "/s"


def test_sizes_read_as_people_know_them():
    read = [size(one) for one in (0, 1, 999, 1000, 1023 * 1024, 1536 * 1024, 3 * 1024**3, None)]

    assert read == ["0", "1", "999", "1.0K", "1.0M", "1.5M", "3.0G", "-"]
    assert [share(one) for one in (0, 0.0004, 0.004, 0.12, 1.8, None)] == [
        *("0%", "0%", "0.4%", "12%", "180%", "-")
    ]


@given(
    st.floats(0, 99),
    *(st.none() | amounts for _ in range(5)),
    st.booleans(),
)
def test_columns_stand_below_their_heads(
    cpus: float,
    memory: float | None,
    read: float | None,
    written: float | None,
    received: float | None,
    sent: float | None,
    partial: bool,
):
    line = cells(Sample(NOW, 2.0, cpus, None, memory, None, None, read, written, None, None,
                        received, sent, disk_is_partial=partial))  # fmt: skip

    assert len(line) == len(COLUMNS.strip("`"))
    assert len(line) <= PHONE


def test_what_may_be_more_than_was_counted_is_marked():
    some = Sample(NOW, 2.0, disk_read_bytes_per_s=0.0, disk_written_bytes_per_s=0.0)

    assert "≥0" in cells(Sample(NOW, 2.0, disk_written_bytes_per_s=0.0, disk_is_partial=True))
    assert "≥" not in cells(some)
    assert "≥" not in cells(Sample(NOW, 2.0, disk_is_partial=True))
    assert cells(None).split() == ["-"] * 4


@given(st.none() | st.floats(0, 3))
def test_a_gauge_has_one_width(part: float | None):
    assert len(gauge(part)) == 22


def point(second: int, value: float | None, *, after_hole: bool = False) -> Point:
    figures = {} if value is None else {DISK[0]: Spread(value, value, value)}
    return Point(NOW + timedelta(seconds=second), 2.0, figures, after_hole)


def test_history_grows_to_its_most_and_holes_stay_empty():
    points = [point(0, 0.0), point(2, 50.0), point(4, 100.0), point(8, None), point(10, 100.0)]

    assert history(points, DISK) == "▁▅█ █"
    assert history(points, DISK, most=1000.0) == "▁▁▂ ▂"
    assert history([point(0, 1.0), point(60, 1.0, after_hole=True)], DISK) == "█ █"
    assert history([point(n, 1.0) for n in range(100)], DISK, cells=25) == "█" * 25
    assert history([], DISK) == ""
    # A few bytes are no mountain.
    assert history([point(0, 0.0), point(2, 99.0)], DISK, least_most=64 * 1024.0) == "▁▁"


def host(name: str, **options: Any) -> Top:
    return Top(**{"host": name, "is_up": True, "cpus": 8, "memory_bytes": 16 * 1024**3,
                  "reading": None, "rows": (), **options})  # fmt: skip


def blocks(seen: Sight) -> list[str]:
    view = top_view(seen, words("ja"), key=1, sort=Sort.CPU, until=None, at=NOW)
    (frame,) = view.to_components()
    text = "\n".join(str(one.get("content", "")) for one in frame["components"])
    return text.split("```")[1::2]


def test_several_hosts_stand_side_by_side_as_a_phone_shows_them():
    hosts = (host("one"), host("a-machine-with-a-long-name"), host("away", is_up=False))

    shown = blocks(Sight(hosts, (), ()))

    assert len(shown) == 2
    first = shown[0].strip("\n").splitlines()
    assert "one" in first[0]
    assert "a-machine" in first[0]
    assert "no answer" in shown[1]
    assert all(len(line) <= PHONE for block in shown for line in block.splitlines())


def test_a_host_that_does_not_tell_has_its_instances_figures_and_says_so():
    view = top_view(
        Sight((host("far"),), (), ()), words("en"), key=1, sort=Sort.CPU, until=None, at=NOW
    )

    assert "only what the lab's instances use" in str(view.to_components())
