"""What can stand in the way of a session."""

from bot.errors import N_, BadInput, Conflict, NotAllowed, NotFound
from bot.sessions.model import Session


class SessionAlreadyOpen(Conflict):
    """One is open in this channel."""

    message = N_("“{title}” is open here already.")

    def __init__(self, session: Session) -> None:
        super().__init__(title=session.title)
        self.session = session


class NoSession(NotFound):
    """None is open in this channel."""

    message = N_("No session is open here. Start one with /session start.")


class SessionEnded(Conflict):
    """It was ended already."""

    message = N_("This session has already ended.")


class TitleMissing(BadInput):
    """Nothing but white space."""

    message = N_("Please give the session a title.")


class TitleTooLong(BadInput):
    """Longer than fits a thread's name."""

    message = N_("The title is too long: {length} characters, at most {most} fit.")


class BadSlides(BadInput):
    """Not a web address."""

    message = N_("The slides must be a web address that begins with https:// or http://.")


class StaffOnly(NotAllowed):
    """Only who runs a session may change it."""
