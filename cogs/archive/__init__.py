"""`/find`, `/export`, `/stats`, `/me`: what was asked, and what is kept of whom."""

from cogs.archive.cog import ArchiveCog

__all__ = ["ArchiveCog"]
