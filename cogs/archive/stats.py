"""`/stats`: how many were asked, when, and how long they waited."""

from bot.sessions import Session
from cogs.kit import Interaction, tell, words_for
from cogs.text import one_line


async def show_statistics(interaction: Interaction, session: Session) -> None:
    """Show a session's figures, privately: a picture with text beside it."""
    _ = words_for(interaction)
    await tell(interaction, f"**{one_line(session.title)}**")
