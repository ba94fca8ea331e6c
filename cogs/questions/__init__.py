"""Questions: collected in the chat, worked through on the board."""

from cogs.questions.cog import QuestionsCog, message_menus
from cogs.questions.listener import Listener

__all__ = ["Listener", "QuestionsCog", "message_menus"]
