"""What counts as a question in a chat message, and what of it is the question."""

import re
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.questions.syntax import ParsedQuestion, parse_question, parse_questions

REAL = Path(__file__).parents[2].parent / "shared" / "real-session"


def bodies(content: str):
    return [question.body for question in parse_questions(content)]


@pytest.mark.parametrize(
    "prefix",
    [
        "Q. ", "Q.", "Q． ", "Q．", "Ｑ．", "Ｑ．　", "Q。", "Q。 ", "Q:", "Q: ", "Q：", "Q： ",
        "Q、", "Q、 ", "q. ", "q.", "ｑ．", "ｑ：", "Ⓠ.", "ⓠ. ", "Ⓠ．", "Q1.", "Q1. ", "Q 1:",
        "Q 1: ", "Q１．", "Ｑ１２：", "Q .", "Q｡", "【質問】", "【質問】 ", "［質問］", "【質問1】",
        "【Q】", "【Ｑ．】", "【質問】：", "質問：", "質問: ", "質問1：", "質問 2： ", "Question:",
        "Question: ", "question：", "QUESTION 3: ", "Ｑｕｅｓｔｉｏｎ：", "Q..", "Q.：",
        "\u200bQ. ", "\ufeffQ.", " Q. ", "　Ｑ．　", "\u00a0\u00a0Q. ", "\tQ.", "\n\n  Q. ",
        "**Q.** ", "**Q**. ", "**Q1.**", "__Q.__ ", "*Q.* ", "***Q：***", "__**Q.**__ ",
        "**【質問】**", "**質問：** ", "**Question**: ", "- Q. ", "* Q.", "+ Q. ", "• Q. ", "・Q.",
        "・ Q. ", "1. Q. ", "2) Q. ", "# Q. ", "### Q. ", "- **Q.** ",
    ],
)  # fmt: skip
def test_each_spelling_of_the_prefix_begins_a_question(prefix: str):
    assert bodies(prefix + "コンテナとは何ですか？") == ["コンテナとは何ですか？"]


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("Q.Linuxってどこから来たんですか", "Linuxってどこから来たんですか"),
        ("Q.コンテナのLinuxkernelは物理のOSとは違う?", "コンテナのLinuxkernelは物理のOSとは違う?"),
        ("Q.what is a container?", "what is a container?"),
        ("Q.What is a container", "What is a container"),
        ("Q.VM?", "VM?"),
        ("Q.VMとは", "VMとは"),
        ("Q.VM(仮想マシン)とコンテナの違いを教えて", "VM(仮想マシン)とコンテナの違いを教えて"),
        ("Q.docker-compose.ymlの書き方は？", "docker-compose.ymlの書き方は？"),
        ("Q.push(1)って何ですか？", "push(1)って何ですか？"),
        ("Q.`docker ps` の -a は？", "`docker ps` の -a は？"),
        ("Q.https://example.com が見れません", "https://example.com が見れません"),
        ("q.dockerとは？", "dockerとは？"),
        ("q.dockerの使い方を教えて", "dockerの使い方を教えて"),
        ("q.why?", "why?"),
        ("Q.3つのコンテナを動かすには", "3つのコンテナを動かすには"),
        ("Q.2.4GHzとは？", "2.4GHzとは？"),
        ("Q:Linux", "Linux"),
        ("Q:10台でも動きますか", "10台でも動きますか"),
        ("Q. E. D. とは？", "E. D. とは？"),
        ("Q. ue", "ue"),
        ("Q. を付けると質問になりますか？", "を付けると質問になりますか？"),
        ("Q./etc/hostsとは", "/etc/hostsとは"),
        ("Q.**太字**とは", "**太字**とは"),
        ("質問：はい、の意味は", "はい、の意味は"),
    ],
)
def test_what_asks_is_a_question_without_a_space_too(content: str, body: str):
    assert bodies(content) == [body]


