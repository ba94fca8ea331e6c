"""Typed notes to CommonMark: every bullet a Markdown one, at the depth it looks like.

What note-takers type is read the way it looks, which is more lenient than CommonMark: a
bullet stands under the one above it that is further out, whatever both are made of; code
between fences stays together wherever its lines begin; HackMD's containers are quotes.
Footnotes are taken out, to be put at the end.
"""

import re
from dataclasses import dataclass, field

from bot.notes.hackmd import (
    close_containers,
    container_title,
    embedded,
    front_matter,
    is_contents_mark,
    without_image_sizes,
)
from bot.notes.headings import Leads
from bot.notes.lines import (
    BLANKS,
    FENCE,
    FOOTNOTE,
    HEADING,
    QUOTE,
    RULE,
    STARTERS,
    UNDERLINE,
    Bullet,
    bullet_of,
    indent_of,
    without_indent,
)

# Nobody tells more levels apart; deeper ones stay at the deepest.
_MOST_LEVELS = 10
_MOST_QUOTES = 3
_CODE_INDENT = 4
_FOOTNOTE_INDENT = 2

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_QUOTES = re.compile(rf"(?:>[{BLANKS}]?)+")
# What typed text that begins so would be taken for behind a Markdown bullet.
_MARKUP = re.compile(r"([-+*#>])(?=\s|$)|(\d+)(?=[.)](?:\s|$))")
_HIDDEN = re.compile(r"<(?:(!--)|(script|style)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """Clean CommonMark; `footnotes` holds the lines of each by its label."""

    markdown: str
    footnotes: dict[str, list[str]]


@dataclass(slots=True)
class _Level:
    """A bullet that lines may stand under: its column, its text's, and where that is written."""

    column: int
    content: int
    indent: int
    is_typed: bool
    is_ordered: bool
    at: int


@dataclass(slots=True)
class _Fence:
    mark: str
    column: int
    prefix: str


def read(text: str) -> Source:
    """Read typed notes; takes time in proportion to their length."""
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", text)).removeprefix("\ufeff")
    lines = without_image_sizes(text).split("\n")
    title, lines = front_matter(lines)
    reader = _Reader({}, 0)
    reader.read(lines)
    out = reader.leads.applied(reader.out, title)
    return Source("\n".join(out), reader.footnotes)


@dataclass(slots=True)
class _Reader:
    footnotes: dict[str, list[str]]
    depth: int
    out: list[str] = field(default_factory=list[str])
    levels: list[_Level] = field(default_factory=list[_Level])
    leads: Leads = field(default_factory=Leads)
    fence: _Fence | None = None
    # Whether the line above is of a paragraph, which this one may go on with.
    is_open: bool = False
    is_code: bool = False
    footnote: list[str] | None = None
    # Ends of comments, scripts and styles that no line further down has.
    missing: set[str] = field(default_factory=set[str])

    def read(self, lines: list[str]) -> None:
        """Take all lines; `lines` is changed where a comment ends within one."""
        closes = close_containers(lines)
        at = 0
        while at < len(lines):
            line = lines[at]
            at += 1
            if self.fence:
                self._fenced(self.fence, line)
            elif not (stripped := line.lstrip(BLANKS)):
                self.out.append("")
                self.is_open = False
            elif not self._goes_on(line, stripped):
                at = self._begin(lines, at, stripped, closes)

    def _goes_on(self, line: str, stripped: str) -> bool:
        """Take a line that is of a footnote or of indented code above."""
        if self.is_code and _is_code(line):
            self.out.append(line)
            return True
        self.is_code = False
        if self.footnote is None:
            return False
        if indent_of(line, stripped) < _FOOTNOTE_INDENT or bullet_of(stripped):
            self.footnote = None
            return False
        self.footnote.append(stripped)
        return True

    def _begin(self, lines: list[str], at: int, stripped: str, closes: dict[int, int]) -> int:
        """Take the line before `at`, with those that belong to it; return where they end."""
        line = lines[at - 1]
        first = stripped[0]
        if first in STARTERS and self._marked(line, stripped):
            return at
        if not self._begins_code(line):
            if first == ">":
                return self._quote(lines, at)
            if at - 1 in closes:
                return self._container(lines, at, closes[at - 1])
            if first == "<" and (end := self._hidden(lines, at, stripped)):
                return end
        self._text(line, stripped)
        return at

    def _marked(self, line: str, stripped: str) -> bool:
        """Take a line that its first characters tell the kind of; say whether it is one."""
        column = indent_of(line, stripped)
        is_underline = self.is_open and not self.levels and column < _CODE_INDENT
        if is_underline and UNDERLINE.match(stripped):
            self.out.append(stripped)
            self.leads.has_headings = True
            self.is_open = False
        elif RULE.match(stripped):
            self._apart(column, "***")
        elif bullet := bullet_of(stripped):
            self._item(column, stripped, bullet)
        elif self._begins_code(line):
            return False
        elif fence := FENCE.match(stripped):
            prefix = self._stand(column)
            self.out.append(prefix + stripped)
            self.fence = _Fence(fence[1] or fence[3], column, prefix)
        elif heading := HEADING.match(stripped):
            self._apart(column, f"{heading[1]} {heading[2]}")
            self.leads.has_headings = True
        elif note := FOOTNOTE.match(stripped):
            self.footnote = self.footnotes.setdefault(note[1], [])
            self.footnote.append(note[2])
            self.is_open = False
        elif is_contents_mark(stripped):
            self.is_open = False
        elif stripped.startswith("{%"):
            shown = embedded(stripped)
            self._text(line[: len(line) - len(stripped)] + shown, shown)
        else:
            return False
        return True

    def _fenced(self, fence: _Fence, line: str) -> None:
        stripped = line.lstrip(BLANKS)
        mark = stripped.rstrip(BLANKS)
        is_end = mark.startswith(fence.mark) and not mark.strip(fence.mark[0])
        if is_end and indent_of(line, stripped) < fence.column + _CODE_INDENT:
            self.out.append(fence.prefix + mark)
            self.fence = None
            self.is_open = False
        else:
            self.out.append(fence.prefix + without_indent(line, fence.column))

    def _apart(self, column: int, line: str) -> None:
        """Write a line that is a block of its own."""
        self.out.append(self._stand(column) + line)
        self.is_open = False

    def _stand(self, column: int) -> str:
        """Leave the bullets that a block at `column` isn't part of; return its indent."""
        self.leads.lone = None
        levels = self.levels
        while levels and column < levels[-1].content:
            # Right below a bullet a smaller indent than Markdown's will do, but none won't.
            if self.is_open and column > levels[-1].column:
                break
            levels.pop()
        return " " * levels[-1].indent if levels else ""

    def _item(self, column: int, stripped: str, bullet: Bullet) -> None:
        left = self._leave(column)
        levels = self.levels
        is_ordered = bullet.number is not None
        is_next = left is not None and left.is_ordered == is_ordered
        if not levels:
            if bullet.is_typed and column and left and self._is_alone(left):
                self._unnumber(left)
            self.leads.lead(self.out, is_indented=column > 0)
            self.leads.sees_typed |= bullet.is_typed
        if self.is_open and not is_next and (is_ordered or not levels):
            # Markdown wouldn't let it begin right below a paragraph.
            self.out.append("")
        indent = levels[-1].indent if levels else 0
        marker = f"{bullet.number}. " if is_ordered else "- "
        text = stripped[bullet.end :]
        content = column + bullet.width
        prefix = " " * (indent + len(marker))
        if fence := FENCE.match(text):
            self.fence = _Fence(fence[1] or fence[3], content, prefix)
        elif bullet.is_typed:
            text = _MARKUP.sub(r"\2\\\1", text, count=1) if _MARKUP.match(text) else text
        levels.append(
            _Level(column, content, len(prefix), bullet.is_typed, is_ordered, len(self.out))
        )
        self.out.append(" " * indent + marker + text)
        self.is_open = bool(text) and not self.fence

    def _leave(self, column: int) -> _Level | None:
        """Leave the bullets that one at `column` doesn't stand under; return the outermost."""
        left = None
        levels = self.levels
        while levels:
            above = levels[-1]
            # After a blank line Markdown's own rule holds; else what looks deeper is.
            inside = above.column + (1 if above.is_typed else 2) if self.is_open else above.content
            if column >= inside and len(levels) < _MOST_LEVELS:
                break
            left = levels.pop()
        return left

    def _is_alone(self, level: _Level) -> bool:
        """Say whether a numbered line at the margin has nothing of a list about it."""
        is_numbered = level.is_ordered and not level.column and not self.depth
        return is_numbered and not self.is_open and not any(self.out[level.at + 1 :])

    def _unnumber(self, level: _Level) -> None:
        """Make a line of text of an item that heads a section, as `1. Introduction` does."""
        self.out[level.at] = self.out[level.at].replace(".", "\\.", 1)
        self.leads.begin(level.at)

    def _quote(self, lines: list[str], at: int) -> int:
        """Take a run of quoted lines, the first of which is before `at`; return its end."""
        end = at
        while end < len(lines) and lines[end].lstrip(BLANKS).startswith(">"):
            end += 1
        first = lines[at - 1]
        prefix = self._stand(indent_of(first, first.lstrip(BLANKS)))
        mark = QUOTE if self.depth + 1 < _MOST_QUOTES else _QUOTES
        inner = [mark.sub("", line.lstrip(BLANKS), count=1) for line in lines[at - 1 : end]]
        self._nest(inner, prefix)
        self.is_open = True
        return end

    def _container(self, lines: list[str], at: int, end: int) -> int:
        prefix = self._stand(0)
        if self.is_open:
            self.out.append("")
        inner = [*container_title(lines[at - 1]), *lines[at:end]]
        self._nest(inner, prefix)
        self.out.append("")
        self.is_open = False
        return end + 1

    def _nest(self, lines: list[str], prefix: str) -> None:
        if self.depth + 1 > _MOST_QUOTES:
            self.out += [prefix + line for line in lines]
            return
        inner = _Reader(self.footnotes, self.depth + 1)
        inner.read(lines)
        self.leads.has_headings |= inner.leads.has_headings
        self.out += [f"{prefix}> {line}" if line else f"{prefix}>" for line in inner.out]

    def _hidden(self, lines: list[str], at: int, stripped: str) -> int | None:
        """Pass over a comment, script or style that ends in a later line; return where."""
        found = _HIDDEN.match(stripped)
        if found is None:
            return None
        end = "-->" if found[1] else f"</{found[2].lower()}"
        if end in stripped.lower() or end in self.missing:
            return None
        for there in range(at, len(lines)):
            if (cut := lines[there].lower().find(end)) >= 0:
                rest = lines[there][cut + len(end) :]
                lines[there] = rest if found[1] else rest.partition(">")[2]
                return there
        self.missing.add(end)
        return None

    def _begins_code(self, line: str) -> bool:
        return not self.levels and not self.is_open and _is_code(line)

    def _text(self, line: str, stripped: str) -> None:
        column = indent_of(line, stripped)
        levels = self.levels
        if not levels:
            self._paragraph(line)
            return
        if not self.is_open:
            while levels and column < levels[-1].content:
                levels.pop()
        elif levels[0].is_typed or column < levels[0].column:
            # What is typed without Markdown in mind stands where it looks to.
            above = len(levels)
            while levels and column <= levels[-1].column:
                levels.pop()
            if len(levels) < above:
                self.out.append("")
                self.is_open = False
        if not levels:
            self._paragraph(stripped)
            return
        level = levels[-1]
        deeper = column - level.content
        is_code = not self.is_open and not level.is_typed and deeper >= _CODE_INDENT
        self.out.append(" " * (level.indent + (deeper if is_code else 0)) + stripped)
        self.is_open = not is_code

    def _paragraph(self, line: str) -> None:
        """Write a line of text outside of all lists."""
        if self._begins_code(line):
            self.is_code = True
            self.leads.lone = None
        elif self.is_open:
            self.leads.lone = None
        else:
            self.leads.begin(len(self.out))
            self.is_open = True
        self.out.append(line)


def _is_code(line: str) -> bool:
    """Say whether a line is indented as Markdown's code is: ideographic spaces don't count."""
    return line.startswith(("    ", "\t", " \t", "  \t", "   \t"))
