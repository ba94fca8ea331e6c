"""Notes: what a note-taker writes, as the messages Discord shows."""

from bot.notes.contents import contents, needs_contents
from bot.notes.encoding import decode
from bot.notes.errors import NotText
from bot.notes.model import Block, Document, Part, Passage
from bot.notes.rendering import render
from bot.notes.splitting import MESSAGE_LIMIT, split

__all__ = [
    "MESSAGE_LIMIT",
    "Block",
    "Document",
    "NotText",
    "Part",
    "Passage",
    "contents",
    "decode",
    "needs_contents",
    "render",
    "split",
]
