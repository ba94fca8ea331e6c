"""What can go wrong, in words a person can act on.

Every error of ours carries a message id (the English sentence, marked with `N_` so that
the catalogues collect it) and its parameters. `str()` gives English, for logs; the client
translates the same id for the person who met it.
"""

from collections.abc import Mapping
from typing import ClassVar


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate later"
    """Mark `message` for the catalogues without translating it."""
    return message


class StudyBotError(Exception):
    """The root of everything the bot says no with.

    `message` is a `str.format` template; `params` fills it. A parameter may itself be a
    marked message id, wrapped in `Term`, and is then translated along with the sentence.
    """

    message: ClassVar[str] = N_("That didn't work.")

    def __init__(self, **params: object) -> None:
        self.params: Mapping[str, object] = params
        super().__init__(self.message, params)

    def __str__(self) -> str:
        return self.message.format(**self.params)


class Term(str):
    """A message id used as a parameter of another message."""

    __slots__ = ()


class NotAllowed(StudyBotError):
    """The person lacks the role for this."""

    message = N_("Only the speaker and moderators can do this.")


class NotFound(StudyBotError):
    """What was named is not there, or not in this guild."""

    message = N_("I can't find that. It may have been deleted.")


class BadInput(StudyBotError):
    """The person typed something that can't be used as it is."""

    message = N_("I can't use that. Please check what you typed.")


class LimitReached(StudyBotError):
    """A limit for people, with what to do about it."""

    message = N_("That is more than is allowed right now. Please try again later.")


class Conflict(StudyBotError):
    """The world moved on since the person looked."""

    message = N_("That has changed in the meantime. Please look again.")


class OperatorError(StudyBotError):
    """Something the one who runs the bot must mend; ends a start with exit status 2."""

    message = N_("The bot can't start.")
    # 2: somebody must mend it first; 1: starting again later may help.
    exit_status: ClassVar[int] = 2
