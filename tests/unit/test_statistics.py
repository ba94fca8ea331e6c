"""A session in figures, in words and as a picture."""

import dataclasses
import io
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.archive import chart
from bot.archive.chart import draw_statistics, labels_for
from bot.archive.record import QuestionRecord, SessionRecord
from bot.archive.statistics import Figures, duration, figures_of, summary
from bot.drawing import DrawingWorker
from bot.localization import words

START = datetime(2026, 11, 14, 11, 0, tzinfo=UTC)


def question(number: int, asked: float, **more: object) -> QuestionRecord:
    """Make a question asked so many minutes after the start."""
    made = QuestionRecord(
        number=number,
        body="q",
        asker_name=None,
        state="open",
        is_joke=False,
        is_anonymous=False,
        votes=0,
        asked_at=START + timedelta(minutes=asked),
        closed_at=None,
        merged_into=None,
        jump_url=None,
        attachments=(),
        answers=(),
    )
    return dataclasses.replace(made, **more)


def answered(number: int, asked: float, wait: float, **more: object) -> QuestionRecord:
    closed = START + timedelta(minutes=asked + wait)
    return question(number, asked, state="answered", closed_at=closed, **more)


def session(*questions: QuestionRecord, minutes: int | None = 90) -> SessionRecord:
    end = None if minutes is None else START + timedelta(minutes=minutes)
    return SessionRecord("t", None, None, START, end, "Asia/Tokyo", questions)


def some() -> Figures:
    return figures_of(
        session(
            answered(1, 0, 10, votes=2),
            answered(2, 1, 20, votes=5),
            answered(3, 1.5, 30, votes=5),
            question(4, 30, state="missed", is_joke=True),
            question(5, 95),
            question(6, 5, state="withdrawn", votes=9),
            question(7, 5, state="pending", votes=9),
        )
    )


def test_figures_count_what_everybody_saw():
    figures = some()
    assert figures.total == 5
    assert list(figures.by_state.items()) == [("answered", 3), ("open", 1), ("missed", 1)]
    assert figures.per_minute[:3] == (1, 2, 0)
    assert figures.per_minute[30] == 1
    assert len(figures.per_minute) == 91
    assert figures.late == 1
    assert figures.median_wait == timedelta(minutes=20)
    assert figures.p90_wait == timedelta(minutes=30)
    assert (figures.votes, figures.favourite, figures.favourite_votes) == (12, 2, 5)


def test_a_session_without_questions_has_figures_too():
    figures = figures_of(session(minutes=None))
    assert (figures.total, figures.median_wait, figures.p90_wait) == (0, None, None)
    assert figures.favourite is None
    assert summary(figures, words("ja"))
    assert draw_statistics(figures, labels_for(figures, words("ja")))


@given(
    st.lists(st.builds(answered, st.integers(1, 99), st.floats(-60, 60 * 48), st.floats(-1, 600))),
    st.none() | st.integers(0, 300),
)
def test_figures_agree_with_each_other(questions: list[QuestionRecord], minutes: int | None):
    figures = figures_of(session(*questions, minutes=minutes))
    assert figures.total == sum(figures.by_state.values()) == len(questions)
    assert sum(figures.per_minute) + figures.late == figures.total
    assert len(figures.per_minute) <= 24 * 60
    if questions:
        assert figures.p90_wait is not None
        assert figures.median_wait is not None
        within = sum(wait <= figures.p90_wait for wait in figures.waits)
        assert within >= math.ceil(0.9 * len(questions))
        assert timedelta(0) <= figures.median_wait <= figures.waits[-1]


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_the_summary_says_the_figures(locale: str):
    text = summary(some(), words(locale))
    assert all(part in text for part in ("5", "20", "30", "12", "#2"))
    assert ("回答済み 3件、未回答 1件" in text) == (locale == "ja")


@pytest.mark.parametrize(
    ("seconds", "japanese", "english"),
    [
        (0, "0秒", "0 s"),
        (59, "59秒", "59 s"),
        (90, "2分", "2 min"),
        (3900, "1時間05分", "1 h 05 min"),
    ],
)
def test_lengths_of_time_are_said_as_people_do(seconds: int, japanese: str, english: str):
    time = timedelta(seconds=seconds)
    assert (duration(time, words("ja")), duration(time, words("en"))) == (japanese, english)


def size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        # Something is drawn: more than the background.
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 5
        return image.size


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_the_picture_fits_a_phone(locale: str):
    """A character without a glyph would warn, and so fail here."""
    figures = some()
    assert size(draw_statistics(figures, labels_for(figures, words(locale)))) == (1080, 1200)


@pytest.fixture
def no_japanese_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from matplotlib.font_manager import fontManager

    latin = [entry for entry in fontManager.ttflist if entry.name.startswith("DejaVu")]
    monkeypatch.setattr(fontManager, "ttflist", latin)
    chart.font_for.cache_clear()
    yield
    chart.font_for.cache_clear()


@pytest.mark.usefixtures("no_japanese_font")
def test_without_a_japanese_font_the_picture_is_in_english():
    figures = some()
    assert chart.font_for("日本語") is None
    japanese = draw_statistics(figures, labels_for(figures, words("ja")))
    assert japanese == draw_statistics(figures, labels_for(figures, words("en")))


def test_many_questions_over_many_hours_draw_too():
    figures = figures_of(
        session(*(answered(n, n / 2, n % 70, votes=n) for n in range(2000)), minutes=None)
    )
    assert size(draw_statistics(figures, labels_for(figures, words("ja"))))


async def test_it_draws_in_the_worker():
    figures = some()
    labels = labels_for(figures, words("ja"))
    async with DrawingWorker(time_limit_seconds=60) as worker:
        assert size(await worker.draw(draw_statistics, figures, labels)) == (1080, 1200)
