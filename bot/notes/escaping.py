"""Text that Discord shows as it was typed: no marks, no mentions."""

import re
import unicodedata

# Where a mention is broken, and marks that would run into each other.
INVISIBLE = "\u200b"

_SPECIAL = re.compile(
    r"https?://[^\s<>`*\\\[]+"
    r"|[\\*_`\[]"
    r"|~~+|\|\|+"
    r"|@(?=everyone|here)"
    # people, roles, channels, commands, emoji, guild pages
    r"|<(?:@[!&]?|#|/|a?:|id:)"
)
_MAY_BE_SPECIAL = re.compile(r"[\\*_`\[~|@<]")
# What a line may begin with without being that.
_LINE_START = re.compile(r"^(?:(#{1,3}|-#|[-*+]|>>>|>)|(\d+)\.)(?=[ \t]|$)", re.MULTILINE)
_STARTERS = frozenset("#-+>*0123456789")
_PING = re.compile(r"@(?=everyone|here)")
_CLOSED = "\\]"
_TICKS = re.compile(r"`+")
_LONG_TICKS = re.compile(r"`{3,}")
_PAIRS = re.compile(r"``?")


def escape(text: str) -> str:
    """Take the meaning out of whatever Discord reads something into; addresses stay."""
    return _SPECIAL.sub(_harmless, text) if _MAY_BE_SPECIAL.search(text) else text


def _harmless(found: re.Match[str]) -> str:
    special = found[0]
    match special[0]:
        case "h":
            return safe_address(special)
        case "@":
            return "@" + INVISIBLE
        case "<":
            return "\\" + special.replace("@", "@" + INVISIBLE)
        case _:
            return "".join("\\" + mark for mark in special)


def escape_tildes(text: str) -> str:
    """Escape single tildes too, where text stands beside something struck through."""
    return re.sub(r"(?<!\\)~", r"\\~", text)


def safe_address(address: str) -> str:
    """Return an address that mentions nobody."""
    return _PING.sub("%40", address)


def masked(label: str, address: str) -> str:
    """Return a masked link; `label` is Discord Markdown."""
    for raw, coded in ((" ", "%20"), ("(", "%28"), (")", "%29"), ("<", "%3C"), (">", "%3E")):
        address = address.replace(raw, coded)
    return f"[{label.replace(']', _CLOSED)}]({safe_address(address)})"


def escape_line_starts(text: str) -> str:
    """Escape what would make a heading, list or quote of a line of text."""
    if text[:1] in _STARTERS or "\n" in text:
        return _LINE_START.sub(
            lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\.", text
        )
    return text


def code_span(content: str) -> str:
    """Return text as code within a line."""
    content = broken_ticks(content)
    runs = set(_TICKS.findall(content))
    if len(runs) > 1:
        content = content.replace("``", f"`{INVISIBLE}`")
        runs = {"`"}
    ticks = "``" if "`" in runs else "`"
    if content.startswith("`") or content.endswith("`"):
        content = f" {content} "
    return f"{ticks}{content}{ticks}"


def broken_ticks(content: str) -> str:
    """Break the runs of backticks that would begin or end a block of code."""
    if "```" not in content:
        return content
    return _LONG_TICKS.sub(lambda run: INVISIBLE.join(_PAIRS.findall(run[0])), content)


def is_blank(text: str) -> bool:
    """Say whether nothing in a text is ever seen."""
    return not text[:1].isalnum() and not any(
        not character.isspace() and unicodedata.category(character) not in ("Cf", "Cc", "Mn")
        for character in text
    )
