"""However notes are made, time goes with their length and not its square."""

import gc
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


def once(notes: str) -> float:
    """Return the processor's time for it, in seconds.

    Without the garbage collector, which goes through all that this process has ever made.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        split(render(notes))
        return time.process_time() - start
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", KINDS)
def test_time_goes_with_the_length(kind: str):
    notes = short, long = [KINDS[kind](length) for length in (SHORT, SHORT * TIMES)]
    best = dict.fromkeys(notes, float("inf"))
    # The best of each is what it takes: the others were disturbed.
    for number in range(10):
        for each in notes:
            best[each] = min(best[each], once(each))
        if number and best[long] <= MOST * max(best[short], 0.01):
            return
    pytest.fail(f"{best[long]:.3f} s against {best[short]:.3f} s for the {TIMES}th part")
