"""However notes are made, time goes with their length and not its square."""

import time

import pytest

from bot.notes import render, split

SHORT = 4_000
TIMES = 8
# Straight: 8. By the square: 64. In between lies what a busy machine may add.
MOST = 24


def repeated(pattern: str, length: int) -> str:
    return pattern * (length // len(pattern))


KINDS = {
    "bullets": lambda n: repeated("- a\n", n),
    "typed bullets": lambda n: repeated("・あ\n　・い\n", n),
    "numbers": lambda n: repeated("1. a\n", n),
    "deep bullets": lambda n: "".join(" " * (2 * at) + "- a\n" for at in range(int(n**0.5))),
    "bullets in one line": lambda n: repeated("- ", n) + "a",
    "quotes": lambda n: repeated(">", n) + "a",
    "quotes and bullets": lambda n: repeated("> - " * 25 + "a\n", n),
    "paragraphs": lambda n: repeated("a\n\n", n),
    "lines": lambda n: repeated("a\n", n),
    "one line": lambda n: "あ" * n,
    "sentences": lambda n: repeated("あい。", n),
    "blanks": lambda n: "a" + " " * n + "b",
    "dots": lambda n: "." * n + "a",
    "headings": lambda n: repeated("# a\n", n),
    "brackets": lambda n: "[" * n,
    "half links": lambda n: repeated("[a](", n),
    "links": lambda n: repeated("[a](https://e.com) ", n),
    "addresses": lambda n: repeated("http://", n),
    "one address": lambda n: "http://a.b/" + "c)" * (n // 2),
    "half bold": lambda n: repeated("**a*", n),
    "bold": lambda n: "**" + repeated("あい。", n) + "**",
    "ticks": lambda n: " ".join("`" * at for at in range(1, int((2 * n) ** 0.5))),
    "fences": lambda n: repeated("```\n", n),
    "code": lambda n: "```\n" + repeated("a\n", n) + "```",
    "blank code": lambda n: "```\na\n" + "\n" * n + "b\n```",
    "comments": lambda n: repeated("<!-- \n", n),
    "scripts": lambda n: repeated("<script>a ", n),
    "tags": lambda n: repeated("<b>", n),
    "attributes": lambda n: "<a " + "b" * n + ">",
    "definitions": lambda n: "".join(f"[{at:05}]: b\n" for at in range(n // 11)),
    "footnotes": lambda n: "".join(f"[^{at:05}]: b\n" for at in range(n // 12)),
    "containers": lambda n: repeated(":::info\n", n),
    "table": lambda n: "|a|b|\n|-|-|\n" + repeated("|a|b|\n", n),
    "wide cell": lambda n: (
        "|a|b|\n|-|-|\n|" + "x" * (n // 2) + "|b|\n" + repeated("|a|b|\n", n // 2)
    ),
    "many columns": lambda n: repeated("|a", n // 2) + "|\n" + repeated("|-", n // 2) + "|\n",
    "accents": lambda n: "a" + "\u0301" * n,
}


def seconds(notes: str) -> float:
    """Return the processor's time for it, the best of three: the others were disturbed."""
    return min(once(notes) for _ in range(3))


def once(notes: str) -> float:
    start = time.process_time()
    split(render(notes))
    return time.process_time() - start


@pytest.mark.parametrize("kind", KINDS)
def test_time_goes_with_the_length(kind: str):
    short, long = (KINDS[kind](length) for length in (SHORT, SHORT * TIMES))
    assert seconds(long) <= MOST * max(seconds(short), 0.01)
