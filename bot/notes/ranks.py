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


def rank_of(above: Block | None, kind: Kind, level: int) -> int:
    """Return how good a place to cut it is before a block."""
    if above is None:
        return _HEADING
    if above.kind == "heading":
        return GLUED
    match kind:
        case "heading":
            return _HEADING - 5 * level
        case "item" if level:
            return max(_NESTED - 2 * level, _MORE + 1)
        case "item":
            return _FIRST_ITEM if above.kind in ("paragraph", "quote") else _ITEM
        case "more":
            return _MORE
        case "code" if level:
            return _MORE
        case "code":
            return _CODE_BELOW_TEXT if above.kind == "paragraph" else _PARAGRAPH
        case "quote":
            return _IN_QUOTE if above.kind == "quote" else _PARAGRAPH
        case "note":
            return _FURTHER_NOTE if above.kind == "note" else _NOTES
        case "rule":
            return _RULE
        case "paragraph":
            return _ITEM if above.kind in ("item", "more") else _PARAGRAPH


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
