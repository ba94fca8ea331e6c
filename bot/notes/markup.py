"""The Markdown parser: CommonMark with tables, strikethrough, bare addresses, footnote marks.

Three things differ from markdown-it's own: whatever is nested too deep stays as text instead
of vanishing; `**「重要」**です` is bold, as everybody who writes Japanese means it (CommonMark
wants a space outside the bracket); an address isn't looked into for emphasis.
"""

import re
from collections.abc import MutableMapping
from typing import Any
from unicodedata import category, east_asian_width

from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

Env = MutableMapping[str, Any]

_MOST_NESTED = 40
# Longer paragraphs are taken in pieces: what a mark is paired with is looked for within one.
_LONGEST = 8_000
# Each bracket is looked for its end; with more of them the pieces are smaller.
_MOST_BRACKETS = 200
_MARKED = re.compile(r"[\\`*_~\[<&]")
# Up to what Japanese text goes on with, of which there is no space between.
_ADDRESS = re.compile(r"//[^\s<>\"`|\\^{}\[\]（）「」『』【】〈〉《》、。！？・…]+")
_SENTENCE = ".,:;!?'\"*_~"
_FOOTNOTE = re.compile(r"\[\^([^\]\s]{1,50})\]")


class _Blocks(ParserBlock):
    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803 - the library's names
        if state.level < _MOST_NESTED:
            super().tokenize(state, startLine, endLine)
            return
        end = startLine + 1
        while end < endLine and (state.isEmpty(end) or state.sCount[end] >= state.blkIndent):
            end += 1
        state.push("paragraph_open", "p", 1)
        inline = state.push("inline", "", 0)
        inline.content = state.getLines(startLine, end, state.blkIndent, keepLastLF=False).strip()
        state.push("paragraph_close", "p", -1)
        state.line = end


class _State(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 - the library's names
        found = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start else " "
        end = start + found.length
        after = self.src[end] if end < self.posMax else " "
        if before.isspace() or after.isspace() or (before.isascii() and after.isascii()):
            return found
        if not (_is_wide(before) or _is_wide(after)):
            return found
        # Between two characters of which one is Japanese, punctuation makes no edge of a word:
        # `*` may begin and end anywhere. `_` is part of names within words, and stays so.
        can_open = canSplitWord or _is_edge(before)
        can_close = canSplitWord or _is_edge(after)
        return Scanned(can_open, can_close, found.length)


class _Inlines(ParserInline):
    def parse(self, src: str, md: MarkdownIt, env: Env, tokens: list[Token]) -> list[Token]:
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _is_wide(character: str) -> bool:
    return not character.isascii() and east_asian_width(character) in "WFH"


def _is_edge(character: str) -> bool:
    return category(character)[0] in "PS"


def _address(state: StateInline, silent: bool) -> bool:
    """Take a bare address as it is, from its colon on."""
    src, start = state.src, state.pos
    if not src.startswith("://", start):
        return False
    scheme = next((one for one in ("https", "http") if src.endswith(one, 0, start)), None)
    found = _ADDRESS.match(src, start + 1, state.posMax)
    if scheme is None or found is None:
        return False
    end = start + 1 + len(trimmed_address(found[0]))
    if end <= start + len("://"):
        return False
    if not silent:
        if not state.pending.endswith(scheme):
            return False
        state.pending = state.pending[: -len(scheme)]
        state.push("address", "", 0).content = scheme + src[start:end]
    state.pos = end
    return True


def trimmed_address(address: str) -> str:
    """Take off the end what belongs to the sentence: full stops, a bracket around it."""
    closing = address.count(")") - address.count("(")
    end = len(address)
    while end and (address[end - 1] in _SENTENCE or (address[end - 1] == ")" and closing > 0)):
        closing -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def _footnote(state: StateInline, silent: bool) -> bool:
    """Take `[^label]` for a mark if there is such a footnote."""
    if not state.src.startswith("[^", state.pos):
        return False
    found = _FOOTNOTE.match(state.src, state.pos, state.posMax)
    if found is None or found[1] not in state.env["footnotes"]:
        return False
    if not silent:
        state.push("footnote", "", 0).content = found[1]
    state.pos = found.end()
    return True


def _kept(url: str) -> str:
    """Leave an address as it was typed: Discord reads Japanese ones, and they are shorter."""
    return url


def _make() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": _MOST_NESTED, "inline_definitions": True})
    parser.block = _Blocks()
    parser.inline = _Inlines()
    parser.configure("commonmark", {"maxNesting": _MOST_NESTED, "inline_definitions": True})
    parser.enable(["table", "strikethrough"])
    # HTML is taken line by line: Markdown within it counts, and its text is never lost.
    parser.disable(["html_block", "inline", "text_join"])
    parser.inline.ruler.before("link", "footnote", _footnote)
    parser.inline.ruler.before("newline", "address", _address)
    parser.normalizeLink = _kept
    return parser


_PARSER = _make()
# For text without any link: most brackets are only brackets.
_UNLINKED = _make().disable(["link", "image"])


class References(dict[str, Any]):
    """The link definitions of a text; knows which of them a link used."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()

    def get(self, label: str, default: Any = None) -> Any:
        """Return the definition of a label that a link may use."""
        self.used.add(label)
        return super().get(label, default)


def parse_blocks(markdown: str, env: Env) -> list[Token]:
    """Parse the blocks; what is in them is left for `parse_inline`."""
    return _PARSER.parse(markdown, env)


def is_plain(content: str) -> bool:
    """Say whether a text has no marks at all, which most lines of notes don't."""
    return not _MARKED.search(content)


def parse_inline(content: str, env: Env) -> list[Token]:
    """Parse what is in a paragraph, in time proportional to its length."""
    parser = _PARSER
    if "](" not in content and not env["references"] and not env["footnotes"]:
        parser = _UNLINKED
    longest = _LONGEST
    if parser is _PARSER and content.count("[") > _MOST_BRACKETS:
        longest = _LONGEST // 16
    tokens: list[Token] = []
    start = 0
    while len(content) - start > longest:
        end = start + longest
        for pause in ("\n", "。", " "):
            if (found := content.rfind(pause, start + longest // 2, end)) >= 0:
                end = found + 1
                break
        tokens += parser.inline.parse(content[start:end], parser, env, [])
        start = end
    return tokens + parser.inline.parse(content[start:], parser, env, [])
