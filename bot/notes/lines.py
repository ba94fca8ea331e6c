"""What a line of typed notes is: its indent, its bullet, its kind.

Note-takers indent with spaces, tabs, no-break and ideographic spaces, and write bullets that
Markdown has none of.
"""

import re
from typing import NamedTuple

# Whatever may stand before the first character that is seen.
BLANKS = " \t\u00a0\u3000\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\ufeff"
_TAB = 4
_WIDTHS = {"\u3000": 2, "\ufeff": 0}

_SPACE = rf"[{BLANKS}]"
# Bullets of typed text, which may stand without a space behind them, and those that can't.
_TIGHT = "•・‣◦⁃∙･"
_LOOSE = "●○▪▫"
_BULLET = re.compile(
    rf"(?P<mark>[-*+])(?:{_SPACE}+|$)"
    rf"|(?P<number>\d{{1,3}})[.)](?:{_SPACE}+|$)"
    rf"|(?P<typed>[{_TIGHT}])(?![{_TIGHT}]){_SPACE}*"
    rf"|(?P<loose>[{_LOOSE}]){_SPACE}+"
    r"|(?P<circled>[①-⑳])"
)
# With one of these a line may be something other than text.
STARTERS = frozenset("-*+0123456789`~#>|:[<{=_!" + _TIGHT + _LOOSE + "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳")
RULE = re.compile(r"([-*_])(?:[ \t]*\1){2,}[ \t]*$")
UNDERLINE = re.compile(r"(?:={2,}|-{2,})[ \t]*$")
FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
HEADING = re.compile(rf"(#{{1,6}})(?:{_SPACE}+|$)(.*)")
QUOTE = re.compile(r">[ \t\u00a0\u3000]?")
FOOTNOTE = re.compile(r"\[\^([^\]\s]{1,50})\]:[ \t]*(.*)")


class Bullet(NamedTuple):
    """A bullet at the start of a line: `number` if it counts; `end` is where its text begins."""

    number: int | None
    is_typed: bool
    width: int
    end: int


def indent_of(line: str, stripped: str) -> int:
    """Return how many columns a line is indented by; `stripped` is it without."""
    length = len(line) - len(stripped)
    indent = line[:length]
    return length if indent.isspace() and set(indent) == {" "} else width_of(indent)


def width_of(indent: str) -> int:
    """Return how many columns blanks take, from the margin."""
    columns = 0
    for blank in indent:
        columns += _TAB - columns % _TAB if blank == "\t" else _WIDTHS.get(blank, 1)
    return columns


def bullet_of(stripped: str) -> Bullet | None:
    """Return the bullet a line begins with, if it does."""
    found = _BULLET.match(stripped)
    if found is None:
        return None
    end = found.end()
    match found.lastgroup:
        case "mark":
            return Bullet(None, False, _marker_width(stripped[1:end]) + 1, end)
        case "number":
            digits = len(found["number"])
            width = _marker_width(stripped[digits + 1 : end]) + digits + 1
            return Bullet(int(found["number"]), False, width, end)
        case "circled":
            # The number is part of what is said: it stays.
            return Bullet(None, True, 2, 0)
        case _:
            return Bullet(None, True, 2, end)


def _marker_width(space: str) -> int:
    """Return the width of what follows a marker, as CommonMark counts it."""
    width = width_of(space)
    return width if 1 <= width <= 4 else 1


def without_indent(line: str, columns: int) -> str:
    """Take up to so many columns of blanks off a line."""
    seen = 0
    for at, blank in enumerate(line):
        if seen >= columns or blank not in BLANKS:
            return line[at:]
        seen += _TAB - seen % _TAB if blank == "\t" else _WIDTHS.get(blank, 1)
    return ""
