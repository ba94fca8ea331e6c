"""What counts as an answer, and what of it is kept."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.questions.syntax import ParsedAnswer, parse_answer


@pytest.mark.parametrize(
    "prefix",
    [
        "A. ", "A.", "A．", "Ａ．", "Ａ． ", "a. ", "ａ．", "Ⓐ.", "A: ", "A：", "A、", "A。",
        "答. ", "答．", "答：", "答: ", "答え：", "回答：", "回答: ", "【回答】", "Answer:",
        "answer: ", "ＡＮＳＷＥＲ：", "  A. ", "　Ａ．", "\n\nA. ", "**A.** ", "**A**: ",
        "**回答：**",
    ],
)  # fmt: skip
def test_each_spelling_of_the_prefix_is_an_answer(prefix: str):
    assert parse_answer(prefix + "その通りです") == ParsedAnswer("その通りです", None)


@pytest.mark.parametrize(
    ("content", "ordinal"),
    [
        ("A2. はい", 2), ("A 2. はい", 2), ("Ａ２．はい", 2), ("a12: はい", 12), ("答2. はい", 2),
        ("回答3：はい", 3), ("Answer 1: はい", 1), ("**A2.** はい", 2), ("A1.はい", 1),
    ],
)  # fmt: skip
def test_a_number_says_which_question_is_answered(content: str, ordinal: int):
    assert parse_answer(content) == ParsedAnswer("はい", ordinal)


@pytest.mark.parametrize(
    "content",
    [
        "", "はい", "A", "AWSです", "A.I.", "A.I.の話", "Ａ．Ｉ．", "a.out", "a.out が動かない",
        "A&Q", "A2.5倍", "A...", "A.を付けて返信してください", "回答はA.を付けてね", "> A. はい",
        "`A. はい`", "```\nA. はい\n```", "はい\nA. 違います", "回答です", "答えはこちら",
        "APIs: none", "Answers: none", "Q. これは？", "A::b", "- A. はい",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_answer_is_none(content: str):
    assert parse_answer(content) is None


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("A.Docker", "Docker"),
        ("A.DockerとPodmanです", "DockerとPodmanです"),
        ("A:yes", "yes"),
        ("A.", ""),
        ("**A. はい**\n詳しく", "はい\n詳しく"),
        ("A. はい\n- 一\n  - 二\n\n    - 三\n", "はい\n- 一\n  - 二\n\n    - 三"),
        ("A.\n- 一\n  - 二", "- 一\n  - 二"),
        ("A.\n\n  • 一\n    • 二\n", "  • 一\n    • 二"),
        ("A. - 一\n  - 二", "- 一\n  - 二"),
        ("A. これ\n```\n  A. x\n```", "これ\n```\n  A. x\n```"),
        ("A. 一\nA2. 二", "一\nA2. 二"),
    ],
)
def test_the_body_keeps_bullets_and_their_nesting(content: str, body: str):
    answer = parse_answer(content)
    assert answer is not None
    assert answer.body == body


@given(st.text())
@example("\n a")
@example("2. x")
def test_what_follows_the_prefix_comes_back_as_typed(text: str):
    assert parse_answer("A. " + text.strip()) == ParsedAnswer(text.strip(), None)


@given(st.text(alphabet=st.sampled_from("Aa答えA.．：:0９ \n　*_`>-E回【】を")) | st.text())
def test_nothing_raises(content: str):
    answer = parse_answer(content)
    assert answer is None or answer.body in content or "*" in content or "_" in content


@pytest.mark.parametrize("unit", [" ", "\n", "*", "A.", "　\u200b", "`", "A", "あ\n "])
@pytest.mark.timeout(10)
def test_a_hostile_reply_is_read_to_its_end(unit: str):
    content = "A. " + unit * 40_000
    parse_answer(content)
    parse_answer(content[3:])
