"""Full-text search that finds Japanese words of one character and up.

SQLite's tokenizers split at spaces, which Japanese has none of. So what goes into an FTS5
table is not the text but its bigrams, each written in letters and digits alone, so that
`unicode61` keeps it whole whatever the characters are. A word's bigrams in a row are a
phrase, which matches exactly where the word stands in the text. The table needs no options;
`prefix='4'` makes words of one character faster.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# SQLite refuses expressions beyond a depth; nobody looks for so many words at once.
_MOST_WORDS = 50
_BEFORE_HIT = 1 / 3  # of the excerpt
# More characters than a community writes in; whoever writes in all there are only makes it slow.
_CODES_KEPT = 8192


def normalise(text: str) -> str:
    """Fold width, case and composition, so that ＶＭ, VM and vm are one word."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def index_text(text: str) -> str:
    """Return what to store for `text` in an FTS5 table."""
    return " ".join(" ".join(_bigrams(word)) for word in normalise(text).split())


def match_query(words: str) -> str | None:
    """Return the MATCH expression for texts that hold all of `words`; None if there are none."""
    phrases: list[str] = []
    for word in _wanted(words):
        bigrams = _bigrams(word)
        if len(bigrams) == 1:
            # One character: whatever bigram begins with it.
            phrases.append(f'"{bigrams[0]}"*')
        else:
            # The last token only says that a text may end there.
            phrases.append(f'"{" ".join(bigrams[:-1])}"')
    return " ".join(phrases) or None


def matches(text: str, words: str) -> bool:
    """Say whether `text` holds all of `words`, the same way a search does."""
    folded = normalise(text)
    return all(word in folded for word in _wanted(words))


def excerpt(text: str, words: str, width: int = 80) -> str:
    """Return about `width` characters of `text` around the first hit, as Discord Markdown.

    Hits are bold; everything else that Discord would take for Markdown or a mention is not.
    """
    text = " ".join(text.split())
    hits = _hits(text, _wanted(words))
    start = max(0, hits[0][0] - int(width * _BEFORE_HIT)) if hits else 0
    start = max(0, min(start, len(text) - width))
    end = min(len(text), max(start + width, hits[0][1] if hits else 0))
    parts = ["…" if start else ""]
    at = start
    for first, last in hits:
        if last > end:
            break
        parts += [_plain(text[at:first]), f"**{_plain(text[first:last])}**"]
        at = last
    parts += [_plain(text[at:end]), "…" if end < len(text) else ""]
    return "".join(parts)


def _wanted(words: str) -> list[str]:
    return list(dict.fromkeys(normalise(words).split()))[:_MOST_WORDS]


def _bigrams(word: str) -> list[str]:
    """Return a token for each character with its follower, the last one alone."""
    codes = [_code(character) for character in word]
    return [code + follower for code, follower in zip(codes, [*codes[1:], ""], strict=True)]


@lru_cache(maxsize=_CODES_KEPT)
def _code(character: str) -> str:
    """Write a code point in four letters or digits, which hold them all."""
    number, code = ord(character), ""
    for _ in range(4):
        number, digit = divmod(number, 36)
        code = _DIGITS[digit] + code
    return code


def _hits(text: str, words: list[str]) -> list[tuple[int, int]]:
    """Return where the words stand in the text as written, in order, touching ones as one."""
    folded, places = _folded(text)
    found = sorted(
        (places[match.start()][0], places[match.end() - 1][1])
        for word in words
        for match in re.finditer(re.escape(word), folded)
    )
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _folded(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the folded text and, for each of its characters, the place it comes from.

    The text is folded in pieces, cut where folding one side can't change the other.
    """
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    cuts = [i for i in range(len(text)) if i == 0 or not _joins(text[i])]
    for start, end in pairwise([*cuts, len(text)]):
        part = normalise(text[start:end])
        parts.append(part)
        places += [(start, end)] * len(part)
    return "".join(parts), places


def _joins(character: str) -> bool:
    """Say whether a character may melt into the one before it: ﾞ does, Korean vowels do."""
    first = unicodedata.normalize("NFKC", character)[:1]
    return bool(unicodedata.combining(first)) or "\u1160" <= first <= "\u11ff"


def _plain(text: str) -> str:
    """Take the meaning out of Markdown and mentions."""
    text = re.sub(r"([\\*_~`|<>\[\]#])", r"\\\1", text)
    text = re.sub(r"^(\d*)([-+.])(?= )", r"\1\\\2", text)
    return re.sub(r"@(?=everyone|here)", "@\u200b", text)
