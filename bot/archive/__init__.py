"""What reaches across features: find, export, publish, erase."""

from bot.archive.service import ERASED, Archive, Erased, Export, Format, Hit
from bot.archive.store import PostedExport

__all__ = ["ERASED", "Archive", "Erased", "Export", "Format", "Hit", "PostedExport"]
