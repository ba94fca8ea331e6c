"""Questions: collected in the chat, worked through on the board."""

from cogs.questions.cog import QuestionsCog
from cogs.questions.listener import Listener

__all__ = ["Listener", "QuestionsCog"]
