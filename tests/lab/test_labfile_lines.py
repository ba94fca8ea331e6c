"""Where a key stands in a TOML file, however the operator writes it."""

import tomllib
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.lab.labfile.lines import KeyPath, line_of, lines_of

SCALARS = (
    "17", "-3.5e2", "true", "0x1F", "2026-11-20", "2026-11-20T19:00:00+09:00", "19:30:00", "inf",
    '"text"', "'[not.a.table]'", '"a \\" b # no comment"', "'C:\\folder'", '"=,]}"', '""', "''",
    '"""\n[[hosts]]\nname = "x"\n"""', "'''\n]\n# }\n'''", '"""two "" inside \\""" and on\n"""""',
    "'''\n'''''", '"""one\\\n   line"""',
)  # fmt: skip
NOISE = ("", "# a comment with ] } \" ' [x]", "\t", "")


@dataclass
class Pen:
    """Writes TOML and notes where each key begins."""

    draw: st.DrawFn
    text: str = ""
    lines: dict[KeyPath, int] = field(default_factory=dict)
    count: int = 0

    def mark(self, path: KeyPath, line: int | None = None) -> None:
        self.lines.setdefault(path, line or self.text.count("\n") + 1)

    def write(self, text: str) -> None:
        self.text += text

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def number(self, most: int) -> int:
        return self.draw(st.integers(0, most))

    def key(self) -> tuple[str, str]:
        """Return a new key and how it is written."""
        self.count += 1
        bare = f"k{self.count}"
        odd = f"k.{self.count} ]#"
        return self.one_of((bare, bare), (bare, f'"{bare}"'), (odd, f"'{odd}'"), (odd, f'"{odd}"'))

    def noise(self) -> None:
        for _ in range(self.number(2)):
            self.write(self.one_of(*NOISE) + "\n")

    def pair(self, table: KeyPath, depth: int) -> None:
        line = self.text.count("\n") + 1
        path, written = table, []
        for _ in range(self.one_of(1, 1, 2, 3)):
            key, as_written = self.key()
            path = (*path, key)
            written.append(as_written)
            self.mark(path, line)
        self.write(self.one_of(".", " . ").join(written) + self.one_of("=", " = ", "\t=  "))
        self.value(path, depth)

    def value(self, path: KeyPath, depth: int) -> None:
        kind = self.one_of("scalar", "list", "table") if depth else "scalar"
        if kind == "scalar":
            self.write(self.one_of(*SCALARS))
        elif kind == "list":
            self.write("[")
            size = self.number(3)
            for number in range(size):
                self.write(self.one_of("", " ", "\n", " # why ]\n  "))
                self.mark((*path, number))
                self.value((*path, number), depth - 1)
                self.write(self.one_of("", " ", "\n"))
                self.write("," if number + 1 < size else self.one_of("", ","))
            self.write(self.one_of("", "\n", " # end [\n") + "]")
        else:
            self.write("{")
            size = self.number(3)
            for number in range(size):
                self.write(self.one_of("", " "))
                self.pair(path, depth - 1)
                self.write(", " if number + 1 < size else " ")
            self.write("}")

    def pairs(self, table: KeyPath) -> None:
        for _ in range(self.number(3)):
            self.write(self.one_of("", "  "))
            self.pair(table, 2)
            self.write(self.one_of("", " ", " # why = [") + "\n")
            self.noise()

    def header(self, path: KeyPath, keys: list[str], *, is_list: bool) -> None:
        self.mark(path)
        inside = self.one_of(".", " . ").join(keys)
        self.write(f"[[{inside}]]" if is_list else f"[ {inside} ]")
        self.write(self.one_of("\n", " # why ]\n"))
        self.noise()


@st.composite
def documents(draw: st.DrawFn) -> Pen:
    pen = Pen(draw)
    pen.noise()
    pen.pairs(())
    for _ in range(pen.number(4)):
        key, written = pen.key()
        if pen.draw(st.booleans()):
            pen.header((key,), [written], is_list=False)
            pen.pairs((key,))
            inner, inner_written = pen.key()
            if pen.draw(st.booleans()):
                pen.header((key, inner), [written, inner_written], is_list=False)
                pen.pairs((key, inner))
            continue
        inner, inner_written = pen.key()
        for number in range(pen.number(2) + 1):
            pen.mark((key,))
            pen.header((key, number), [written], is_list=True)
            pen.pairs((key, number))
            for again in range(pen.number(2)):
                pen.mark((key, number, inner))
                pen.header((key, number, inner, again), [written, inner_written], is_list=True)
                pen.pairs((key, number, inner, again))
    return pen


def paths_in(value: object, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths_in(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found |= paths_in(inner, (*path, number))
    return found


@settings(max_examples=150, deadline=None)
@given(pen=documents())
def test_every_key_is_found_on_its_line_however_it_is_written(pen: Pen):
    assert lines_of(pen.text) == pen.lines
    assert set(pen.lines) == paths_in(tomllib.loads(pen.text))
    # A file from Windows has the same lines.
    assert lines_of(pen.text.replace("\n", "\r\n")) == pen.lines


def test_a_key_that_is_missing_is_told_by_the_table_around_it():
    lines = lines_of('[[hosts]]\nname = "a"\n\n[[hosts]]\nname = "b"\n')
    assert line_of(lines, ("hosts", 1, "docker")) == 4
    assert line_of(lines, ("elsewhere", "x")) is None


def test_a_file_without_a_last_line_end_is_read_to_its_end():
    assert lines_of("a = 1\nb = 2") == {("a",): 1, ("b",): 2}
    assert lines_of("[t]") == {("t",): 1}
    assert lines_of("") == {}
