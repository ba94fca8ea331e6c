"""How well notes may be cut between two blocks, and what stands between them."""

from bot.notes.model import Block, Kind

# The greater, the better a place to cut; what is least is joined first.
GLUED = 0  # right below a heading
HARD = 1  # within a word
BLANK_LINE = 2  # these three in code
LINE_OF_CODE = 3
BELOW_BLANK_LINE = 4
SENTENCE = 5
LINE = 6
_MORE = 8
_IN_QUOTE = 15
_FIRST_ITEM = 20
_CODE_BELOW_TEXT = 25
_NESTED = 30  # less 2 a level
_FURTHER_NOTE = 35
_PARAGRAPH = 40
_ITEM = 50
_RULE = 55
_NOTES = 58
_HEADING = 90  # less 5 a level

_DEEPEST_OF_DISCORD = 3
_TIGHT = ("heading", "code", "rule")


# Where it isn't as before any block of a kind.
_BELOW: dict[tuple[Kind, Kind], int] = {
    ("paragraph", "item"): _FIRST_ITEM,
    ("quote", "item"): _FIRST_ITEM,
    ("paragraph", "code"): _CODE_BELOW_TEXT,
    ("quote", "quote"): _IN_QUOTE,
    ("note", "note"): _FURTHER_NOTE,
    ("item", "paragraph"): _ITEM,
    ("more", "paragraph"): _ITEM,
}
_BEFORE: dict[Kind, int] = {
    "paragraph": _PARAGRAPH,
    "item": _ITEM,
    "code": _PARAGRAPH,
    "quote": _PARAGRAPH,
    "rule": _RULE,
    "note": _NOTES,
}


def rank_of(above: Block | None, kind: Kind, level: int) -> int:
    """Return how good a place to cut it is before a block."""
    if above is None:
        return _HEADING
    if above.kind == "heading":
        return GLUED
    if kind == "heading":
        return _HEADING - 5 * level
    if kind == "more" or (kind == "code" and level):
        return _MORE
    if kind == "item" and level:
        return max(_NESTED - 2 * level, _MORE + 1)
    return _BELOW.get((above.kind, kind), _BEFORE[kind])


def gap_of(above: Block | None, kind: Kind, level: int, first: str) -> str:
    """Return the line breaks before a block."""
    if above is None:
        return ""
    if kind == "heading" and above.kind != "heading":
        # Discord sets its own headings apart by itself.
        return "\n" if level <= _DEEPEST_OF_DISCORD else "\n\n"
    if above.kind in _TIGHT or kind in _TIGHT or kind == "more":
        return "\n"
    if kind == "item":
        # A blank line tells a list of another kind from the one above.
        is_other = above.kind == "item" and not level and not above.level
        return "\n\n" if is_other and _is_numbered(above.first) != _is_numbered(first) else "\n"
    return "\n" if above.kind == kind and kind in ("quote", "note") else "\n\n"


def _is_numbered(first: str) -> bool:
    return first.lstrip("> ")[:1].isdigit()
