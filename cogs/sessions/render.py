"""How sessions read in a channel."""

from collections.abc import Sequence

import discord
from discord import ui

from bot.localization import Words
from bot.sessions import Session
from cogs.controls import Lasting, button, row
from cogs.live import with_time
from cogs.text import one_line


def quiet_question(session: Session, _: Words, minutes: int, end_minutes: int) -> Lasting:
    """Ask whether a quiet session is over."""
    left = max(1, end_minutes - minutes)
    return Lasting(
        ui.TextDisplay(
            _(
                "“{title}” has been quiet for {minutes} minutes. Is it over? Without an answer"
                " it ends in {left} minutes.",
                title=one_line(session.title),
                minutes=minutes,
                left=left,
            )
        ),
        row(
            button("session_go_on", session.id, _("It goes on"), style=discord.ButtonStyle.primary),
            button("session_end", session.id, _("End it")),
        ),
    )


def line(session: Session, _: Words) -> str:
    """Describe a session in one line of a list."""
    state = _("open") if session.is_open else with_time(session.ended_at or session.active_at)
    return (
        f"- **{one_line(session.title)}** <#{session.channel_id}>"
        f" {with_time(session.started_at, 'f')} · {state}"
    )


def listing(sessions: Sequence[Session], _: Words) -> str:
    """List sessions, newest first, as many as fit a message."""
    if not sessions:
        return _("There has been no session here yet. Start one with /session start.")
    text = _("Sessions, newest first:")
    for session in sessions:
        entry = "\n" + line(session, _)
        if len(text) + len(entry) > 1900:
            break
        text += entry
    return text
