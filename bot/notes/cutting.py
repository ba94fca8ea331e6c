"""Blocks to pieces: what fits a message stays whole, the rest is cut where it reads best.

A piece knows what must stand before it where it begins a message (a block of code opened
again, bold begun again) and behind it where it ends one.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.notes import ranks
from bot.notes.escaping import INVISIBLE, code_span, escape, escape_line_starts
from bot.notes.inline import MARKS
from bot.notes.model import Block

_MOST_BLANK_LINES = 20
_CLOSERS = "」』）】〉》)\\]\"'”’*_~"
_ENDS = re.compile(
    rf"(?P<sentence>[。！？]++[{_CLOSERS}]*+|(?<![.!?])[.!?]++[{_CLOSERS}]*+(?=\s|$))(?P<space>\s*+)"
    r"|(?P<line>\n)"
)
_UNESCAPED = re.compile(r"\\([^\w\s])")
_PAUSES = " \t\u3000、，,;；・。！？"
_ADDRESS = re.compile(r"https?://\S*\Z")
_JOINERS = "\u200d\ufe0e\ufe0f"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a block; `is_first` of it. `rank` says how good a cut before it is."""

    block: Block
    text: str
    plain: str
    gap: str
    rank: int
    is_first: bool
    opening: str = ""
    closing: str = ""


def pieces_of(block: Block, limit: int, continued: str) -> Iterator[Piece]:
    """Yield a block in pieces of up to `limit`, whole if it fits.

    `continued` is the line that opens a message which begins within a list: Discord takes
    white space off a message's start, so that its first bullet would lose its level.
    """
    if len(block.text) <= limit or not block.inner:
        opening = continued if block.text.startswith(" ") else ""
        yield Piece(block, block.text, block.plain, block.gap, block.rank, True, opening)
    elif block.kind == "code":
        yield from _code(block, limit)
    else:
        yield from _Cutter(block, limit, continued).pieces()


def _code(block: Block, limit: int) -> Iterator[Piece]:
    opening = f"{block.rest}```{block.language}\n"
    closing = f"\n{block.rest}```"
    chunks = list(_chunks_of_code(block, limit))
    for at, (text, gap, rank) in enumerate(chunks):
        is_first, is_last = at == 0, at == len(chunks) - 1
        yield Piece(
            block,
            (opening if is_first else "") + text + (closing if is_last else ""),
            text.removeprefix(block.rest),
            block.gap if is_first else gap,
            block.rank if is_first else rank,
            is_first,
            "" if is_first else opening,
            "" if is_last else closing,
        )


def _chunks_of_code(block: Block, limit: int) -> Iterator[tuple[str, str, int]]:
    """Yield code line by line, with what is before each; lines too long in several."""
    blank = 0
    for line in block.inner:
        rank = ranks.BELOW_BLANK_LINE if blank else ranks.LINE_OF_CODE
        if line.text and not line.text.isspace():
            blank = 0
        else:
            blank += 1
            rank = ranks.BLANK_LINE
        if blank > _MOST_BLANK_LINES:
            continue
        text, gap = line.text, "\n"
        while len(text) > limit:
            cut = _safe_cut(text, limit)
            yield block.rest + text[:cut], gap, rank
            text, gap, rank = text[cut:], "", ranks.HARD
        # What goes on with a line begins one of its own only where it is cut apart.
        yield (block.rest if gap else "") + text, gap, rank


