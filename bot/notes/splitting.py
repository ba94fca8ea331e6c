"""Blocks to messages, so that an edit of the notes changes few of them.

Filling one message after the other would move every cut behind an edit. Instead what reads
worst apart is joined first: the pieces of a sentence, then sentences, bullets within a
bullet, up to sections, as long as the result fits a message. Where several cuts are equally
good, what the block says decides and not where it stands. So a cut depends on what is around
it alone, and all but the smallest sections stay whole.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

from bot.errors import N_
from bot.localization import words
from bot.notes.cutting import Piece, pieces_of
from bot.notes.escaping import escape
from bot.notes.model import Document, Part, Passage

CONTINUED = N_("{heading} (continued)")
MESSAGE_LIMIT = 2000
_LEAST = 400
# Kept free of what is cut, for what opens and closes a message, and for headings above it.
_RESERVED = 1 / 5
_LONGEST_LABEL = 60


def split(document: Document, limit: int = MESSAGE_LIMIT) -> tuple[Part, ...]:
    """Return the messages that notes make, each valid by itself and of at most `limit`."""
    if limit < _LEAST:
        raise ValueError(f"{limit} is too little for a message; {_LEAST} is the least")
    pieces = list(_pieces(document, limit))
    if not pieces:
        return ()
    anchors: Counter[str] = Counter()
    return tuple(_part(pieces[start:end], anchors) for start, end in _joined(pieces, limit))


def continued(heading: str, locale: str) -> str:
    """Return what a heading is called where its section goes on."""
    return words(locale)(CONTINUED, heading=heading)


def shortened(text: str, length: int = _LONGEST_LABEL) -> str:
    """Return text cut to a length."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _pieces(document: Document, limit: int) -> Iterator[Piece]:
    most = limit - int(limit * _RESERVED)
    # Each character of a label may be escaped, and a bullet's indent comes behind it.
    longest = min(_LONGEST_LABEL, limit // 20)
    path: tuple[str, ...] | None = None
    opening = ""
    for block in document.blocks:
        if block.path is not path:
            path = block.path
            heading = escape(shortened(path[-1], longest)) if path else "…"
            opening = f"-# {continued(heading, document.locale)}\n"
        yield from pieces_of(block, most, opening)


def _joined(pieces: Sequence[Piece], limit: int) -> Iterator[tuple[int, int]]:
    """Yield where each message begins and ends among the pieces."""
    upto = [0, *accumulate(len(piece.gap) + len(piece.text) for piece in pieces)]
    end_of = list(range(1, len(pieces) + 1))
    start_of = list(range(-1, len(pieces)))
    for cut in sorted(range(1, len(pieces)), key=_strengths(pieces).__getitem__):
        start, end = start_of[cut], end_of[cut]
        first = pieces[start]
        length = upto[end] - upto[start] - len(first.gap)
        if length + len(first.opening) + len(pieces[end - 1].closing) <= limit:
            end_of[start], start_of[end] = end, start
    start = 0
    while start < len(pieces):
        yield start, end_of[start]
        start = end_of[start]


def _strengths(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Return how strong the cut before each piece is; no two alike but by chance."""
    seen: dict[str, int] = {}
    strengths: list[tuple[int, int]] = []
    for piece in pieces:
        text = piece.text
        times = seen[text] = seen.get(text, 0) + 1
        strengths.append((piece.rank, zlib.crc32(text.encode(), times)))
    return strengths


def _part(pieces: Sequence[Piece], anchors: Counter[str]) -> Part:
    first = pieces[0]
    text = first.opening + first.text
    text += "".join(piece.gap + piece.text for piece in pieces[1:]) + pieces[-1].closing
    headings = tuple(
        piece.block.plain for piece in pieces if piece.is_first and piece.block.kind == "heading"
    )
    passages = tuple(_passages(pieces))
    name = shortened(passages[0].heading_path[-1] if passages[0].heading_path else "").casefold()
    anchors[name] += 1
    anchor = name if anchors[name] == 1 else f"{name}-{anchors[name]}"
    return Part(text, anchor, headings, passages, first.rank)


def _passages(pieces: Sequence[Piece]) -> Iterator[Passage]:
    path, plain = pieces[0].block.path, ""
    for piece in pieces:
        if piece.block.path != path:
            yield Passage(path, plain)
            path, plain = piece.block.path, ""
        if plain and piece.plain:
            plain += "\n" if "\n" in piece.gap else piece.gap
        plain += piece.plain
    yield Passage(path, plain)
