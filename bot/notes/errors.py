"""What can be wrong with notes."""

from bot.errors import N_, BadInput


class NotText(BadInput):
    """Bytes that are no text in any encoding note-takers use."""

    message = N_("I can't read that as text. Please save it as UTF-8.")
