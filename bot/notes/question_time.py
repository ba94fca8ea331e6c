"""Question time in notes: read out of what a note-taker wrote, and written below it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from bot.errors import N_
from bot.localization import LOCALES, words
from bot.notes.model import Block, Document
from bot.notes.ranks import gap_of, rank_of
from bot.notes.rendering import render
from bot.questions import parse_questions
from bot.search import normalise

QUESTION_TIME = N_("Question time")
MISSED = N_("(missed)")

_ALIKE = 0.7
_LONGEST_HEADING = 150
_NO_WORD = re.compile(r"[\W_]+")
_BULLET = re.compile(r"(?:[-*+•‣◦]|\d{1,3}[.)])[ \u00a0]|・")
# What would make a line of a question something else than text.
_MARKUP = re.compile(r"\s*([#>`~=|:+*-]|\d+[.)]|\[)")
_TITLES = re.compile(
    "|".join(
        [
            *(re.escape(words(locale)(QUESTION_TIME)) for locale in LOCALES),
            "質疑応答",
            "Q ?& ?A",
        ]
    ),
    re.IGNORECASE,
)
_MISSES = frozenset(words(locale)(MISSED).strip("()（）") for locale in LOCALES)


@dataclass(frozen=True, slots=True)
class Entry:
    """A question of the session as it goes into the notes."""

    body: str
    answers: tuple[str, ...]
    is_missed: bool


@dataclass(frozen=True, slots=True)
class NoteQuestion:
    """A question as a note-taker wrote it; `answer` is empty where they missed it."""

    body: str
    answer: str
    is_missed: bool
    has_prefix: bool


def likeness(one: str, other: str) -> float:
    """Say how alike two questions are, 0 to 1; note-takers shorten, and mend slips."""
    left, right = (_NO_WORD.sub("", normalise(text)) for text in (one, other))
    if not left or not right:
        return 0.0
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    # A single character that both happen to have says nothing.
    shared = sum(block.size for block in blocks if block.size > 1)
    return (shared / min(len(left), len(right)) + 2 * shared / (len(left) + len(right))) / 2


def paired(left: Sequence[str], right: Sequence[str]) -> dict[int, tuple[int, float]]:
    """Return which of `left` are which of `right`, and how alike; the best pairs come first."""
    ranked = sorted(
        (
            (-score, abs(i - j), i, j)
            for i, one in enumerate(left)
            for j, other in enumerate(right)
            if (score := likeness(one, other)) >= _ALIKE
        ),
    )
    found: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for score, _distance, i, j in ranked:
        if i not in found and j not in taken:
            found[i] = (j, -score)
            taken.add(j)
    return found


@dataclass(slots=True)
class _Read:
    """A question being read."""

    body: str
    has_prefix: bool
    blocks: list[Block] = field(default_factory=list[Block])

    def finished(self) -> NoteQuestion | None:
        items = [block for block in self.blocks if block.kind == "item"]
        if not items and not self.has_prefix:
            return None
        if len(self.blocks) == 1 and items:
            # A list of one is a sentence.
            text = items[0].text.removeprefix(items[0].first)
            is_missed = text.strip("()（） ") in _MISSES
            return NoteQuestion(self.body, "" if is_missed else text, is_missed, self.has_prefix)
        text = "\n".join(block.text for block in self.blocks)
        return NoteQuestion(self.body, text, is_missed=False, has_prefix=self.has_prefix)


def questions_in(document: Document) -> list[NoteQuestion]:
    """Return the questions of notes, in order.

    One with its prefix counts wherever it stands. Under the heading of question time, so does
    a line that leads to bullets.
    """
    return list(_questions(document))


def _questions(document: Document) -> Iterator[NoteQuestion]:
    current: _Read | None = None
    for block in document.blocks:
        if block.kind in ("item", "more", "code", "quote"):
            if current is not None:
                current.blocks.append(block)
            continue
        if current is not None and (done := current.finished()):
            yield done
        current = _begun(block)
    if current is not None and (done := current.finished()):
        yield done


def _begun(block: Block) -> _Read | None:
    found = parse_questions(block.plain)
    if found and found[0].body:
        return _Read(found[0].body, has_prefix=True)
    above = block.path[:-1] if block.kind == "heading" else block.path
    in_question_time = any(_TITLES.fullmatch(title) for title in above)
    if in_question_time and block.kind in ("heading", "paragraph"):
        return _Read(block.plain, has_prefix=False)
    return None


def with_question_time(document: Document, entries: Sequence[Entry]) -> Document:
    """Write questions below the notes; those that the note-taker wrote down are left alone."""
    known = questions_in(document)
    there = paired([entry.body for entry in entries], [question.body for question in known])
    missing = [entry for at, entry in enumerate(entries) if at not in there]
    if not missing:
        return document
    _ = words(document.locale)
    blocks = list(document.blocks)
    path = next((block.path for block in reversed(blocks) if _is_title(block)), None)
    if path is None or not blocks or blocks[-1].path[: len(path)] != path:
        title = _(QUESTION_TIME)
        top = blocks[0].path[:1] if blocks and blocks[0].kind == "heading" else ()
        heading = render(f"## {title}", locale=document.locale).blocks
        path = (*top, title)
        _append(blocks, [replace(block, path=path) for block in heading], ())
    for entry in missing:
        _append(blocks, _written(entry, document.locale), path)
    return Document(tuple(blocks), document.locale)


def _is_title(block: Block) -> bool:
    return block.kind == "heading" and _TITLES.fullmatch(block.path[-1]) is not None


def _written(entry: Entry, locale: str) -> Sequence[Block]:
    """Render a question by itself: a fence left open in it ends with it."""
    lines = [line for line in entry.body.strip().split("\n") if line.strip()]
    if len(lines) == 1 and len(lines[0]) <= _LONGEST_HEADING:
        question = f"### Q. {lines[0].strip()}"
    else:
        first, *more = lines or [""]
        question = "\n".join([f"Q. {first.strip()}", *map(_as_text, more)])
    blocks = list(render(question, locale=locale).blocks)
    answers = [f"- {words(locale)(MISSED)}"] if entry.is_missed and not entry.answers else []
    for answer in [*answers, *map(_bullets, entry.answers)]:
        path = blocks[-1].path if blocks else ()
        _append(blocks, render(answer, locale=locale).blocks, path)
    return blocks


def _as_text(line: str) -> str:
    found = _MARKUP.match(line)
    return line.strip() if found is None else "\\" + line.strip()


def _bullets(answer: str) -> str:
    """Write an answer as bullets: its own where it is a list, else one for the whole."""
    first, *more = answer.strip("\n").split("\n")
    if _BULLET.match(first):
        return "\n".join([first, *more])
    return "\n".join([f"- {first}", *(f"  {line}" for line in more)])


def _append(blocks: list[Block], more: Sequence[Block], path: tuple[str, ...]) -> None:
    """Put blocks below others, under the headings `path`."""
    for block in more:
        above = blocks[-1] if blocks else None
        own = (*path, *(title for title in block.path if title not in path))
        blocks.append(
            replace(
                block,
                path=own,
                gap=gap_of(above, block.kind, block.level, block.first),
                rank=rank_of(above, block.kind, block.level),
            )
        )
