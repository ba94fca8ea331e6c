"""Markdown as note-takers write it, and what Discord is given for it."""

import pytest

from bot.notes import render, split


def posted(text: str, locale: str = "ja") -> str:
    return "\n=====\n".join(part.text for part in split(render(text, locale=locale)))


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("• a\n  • b\n    • c", "- a\n  - b\n    - c"),
        ("  • a\n    • b\n\n  • c", "- a\n  - b\n- c"),
        ("・a\n　・b\n　　・c\n・d", "- a\n  - b\n    - c\n- d"),
        ("‣ a\n\t◦ b\n\t\t- c", "- a\n  - b\n    - c"),
        ("• a\n\u00a0\u00a0• b\n\u00a0\u00a0\u00a0\u00a0• c", "- a\n  - b\n    - c"),
        ("- a\n    - b\n        - c", "- a\n  - b\n    - c"),
        ("* a\n  + b", "- a\n  - b"),
        ("1. a\n  - b\n2. c", "1. a\n  - b\n2. c"),
        ("1) a\n2) b", "1. a\n2. b"),
        ("3. a\n3. b", "3. a\n4. b"),
        ("①a\n②b\n  ③c", "- ①a\n- ②b\n  - ③c"),
        ("手順:\n2. a\n3. b", "手順:\n2. a\n3. b"),
        ("- a\n\n  more\n- b", "- a\n  more\n- b"),
        ("- a\nlazy\n\nafter", "- a\n  lazy\n\nafter"),
        ("• a\nmargin", "- a\n\nmargin"),
        ("- [ ] a\n- [x] b", "- ⬜ a\n- ✅ b"),
        ("-　a\n1.　b", "- a\n\n1. b"),
        ("- - a", "- a"),
        ("・- a\n・1. b\n・# c", "- \\- a\n- 1\\. b\n- \\# c"),
        ("・・・それで", "・・・それで"),
    ],
)
def test_bullets_of_any_kind_become_nested_lists(typed: str, shown: str):
    assert posted(typed) == shown


def test_a_numbered_heading_is_no_item_of_a_list():
    notes = "# t\n\n1. はじめに\n\n  • a\n\n2. つぎに\n\n  • b"
    assert posted(notes) == "# t\n1\\. はじめに\n- a\n\n2\\. つぎに\n- b"


