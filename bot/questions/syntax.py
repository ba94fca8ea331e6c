"""Reads questions and answers out of chat messages, as people type them.

A question is typed freely: half or full width, with or without a space, bold, in a list.
So the rules are lenient where a person clearly asks, and strict only where no space follows
the prefix and the text could be something else (`Q.E.D.`, `q.ue`, `質問はQ.を付けてね`).
Everything is matched on the text as typed, never on a normalised copy: this runs for every
message of a channel, and most of them are not questions.
"""

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from bot.questions.matching import EditPlan, match_edit

__all__ = [
    "EditPlan",
    "ParsedAnswer",
    "ParsedQuestion",
    "match_edit",
    "parse_answer",
    "parse_question",
    "parse_questions",
]


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """A question as typed, without its prefix; `body` is empty where nothing followed it."""

    body: str


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """An answer as typed, without its prefix; `ordinal` is the 2 of `A2.`, None where absent."""

    body: str
    ordinal: int | None


def _forms(word: str) -> str:
    """Return a pattern for `word` in either case, half width, full width and circled."""
    full_width, circled, circled_capital = 0xFEE0, 0x24D0 - ord("a"), 0x24B6 - ord("A")
    return "".join(
        f"[{c}{C}{chr(ord(c) + full_width)}{chr(ord(C) + full_width)}"
        f"{chr(ord(c) + circled)}{chr(ord(C) + circled_capital)}]"
        for c, C in zip(word.lower(), word.upper(), strict=True)
    )


_SPACE = r"[^\S\n]"
# Invisible marks that some keyboards and copied texts put before the first letter.
_LEAD = rf"^{_SPACE}*[\u200b\u200e\u200f\u2060\ufeff]*"
_BULLET = rf"(?:(?:[-*+]|#{{1,3}}|\d{{1,2}}[.)]){_SPACE}+|[•・]{_SPACE}*)?"
_DOT = ".．․﹒"
_COLON = ":：﹕︓"
_MARK = rf"(?![{_COLON}]{{2}})[{_DOT}{_COLON}。｡、､]{{1,2}}(?![{_DOT}。｡])"
_LOWER = "qｑⓠ⒬aａⓐ⒜"


def _prefix(bullet: str, letters: str, words: str) -> re.Pattern[str]:
    """Compile `Q 1.`, `Question 1:` and `【Q1】`, all with bold markers around."""
    number = rf"(?:{_SPACE}?\d{{1,3}})?{_SPACE}?"
    bracketed = rf"{_SPACE}?(?:[{letters}]|{words}){number}[{_DOT}]?"
    return re.compile(
        rf"{_LEAD}{bullet}(?P<open>[*_]{{1,5}})?(?P<sign>"
        rf"(?:(?P<letter>[{letters}])|(?P<word>{words}))"
        rf"(?:{_SPACE}?(?P<number>\d{{1,3}}))?{_SPACE}?(?(open)(?P<inner>[*_]{{1,5}})?)"
        rf"(?(word)[{_COLON}]|(?P<mark>{_MARK}))"
        rf"|(?:【{bracketed}】|［{bracketed}］)[{_COLON}]?"
        r")",
        re.MULTILINE,
    )


_QUESTION = _prefix(_BULLET, "QqＱｑⓆⓠ⒬🄠🅀🅠🆀", f"{_forms('question')}|質問")
# An answer's own list begins behind its prefix, so no bullet stands before it.
_ANSWER = _prefix("", "AaＡａⒶⓐ⒜🄐🄰🅐🅰答", f"{_forms('answer')}|回答|答え")

# Talk about the prefix itself (`Q.を付けて…`): no sentence begins with these.
_ABOUT_PREFIX = re.compile(
    rf"(?:「?{_forms('q')}[{_DOT}{_COLON}。、]?」?)?{_SPACE}?"
    r"(?:[」』]|を|から(?:始|はじ)|で(?:始|はじ)|(?:と|って|の)(?:書|付|つけ|つい)"
    r"|に(?:続け|つづけ)|の(?:後|あと|形)|が(?:付|つい)|付きで|は質問"
    r"|\d{1,3}(?:への|について|の(?:答|回答|質問|件)))"
)
_BLOCK_QUOTE = re.compile(rf"^{_SPACE}*>>>\s", re.MULTILINE)
_TICKS = re.compile(r"\\+|`+")
_LATIN = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]")
_INITIALS = re.compile(rf"[A-Za-zＡ-Ｚａ-ｚ](?:[{_DOT}]|$)")
_CODE = re.compile(r"[\w.]+\s*(?:[(\[=;{<@]|[-+*:|&^%]=|->)", re.ASCII)
_ONE_WORD = re.compile(r"[A-Za-z']+[?？]+$")
_AFTER_ASKING = "!！。.…)）」*_w笑 \u3000"
_ASKING = ("?", "？", "か", "とは", "って", "教えて", "ください", "下さい", "知りたい")


def parse_questions(content: str) -> list[ParsedQuestion]:
    """Return the questions in a message, in order.

    Each begins at a line that starts with a prefix and runs to the next such line or the end.
    A list bullet, a list number or a heading's `#` may stand before the prefix. Lines in code
    and in quotes begin nothing, but stay part of the question they follow.
    """
    found = [match for match in _QUESTION.finditer(content) if _is_question(match)]
    if not found:
        return []
    if "`" in content or ">>>" in content:
        code = _code(content)
        quote = _block_quote(content, code)
        found = [
            match
            for match in found
            if match.start() < quote and not _is_in(code, match.start("sign"))
        ]
    ends = [*(match.start() for match in found[1:]), len(content)]
    return [ParsedQuestion(_body(*pair).strip()) for pair in zip(found, ends, strict=False)]


