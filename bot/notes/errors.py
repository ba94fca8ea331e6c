"""What can be wrong with notes."""

from bot.addresses import PrivateAddress
from bot.errors import N_, BadInput, NotFound


class NotText(BadInput):
    """Bytes that are no text in any encoding note-takers use."""

    message = N_("I can't read that as text. Please save it as UTF-8.")


class NotesEmpty(BadInput):
    """Nothing in it that would be shown."""

    message = N_("There is nothing in these notes. Please check the file.")


class NotesTooLong(BadInput):
    """More messages than anybody would read in a channel."""

    message = N_("These notes would be {n} messages; at most {most} are posted.")


class FileTooBig(BadInput):
    """Larger than notes are."""

    message = N_("That is too big for notes: at most {most} MB.")


class NoNotes(NotFound):
    """Nothing was posted."""

    message = N_("No notes of this session have been posted yet. Post them with /notes post.")


class NoQuestionsInNotes(NotFound):
    """Nothing that could be imported."""

    message = N_("I find no question in the notes that matches one of this session.")


class NotWatching(NotFound):
    """Nothing to stop."""

    message = N_("No address is being watched for this session.")


class SessionOver(BadInput):
    """A watch lasts as long as the session."""

    message = N_("This session has ended; an address is watched only while it goes on.")


class SourceProblem(BadInput):
    """An address notes can't be read from."""


class BadAddress(SourceProblem):
    """No address of a web page."""

    message = N_("That is no address I can read. It must begin with https:// or http://.")


class AddressRefused(PrivateAddress, SourceProblem):
    """Leads into a private network."""

    message = N_(
        "I don't read from {host}: it is in a private network. The one who runs this bot can"
        " allow it with STUDY_BOT_NOTES_HOSTS."
    )


class SourceUnreachable(SourceProblem):
    """No answer, or one that isn't yes."""

    message = N_("I can't read from {host}: {why}.")


class SourceTooSlow(SourceProblem):
    """Takes too long."""

    message = N_("{host} takes too long to answer.")


class TooManyRedirects(SourceProblem):
    """Sends one on and on."""

    message = N_("{host} sends me on to other addresses too often.")


class NotANote(SourceProblem):
    """A web page or a picture."""

    message = N_(
        "What is at {host} isn't text but {type}. Please give the address of the text itself;"
        " for a HedgeDoc or HackMD note it must be readable for guests."
    )
