"""A session's figures as a picture, where it can be drawn."""

import structlog

from bot.archive.chart import draw_statistics, labels_for
from bot.archive.statistics import Figures
from bot.drawing import DrawingFailed, DrawingWorker
from bot.localization import Words

log = structlog.get_logger(__name__)


async def picture(drawing: DrawingWorker, figures: Figures, words: Words) -> bytes | None:
    """Return a PNG; None when it couldn't be drawn, for the figures stand in text as well."""
    try:
        return await drawing.draw(draw_statistics, figures, labels_for(figures, words))
    except DrawingFailed as error:
        log.warning("statistics not drawn", error=str(error), cause=str(error.__cause__))
        return None