def parse_question(content: str) -> ParsedQuestion | None:
    """Return the first question in a message, if there is one."""
    found = parse_questions(content)
    return found[0] if found else None


def parse_answer(content: str) -> ParsedAnswer | None:
    """Read a whole message as one answer; None where it doesn't begin with an answer's prefix.

    The body keeps its lines as typed, so that nested bullets stay nested.
    """
    match = _ANSWER.match(content, _first_line(content))
    if not match or not _is_answer(match):
        return None
    body = _body(match, len(content)).rstrip()
    first, newline, rest = body.partition("\n")
    body = first.lstrip() + newline + rest if first.strip() else rest[_first_line(rest) :]
    return ParsedAnswer(body, int(match["number"]) if match["number"] else None)


def _first_line(text: str) -> int:
    """Return where the first line that isn't blank begins."""
    blank = len(text) - len(text.lstrip())
    return text.rfind("\n", 0, blank) + 1


def _rest_of_line(content: str, start: int) -> str:
    end = content.find("\n", start)
    return content[start : end if end >= 0 else len(content)]


def _is_question(match: re.Match[str]) -> bool:
    """Tell a question from what only looks like one; a space or nothing behind it is sure."""
    rest = _rest_of_line(match.string, match.end())
    if not rest or rest[0].isspace():
        return True
    if _ABOUT_PREFIX.match(rest):
        return False
    if not match["mark"] or match["mark"][-1] not in _DOT + _COLON:
        return True
    is_lower = match["letter"] in _LOWER
    if match["mark"][-1] in _COLON:
        if rest[0] in "\\/:=":
            return False
        return not is_lower or not _LATIN.match(rest) or _asks(rest)
    if match["number"] and rest[0].isdecimal():
        return False
    if not _LATIN.match(rest):
        return True
    if _INITIALS.match(rest):
        return False
    return _asks(rest) or not (is_lower or _is_one_token(rest) or _is_code(rest))


def _asks(rest: str) -> bool:
    """Say whether a line that begins with a Latin letter ends as a question does."""
    if _is_one_token(rest):
        return bool(_ONE_WORD.match(rest.rstrip()))
    return rest.rstrip(_AFTER_ASKING).endswith(_ASKING)


def _is_one_token(rest: str) -> bool:
    return rest.isascii() and len(rest.split(maxsplit=1)) == 1


def _is_code(rest: str) -> bool:
    return rest.isascii() and bool(_CODE.match(rest))


def _is_answer(match: re.Match[str]) -> bool:
    rest = _rest_of_line(match.string, match.end())
    if not rest or rest[0].isspace() or not match["mark"]:
        return True
    if _ABOUT_PREFIX.match(rest) or (match["number"] and rest[0].isdecimal()):
        return False
    return not _LATIN.match(rest) or not (match["letter"] in _LOWER or _INITIALS.match(rest))


def _body(match: re.Match[str], end: int) -> str:
    """Cut the body out, without bold markers that were opened before the prefix."""
    content, start = match.string, match.end()
    opened = match["open"] or ""
    close = opened[::-1]
    if not opened or match["inner"]:
        return content[start:end]
    if content.startswith(close, start):
        return content[start + len(close) : end]
    body = content[start:end].strip()
    first, newline, rest = body.partition("\n")
    if first.rstrip().endswith(close):
        return first.rstrip().removesuffix(close) + newline + rest
    if body.endswith(close):
        return body.removesuffix(close)
    # The markers span the prefix and the first words: those words stay marked.
    return opened + body if close in body else body


def _code(content: str) -> list[tuple[int, int]]:
    """Return where code spans and blocks lie; only closed ones count, as on Discord."""
    runs: list[tuple[int, int, bool]] = []
    escaped_at = -1
    for token in _TICKS.finditer(content):
        if token[0][0] == "`":
            runs.append((token.start(), token.end(), token.start() == escaped_at))
        elif len(token[0]) % 2:
            escaped_at = token.end()
    # The runs of each length, last first, so that looking for a closer stays linear.
    waiting: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        start, end, _ = runs[index]
        waiting.setdefault(min(end - start, 3), []).append(index)
    ranges: list[tuple[int, int]] = []
    index = 0
    while index < len(runs):
        start, end, is_escaped = runs[index]
        # A span closes with as many as opened it, a block with any three.
        closers = waiting.get(min(end - start - is_escaped, 3), [])
        while closers and closers[-1] <= index:
            closers.pop()
        if closers:
            index = closers[-1]
            ranges.append((start, runs[index][1]))
        index += 1
    return ranges


def _is_in(ranges: Sequence[tuple[int, int]], position: int) -> bool:
    index = bisect(ranges, position, key=itemgetter(0)) - 1
    return index >= 0 and position < ranges[index][1]


def _block_quote(content: str, code: Sequence[tuple[int, int]]) -> int:
    """Return where a quote begins that runs to the end of the message, or its length."""
    for match in _BLOCK_QUOTE.finditer(content):
        if not _is_in(code, match.end() - 1):
            return match.start()
    return len(content)
