"""What can stand in the way of a question."""

from bot.errors import N_, BadInput, Conflict, LimitReached, NotFound


class NoSuchQuestion(NotFound):
    """Not in this session."""

    message = N_("I can't find that question in this session.")


class QueueEmpty(Conflict):
    """Nothing waits."""

    message = N_("No question is waiting.")


class NothingCurrent(Conflict):
    """No question is being answered."""

    message = N_("No question is being answered right now. Press Next first.")


class AlreadyClosed(Conflict):
    """The question moved on."""

    message = N_("Question #{number} is already closed.")


class NotPending(Conflict):
    """Somebody else decided already."""

    message = N_("Question #{number} isn't waiting for approval any more.")


class CannotMerge(BadInput):
    """Into itself, or into one that is gone."""

    message = N_("These two can't be merged. Choose two questions that aren't withdrawn or merged.")


class NothingToUndo(Conflict):
    """Nobody changed anything that can be taken back."""

    message = N_("There is nothing to undo.")


class CannotUndo(Conflict):
    """A later change stands on it."""

    message = N_("That can't be undone any more: it has changed since.")


class EmptyText(BadInput):
    """Nothing but white space."""

    message = N_("Please write something.")


class TextTooLong(BadInput):
    """Longer than a message."""

    message = N_("That is too long: {length} characters, at most {most} fit.")


class TooManyOpen(LimitReached):
    """The person's limit."""

    message = N_("You have {n} questions waiting. Ask again when they have been answered.")


class TooFast(LimitReached):
    """The pace."""

    message = N_("One question at a time, please: try again in {seconds} seconds.")


class AnonymousOff(LimitReached):
    """Not in this guild."""

    message = N_("Anonymous questions are switched off here.")


class OwnVote(BadInput):
    """One's own question."""

    message = N_("You can't vote for your own question.")


class ReasonMissing(BadInput):
    """A name is revealed only for a reason."""

    message = N_("Please give a reason. It is recorded.")
