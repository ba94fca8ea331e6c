"""What strangers print can't disturb the messages around it; figures read as they are."""

import string
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.lab import Figures, Instance, Kind, LabRole, Port, Resources, Stage, State
from bot.localization import words
from cogs.lab.card import address_of
from cogs.lab.meters import bar, meters, percent
from cogs.lab.tables import clipped, details, table
from cogs.text import coded, fenced, page, printed

NOW = datetime(2026, 11, 25, tzinfo=UTC)
EN, JA = words("en"), words("ja")
NOTHING = Figures(None, None, None, None, None, None, None, None, None)
INSTANCE = Instance(
    id=1,
    guild_id=1,
    session_id=1,
    channel_id=1,
    owner_id=7,
    role=LabRole.ATTENDEE,
    kind=Kind.CONTAINER,
    host="local",
    name="web-1",
    template=None,
    image="nginx:1.27",
    digest=None,
    command=("sh", "-c", "`id`"),
    environment={"A": "`b` @everyone", "TOKEN": "abc"},
    ports=(Port(80, 30000, wished=80),),
    resources=Resources(0.5, 256 * 1024**2, 1024**3),
    outward=False,
    public=False,
    lifetime=None,
    state=State.RUNNING,
    stage=Stage.ANSWERING,
    engine_id="f" * 64,
    process_id=4001,
    requested_at=NOW,
    started_at=NOW,
    ready_at=NOW,
    deadline=None,
    extensions=0,
    warned_at=None,
    frozen_by=None,
    exit_code=None,
    out_of_memory=False,
    ended_at=None,
    reason=None,
)

noise = st.text(alphabet=string.printable + "`\u202e\x1b「」")


@given(noise)
def test_nothing_ends_a_code_block_from_inside(text: str):
    block = fenced(text)

    assert block.count("```") == 2
    assert block.startswith("```\n")
    assert block.endswith("\n```")


@given(noise)
def test_code_on_a_line_stays_on_it(text: str):
    shown = coded(text)

    assert shown.count("`") == 2
    assert "\n" not in shown


@given(st.binary())
def test_whatever_a_program_prints_can_be_shown(output: bytes):
    text = printed(output)

    assert "\x1b" not in text
    assert "\r" not in text
    assert "\x00" not in text


def test_colours_and_turned_writing_are_left_out():
    assert printed(b"\x1b[1;31mred\x1b[0m \xe2\x80\xaeevil\r\nnext\rover") == "red evil\nnext\nover"


@given(noise, st.integers(1, 50), st.booleans())
def test_a_page_is_never_longer_than_asked_for(text: str, length: int, from_end: bool):
    shown = page(text, length, from_end=from_end)

    assert len(shown) <= length
    assert shown in text


def test_a_page_has_whole_lines():
    text = "first\nsecond\nthird"

    assert page(text, 15) == "first\nsecond"
    assert page(text, 8, from_end=True) == "third"
    assert page("x" * 100, 10) == "x" * 10


def test_what_the_platform_doesnt_give_is_a_dash():
    text = meters(INSTANCE, NOTHING, EN)

    assert "0" not in text.replace("0.5", "").replace("256", "")
    assert text.count("–") >= 7


def test_figures_are_shares_of_what_is_allowed():
    figures = replace(
        NOTHING,
        cpu_share=0.25,
        memory_bytes=64 * 1024**2,
        memory_limit_bytes=256 * 1024**2,
        disk_read_bytes=0,
        processes=3,
    )

    text = meters(INSTANCE, figures, EN)

    assert "50 % of 0.5" in text
    assert "25 %, 64 MB of 256 MB" in text
    assert "read 0 B" in text
    assert "3 of 256" in text
    assert "メモリ" in meters(INSTANCE, figures, JA)


def test_a_little_is_not_nothing():
    assert percent(0.004) == "0.4 %"
    assert percent(0) == "0 %"
    assert bar(0) == "▱" * 10
    assert bar(0.02).count("▰") == 1
    assert bar(7.0) == "▰" * 10


def test_a_table_is_in_columns():
    rows = table(("A", "B"), [("long one", "x"), ("s", "y")]).splitlines()

    assert [row.rstrip()[-1] for row in rows] == ["B", "x", "y"]
    assert len({row.index(end) for row, end in zip(rows, "Bxy", strict=True)}) == 1


def test_what_doesnt_fit_is_counted():
    text = clipped("head", [f"line {n}" for n in range(100)], EN, 60)

    shown = text.count("line")
    assert f"… and {100 - shown} more" in text


def test_details_keep_secrets_and_code_where_they_are():
    text = details(INSTANCE, "lab.example.org", EN)

    assert "abc" not in text
    assert "`b`" not in text
    assert "instead of 80" in text


def test_udp_is_no_web_page():
    text = address_of(Port(53, 30001, "udp"), "lab.example.org", EN)

    assert "http" not in text
    assert "/udp" in text
