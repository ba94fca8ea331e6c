"""`/find`, `/export`, `/stats`, `/me`, a session's set: what was asked, and what came of it."""

from cogs.archive.cog import ArchiveCog
from cogs.archive.parts import Parts
from cogs.archive.published import SET, Part, Section, SessionSets

__all__ = ["SET", "ArchiveCog", "Part", "Parts", "Section", "SessionSets"]
