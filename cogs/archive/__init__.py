"""`/find`, `/export`, `/stats`, `/me`: what was asked, and what is kept of whom."""

from cogs.archive.cog import ArchiveCog, archive_menus

__all__ = ["ArchiveCog", "archive_menus"]
