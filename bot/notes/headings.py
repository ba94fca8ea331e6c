"""Headings that nobody marked: a line at the margin with an indented list below it.

Notes typed as plain text have no `#` at all; what they are about still stands out, because
the lines that lead to a list are the only ones at the margin. In notes with marked headings
nothing is guessed.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from bot.errors import N_
from bot.localization import LOCALES, words

_LONGEST = 120
_FEWEST = 2
_SENTENCE_ENDS = ("。", "．", "、", "，", ":", "：", ",", ";", "#")
_MARKUP = re.compile(r"[>|<!\[{`~$]|https?://")
_QUESTION_TIME = re.compile(
    "|".join([*(re.escape(words(locale)(N_("Question time"))) for locale in LOCALES), "質疑応答"]),
    re.IGNORECASE,
)


@dataclass(slots=True)
class Leads:
    """Where lines stand that look like headings, as they come by."""

    lone: int | None = None
    found: list[int] = field(default_factory=list[int])
    paragraphs: list[int] = field(default_factory=list[int])
    has_headings: bool = False
    sees_typed: bool = False

    def begin(self, at: int) -> None:
        """Note that a paragraph begins with the line at `at`."""
        self.lone = at
        self.paragraphs.append(at)

    def lead(self, out: list[str], *, is_indented: bool) -> None:
        """Note that a list begins here: the line above may be its heading."""
        if self.lone is not None and is_indented and _may_be_heading(out[self.lone]):
            self.found.append(self.lone)
        self.lone = None

    def applied(self, out: list[str], title: str | None) -> list[str]:
        """Return the lines with headings marked; `title` goes on top where there is none."""
        if not self.has_headings and self.sees_typed and len(self.found) >= _FEWEST:
            self._mark(out, title)
        if title and not any(line.startswith("# ") for line in out[:1]):
            return [f"# {title}", "", *out]
        return out

    def _mark(self, out: list[str], title: str | None) -> None:
        levels = dict.fromkeys([*self.found, *self._above_others(out)], 3)
        for at in self.paragraphs:
            if _QUESTION_TIME.fullmatch(out[at].strip()):
                levels[at] = 2
        first = self.paragraphs[0]
        if not title and first not in self.found and _is_title(out, first):
            levels[first] = 1
        for at, level in levels.items():
            out[at] = f"{'#' * level} {out[at].strip()}"

    def _above_others(self, out: list[str]) -> list[int]:
        """Return which lines lead to nothing but a heading: it must not be left without."""
        found = set(self.found)
        return [
            at
            for at, below in pairwise(self.paragraphs)
            if below in found
            and at not in found
            and _may_be_heading(out[at])
            and not any(out[at + 1 : below])
        ]


def _is_title(out: list[str], at: int) -> bool:
    """Say whether a line stands alone on top of everything."""
    below = out[at + 1 : at + 2]
    return not any(out[:at]) and below == [""] and _may_be_heading(out[at])


def _may_be_heading(line: str) -> bool:
    text = line.strip()
    is_short = 0 < len(text) <= _LONGEST
    return is_short and not text.endswith(_SENTENCE_ENDS) and not _MARKUP.search(text)
