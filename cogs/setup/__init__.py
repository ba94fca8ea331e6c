"""`/setup`: a server's own choices, and what the bot lacks there."""

from cogs.setup.cog import SetupCog

__all__ = ["SetupCog"]