@pytest.mark.parametrize(
    "content",
    [
        "", " ", "\n", "こんばんは", "QoS", "QoSの話です", "Q&A", "Q&Aコーナー", "QEMU",
        "QEMUで起動しました", "Q", "q", "Q.E.D.", "Q.E.D", "q.e.d.", "Ｑ．Ｅ．Ｄ．", "q.ue",
        "q.ue が重いです", "Q.A", "QR: コード", "Qiita: 記事", "https://example.com/Q.html",
        "https://q.example.com/?a=Q.x", "q.example.com/a?b=c?", "www.q.com/Q.1",
        "質問はQ.を付けてね", "  • 質問はQ.を付けてね", "「Q.」を付けてください",
        "Q.を付けて質問してください", "Q.をつけてね", "Q.から始めてください",
        "Q.って書くと質問になります", "Q.の後に質問を", "Q.が付いた行だけ集めます",
        "Q.」を付けてね", "質問：Q.を付けてください", "【質問】を付けて書いてください",
        "Q.1の答えは明日です", "Q.2について", "質問タイム", "質問があります", "質問です",
        "質問、ありますか", "質問", "【質問タイム】", "Questions: none", "q.length",
        "q.length は関数です", "Q.branch = x", "Q.all(promises)", "Q.push (1) ;", "Q.x += 1",
        "Q.ref->next", "Q::new()", "Q:\\work\\file", "Q:=1", "q:wq", "Q1.5倍", "Q...",
        "Q。。。", "IQ. 120", "FAQ. はこちら", "次のQ. は", "A. はい", "> Q. これは？",
        ">Q. これは？", "> - Q. これは？", ">>> 引用\nQ. これは？\nQ. これも",
        "  >>> 引用\n　Q. これは？", "`Q. これは？`", "`\nQ. これは？`", "```\nQ. これは？\n```",
        "```md\nQ. これは？\n\nQ. これも\n```", "``\nQ. `x`\n``", "||Q. これは？||",
        "foo ```\nQ. これは？```",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_question_is_none(content: str):
    assert parse_questions(content) == []
    assert parse_question(content) is None


@pytest.mark.parametrize(
    "content", ["Q.", " Q. ", "Ｑ．\n\n", "**Q.**", "【質問】", "質問：", "- Q."]
)
def test_a_prefix_alone_is_an_empty_question(content: str):
    assert bodies(content) == [""]


def test_one_message_may_hold_several_questions():
    content = "こんばんは\nQ. 一つ目\n続き\n\nQ2: 二つ目です\n　Ｑ．三つ目\n"
    assert bodies(content) == ["一つ目\n続き", "二つ目です", "三つ目"]
    assert parse_question(content) == ParsedQuestion("一つ目\n続き")


def test_a_look_alike_inside_a_question_does_not_cut_it():
    assert bodies("Q. これは？\nQ.E.D.\nQEMUでも") == ["これは？\nQ.E.D.\nQEMUでも"]


def test_quotes_and_code_stay_in_the_question_they_follow():
    content = "Q. これの意味は？\n> Q. 引用\n```\nQ. ログ\n```\nQ. 次\n>>> Q. 古い\nQ. これも引用"
    assert bodies(content) == [
        "これの意味は？\n> Q. 引用\n```\nQ. ログ\n```",
        "次\n>>> Q. 古い\nQ. これも引用",
    ]


def test_a_question_below_someone_elses_quoted_one_is_taken():
    assert bodies("> Q. 引用\nQ. 私の質問") == ["私の質問"]


@pytest.mark.parametrize(
    "content",
    [
        "Q. ` とは\nQ. 次",
        "Q. ``` とは\nQ. 次",
        "Q. \\` とは\nQ. 次 `",
        "Q. `a` と ``b`` \nQ. `c`",
        "Q. `` ` `` とは\nQ. 次",
        "Q. ```sh\nls\n``` とは\nQ. 次",
        "```\n>>> x\n```\nQ. 一\nQ. 次",
        "```\nlog\n```Q. 一\nQ. 一\nQ. 次",
    ],
)
def test_code_that_is_not_open_there_hides_nothing(content: str):
    assert len(parse_questions(content)) == 2


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("**Q. これは？**", "これは？"),
        ("**Q.これは？**\n詳しく", "これは？\n詳しく"),
        ("**Q. これは？\n詳しく**", "これは？\n詳しく"),
        ("*Q. これは？*", "これは？"),
        ("__**Q. これは？**__", "これは？"),
        ("**Q. これは？", "これは？"),
        ("**Q. これ**は？", "**これ**は？"),
        ("**Q.** **これ**は？", "**これ**は？"),
        ("**Q**: **これ**", "**これ**"),
        ("**質問：これは？**", "これは？"),
        ("**【質問】これは？**", "これは？"),
        ("Q. **これは？**", "**これは？**"),
    ],
)
def test_bold_around_the_prefix_or_the_line_goes_with_it(content: str, body: str):
    assert bodies(content) == [body]


