"""The list of contents that stands above notes of several messages."""

from collections.abc import Sequence

from bot.errors import N_
from bot.localization import Words, words
from bot.notes.escaping import escape, masked
from bot.notes.model import Part
from bot.notes.splitting import MESSAGE_LIMIT, continued, shortened

CONTENTS = N_("Contents")
# So many messages are seen at a glance.
_MOST_WITHOUT = 3
_LONGEST_ENTRY = 70
_BETWEEN = " · "


def needs_contents(parts: Sequence[Part]) -> bool:
    """Say whether notes are long enough for a list of contents."""
    return len(parts) > _MOST_WITHOUT


def contents(
    parts: Sequence[Part], urls: Sequence[str], *, locale: str = "ja", limit: int = MESSAGE_LIMIT
) -> str | None:
    """Return the message that links to each part; None where there are few.

    `urls` are the parts' messages, in order. Where not all fit, those stay that begin at the
    greater headings.
    """
    if not needs_contents(parts):
        return None
    _ = words(locale)
    heading = f"### {_(CONTENTS)}"
    entries = [
        "- " + masked(escape(_label(part, locale)), url)
        for part, url in zip(parts, urls, strict=True)
    ]
    shown = _shown(parts, entries, limit - len(heading) - len(_rest(len(parts), _)) - 2)
    lines = [heading, *(entries[at] for at in shown)]
    if left := len(entries) - len(shown):
        lines.append(_rest(left, _))
    return "\n".join(lines)


def _shown(parts: Sequence[Part], entries: Sequence[str], room: int) -> list[int]:
    """Return which entries there is room for: the strongest, in the order of the notes."""
    shown: list[int] = []
    for at in sorted(range(len(parts)), key=lambda at: (-parts[at].rank, at)):
        room -= len(entries[at]) + 1
        if room < 0:
            break
        shown.append(at)
    return sorted(shown)


def _rest(left: int, words: Words) -> str:
    return "-# " + words.plural("…and {n} more message", "…and {n} more messages", left)


def _label(part: Part, locale: str) -> str:
    """Return what a part is about: the headings in it, or the one it goes on with."""
    if part.headings:
        first, *others = part.headings
        label = shortened(first, _LONGEST_ENTRY)
        for other in others:
            if len(label) + len(_BETWEEN) + len(other) > _LONGEST_ENTRY:
                return label + _BETWEEN + "…" if label[-1] != "…" else label
            label += _BETWEEN + other
        return label
    if part.heading_path:
        return continued(shortened(part.heading_path[-1]), locale)
    return shortened(part.plain, _LONGEST_ENTRY // 2) or "…"
