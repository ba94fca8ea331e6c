"""How notes and what is told of them read."""

from collections.abc import Sequence

import discord

from bot.errors import N_
from bot.localization import Words, words
from bot.notes import MESSAGE_LIMIT, Plan, Proposal, Revision, contents
from cogs.text import clip, one_line

TAG = N_("Notes")
_ORIGINS = {
    "file": N_("file"),
    "url": N_("address"),
    "text": N_("text"),
    "watch": N_("watched address"),
}
_ANSWER = 120
_CARD = 3500


def thread_name(plan: Plan) -> str:
    """Name the thread or forum post of a set."""
    _ = words(plan.locale)
    return clip(_("Notes: {title}", title=" ".join(plan.session.title.split())), 100)


def head(plan: Plan, urls: Sequence[str] | None = None) -> str:
    """Write the message that stands above the notes; `urls` are those of the parts."""
    _ = words(plan.locale)
    session = plan.session
    day = discord.utils.format_dt(session.started_at, "D")
    title = _("Notes: {title}", title=one_line(session.title))
    lines = [f"## {title}", f"-# {day}"]
    if session.slides_url:
        slides = _("Slides")
        lines[-1] += f" · [{slides}](<{session.slides_url}>)"
    text = "\n".join(lines)
    if urls is not None:
        room = MESSAGE_LIMIT - len(text) - 1
        listed = contents(plan.parts, urls, locale=plan.locale, limit=room)
        if listed is not None:
            text += f"\n{listed}"
    return text


def history(revisions: Sequence[Revision], _: Words) -> str:
    """List the states of the notes, newest first."""
    lines = [_("**The notes' states, newest first:**")]
    for one in revisions:
        who = f"<@{one.by_id}>" if one.by_id is not None else _("by itself")
        if one.posted_at is None:
            what = _("still being posted")
        else:
            what = _("{changed} of {parts} messages changed", changed=one.changed, parts=one.parts)
        when = discord.utils.format_dt(one.at, "f")
        origin = _(_ORIGINS[one.origin])
        lines.append(f"- #{one.number} · {when} · {who} · {origin} · {what}")
    return "\n".join(lines)


def proposals(found: Sequence[Proposal], _: Words) -> str:
    """Show which answers would be written, for confirmation."""
    lines = [_("**These answers stand in the notes.** Nothing is written yet.")]
    room = _CARD - len(lines[0])
    for at, one in enumerate(found):
        line = "\n".join(_proposal(one, _))
        room -= len(line) + 1
        if room < 0:
            lines.append(_("… and {n} more", n=len(found) - at))
            break
        lines.append(line)
    return "\n".join(lines)


def _proposal(one: Proposal, _: Words) -> list[str]:
    sure = f"{round(one.likeness * 100)} %"
    lines = [f"**#{one.number}** {one_line(one.asked, 100)} ({sure})"]
    if one.noted.strip() != one.asked.strip():
        lines.append("-# " + _("In the notes: {text}", text=one_line(one.noted, 100)))
    if one.is_known:
        lines.append("> " + _("is there already"))
    elif one.is_missed:
        lines.append("> " + _("(missed)"))
    else:
        lines.append(f"> {one_line(one.answer, _ANSWER)}")
    return lines