class _Cutter:
    """Cuts a paragraph, bullet or quote into sentences, and those that are too long anywhere."""

    def __init__(self, block: Block, limit: int, continued: str) -> None:
        self.block = block
        self.limit = limit
        # What a message begins with that begins with this block, or within it.
        self.opening = continued if block.first.startswith(" ") else ""
        self.lead = (continued if block.rest.startswith(" ") else "") + block.rest
        self.done: list[Piece] = []
        # The piece at hand, and it without marks.
        self.text = ""
        self.plain = ""
        # Marks begun and not yet ended, here and where this piece begins; how many of them
        # stand at its very end.
        self.marks: list[str] = []
        self.begun = ""
        self.fresh = 0
        self.gap = block.gap
        self.rank = block.rank

    def pieces(self) -> list[Piece]:
        """Return the block in pieces."""
        for atom in self.block.inner:
            if not atom.plain and atom.text in MARKS.values():
                self._mark(atom.text)
            elif atom.plain and not atom.href and atom.text[:1] not in "`[":
                self._sentences(atom.text)
            elif len(atom.text) <= self.limit:
                self._whole(atom.text, atom.plain)
            elif atom.text.startswith("`"):
                self._code(atom.plain)
            else:
                address = f" ({atom.href})" if atom.href != atom.plain else ""
                self._long(escape(atom.plain) + address)
        self._end("", ranks.HARD)
        return self.done

    def _code(self, plain: str) -> None:
        """Add code within a line as several pieces of code."""
        while plain:
            cut = _good_cut(plain, self.limit // 2) if len(plain) > self.limit // 2 else len(plain)
            self._whole(code_span(plain[:cut]), plain[:cut])
            plain = plain[cut:]
            if plain:
                self._end("", ranks.HARD)
                # Two pieces side by side would be taken for one.
                self.text += INVISIBLE

    def _mark(self, mark: str) -> None:
        if not self.marks or self.marks[-1] != mark:
            self.marks.append(mark)
            self.text += mark
            self.fresh += 1
            return
        self.marks.pop()
        if self.text or not self.done:
            self.text += mark
            self.fresh = 0
            return
        # It ends what the piece above says.
        last = self.done.pop()
        closing = "".join(reversed(self.marks))
        self.done.append(replace(last, text=last.text + mark, closing=closing))
        self.begun = "".join(self.marks)

    def _sentences(self, text: str) -> None:
        at = 0
        for found in _ENDS.finditer(text):
            end = found.end("sentence") if found["line"] is None else found.start()
            self._long(text[at:end])
            at = found.end()
            space = found["space"] or ""
            if found["line"] or "\n" in space:
                self._end("\n" + self.block.rest, ranks.LINE)
            else:
                self._end(space, ranks.SENTENCE)
        self._long(text[at:])

    def _whole(self, text: str, plain: str) -> None:
        """Add what is cut nowhere within."""
        if len(self.text) + len(text) > self.limit:
            self._end("", ranks.HARD)
        self._append(text, plain)

    def _long(self, text: str) -> None:
        """Add text, cut wherever it must be."""
        while len(self.text) + len(text) > self.limit:
            room = self.limit - len(self.text)
            cut = _good_cut(text, room) if room > self.limit // 4 or not self.text else 0
            self._append(text[:cut], plain_of(text[:cut]))
            self._end("", ranks.HARD)
            text = text[cut:]
        self._append(text, plain_of(text))

    def _append(self, text: str, plain: str) -> None:
        if text:
            self.text += text
            self.plain += plain
            self.fresh = 0

    def _end(self, gap: str, rank: int) -> None:
        """End the piece at hand; `gap` and `rank` are of what comes next."""
        held = self.marks[len(self.marks) - self.fresh :] if self.fresh else []
        text = self.text[: len(self.text) - sum(map(len, held))]
        marks = self.marks[: len(self.marks) - len(held)]
        stripped = text.rstrip()
        if not stripped:
            # Nothing to end: what is begun begins the next.
            self.text = "".join(held)
            self.gap = self.gap or gap or " "
            return
        is_first = not self.done
        shown = stripped.lstrip()
        gap_here = self.gap if is_first else self.gap + stripped[: len(stripped) - len(shown)]
        shown = escape_line_starts(shown)
        self.done.append(
            Piece(
                self.block,
                self.block.first + shown if is_first else shown,
                self.plain.strip(),
                gap_here,
                self.rank,
                is_first,
                self.opening if is_first else self.lead + self.begun,
                "".join(reversed(marks)),
            )
        )
        self.text, self.plain = "".join(held), ""
        self.begun = "".join(marks)
        self.gap, self.rank = gap or text[len(stripped) :], rank
        self.fresh = len(held)


def plain_of(text: str) -> str:
    """Return text without what escapes it."""
    return _UNESCAPED.sub(r"\1", text).replace(INVISIBLE, "")


def _good_cut(text: str, room: int) -> int:
    """Return where to cut text so that up to `room` is before it: at a pause if there is one."""
    cut = _safe_cut(text, room)
    address = _ADDRESS.search(text, 0, cut)
    if address and address.start():
        return address.start()
    for at in range(cut, room * 2 // 3, -1):
        if text[at - 1] in _PAUSES:
            return at
    return cut


def _safe_cut(text: str, room: int) -> int:
    """Return a place at or before `room` that no character or escape goes across."""
    cut = room
    while cut > max(1, room - 20):
        before, after = text[cut - 1], text[cut]
        backslashes = cut - len(text[:cut].rstrip("\\"))
        joined = after in _JOINERS or before == "\u200d" or unicodedata.combining(after)
        if not (joined or backslashes % 2 or "\U0001f3fb" <= after <= "\U0001f3ff"):
            return cut
        cut -= 1
    return room
