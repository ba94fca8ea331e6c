"""How hits of a search read."""

from collections.abc import Sequence

from bot.archive import Hit
from bot.localization import Words
from bot.questions import STATE_NAMES
from cogs.text import jump_url, one_line

# A message of texts alone holds 4,000 characters.
_FITS = 3900


def found(hits: Sequence[Hit], query: str, _: Words) -> str:
    """List hits, newest first, as many as fit a message."""
    if not hits:
        return _("Nothing found for “{query}”.", query=one_line(query))
    entries: list[str] = []
    room = _FITS
    for hit in hits:
        entry = _entry(hit, _)
        room -= len(entry) + 1
        if room < 0:
            break
        entries.append(entry)
    head = _.plural(
        "{n} hit for “{query}”:",
        "{n} hits for “{query}”, newest first:",
        len(entries),
        query=one_line(query),
    )
    return "\n".join([head, *entries])


def _entry(hit: Hit, _: Words) -> str:
    question = hit.question
    url = jump_url(question.guild_id, question.channel_id, question.message_id)
    state = _(STATE_NAMES[question.state])
    title = one_line(hit.session_title)
    return f"**{title}** [#{question.number}]({url}) · {state}\n> {hit.excerpt}"
