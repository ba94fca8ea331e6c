"""What is within a paragraph, as Discord Markdown."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from markdown_it.token import Token

from bot.notes import html
from bot.notes.escaping import (
    INVISIBLE,
    code_span,
    escape,
    escape_tildes,
    is_blank,
    masked,
    safe_address,
)
from bot.notes.markup import Env, is_plain, parse_inline
from bot.notes.model import Atom

MARKS = {"strong": "**", "em": "*", "s": "~~"}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_ADDRESS = re.compile(r"https?://\S+")


@dataclass(slots=True)
class Inliner:
    """Makes atoms of text; knows the footnotes and link definitions of the whole."""

    env: Env
    image_word: str
    # The footnotes' numbers, in the order they are first pointed at.
    numbers: dict[str, int] = field(default_factory=dict[str, int])

    def atoms(self, content: str) -> list[Atom]:
        """Return what a paragraph, bullet or heading says, piece by piece."""
        if is_plain(content):
            text = _stripped(content)
            return [Atom(escape(text), text)]
        tokens = parse_inline(content, self.env)
        if len(tokens) == 1 and tokens[0].type == "text":
            return [Atom(escape(tokens[0].content), tokens[0].content)]
        atoms = self._all(tokens)
        if any(atom.text == "~~" for atom in atoms):
            return [_beside_tildes(atom) for atom in atoms]
        return atoms

    def raised(self, label: str) -> str:
        """Return the small number of a footnote, giving it one at its first use."""
        number = self.numbers.setdefault(label, len(self.numbers) + 1)
        return str(number).translate(_RAISED)

    def _all(self, tokens: list[Token]) -> list[Atom]:
        line = _Line(tokens)
        for token in tokens:
            if line.skips(token):
                continue
            if token.type in ("text", "text_special"):
                line.text.append(token.content)
            elif token.type in ("softbreak", "hardbreak"):
                line.text.append("\n")
            elif not self._within(line, token):
                line.mark(token)
        return line.finished()

    def _within(self, line: _Line, token: Token) -> bool:
        """Add what is neither text nor a mark; say whether it is."""
        match token.type:
            case "code_inline":
                line.add(Atom(code_span(token.content), token.content))
            case "address":
                line.add(_bare(token.content))
            case "footnote":
                number = self.raised(token.content)
                line.add(Atom(number, ""))
            case "image":
                line.add(*self._image(token))
            case "html_inline":
                self._tag(line, token.content)
            case "link_open":
                href = str(token.attrs.get("href", ""))
                line.begin_link(_Link(href, is_auto=token.markup == "autolink"))
            case "link_close":
                line.end_link()
            case _:
                return False
        return True

    def _tag(self, line: _Line, markup: str) -> None:
        tag = html.tag_of(markup)
        if tag is None:
            if not markup.startswith("<!--"):
                line.text.append(markup)
        elif tag.name in html.HIDDEN:
            line.hide("" if tag.is_end else tag.name)
        elif tag.name == "img":
            line.add(*self._picture(tag.attributes.get("alt", ""), tag.attributes.get("src", "")))
        elif tag.name == "a":
            line.anchor(tag.attributes.get("href"), is_end=tag.is_end)
        elif source := tag.attributes.get("src"):
            line.text.append(" ")
            line.add(_bare(source), Atom(" ", " "))
        elif tag.name == "br":
            line.text.append("\n")
        elif tag.name in html.CELLS:
            line.text.append(" ")
        elif tag.name in html.BLOCKS and line.text_so_far():
            line.text.append("\n")

    def _image(self, token: Token) -> list[Atom]:
        alt = "".join(atom.plain for atom in self._all(token.children or []))
        return self._picture(alt, str(token.attrs.get("src", "")))

    def _picture(self, alt: str, source: str) -> list[Atom]:
        alt = " ".join(alt.split())
        if not source.startswith(("http://", "https://")):
            shown = alt or f"({self.image_word})"
            if source and not source.startswith("data:"):
                shown = f"{shown} ({source})"
            return [Atom(escape(shown), shown)]
        # An address by itself is what Discord shows the picture of, below the message.
        return _link([Atom(escape(alt), alt)], source) if alt else [_bare(source)]


@dataclass(slots=True)
class _Link:
    href: str
    is_auto: bool = False
    is_html: bool = False


@dataclass(slots=True)
class _Line:
    """A line in the making.

    Text gathers until something else comes, so that no tag that isn't shown takes it apart.
    """

    tokens: list[Token]
    atoms: list[Atom] = field(default_factory=list[Atom])
    text: list[str] = field(default_factory=list[str])
    links: list[tuple[list[Atom], _Link]] = field(default_factory=list[Any])
    # The element whose text isn't one, while within it, and how often each still ends.
    hidden: str = ""
    ends: Counter[str] | None = None
    just_closed: bool = False

    def hide(self, name: str) -> None:
        """Begin or end to leave out text; what never ends isn't begun."""
        if self.ends is None:
            self.ends = Counter(
                found[1].lower()
                for token in self.tokens
                if token.type == "html_inline" and (found := html.END.match(token.content))
            )
        if name:
            self.hidden = name if self.ends[name] > 0 else ""
        else:
            self.ends[self.hidden] -= 1
            self.hidden = ""

    def skips(self, token: Token) -> bool:
        if not self.hidden:
            return False
        return token.type != "html_inline" or f"</{self.hidden}" not in token.content.lower()

    def text_so_far(self) -> bool:
        return bool(self.atoms or self.text) and not (self.text and self.text[-1].endswith("\n"))

    def flush(self) -> None:
        if self.text:
            text = _stripped("".join(self.text))
            self.text.clear()
            self.atoms.append(Atom(escape(text), text))
            self.just_closed = False

    def add(self, *atoms: Atom) -> None:
        self.flush()
        if self.atoms and self.atoms[-1].text[-1:] == atoms[0].text[:1] == "`":
            self.atoms.append(Atom(INVISIBLE, ""))
        self.atoms += atoms
        self.just_closed = False

    def mark(self, token: Token) -> None:
        self.flush()
        mark = MARKS.get(token.type.rpartition("_")[0], "")
        if token.nesting > 0 and self.just_closed:
            self.atoms.append(Atom(INVISIBLE, ""))
        self.atoms.append(Atom(mark, ""))
        self.just_closed = token.nesting < 0

    def begin_link(self, link: _Link) -> None:
        self.flush()
        self.links.append((self.atoms, link))
        self.atoms = []
        self.just_closed = False

    def end_link(self) -> None:
        """End the link at hand, and any element in it that its writer forgot to."""
        is_html = True
        while is_html and self.links:
            self.flush()
            inner = self.atoms
            self.atoms, link = self.links.pop()
            is_html = link.is_html
            if link.is_auto:
                self.atoms.append(_autolink("".join(atom.plain for atom in inner), link.href))
            else:
                self.atoms += _link(inner, link.href)
        self.just_closed = False

    def anchor(self, href: str | None, *, is_end: bool) -> None:
        if href and not is_end:
            self.begin_link(_Link(href, is_html=True))
        elif is_end and self.links and self.links[-1][1].is_html:
            self.links[-1][1].is_html = False
            self.end_link()

    def finished(self) -> list[Atom]:
        while self.links:
            self.end_link()
        self.flush()
        return self.atoms


