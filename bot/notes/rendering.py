"""Notes to blocks of Discord Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markdown_it.token import Token

from bot.errors import N_
from bot.localization import words
from bot.notes.escaping import broken_ticks, code_span, escape, escape_line_starts, is_blank
from bot.notes.fences import language_of
from bot.notes.inline import Inliner
from bot.notes.markup import References, parse_blocks
from bot.notes.model import Atom, Block, Document, Kind
from bot.notes.ranks import gap_of, rank_of
from bot.notes.reading import Source, read
from bot.notes.tables import Align, aligned

IMAGE = N_("image")

# Discord's own headings go no deeper.
_DEEPEST = 3
_INDENT = "  "
_RULE = "─" * 12
# Longer blocks may have to be cut: what they are made of is kept.
_LONG = 200
_TASK = re.compile(r"\[([ xX])\][ \t]+")
_TASKS = {" ": "⬜", "x": "✅", "X": "✅"}
_CELL_END = re.compile(r"(?<!\\)\|")


def render(text: str, *, locale: str = "ja") -> Document:
    """Return notes as Discord shows them; takes time in proportion to their length."""
    source = read(text)
    return Document(tuple(_Renderer(source, words(locale)(IMAGE)).blocks()), locale)


@dataclass(slots=True)
class _List:
    """A list that the block at hand is in. `number` is the next item's, None for bullets."""

    number: int | None
    # Of the item at hand: whether anything of it is written already.
    is_begun: bool = True


