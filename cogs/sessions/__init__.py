"""`/session`: a talk's life."""

from cogs.sessions.cog import SessionsCog

__all__ = ["SessionsCog"]
