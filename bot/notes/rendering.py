"""Notes to blocks of Discord Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from markdown_it.token import Token

from bot.errors import N_
from bot.localization import words
from bot.notes.escaping import broken_ticks, code_span, escape, escape_line_starts, is_blank
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
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9_+.#-]{0,19}(?![A-Za-z0-9_+.#-])")
# How code is to be shown, as HackMD and others take it: `=12`, `!`, `{1,3}`
_WISH = re.compile(r"=\d*\+?!?|!|\{[^}]*\}|")
_TITLE = re.compile(r"title=\"?([^\"\s]+)\"?")
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


@dataclass(slots=True)
class _Renderer:
    source: Source
    image_word: str
    out: list[Block] = field(default_factory=list[Block])
    lists: list[_List] = field(default_factory=list[_List])
    quotes: list[list[_List]] = field(default_factory=list[list[_List]])
    path: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    titles: tuple[str, ...] = ()

    def blocks(self) -> list[Block]:
        """Render everything."""
        references = References()
        env = {"references": references, "footnotes": self.source.footnotes}
        tokens = parse_blocks(self.source.markdown, env)
        inliner = Inliner(env, self.image_word)
        definitions: list[tuple[int, str]] = []
        lines: list[str] | None = None
        at = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            match token.type:
                case "inline":
                    self._paragraph(inliner, token.content)
                case "list_item_open":
                    self.lists[-1].is_begun = False
                case "list_item_close":
                    if (number := self.lists[-1].number) is not None:
                        self.lists[-1].number = number + 1
                case "bullet_list_open":
                    self.lists.append(_List(None))
                case "ordered_list_open":
                    self.lists.append(_List(int(token.attrs.get("start", 1))))
                case "bullet_list_close" | "ordered_list_close":
                    self.lists.pop()
                case "heading_open":
                    self._heading(inliner, int(token.tag[1:]), tokens[at].content)
                    at += 2
                case "fence" | "code_block":
                    self._code(token)
                case "blockquote_open":
                    self.quotes.append(self.lists)
                    self.lists = []
                case "blockquote_close":
                    self.lists = self.quotes.pop()
                case "hr":
                    self._add("rule", [Atom(_RULE, "")], "")
                case "definition":
                    before = len(self.out)
                    self._say([Atom(escape(_definition(token)), _definition(token))])
                    if len(self.out) > before:
                        definitions.append((before, token.meta["id"]))
                case "table_open":
                    lines = lines or self.source.markdown.split("\n")
                    at = self._table(inliner, tokens, at, lines)
                case _:
                    pass
        # What looks like the definition of a link but is used by none was meant as text.
        if used := {block for block, label in definitions if label in references.used}:
            self._without(used)
        self._footnotes(inliner)
        return self.out

    def _paragraph(self, inliner: Inliner, content: str) -> None:
        task = _TASK.match(content) if self.lists and not self.lists[-1].is_begun else None
        if task is None:
            self._say(inliner.atoms(content))
        else:
            sign = _TASKS[task[1]]
            self._say([Atom(f"{sign} ", f"{sign} "), *inliner.atoms(content[task.end() :])])

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

    def _heading(self, inliner: Inliner, level: int, content: str) -> None:
        atoms = [atom for atom in inliner.atoms(content.replace("\n", " ")) if atom.text != "**"]
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
        self, kind: Kind, atoms: Sequence[Atom], rest: str, *, first: str | None = None, level: int = 0
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
        language, caption = _language(info) if token.type == "fence" else ("", "")
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

    def _table(self, inliner: Inliner, tokens: list[Token], at: int, lines: list[str]) -> int:
        """Write a table; return where it ends. Cells beyond its head's are kept as well."""
        rows: list[list[str]] = []
        aligns: list[Align] = []
        begun_at = 0
        while tokens[at].type != "table_close":
            token = tokens[at]
            at += 1
            match token.type:
                case "tr_open":
                    rows.append([])
                    begun_at = token.map[0] if token.map else 0
                case "th_open":
                    aligns.append(_align(token))
                case "inline":
                    atoms = inliner.atoms(token.content) if token.content else []
                    rows[-1].append(" ".join("".join(_in_table(atom) for atom in atoms).split()))
                case "tr_close" if len(rows) > 1:
                    rows[-1] += _beyond(lines[begun_at], len(aligns))
                case _:
                    pass
        self._block_of_code(aligned(rows, aligns), "")
        return at + 1

    def _without(self, dropped: set[int]) -> None:
        """Take blocks out again."""
        blocks, self.out = self.out, []
        for at, block in enumerate(blocks):
            if at not in dropped:
                above = self.out[-1] if self.out else None
                gap = gap_of(above, block.kind, block.level, block.first)
                rank = rank_of(above, block.kind, block.level)
                self.out.append(replace(block, gap=gap, rank=rank))

    def _footnotes(self, inliner: Inliner) -> None:
        notes = self.source.footnotes
        if notes:
            self.titles = self.titles[:1]
        for label in notes:
            inliner.raised(label)
        for label in inliner.numbers:
            atoms = inliner.atoms("\n".join(notes[label]))
            self._add("note", [Atom(f"{inliner.raised(label)} ", ""), *atoms], "-# ")


def _definition(token: Token) -> str:
    title = f' "{token.meta["title"]}"' if token.meta["title"] else ""
    return f"[{token.meta['label']}]: {token.meta['url']}{title}"


def _language(info: str) -> tuple[str, str]:
    """Return a fence's language and caption: `sh`, `python=12`, `yaml:compose.yml`."""
    word, _space, rest = info.partition(" ")
    found = _LANGUAGE.match(word)
    language = found[0] if found else ""
    name = word[len(language) :].removeprefix(":")
    if "." in language:
        # The name of a file stands for what it is written in.
        name = language + name
        language = language.rpartition(".")[2]
    said = [part for part in (name, _TITLE.sub(r"\1", rest)) if not _WISH.fullmatch(part.strip())]
    return language, " ".join(said).strip().replace("`", "")


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
