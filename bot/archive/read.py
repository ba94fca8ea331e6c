"""Reads a session's Markdown: what `markdown.py` writes, and what note-takers type.

Typed notes have bullets of any kind, no-break spaces, and now and then a question without
its prefix: under the heading of question time, a line at the margin with bullets below it
is taken for one. A line there without bullets is a stray one and left alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.archive.markdown import (
    BULLET,
    MISSED,
    QUESTION_TIME,
    REFERENCE,
    STATUS,
    SUPPLEMENT,
    in_each_language,
)
from bot.questions.syntax import parse_question

_TITLE = re.compile(r"(?:#{1,6} )?(?:\d{8}[-_ ]|\d{4}[-/]\d\d[-/]\d\d[-_ ])?(.*)")
_SLIDES = re.compile(
    rf"(?:{'|'.join(in_each_language(REFERENCE))}|Slides?|スライド|資料)\s*[:：]\s*(\S+)"
)
_QUESTION_TIME = re.compile(
    rf"(?:#+ *)?(?:{'|'.join(in_each_language(QUESTION_TIME))}|質疑応答|Q&A)\s*"
)
_SUPPLEMENTS = tuple(text.rstrip(":：") for text in in_each_language(SUPPLEMENT))
_MISSED = {text.strip("()") for text in in_each_language(MISSED)}
_WIDE_INDENT = str.maketrans({"\u00a0": " ", "\u3000": "  ", "\t": "    "})


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """An answer as it stands in a file."""

    body: str
    is_supplement: bool


@dataclass(frozen=True, slots=True)
class ReadQuestion:
    """A question as it stands in a file; one without a prefix was recognised by its bullets."""

    body: str
    answers: tuple[ReadAnswer, ...]
    is_missed: bool
    has_prefix: bool


@dataclass(frozen=True, slots=True)
class ReadSession:
    """A session as it stands in a file."""

    title: str
    slides_url: str | None
    questions: tuple[ReadQuestion, ...]


def read_markdown(text: str) -> ReadSession:
    """Read a session's file; whatever it doesn't know is passed over."""
    text = text.removeprefix("\ufeff")
    if text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    title_at = next((i for i, line in enumerate(lines) if line.strip()), 0)
    title = _TITLE.fullmatch(lines[title_at].strip())
    headings = [i for i, line in enumerate(lines) if _QUESTION_TIME.fullmatch(line)]
    body = lines[headings[-1] + 1 :] if headings else lines[title_at + 1 :]
    return ReadSession(
        title=title[1].strip() if title else "",
        slides_url=_slides(lines),
        questions=tuple(_questions(body, takes_unprefixed=bool(headings))),
    )


def _slides(lines: list[str]) -> str | None:
    for line in lines:
        if found := _SLIDES.match(line.strip()):
            return found[1]
        if line.startswith(("##", "Q")):
            return None
    return None


@dataclass
class _Answer:
    """An answer being read: its lines from the first bullet on, and where that stands."""

    indent: int
    is_supplement: bool
    lines: list[str]
    bullets: int = 1

    def body(self) -> str:
        while not self.lines[-1]:
            self.lines.pop()
        first, *more = self.lines
        bullet = BULLET.match(first, self.indent)
        if self.bullets > 1 or bullet is None:
            return "\n".join(_dedented(line, self.indent) for line in self.lines)
        if bullet[0] == "+ ":
            more = [_dedented(line, self.indent) for line in more]
            return "\n".join(["- " + first[bullet.end() :], *more])
        more = [_dedented(line, self.indent + 2) for line in more]
        return "\n".join([first[bullet.end() :], *more])


@dataclass
class _Question:
    """A question being read."""

    lines: list[str]
    has_prefix: bool
    answers: list[_Answer] = field(default_factory=list[_Answer])
    # After a remark the next bullet begins another answer.
    is_apart: bool = True
    is_supplement: bool = False

    def finished(self) -> ReadQuestion:
        answers: list[ReadAnswer] = []
        is_missed = False
        for answer in self.answers:
            body = answer.body()
            status = STATUS.fullmatch(body)
            if status is None or answer.bullets > 1:
                answers.append(ReadAnswer(body, answer.is_supplement))
            elif status[1]:
                answers.append(ReadAnswer(body[1:], answer.is_supplement))
            else:
                is_missed |= status[2] in _MISSED
        body = "\n".join(self.lines).rstrip("\n")
        return ReadQuestion(body, tuple(answers), is_missed, self.has_prefix)


def _questions(lines: list[str], *, takes_unprefixed: bool) -> Iterator[ReadQuestion]:
    current: _Question | None = None
    for line in lines:
        if started := _started(line, current, takes_unprefixed=takes_unprefixed):
            if current and (current.has_prefix or current.answers):
                yield current.finished()
            current = started
        elif line.startswith("#"):
            if current and (current.has_prefix or current.answers):
                yield current.finished()
            current = None
        elif current:
            _take(current, line)
    if current and (current.has_prefix or current.answers):
        yield current.finished()


def _started(line: str, current: _Question | None, *, takes_unprefixed: bool) -> _Question | None:
    """Return the question that a line begins, if it does."""
    if line.startswith("Q. "):
        return _Question([line[3:]], has_prefix=True)
    indent = _indent(line)
    is_bullet = bool(BULLET.match(line, _margin(line)))
    if indent > 2 or (is_bullet and indent) or not line.strip():
        return None
    if found := parse_question(line):
        return _Question([found.body], has_prefix=True)
    if not takes_unprefixed or indent or is_bullet or line.startswith("#"):
        return None
    if current and not current.answers and current.lines[-1]:
        return None  # It goes on with the paragraph above.
    return _Question([line.strip()], has_prefix=False)


def _take(question: _Question, line: str) -> None:
    """Add a line to a question: to its text, to an answer, or as a remark between them."""
    answer = question.answers[-1] if question.answers and not question.is_apart else None
    indent = _indent(line)
    if not question.answers and line.startswith("   "):
        question.lines.append(line[3:])
    elif answer and line.startswith(" " * (answer.indent + 2)):
        answer.lines.append(line)
    elif not line.strip():
        (answer or question).lines.append("")
    elif BULLET.match(line, _margin(line)) and not (answer and indent > answer.indent):
        _take_bullet(question, answer, " " * indent + line.lstrip())
    elif answer and indent > answer.indent:
        answer.lines.append(" " * indent + line.lstrip())
    elif not indent and not question.answers and question.lines[-1]:
        question.lines.append(line)
    else:
        question.is_apart = True
        question.is_supplement = line.strip().startswith(_SUPPLEMENTS)


def _take_bullet(question: _Question, answer: _Answer | None, line: str) -> None:
    indent = _indent(line)
    if answer and indent == answer.indent:
        answer.bullets += 1
        answer.lines.append(line)
    else:
        question.answers.append(_Answer(indent, question.is_supplement, [line]))
        question.is_apart = question.is_supplement = False


def _margin(line: str) -> int:
    """Return how many characters of white space a line begins with."""
    return len(line) - len(line.lstrip())


def _indent(line: str) -> int:
    """Return how many columns that is."""
    return len(line[: _margin(line)].translate(_WIDE_INDENT))


def _dedented(line: str, columns: int) -> str:
    return line.lstrip() if line[:columns].strip() else line[columns:]
