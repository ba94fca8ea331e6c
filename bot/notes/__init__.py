"""Notes: what a note-taker writes, as the messages Discord shows."""

from bot.notes import events
from bot.notes.contents import contents, needs_contents
from bot.notes.encoding import decode
from bot.notes.errors import FileTooBig, NoNotes, NotText, SourceProblem
from bot.notes.fetching import MOST_BYTES, Fetched, Fetcher
from bot.notes.importing import AnswerImport, Proposal
from bot.notes.model import Block, Document, Part, Passage
from bot.notes.posts import (
    NoteHit,
    NoteMessage,
    Origin,
    Place,
    Plan,
    PostedNotes,
    Revision,
    Watch,
)
from bot.notes.question_time import NoteQuestion, questions_in
from bot.notes.rendering import render
from bot.notes.service import MOST_MESSAGES, Notes, digest_of
from bot.notes.splitting import MESSAGE_LIMIT, split
from bot.notes.store import (
    forget_person,
    forget_posters_before,
    forget_words,
    revisions_by,
)
from bot.notes.store import get as get_notes
from bot.notes.watching import TELL_AFTER, Watches

__all__ = [
    "MESSAGE_LIMIT",
    "MOST_BYTES",
    "MOST_MESSAGES",
    "TELL_AFTER",
    "AnswerImport",
    "Block",
    "Document",
    "Fetched",
    "Fetcher",
    "FileTooBig",
    "NoNotes",
    "NotText",
    "NoteHit",
    "NoteMessage",
    "NoteQuestion",
    "Notes",
    "Origin",
    "Part",
    "Passage",
    "Place",
    "Plan",
    "PostedNotes",
    "Proposal",
    "Revision",
    "SourceProblem",
    "Watch",
    "Watches",
    "contents",
    "decode",
    "digest_of",
    "events",
    "forget_person",
    "forget_posters_before",
    "forget_words",
    "get_notes",
    "needs_contents",
    "questions_in",
    "render",
    "revisions_by",
    "split",
]
