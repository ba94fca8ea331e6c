"""The note-taker's record of a real session comes out as it is."""

from pathlib import Path

import pytest

from bot.notes import MESSAGE_LIMIT, render, split
from tests.notes.discord_reader import read_back

REAL = Path(__file__).parents[2].parent / "shared" / "real-session"
FILE = REAL / "2019-03-15-virtual-machines.md"

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason=f"the real session's notes are not at {FILE}"
)


@pytest.fixture(scope="module")
def notes() -> str:
    return FILE.read_text(encoding="utf-8")


def typed(notes: str) -> list[tuple[int | None, str]]:
    """Return every line somebody typed with its level; None at the margin."""
    found: list[tuple[int | None, str]] = []
    for line in notes.replace("\u00a0", " ").split("\n"):
        text = line.strip()
        if not text:
            continue
        if text.startswith("•"):
            column = len(line) - len(line.lstrip())
            found.append((column // 2 - 1, text.removeprefix("•").strip()))
        else:
            found.append((None, text))
    return found


def test_every_line_is_there_in_order_at_its_level(notes: str):
    messages = [part.text for part in split(render(notes))]
    shown = [
        (line.level if line.kind == "bullet" else None, line.text.replace("\u00a0", " "))
        for line in read_back(messages)
    ]
    assert shown == typed(notes)


def test_its_bullets_stand_at_four_levels(notes: str):
    messages = [part.text for part in split(render(notes))]
    assert {line.level for line in read_back(messages) if line.kind == "bullet"} == {0, 1, 2, 3}


def test_it_takes_few_messages_each_of_which_discord_accepts(notes: str):
    parts = split(render(notes))
    assert 3 <= len(parts) <= 5
    assert all(0 < len(part.text) <= MESSAGE_LIMIT for part in parts)


def test_its_title_and_questions_are_found_as_headings(notes: str):
    parts = split(render(notes))
    headings = [heading for part in parts for heading in part.headings]
    typed_lines = [text for level, text in typed(notes) if level is None]
    questions = [line for line in typed_lines if line.startswith("Q.")]
    assert headings[0] == typed_lines[0]
    assert [heading for heading in headings if heading.startswith("Q.")] == questions
    assert len(questions) == 6
    # the one without a prefix too, between the first and the second of them
    between = headings[headings.index(questions[0]) + 1 : headings.index(questions[1])]
    assert len(between) == 1


def test_answers_are_found_under_their_question(notes: str):
    passages = [passage for part in split(render(notes)) for passage in part.passages]
    missed = [passage for passage in passages if "(聞き逃した)" in passage.plain]
    assert [passage.heading_path[-1][:2] for passage in missed] == ["Q."]
    assert missed[0].heading_path[1] == "質問タイム"


@pytest.mark.parametrize("limit", [400, 700, 1000])
def test_smaller_messages_lose_no_line_either(notes: str, limit: int):
    messages = [part.text for part in split(render(notes), limit)]
    shown = [line.text.replace("\u00a0", " ") for line in read_back(messages)]
    assert shown == [text for _level, text in typed(notes)]
