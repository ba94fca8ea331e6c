"""What Discord takes as a reaction, from people and bots alike."""

from __future__ import annotations

from simcord.backend import errors
from simcord.backend.models import Message

REACTION_LIMIT = 20


def check_reaction(message: Message, emoji: str) -> None:
    """Refuse what isn't an emoji, and a twenty-first kind of reaction.

    Raises:
        BackendError: 10014 or 30010, as Discord says it.
    """
    letters = any(map(str.isalpha, emoji.replace("ℹ", "")))
    if ":" not in emoji and (emoji.isascii() or letters):
        raise errors.unknown_emoji()
    if message.reaction_for(emoji) is None and len(message.reactions) >= REACTION_LIMIT:
        raise errors.BackendError(
            400, 30010, f"Maximum number of reactions reached ({REACTION_LIMIT})"
        )
