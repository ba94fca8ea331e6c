"""What can stand in the way of a recording."""

from bot.errors import N_, BadInput, Conflict, LimitReached, NotAllowed, NotFound, OperatorError


class KeyUnusable(OperatorError):
    """The key that signs addresses can't be read or made."""

    message = N_(
        "The key for download links, {path}, can't be used: {why}. Give the user that runs the bot"
        " the right to it, or delete it: a new one is made, and links handed out end."
    )


class LinkRefused(NotAllowed):
    """An address that opens nothing: forged, expired, revoked, or its recording went."""

    message = N_("This link does not open anything. Press Watch in the channel for a new one.")


class LinkForged(LinkRefused):
    """Not one that this bot signed."""


class LinkExpired(LinkRefused):
    """Its time is over."""

    message = N_("This link has expired. Press Watch in the channel for a new one.")


class LinkRevoked(LinkRefused):
    """Taken back."""

    message = N_("This link was taken back. Press Watch in the channel for a new one.")


class RecordingGone(LinkRefused):
    """Expired or removed."""

    message = N_("This recording is no longer there.")


class FileMissing(NotFound):
    """The file was moved or deleted by hand."""

    message = N_("The recording's file is not there. Please tell the one who runs this bot.")


class WebServerOff(Conflict):
    """Files can't be watched without it."""

    message = N_(
        "Files can't be watched here: the bot's web server is off. The one who runs this bot can"
        " switch it on with STUDY_BOT_WEB_ADDRESS; until then, please give a web address instead."
    )


class OneSource(BadInput):
    """None, or more than one."""

    message = N_("Please give one of url, file and host_file.")


class BadUrl(BadInput):
    """Not a web address."""

    message = N_("The recording's address must begin with https:// or http://.")


class NotMedia(BadInput):
    """A kind of file that isn't served."""

    message = N_("{name} is not a kind of recording I know. These are: {kinds}.")


class UploadTooBig(BadInput):
    """Larger than the operator allows."""

    message = N_(
        "That file is too big: at most {most} MB. Larger ones go into this server's recordings"
        " folder on the host, or somewhere else with its address here."
    )


class UploadFailed(Conflict):
    """The file couldn't be fetched from Discord."""

    message = N_("I could not fetch that file from Discord. Please try again.")


class NoRoom(LimitReached):
    """The disk is nearly full."""

    message = N_("There is not enough room for this file. Please tell the one who runs this bot.")


class NoSuchFile(NotFound):
    """Not in the guild's own folder."""

    message = N_("There is no such file in this server's recordings folder.")


class FileInUse(Conflict):
    """Another recording is that file."""

    message = N_("That file is a recording already.")


class NotAsked(Conflict):
    """The speaker has not answered."""

    message = N_(
        "{speaker} has not said yet whether this may be recorded. I have asked in {channel};"
        " please try again after that."
    )


class NobodyToAsk(Conflict):
    """The speaker had themselves erased."""

    message = N_("Nobody is left to ask: this talk's speaker is not known any more.")


class ConsentRefused(NotAllowed):
    """The speaker said no."""

    message = N_(
        "The speaker does not want this talk recorded, so nothing is added. The speaker can change"
        " that with /recording consent."
    )


class LongerThanAgreed(NotAllowed):
    """More days than the speaker agreed to."""

    message = N_(
        "The speaker agreed to at most {days} days. Add it with those, then ask for more with"
        " /recording extend."
    )


class SpeakerOnly(NotAllowed):
    """Somebody else pressed."""

    message = N_("Only the speaker can answer this.")


class AlreadyAnswered(Conflict):
    """Answered before."""

    message = N_("This was answered already.")


class BadDays(BadInput):
    """Outside what is allowed."""

    message = N_("The days must be a whole number from 1 to {most}.")


class BadMoment(BadInput):
    """No time."""

    message = N_(
        "I can't read “{text}” as a time. Write it like 19:30 or 2026-11-25 19:30, in {zone} time."
    )


class BadShift(BadInput):
    """No length of time."""

    message = N_("I can't read “{text}” as a length of time. Write it like 90, -1:30 or 1:02:03.")


class StaysAlready(Conflict):
    """Kept for good."""

    message = N_("This recording stays for good already.")


class NoRecording(NotFound):
    """Nothing here."""

    message = N_("There is no recording here yet. Add one with /recording add.")


class NoTitle(BadInput):
    """Nothing but white space, or too much."""

    message = N_("Please give a title of at most {most} characters.")