def test_lists_deeper_than_anybody_reads_lose_nothing():
    notes = "\n".join(" " * 2 * depth + f"- 語{depth:02}" for depth in range(60))
    words = [line.strip() for line in posted(notes).replace("- ", "").split("\n")]
    assert words == [f"語{depth:02}" for depth in range(60)]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("# a\n## b\n### c\n#### d\n###### e", "# a\n## b\n### c\n**d**\n**e**"),
        ("a\n===\n\nb\n---", "# a\n## b"),
        ("#　全角", "# 全角"),
        ("#### a **b** c", "**a b c**"),
        ("- # a", "- **a**"),
        ("a\n\n---\n\nb", "a\n────────────\nb"),
        ("one\ntwo  \nthree\\\nfour", "one\ntwo\nthree\nfour"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("> a\n> b\n>\n> - c\n>   - d", "> a\n> b\n> - c\n>   - d"),
        ("> a\n>> b", "> a\n> \\> b"),
        ("> ```sh\n> x\n> ```", "> ```sh\n> x\n> ```"),
    ],
)
def test_blocks_become_what_discord_has(typed: str, shown: str):
    assert posted(typed) == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("```sh\nls  -l\n```", "```sh\nls  -l\n```"),
        ("    ls\n      -l", "```\nls\n  -l\n```"),
        ("~~~\n```\nin\n```\n~~~", "```\n``\u200b`\nin\n``\u200b`\n```"),
        ("```python=12\nx\n```", "```python\nx\n```"),
        ("```yaml:compose.yml\nx\n```", "`compose.yml`\n```yaml\nx\n```"),
        ("```compose.yml\nx\n```", "`compose.yml`\n```yml\nx\n```"),
        ("```js {1,3} \nx\n```", "```js\nx\n```"),
        ("```sh 例\nx\n```", "`例`\n```sh\nx\n```"),
        ("- a\n  ```sh\n  x\n    y\n  ```\n- b", "- a\n```sh\nx\n  y\n```\n- b"),
        ("- a\n  ```\nx\n  ```\n- b", "- a\n```\nx\n```\n- b"),
        ("```\nnever closed", "```\nnever closed\n```"),
        ("```\n\n```", ""),
    ],
)
def test_code_stays_as_it_is_and_never_breaks_its_fence(typed: str, shown: str):
    assert posted(typed) == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("**a** *b* ~~c~~ `d`", "**a** *b* ~~c~~ `d`"),
        ("__a__ _b_", "**a** *b*"),
        ("これは**「重要」**です", "これは**「重要」**です"),
        ("**Docker(コンテナ)**は", "**Docker(コンテナ)**は"),
        ("snake_case_name 2 * 3 * 4", "snake\\_case\\_name 2 \\* 3 \\* 4"),
        ("資料_2019_最終.pdf 「_a_」", "資料\\_2019\\_最終.pdf 「*a*」"),
        ("||a|| 1~6 a|b", "\\|\\|a\\|\\| 1~6 a|b"),
        ("\\*a\\* \\# b", "\\*a\\* # b"),
        ("a\n\\# b\n\\- c\n1\\. d\n\\> e\n\\-# f", "a\n\\# b\n\\- c\n1\\. d\n\\> e\n\\-# f"),
        ("`a``b` `` ` ``", "`a``b` `` ` ``"),
        ("C:\\Users", "C:\\\\Users"),
        ("&lt;b&gt; &amp; &copy;", "<b> & ©"),
        ("https://e.com/a_b_c*d~e", "https://e.com/a_b_c*d~e"),
        ("（https://e.com/a）**b**", "（https://e.com/a）**b**"),
    ],
)
def test_marks_stay_marks_and_text_stays_text(typed: str, shown: str):
    assert posted(typed) == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("[a](https://e.com/b)", "[a](https://e.com/b)"),
        ("[a](https://e.com/b_(c))", "[a](https://e.com/b_%28c%29)"),
        ("[a][r]\n\n[r]: https://e.com", "[a](https://e.com)"),
        ("[資料]: https://e.com", "\\[資料]: https://e.com"),
        ("<https://e.com>", "<https://e.com>"),
        ("[https://e.com](https://e.com)", "https://e.com"),
        ("[https://a.com](https://b.com)", "https://a.com (https://b.com)"),
        ("[a](./b.md) [c](#d) [e](mailto:f@g.h)", "a (./b.md) c e (f@g.h)"),
        ("\\[a](https://e.com)", "\\[a](https://e.com)"),
        ("![図](https://e.com/a.png)", "[図](https://e.com/a.png)"),
        ("![](https://e.com/a.png =300x)", "https://e.com/a.png"),
        ("![図](a.png)", "図 (a.png)"),
        ("![](data:image/png;base64,AAAA)", "(画像)"),
        ("[![a](https://e.com/b.svg)](https://e.com)", "[a](https://e.com/b.svg) (https://e.com)"),
        (
            "[a](https://ja.wikipedia.org/wiki/仮想機械)",
            "[a](https://ja.wikipedia.org/wiki/仮想機械)",
        ),
    ],
)
def test_links_and_pictures_become_links(typed: str, shown: str):
    assert posted(typed) == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<div>a <b>b</b><br>c</div>", "a b\nc"),
        ("a <!-- b --> c", "a  c"),
        ("<!--\nhidden\n\nhidden\n-->\nshown", "shown"),
        ("a\n\n<!-- never closed\n\nb", "a\n\n<!-- never closed\n\nb"),
        ("<script>\nalert(1)\n\n</script>\nshown", "shown"),
        ("a <style>b</style> c", "a  c"),
        ("<script>never closed", "never closed"),
        ("<details><summary>a</summary>\n\nb\n</details>", "a\n\nb"),
        ("docker run <image> <名前>", "docker run <image> <名前>"),
        ("cp <source> <target>", "cp <source> <target>"),
        ('<img src="https://e.com/a.png" alt="図">', "[図](https://e.com/a.png)"),
        ('<a href="https://e.com">a</a>', "[a](https://e.com)"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
    ],
)
def test_html_goes_and_its_text_stays(typed: str, shown: str):
    assert posted(typed) == shown


