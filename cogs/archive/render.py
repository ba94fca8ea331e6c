"""How hits of a search read."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from bot.archive import Hit
from bot.localization import Words
from bot.notes import NoteHit
from bot.questions import STATE_NAMES
from cogs.text import jump_url, one_line

# A message of texts alone holds 4,000 characters.
_FITS = 3900


def found(hits: Sequence[Hit], notes: Sequence[NoteHit], query: str, _: Words) -> str:
    """List hits, newest first, as many as fit a message: some of each kind."""
    if not hits and not notes:
        return _("Nothing found for “{query}”.", query=one_line(query))
    entries: list[str] = []
    room = _FITS
    for entry in _by_turns([_entry(hit, _) for hit in hits], [_in_notes(hit, _) for hit in notes]):
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


def _by_turns(left: Sequence[str], right: Sequence[str]) -> Iterator[str]:
    """Yield the first of each, then the second of each, and so on."""
    for pair in zip_longest(left, right):
        yield from (entry for entry in pair if entry is not None)


def _in_notes(hit: NoteHit, _: Words) -> str:
    url = jump_url(hit.guild_id, hit.channel_id, hit.message_id)
    title = one_line(hit.session_title)
    path = " › ".join(one_line(heading, 60) for heading in hit.heading_path)
    notes = _("Notes")
    return f"**{title}** [{notes}]({url}) {path}\n> {hit.excerpt}"


def _entry(hit: Hit, _: Words) -> str:
    question = hit.question
    url = jump_url(question.guild_id, question.channel_id, question.message_id)
    state = _(STATE_NAMES[question.state])
    title = one_line(hit.session_title)
    return f"**{title}** [#{question.number}]({url}) · {state}\n> {hit.excerpt}"
