"""What HackMD and HedgeDoc add to Markdown, as Markdown."""

import re

from bot.notes.lines import BLANKS, FENCE

_OPENS = re.compile(r"(:{3,})\s*([A-Za-z]\w*)(.*)$")
_CLOSES = re.compile(r"(:{3,})\s*$")
_SIGNS = {"info": "ℹ️", "success": "✅", "warning": "⚠️", "danger": "🚨"}
_CONTENTS = re.compile(r"\[{1,2}_?toc_?\]{1,2}\s*$", re.IGNORECASE)
_EMBED = re.compile(r"\{%\s*(\w+)\s+([^\s%]+)\s*%\}")
_ADDRESSES = {
    "youtube": "https://www.youtube.com/watch?v={}",
    "vimeo": "https://vimeo.com/{}",
    "gist": "https://gist.github.com/{}",
    "slideshare": "https://www.slideshare.net/{}",
    "speakerdeck": "https://speakerdeck.com/{}",
    "hackmd": "https://hackmd.io/{}",
}
# `![alt](address =300x200)`
_SIZED_IMAGE = re.compile(
    r"(!\[[^\]\n]{0,300}\]\([^\s()]{1,2000})[ \t]+=\d{0,5}%?x?\d{0,5}%?[ \t]*\)"
)
_FRONT_MATTER = re.compile(r"(?:[\w-]+\s*:|\s|#|-\s)")
_LONGEST_FRONT_MATTER = 100


def front_matter(lines: list[str]) -> tuple[str | None, list[str]]:
    """Take the YAML that may stand on top off; return the title in it, and the rest."""
    if not lines or lines[0].rstrip() != "---":
        return None, lines
    title = None
    for at, line in enumerate(lines[1 : _LONGEST_FRONT_MATTER + 1], start=1):
        if line.rstrip() in ("---", "..."):
            return title, lines[at + 1 :]
        if line.strip() and not _FRONT_MATTER.match(line):
            break
        key, _colon, value = line.partition(":")
        if key.rstrip() == "title":
            title = value.strip().strip("\"'") or None
    return None, lines


def without_image_sizes(text: str) -> str:
    """Take the sizes off images, which no other Markdown knows."""
    return _SIZED_IMAGE.sub(r"\1)", text) if "![" in text and " =" in text else text


def is_contents_mark(stripped: str) -> bool:
    """Say whether a line only asks for a table of contents: the post gets one of ours."""
    return bool(_CONTENTS.match(stripped))


def embedded(stripped: str) -> str:
    """Return what a line shows whose start is `{%youtube …%}` or the like."""
    return _EMBED.sub(_address, stripped)


def _address(found: re.Match[str]) -> str:
    name, what = found[1].lower(), found[2]
    if what.startswith(("http://", "https://")):
        return what
    return _ADDRESSES[name].format(what) if name in _ADDRESSES else found[0]


def close_containers(lines: list[str]) -> dict[int, int]:
    """Map each line that opens a `:::` container to the one that closes it."""
    closes: dict[int, int] = {}
    opened: list[tuple[int, int]] = []
    fence = ""
    for at, line in enumerate(lines):
        stripped = line.lstrip(BLANKS)
        if stripped.startswith(("```", "~~~")):
            mark = FENCE.match(stripped)
            if mark and not fence:
                fence = mark[1] or mark[3]
            elif fence and stripped.startswith(fence):
                fence = ""
        elif not stripped.startswith(":::") or fence:
            continue
        elif found := _CLOSES.match(stripped):
            while opened:
                begun, colons = opened.pop()
                if colons <= len(found[1]):
                    closes[begun] = at
                    break
        elif found := _OPENS.match(stripped):
            opened.append((at, len(found[1])))
    return closes


def container_title(line: str) -> list[str]:
    """Return the lines a container begins with: its sign and title."""
    found = _OPENS.match(line.lstrip(BLANKS))
    if found is None:
        return []
    sign = _SIGNS.get(found[2].lower(), "")
    title = found[3].strip()
    shown = f"{sign} **{title}**" if title else sign
    return [shown.strip(), ""] if shown else []