class _Renderer:
    """Walks over the parser's tokens and writes blocks."""

    def __init__(self, source: Source, image_word: str) -> None:
        self.source = source
        self.references = References()
        env = {"references": self.references, "footnotes": source.footnotes}
        self.inliner = Inliner(env, image_word)
        self.tokens = iter(parse_blocks(source.markdown, env))
        self.lines: list[str] = []
        self.out: list[Block] = []
        # What the block at hand is within: the lists, and around each quote those outside it.
        self.lists: list[_List] = []
        self.quotes: list[list[_List]] = []
        self.path: list[tuple[int, str]] = []
        self.titles: tuple[str, ...] = ()
        # Where a link's definition is written, with its label.
        self.definitions: list[tuple[int, str]] = []

    def blocks(self) -> list[Block]:
        """Render everything."""
        takers = {
            "inline": self._paragraph,
            "heading_open": self._heading,
            "bullet_list_open": self._begin_list,
            "ordered_list_open": self._begin_list,
            "list_item_open": self._begin_item,
            "bullet_list_close": self._end_list,
            "ordered_list_close": self._end_list,
            "blockquote_open": self._begin_quote,
            "blockquote_close": self._end_quote,
            "fence": self._code,
            "code_block": self._code,
            "table_open": self._table,
            "hr": self._rule,
            "definition": self._definition,
        }
        for token in self.tokens:
            if taker := takers.get(token.type):
                taker(token)
        # What looks like the definition of a link but is used by none was meant as text.
        if used := {at for at, label in self.definitions if label in self.references.used}:
            self._without(used)
        self._footnotes()
        return self.out

    def _begin_list(self, token: Token) -> None:
        is_ordered = token.type == "ordered_list_open"
        # The first item counts it up.
        self.lists.append(_List(int(token.attrs.get("start", 1)) - 1 if is_ordered else None))

    def _begin_item(self, _token: Token) -> None:
        current = self.lists[-1]
        current.is_begun = False
        if current.number is not None:
            current.number += 1

    def _end_list(self, _token: Token) -> None:
        self.lists.pop()

    def _begin_quote(self, _token: Token) -> None:
        self.quotes.append(self.lists)
        self.lists = []

    def _end_quote(self, _token: Token) -> None:
        self.lists = self.quotes.pop()

    def _rule(self, _token: Token) -> None:
        self._add("rule", [Atom(_RULE, "")], "")

    def _definition(self, token: Token) -> None:
        meta = token.meta
        title = f' "{meta["title"]}"' if meta["title"] else ""
        text = f"[{meta['label']}]: {meta['url']}{title}"
        before = len(self.out)
        self._say([Atom(escape(text), text)])
        if len(self.out) > before:
            self.definitions.append((before, meta["id"]))

    def _paragraph(self, token: Token) -> None:
        content = token.content
        task = _TASK.match(content) if self.lists and not self.lists[-1].is_begun else None
        if task is None:
            self._say(self.inliner.atoms(content))
        else:
            sign = _TASKS[task[1]]
            self._say([Atom(f"{sign} ", f"{sign} "), *self.inliner.atoms(content[task.end() :])])

    def _say(self, atoms: list[Atom]) -> None:
        """Write a paragraph as what it is where it stands."""
        if not self.lists:
            self._add("quote" if self.quotes else "paragraph", atoms, "")
            return
        current = self.lists[-1]
        depth = sum(one.is_begun for one in self.lists) - current.is_begun
        if current.is_begun:
            self._add("more", atoms, _INDENT * (depth + 1), level=depth)
            return
        marker = "- " if current.number is None else f"{current.number}. "
        indent = _INDENT * depth
        if self._add("item", atoms, indent + _INDENT, first=indent + marker, level=depth):
            current.is_begun = True

    def _heading(self, token: Token) -> None:
        level = int(token.tag[1:])
        content = next(self.tokens).content.replace("\n", " ")
        atoms = [atom for atom in self.inliner.atoms(content) if atom.text != "**"]
        plain = " ".join("".join(atom.plain for atom in atoms).split())
        if not plain:
            return
        if self.lists or self.quotes:
            self._say([Atom("**", ""), *atoms, Atom("**", "")])
            return
        while self.path and self.path[-1][0] >= level:
            self.path.pop()
        self.path.append((level, plain))
        self.titles = tuple(title for _level, title in self.path)
        if level > _DEEPEST:
            self._add("heading", [Atom("**", ""), *atoms, Atom("**", "")], "", level=level)
        else:
            self._add("heading", atoms, "", first="#" * level + " ", level=level)

    def _add(
        self,
        kind: Kind,
        atoms: Sequence[Atom],
        rest: str,
        *,
        first: str | None = None,
        level: int = 0,
    ) -> bool:
        """Write a block whose lines after the first begin with `rest`; say whether it is any."""
        text = "".join([atom.text for atom in atoms]) if len(atoms) != 1 else atoms[0].text
        plain = "".join([atom.plain for atom in atoms]) if len(atoms) != 1 else atoms[0].plain
        first = rest if first is None else first
        if self.quotes:
            quote = "> " + "\\> " * (len(self.quotes) - 1)
            first, rest = quote + first, quote + rest
        if "\n" in text:
            text = "\n".join(line.rstrip() for line in text.split("\n") if not is_blank(line))
        text = escape_line_starts(text.strip())
        if not text or is_blank(text):
            return False
        if "\n" in text:
            text = text.replace("\n", "\n" + rest)
        inner = tuple(atoms) if len(text) > _LONG else ()
        self._put(kind, first + text, plain.strip(), level, first, rest, inner)
        return True

    def _put(
        self,
        kind: Kind,
        text: str,
        plain: str,
        level: int,
        first: str,
        rest: str,
        inner: tuple[Atom, ...],
        language: str = "",
    ) -> None:
        above = self.out[-1] if self.out else None
        gap = gap_of(above, kind, level, first)
        rank = rank_of(above, kind, level)
        self.out.append(
            Block(kind, text, plain, self.titles, gap, level, rank, first, rest, inner, language)
        )

    def _code(self, token: Token) -> None:
        info = token.info.strip()
        language, caption = language_of(info) if token.type == "fence" else ("", "")
        if caption:
            self._say([Atom(code_span(caption), caption)])
        self._block_of_code(token.content.rstrip("\n").split("\n"), language)

    def _block_of_code(self, lines: list[str], language: str) -> None:
        """Write code at the margin, whatever list it is in: there nothing of it can shift."""
        begin = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
        lines = lines[begin:]
        content = "\n".join(lines)
        if is_blank(content):
            return
        prefix = "> " if self.quotes else ""
        shown = broken_ticks(content)
        text = f"```{language}\n{shown}\n```"
        if prefix:
            text = prefix + text.replace("\n", "\n" + prefix)
        inner = tuple(Atom(line, line) for line in shown.split("\n")) if len(text) > _LONG else ()
        self._put("code", text, content, len(self.lists), prefix, prefix, inner, language)

    def _table(self, _token: Token) -> None:
        """Write a table. Cells beyond its head's, which Markdown drops, are kept."""
        self.lines = self.lines or self.source.markdown.split("\n")
        rows: list[list[str]] = []
        aligns: list[Align] = []
        line = ""
        for token in self.tokens:
            match token.type:
                case "tr_open":
                    rows.append([])
                    line = self.lines[token.map[0]] if token.map else ""
                case "th_open":
                    aligns.append(_align(token))
                case "inline":
                    rows[-1].append(self._cell(token.content))
                case "tr_close" if len(rows) > 1:
                    rows[-1] += _beyond(line, len(aligns))
                case "table_close":
                    break
                case _:
                    pass
        self._block_of_code(aligned(rows, aligns), "")

    def _cell(self, content: str) -> str:
        atoms = self.inliner.atoms(content) if content else []
        return " ".join("".join(map(_in_table, atoms)).split())

    def _without(self, dropped: set[int]) -> None:
        """Take blocks out again."""
        blocks, self.out = self.out, []
        for at, block in enumerate(blocks):
            if at not in dropped:
                above = self.out[-1] if self.out else None
                gap = gap_of(above, block.kind, block.level, block.first)
                rank = rank_of(above, block.kind, block.level)
                self.out.append(replace(block, gap=gap, rank=rank))

    def _footnotes(self) -> None:
        notes = self.source.footnotes
        if notes:
            self.titles = self.titles[:1]
        for label in notes:
            self.inliner.raised(label)
        for label in self.inliner.numbers:
            number = Atom(f"{self.inliner.raised(label)} ", "")
            self._add("note", [number, *self.inliner.atoms("\n".join(notes[label]))], "-# ")


def _align(token: Token) -> Align:
    style = str(token.attrs.get("style", ""))
    return "right" if "right" in style else "center" if "center" in style else "left"


def _in_table(atom: Atom) -> str:
    """Return what a piece of a cell looks like in code: without marks, links in full."""
    if atom.href and atom.href != atom.plain and atom.href not in atom.plain:
        return f"{atom.plain} ({atom.href})"
    return atom.plain or atom.text.strip("*~\u200b")


def _beyond(line: str, columns: int) -> list[str]:
    """Return the cells of a row that its table has no columns for."""
    if line.count("|") <= columns:
        return []
    cells = [cell.strip() for cell in _CELL_END.split(line.strip(" \t>").strip("|"))]
    return cells[columns:]
