"""What notes are made of once they are read: blocks on Discord's side, parts of a post."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

# more: a further paragraph of the bullet above; note: a footnote.
Kind = Literal["heading", "paragraph", "item", "more", "code", "quote", "rule", "note"]


class Atom(NamedTuple):
    """A piece of a line that is cut nowhere within: `plain` is it without any marks."""

    text: str
    plain: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, bullet or block of code, as Discord Markdown.

    `path` are the headings it stands under, itself included if it is one. `gap` goes between
    it and the block before. `level` is a heading's level from 1, or how deep a bullet stands
    from 0. `inner` and the two prefixes are kept where it may have to be cut.
    """

    kind: Kind
    text: str
    plain: str
    path: tuple[str, ...] = ()
    gap: str = "\n"
    level: int = 0
    rank: int = 0
    first: str = ""
    rest: str = ""
    inner: tuple[Atom, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """Notes as Discord shows them, whole."""

    blocks: tuple[Block, ...]
    locale: str


@dataclass(frozen=True, slots=True)
class Passage:
    """The words of a part that stand under one heading, without marks: what is searched."""

    heading_path: tuple[str, ...]
    plain: str


@dataclass(frozen=True, slots=True)
class Part:
    """One message. `anchor` names it within its notes and seldom changes with an edit.

    `headings` are those that begin in it; `rank` says how strong a cut it begins at, the
    greater the stronger.
    """

    text: str
    anchor: str
    headings: tuple[str, ...]
    passages: tuple[Passage, ...]
    rank: int

    @property
    def heading_path(self) -> tuple[str, ...]:
        """The headings above its first line, that line included."""
        return self.passages[0].heading_path if self.passages else ()

    @property
    def plain(self) -> str:
        """All its words, without marks."""
        return "\n".join(passage.plain for passage in self.passages)
