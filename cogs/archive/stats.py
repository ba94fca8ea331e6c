"""`/stats`: how many were asked, when, and how long they waited."""

from bot.archive import figures_of, picture, summary
from bot.sessions import Session
from cogs.archive.files import as_file
from cogs.kit import Interaction, services_of, tell, words_for
from cogs.text import one_line


async def show_statistics(interaction: Interaction, session: Session) -> None:
    """Show a session's figures, privately: a picture with text beside it."""
    services = services_of(interaction)
    _ = words_for(interaction)
    figures = figures_of(await services.archive.record(session))
    text = f"**{one_line(session.title)}**\n{summary(figures, _)}"
    if not figures.total:
        await tell(interaction, text)
        return
    png = await picture(services.drawing, figures, _)
    if png is None:
        await tell(interaction, text + "\n" + _("The picture couldn't be drawn this time."))
        return
    await tell(interaction, text, file=as_file(png, "stats.png"))