def _stripped(text: str) -> str:
    """Take spaces away from around line breaks."""
    if "\n" not in text:
        return text
    first, *lines = text.split("\n")
    *lines, last = [first.rstrip(" \t"), *(line.strip(" \t") for line in lines[:-1]), lines[-1]]
    return "\n".join([*lines, last.lstrip(" \t")])


def _beside_tildes(atom: Atom) -> Atom:
    if atom.href or atom.text != escape(atom.plain):
        return atom
    return Atom(escape_tildes(atom.text), atom.plain)


def _bare(address: str) -> Atom:
    if not address.startswith(("http://", "https://")):
        return Atom(escape(address), address)
    return Atom(safe_address(address), address, address)


def _autolink(shown: str, href: str) -> Atom:
    """Return what stood between angle brackets, which keep Discord from unfolding it."""
    if href.startswith(("http://", "https://")):
        return Atom(f"<{safe_address(href)}>", href)
    text = shown if href.startswith("mailto:") else f"<{shown}>"
    return Atom(escape(text), text)


def _link(inner: list[Atom], href: str) -> list[Atom]:
    """Return a masked link where Discord shows one, else the text with its address behind."""
    label = " ".join("".join(atom.text for atom in inner).split())
    plain = " ".join("".join(atom.plain for atom in inner).split())
    if not href.startswith(("http://", "https://")):
        where = href.removeprefix("mailto:")
        if not where or where.startswith("#") or where == plain:
            return inner
        return [*inner, Atom(escape(f" ({where})"), f" ({where})")]
    if is_blank(plain) or plain.rstrip("/") == href.rstrip("/"):
        return [_bare(href)]
    if _ADDRESS.search(plain) or any(atom.href for atom in inner):
        # Discord masks nothing with what looks like another address.
        return [*inner, Atom(f" ({safe_address(href)})", f" ({href})", href)]
    return [Atom(masked(label, href), plain, href)]
