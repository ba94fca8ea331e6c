"""Notes by chance: as clean as a book, as messy as typed in a hurry, or plain noise."""

from hypothesis import strategies as st

LETTERS = "あいうえ仮想機械漢字アイウ"
_MARKS = [
    "- ", "* ", "+ ", "• ", "・", "　", "　・", "  ", "    ", "\t", "1. ", "2) ", "10. ", "①",
    "# ", "## ", "#### ", "> ", ">", "```", "~~~", "```sh\n", "````", "`", "``", "**", "*", "_",
    "__", "~~", "||", "|", "\n|---|---|\n", "\n", "\n\n", "\n\n\n", "---", "***", "===", "\u00a0",
    ":", "::: ", ":::info\n", ":::\n", "。", "！", "? ", "! ", ". ", "\\", "@everyone", "😀",
    "https://example.com/a", "👨‍👩‍👧", "が", "=", "(", ")", "-# ", ">>> ", "\r\n", "Q. ",
]  # fmt: skip
_MORE_MARKS = [
    "[", "](", "![", "[^1]", "\n[^1]: ", "[TOC]", "]: ", "<b>", "<!--", "-->", "<script>",
    "</script>", "<br>", "<", "&amp;", "&#64;", "<@1>", "{%youtube a %}", " =3x3)", "http://",
    "mailto:", "\x00", "\u2028", "\u200b", "e\u0301",
]  # fmt: skip

_words = st.text(LETTERS, min_size=1, max_size=12)
_long = st.builds(lambda word, times: word * times, _words, st.integers(50, 600))
# Here every letter of what was typed is to be seen again.
typed = st.lists(st.one_of(_words, st.sampled_from(_MARKS), _words, _long), max_size=80).map(
    "".join
)
# Here some of it isn't text.
noise = st.one_of(
    st.text(),
    st.lists(st.one_of(_words, st.sampled_from(_MARKS + _MORE_MARKS)), max_size=120).map("".join),
    st.lists(st.sampled_from(_MARKS + _MORE_MARKS), max_size=20).map(
        lambda some: "".join(some) * 60
    ),
)


@st.composite
def written(draw: st.DrawFn) -> str:  # noqa: C901 - one small function a kind of block
    """Return well-formed notes of which every word is another: 語0001, 語0002, …"""
    count = 0

    def words(most: int = 6) -> str:
        nonlocal count
        first, count = count + 1, count + draw(st.integers(1, most))
        # Without anything between them long ones would be cut within a word.
        between = draw(st.sampled_from(["、", "。", " ", "! ", "　"] + [""] * (most < 20)))
        return between.join(f"語{number:04}" for number in range(first, count + 1))

    def bullets() -> list[str]:
        mark = draw(st.sampled_from(["- ", "* ", "• ", "・", "1. "]))
        step = draw(st.sampled_from(["  ", "    ", "　", "\t"])) if mark != "1. " else "   "
        base = draw(st.sampled_from(["", "  "])) if mark != "1. " else ""
        depth, lines = 0, list[str]()
        for _ in range(draw(st.integers(1, 12))):
            lines.append(base + step * depth + mark + words())
            depth = draw(st.integers(0, min(depth + 1, 4)))
        return lines

    def code() -> list[str]:
        return [
            "````sh",
            *(words() for _ in range(draw(st.integers(1, 30)))),
            "```",
            words(),
            "````",
        ]

    def table() -> list[str]:
        rows = draw(st.integers(1, 8))
        return [f"| {words(2)} | {words(2)} |", "|--|--:|"] + [
            f"| {words(4)} | {words(1)} |" for _ in range(rows)
        ]

    def paragraph() -> list[str]:
        before, after = draw(
            st.sampled_from(
                [("", ""), ("**", "**"), ("<b>", "</b>"), ("[", "](https://e.com)"), ("`", "`")]
            )
        )
        most = draw(st.sampled_from([3, 12, 12, 400]))
        return [words(most) + " " + before + words(most) + after + " " + words()]

    def quote() -> list[str]:
        return [f"> {words()}", f"> - {words()}", f">> {words()}"]

    def heading() -> list[str]:
        return ["#" * draw(st.integers(1, 6)) + " " + words(4)]

    def container() -> list[str]:
        return [f":::info {words(2)}", *paragraph(), *bullets(), ":::"]

    kinds = [heading, paragraph, bullets, bullets, code, table, quote, container]
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 14))):
        lines += [*draw(st.sampled_from(kinds))(), ""]
    return "\n".join(lines)
