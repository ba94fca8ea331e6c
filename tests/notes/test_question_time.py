"""Question time in notes: read from what note-takers type, written below it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.notes import questions_in, render, split
from bot.notes.question_time import Entry, likeness, paired, with_question_time


def shown(source: str, *entries: Entry, locale: str = "ja") -> str:
    document = with_question_time(render(source, locale=locale), entries)
    return "\n".join(part.text for part in split(document))


TYPED = (
    "20190315-お題\n\nはじめに\n\n  • あれ\n  • 質問はQ.を付けてね\n\n質問タイム\n\n"
    "Q. 一つ目ですか?\n\n  • そうです\n\n前置きなしの質問でいいのかな\n\n  • よい\n    • とても\n\n"
    "まえがき\n\nQ.聞き逃した質問は?\n\n  • (聞き逃した)\n\nさようなら!"
)


def test_typed_notes_give_their_questions_with_nested_answers():
    first, second, third = questions_in(render(TYPED))
    assert (first.body, first.answer, first.has_prefix) == ("一つ目ですか?", "そうです", True)
    assert (second.body, second.has_prefix) == ("前置きなしの質問でいいのかな", False)
    assert second.answer == "- よい\n  - とても"
    assert third.is_missed
    assert not third.answer


def test_marked_notes_give_theirs_too():
    source = (
        "# t\n\n- Q. は付けてね\n\n## Q&A\n\nQ. eins?\n\n- ja\n- nein\n\nzwei\n\n1. ja\n\n"
        "## Ende\n\nEnde\n\n- x\n"
    )
    found = questions_in(render(source))
    assert [one.body for one in found] == ["eins?", "zwei"]
    assert found[0].answer == "- ja\n- nein"


def test_without_question_time_only_the_prefix_counts():
    found = questions_in(render("# t\n\nwhat\n\n- is this\n\nQ. real?\n\n- yes\n"))
    assert [one.body for one in found] == ["real?"]


def test_answers_stand_under_question_time_with_their_bullets():
    text = shown("# t\n\n- a\n", Entry("なぜ？", ("- はい\n  - だから",), False))
    assert text == "# t\n- a\n## 質問タイム\n### Q. なぜ？\n- はい\n  - だから"


def test_what_is_missed_is_marked_in_the_servers_language():
    entry = Entry("why", (), True)
    assert "- (聞き逃した)" in shown("# t", entry)
    assert "- (missed)" in shown("# t", entry, locale="en")


def test_a_heading_of_question_time_that_is_there_is_used():
    text = shown(
        "# t\n\n## 質問タイム\n\nQ. 一つ目？\n\n- はい\n", Entry("まったく別の話", ("a",), False)
    )
    assert text.count("質問タイム") == 1
    assert text.index("一つ目") < text.index("まったく別の話")


@pytest.mark.parametrize(
    ("asked", "noted"),
    [
        (
            "コンテナのLinuxカーネルは物理のOSとは違うという認識でいいですか？",
            "コンテナのLinuxkernelは物理のOSとは違う認識でいい?",
        ),
        ("今操作しているPCのメモリはいくつ積んでいますか？", "PCのメモリはいくつ積んでいますか"),
        ("ＫＶＭはなぜ速いのですか。", "kvm はなぜ速いのですか?"),
    ],
)
def test_what_the_note_taker_shortened_is_the_same_question(asked: str, noted: str):
    assert likeness(asked, noted) >= 0.7


@pytest.mark.parametrize(
    ("one", "other"),
    [("コンテナとは何ですか", "メモリとは何ですか"), ("なぜ？", "いつ？"), ("?", "!")],
)
def test_different_questions_stay_different(one: str, other: str):
    assert likeness(one, other) < 0.7


def test_each_question_is_paired_once_with_the_likest():
    noted = ["メモリはいくつ積んでいますか", "ディスクはいくつ積んでいますか"]
    asked = ["ディスクはいくつ積んでいますか？", "メモリはいくつ積んでいますか？"]
    assert {i: j for i, (j, _) in paired(noted, asked).items()} == {0: 1, 1: 0}


@given(st.lists(st.tuples(st.text(max_size=300), st.text(max_size=300)), max_size=4))
def test_nothing_anybody_wrote_disturbs_the_notes(written: list[tuple[str, str]]):
    entries = [Entry(body, (answer,), False) for body, answer in written]
    document = with_question_time(render("# t\n\n- notes\n"), entries)
    parts = split(document)
    assert all(len(part.text) <= 2000 for part in parts)
    assert parts[0].text.startswith("# t\n- notes")


def test_an_open_fence_ends_with_its_question():
    text = shown("# t", Entry("a\n```\nb", ("```\nc",), False), Entry("zwei Fragen", ("d",), False))
    assert "\n### Q. zwei Fragen\n- d" in text
