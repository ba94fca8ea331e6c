"""`study-bot notes …`: a note-taker looks at what would be posted, before the talk."""

import argparse
import json
import re
import sys
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.notes import contents, decode, render, split
from bot.notes.errors import NotText
from bot.settings import Settings

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
# Where a message will be is known once it is posted; this is as long as the real link.
_PLACEHOLDER = "https://discord.com/channels/{0:019}/{0:019}/{1:019}"


class CannotRead(OperatorError):
    """There are no notes to read."""

    message = N_("Can't read {path}: {why}.")


class NotesAreNotText(OperatorError):
    """A file, but not of text."""

    message = N_("{path} isn't text that I can read. Please save it as UTF-8.")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the messages that notes would be posted as, as a JSON list; return the status.

    Raises:
        CannotRead, NotesAreNotText.
    """
    text = _read(options.file)
    locale = options.locale or settings.study_bot_locale
    if locale == "auto":
        locale = "ja" if _JAPANESE.search(text) else "en"
    parts = split(render(text, locale=locale))
    links = [_PLACEHOLDER.format(0, number) for number in range(1, len(parts) + 1)]
    index = contents(parts, links, locale=locale)
    messages = ([index] if index else []) + [part.text for part in parts]
    shown = json.dumps(messages, ensure_ascii=False, indent=2)
    sys.stdout.buffer.write(shown.encode() + b"\n")
    sys.stdout.flush()
    if index:
        note = "The first message is the list of contents; its links are placeholders until posted."
        print(note, file=sys.stderr)
    return 0


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CannotRead(path=file, why=error.strerror or error) from error
    try:
        return decode(data)
    except NotText as error:
        raise NotesAreNotText(path=file) from error