def test_the_body_keeps_the_characters_that_were_typed():
    assert bodies("Ｑ．ＶＭ　とは　①？") == ["ＶＭ　とは　①？"]


pieces = st.sampled_from(
    [
        "Q.", "Ｑ．", "q", "【質問】", "質問：", "`", "``", "```", ">", ">>> ", "\n", "\n\n", " ",
        "　", "**", "_", "\\", "- ", "1. ", "# ", ".", "：", "E.D.", "Linux", "コンテナ",
        "を付けて", "?", "\u200b", "A. ",
    ]
)  # fmt: skip
hostile = st.lists(pieces | st.text(max_size=5), max_size=40).map("".join)


@given(st.text() | hostile)
@example("*Q. what* is this")
@example("*Q.0*0")
def test_nothing_raises_and_every_body_is_stripped_text_of_the_message(content: str):
    for question in parse_questions(content):
        assert question.body == question.body.strip()
        first, *rest = question.body.splitlines() or [""]
        # Markers that span the prefix and the first words stay around those words.
        assert first in content or re.sub(r"^[*_]{1,5}", "", first) in content
        assert all(line in content for line in rest)


@given(st.text() | hostile)
@example("Q" * 3)
@example("```\nQ. x\n```")
@example("> quoted\n>>> Q. a")
@example("foo **")
@example(". foo")
@example("1. foo")
@example("】")
def test_what_follows_the_prefix_comes_back_as_typed(text: str):
    """For every stripped body but one whose later lines begin a question themselves."""
    body = text.strip()
    question = parse_question("Q. " + body)
    assert question is not None
    # A line of its own that asks is another question: that is the one exclusion.
    _, newline, later = body.partition("\n")
    assume(not (newline and any(parse_questions(line) for line in later.split("\n"))))
    assert parse_questions("Q. " + body) == [ParsedQuestion(body)]


@given(st.lists(hostile.map(lambda x: x.replace("\n", " ").replace("`", "").strip()), min_size=1))
def test_as_many_questions_come_out_as_lines_went_in(lines: list[str]):
    assert bodies("\n".join("Q. " + line for line in lines)) == lines


@pytest.mark.parametrize(
    "unit",
    [
        "`", "\\", "\\`", "`a", "Q.\n", " ", "\n", "　\u200b", "Q.a?!", "か", "> ", ">>>\n", "**",
        "*Q.", "Q.a.", "Q.**\n", "```\n", "` ``", "- ", "1. ", "\u200bQ", "Q1", "質問", "Q.A b= ",
        "Q.a(", "【Q",
    ],
)  # fmt: skip
@pytest.mark.timeout(10)
def test_a_hostile_message_is_read_to_its_end(unit: str):
    # A pattern that backtracks would be at it for hours; the limit is for that alone.
    for length in (4000, 40_000):
        parse_questions("Q.a" + (unit * length)[:length] + "\n" + (unit * length)[:length])


def test_the_real_session_has_six_questions_with_a_prefix():
    if not REAL.is_dir():
        pytest.skip("the real session's notes are not beside this project")
    text = (REAL / "2019-03-15-virtual-machines.md").read_text(encoding="utf-8")
    found = bodies(text)
    assert len(found) == 6
    assert found[0].startswith("ちなみに Parallels も")
    assert found[1].startswith("コンテナのLinuxkernelは")
    assert "仮想化のメリットは" in found[0]  # the seventh has no prefix, so it looks like more text
