"""What reaches across features: find, export, publish, erase."""

from bot.archive.picture import picture
from bot.archive.service import ERASED, PUBLISHED, Archive, Erased, Export, Format, Hit
from bot.archive.statistics import Figures, figures_of, summary
from bot.archive.store import PostedExport

__all__ = [
    "ERASED",
    "PUBLISHED",
    "Archive",
    "Erased",
    "Export",
    "Figures",
    "Format",
    "Hit",
    "PostedExport",
    "figures_of",
    "picture",
    "summary",
]