@pytest.mark.parametrize(
    "mention",
    ["@everyone", "@here", "<@123>", "<@!123>", "<@&123>", "<#123>", "<:a:1>", "<a:b:1>", "</c:1>"],
)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "- {}",
        "# {}",
        "> {}",
        "**{}**",
        "[{}](https://e.com)",
        "|{}|\n|-|",
        "[^1]\n\n[^1]: {}",
    ],
)
def test_nobody_is_mentioned(mention: str, around: str):
    text = posted(around.format(mention))
    in_code = text.startswith("```")
    assert in_code or mention not in text.replace("\\" + mention, "").replace("\u200b", "!")


@pytest.mark.parametrize(
    "typed",
    [
        "@<b></b>everyone",
        "&#64;everyone",
        "\\@everyone",
        "https://e.com/@everyone",
        "[a](https://e.com/@here)",
    ],
)
def test_no_mention_is_put_together_from_pieces(typed: str):
    assert "@everyone" not in posted(typed)
    assert "@here" not in posted(typed)


def test_a_table_is_aligned_by_what_one_sees():
    notes = "| 名前 | 値 | x |\n|:--|--:|:-:|\n| りんご | 100 | **赤** |\n| b | 2 | c |\n"
    assert posted(notes).split("\n") == [
        "```",
        "名前     値  x",
        "------  ---  --",
        "りんご  100  赤",
        "b         2  c",
        "```",
    ]


def test_a_wide_table_is_narrowed_without_losing_text():
    long = "".join(f"語{number:03}" for number in range(60))
    notes = f"| 項目 | 説明 |\n|--|--|\n| a | {long} |\n| b | {'word ' * 40}|"
    lines = posted(notes).split("\n")
    assert max(map(len, lines)) <= 80
    assert long in "".join(line[6:] for line in lines)
    assert sum(line.count("word") for line in lines) == 40


def test_cells_beyond_the_tables_head_are_kept():
    assert "extra" in posted("| a | b |\n|--|--|\n| c | d | extra |")


def test_footnotes_stand_at_the_end_with_small_numbers():
    notes = "a[^x] b[^1] c[^none]\n\n[^1]: one\n[^x]: ex\n    goes on\n[^u]: unused\n\nd"
    assert posted(notes) == ("a¹ b² c\\[^none]\n\nd\n\n-# ¹ ex\n-# goes on\n-# ² one\n-# ³ unused")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (":::info 題\n- a\n:::\nb", "> ℹ️ **題**\n> - a\n\nb"),
        (":::spoiler 開く\na\n:::", "> **開く**\n> a"),
        (":::warning\nnever closed", ":::warning\nnever closed"),
        ("[TOC]\n\na", "a"),
        ("{%youtube abc %}", "https://www.youtube.com/watch?v=abc"),
        ("---\ntitle: 題\ntags: x\n---\na", "# 題\na"),
        ("---\ntitle: 題\n---\n# 別\na", "# 別\na"),
        ("---\n本文です\n---\nb", "────────────\n## 本文です\nb"),
    ],
)
def test_what_hackmd_adds_is_shown_sensibly(typed: str, shown: str):
    assert posted(typed) == shown


def test_headings_nobody_marked_are_found_in_typed_notes():
    notes = (
        "20260101-題\n\n話\n\n  • a\n\n実演\n\n実演: Docker\n\n  • b\n\n"
        "質問タイム\n\nQ. c?\n\n  • d"
    )
    assert posted(notes).split("\n") == [
        "# 20260101-題",
        "### 話",
        "- a",
        "### 実演",
        "### 実演: Docker",
        "- b",
        "## 質問タイム",
        "### Q. c?",
        "- d",
    ]


@pytest.mark.parametrize(
    "notes",
    [
        "# 題\n\n話\n\n  • a\n\n話2\n\n  • b",
        "次のとおりです。\n\n  • a\n\nまた、\n\n  • b",
        "話\n\n- a\n\n話2\n\n- b",
    ],
)
def test_no_headings_are_guessed_where_they_are_marked_or_sentences(notes: str):
    assert "###" not in posted(notes)


def test_words_of_the_bots_own_follow_the_language():
    assert posted("![](a.png)", "en") == "(image) (a.png)"
    assert posted("![](a.png)", "ja") == "(画像) (a.png)"


@pytest.mark.parametrize(
    "notes", ["", "\n\n", "　\u00a0", "<!-- a -->", "[TOC]", "- \n- ", "&nbsp;", "#"]
)
def test_notes_that_say_nothing_are_no_message(notes: str):
    assert split(render(notes)) == ()
