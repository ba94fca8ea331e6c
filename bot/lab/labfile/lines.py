"""Says on which line of a TOML text each key stands; the standard parser doesn't keep it."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Longest first: three quotation marks also begin like one. Up to two more may end a long one.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[KeyPath, int]:
    """Map the path of each key, table and list entry, like ("hosts", 0, "ports"), to its line.

    `text` must be TOML that `tomllib` accepts; lines count from 1.
    """
    # tomllib's own first step, so that positions are the same.
    return _Scanner(text.replace("\r\n", "\n")).scan()


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """Return the line of a key, or of the innermost table around it that is there."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scanner:
    """Walks over a text that is known to be sound, so it looks at nothing but structure."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        # How many tables each list of tables has so far.
        self._counts: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`; a list of tables means its last one here."""
        begin = self._at
        is_list = self._text.startswith("[[", self._at)
        self._at += 2 if is_list else 1
        keys = self._keys()
        self._at += 2 if is_list else 1
        path: KeyPath = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            self._mark(path, begin)
            if is_list and number == len(keys) - 1:
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
                self._mark(path, begin)
        return path

    def _pair(self, table: KeyPath) -> None:
        begin = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._mark(path, begin)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        """Read `a."b c".d` and the space around it."""
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            match = _STRING.match(self._text, self._at)
            if match is not None:
                keys.append(_unquoted(match[0]))
            else:
                match = _BARE_KEY.match(self._text, self._at)
                assert match is not None  # noqa: S101 - the text is sound, see `lines_of`
                keys.append(match[0])
            self._at = match.end()
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        sign = self._text[self._at]
        if sign == "[":
            self._list(path)
        elif sign == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if sign in "\"'" else _SCALAR)

    def _list(self, path: KeyPath) -> None:
        self._at += 1
        number = 0
        while self._next_inside("]"):
            self._mark((*path, number), self._at)
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._next_inside("}"):
            self._pair(path)

    def _next_inside(self, end: str) -> bool:
        """Go to the next entry; False, and behind it, at the end."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != end:
            return True
        self._at += 1
        return False

    def _mark(self, path: KeyPath, at: int) -> None:
        self._lines.setdefault(path, bisect_right(self._newlines, at - 1) + 1)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()


def _unquoted(key: str) -> str:
    return tomllib.loads(f"key = {key}")["key"]
