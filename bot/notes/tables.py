"""Tables as aligned text: Discord has none, but its code has characters of one width.

Wide characters count two columns. A table that would be too wide has its widest columns
narrowed, and what doesn't fit goes on in further lines of the same row: no text is lost.
"""

import unicodedata
from collections.abc import Sequence
from typing import Literal

Align = Literal["left", "right", "center"]

# Columns: about what a window of ordinary width shows before it wraps.
_WIDEST = 80
_NARROWEST = 8
_GAP = "  "


def text_width(text: str) -> int:
    """Return how many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def aligned(rows: Sequence[Sequence[str]], aligns: Sequence[Align]) -> list[str]:
    """Return the lines of a table whose first row is its head; rows may be short or long."""
    count = max(map(len, rows))
    full = [[*row, *[""] * (count - len(row))] for row in rows]
    natural = [max(1, *(text_width(row[at]) for row in full)) for at in range(count)]
    widths = _narrowed(natural)
    sides: list[Align] = [aligns[at] if at < len(aligns) else "left" for at in range(count)]
    lines: list[str] = []
    for number, row in enumerate(full):
        cells = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for at in range(max(map(len, cells))):
            line = [
                _padded(cell[at] if at < len(cell) else "", width, side)
                for cell, width, side in zip(cells, widths, sides, strict=True)
            ]
            lines.append(_GAP.join(line).rstrip())
        if number == 0:
            lines.append(_GAP.join("-" * width for width in widths))
    return lines


def _narrowed(natural: list[int]) -> list[int]:
    """Return widths that fit, taking from the widest columns alone."""
    room = max(_WIDEST - len(_GAP) * (len(natural) - 1), _NARROWEST * len(natural))
    if sum(natural) <= room:
        return natural
    most, left = room, len(natural)
    for width in sorted(natural):
        share = room // left
        if width > share:
            most = max(share, _NARROWEST)
            break
        room -= width
        left -= 1
    return [min(width, most) for width in natural]


def _wrapped(cell: str, width: int) -> list[str]:
    """Break a cell into lines, at spaces where there are some; each word breaks if it must."""
    if text_width(cell) <= width:
        return [cell]
    lines: list[str] = []
    line, used, space = "", 0, -1
    for character in cell:
        columns = _width(character)
        if used + columns > width and line:
            if character == " ":
                lines.append(line)
                line, used, space = "", 0, -1
                continue
            cut = space if space > 0 else len(line)
            lines.append(line[:cut].rstrip())
            line = line[cut:].lstrip()
            used, space = text_width(line), -1
        if character == " ":
            space = len(line)
        line += character
        used += columns
    return [*lines, line] if line else lines


def _padded(text: str, width: int, side: Align) -> str:
    missing = max(0, width - text_width(text))
    match side:
        case "right":
            return " " * missing + text
        case "center":
            return " " * (missing // 2) + text + " " * (missing - missing // 2)
        case _:
            return text + " " * missing
