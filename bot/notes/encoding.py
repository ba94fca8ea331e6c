"""Bytes to text: note-takers' editors still write Shift_JIS now and then.

Tried in an order in which none takes another's for its own: a byte order mark says it; text
that decodes as UTF-8 is UTF-8; ISO-2022-JP has its escapes; Shift_JIS is hardly ever valid
EUC-JP, while EUC-JP often passes for half-width katakana in Shift_JIS.
"""

import codecs

from bot.notes.errors import NotText

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPES = (b"\x1b$", b"\x1b(")


def decode(data: bytes, charset: str | None = None) -> str:
    """Return the text; `charset` is what its sender says it is, which may be wrong.

    Raises:
        NotText: it is none.
    """
    for encoding in _candidates(data, charset):
        try:
            text = data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        if "\0" not in text:
            return text
    raise NotText


def _candidates(data: bytes, charset: str | None) -> list[str]:
    marked = [encoding for mark, encoding in _MARKS if data.startswith(mark)]
    if marked:
        return marked
    escaped = ["iso2022_jp"] if any(escape in data for escape in _ESCAPES) else []
    said = [charset] if charset else []
    return [*escaped, "utf-8", *said, "euc_jp", "cp932"]
