"""What Discord makes of a message, as far as notes use it: lines, their kind and level."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_HEADING = re.compile(r"(#{1,3}) +(.+)")
_ITEM = re.compile(r"( *)(?:[-*]|(\d+)\.) +(.+)")
_ESCAPED = re.compile(r"\\([^A-Za-z0-9\s])")
_MASKED = re.compile(r"(?<!\\)\[((?:\\.|[^\[\]\\])+)\]\(https?://[^\s()]+\)")


class Line(NamedTuple):
    """A line somebody sees: level is a heading's, or how deep a bullet stands from 0."""

    kind: str
    level: int
    text: str


def lines_of(message: str) -> Iterator[Line]:
    """Yield the lines of a message, without marks; fences must be closed in it."""
    code = False
    for line in message.split("\n"):
        if re.match(r"(?:> )?```", line):
            code = not code
        elif code:
            yield Line("code", 0, line.replace("\u200b", ""))
        elif not line.strip():
            continue
        elif heading := _HEADING.fullmatch(line):
            yield Line("heading", len(heading[1]), seen(heading[2]))
        elif line.startswith("-# "):
            yield Line("small", 0, seen(line[3:]))
        elif line.startswith("> "):
            yield Line("quote", 0, seen(line[2:]))
        elif item := _ITEM.fullmatch(line):
            assert len(item[1]) % 2 == 0, line
            kind = "number" if item[2] else "bullet"
            yield Line(kind, len(item[1]) // 2, seen(item[3]))
        else:
            yield Line("text", 0, seen(line.strip()))
    assert not code, message


def read_back(messages: Iterable[str]) -> list[Line]:
    """Return the lines of several messages, without those that say what is continued."""
    lines: list[Line] = []
    for message in messages:
        first, *others = lines_of(message)
        if not (first.kind == "small" and first.text.endswith(("(続き)", "(continued)"))):
            lines.append(first)
        lines += others
    return lines


def seen(text: str) -> str:
    """Return what is left of a line once it is shown."""
    text = _MASKED.sub(r"\1", text)
    text = re.sub(r"(?<!\\)(?:\*\*|~~|`+|\*)", "", text)
    return _ESCAPED.sub(r"\1", text).replace("\u200b", "")
