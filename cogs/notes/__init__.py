"""`/notes`: lecture notes as one set of messages, edited in place."""

from cogs.notes.cog import NotesCog
from cogs.notes.letters import NotesLetters
from cogs.notes.publisher import NotesPublisher

__all__ = ["NotesCog", "NotesLetters", "NotesPublisher"]
