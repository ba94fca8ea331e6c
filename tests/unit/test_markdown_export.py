"""A session as Markdown: what goes in comes out."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.archive.markdown import render_markdown
from bot.archive.read import ReadAnswer, read_markdown
from bot.archive.record import (
    AnswerRecord,
    ChapterRecord,
    QuestionRecord,
    RecordingRecord,
    SessionRecord,
)
from bot.localization import words
from bot.questions.syntax import parse_questions

REAL = Path(__file__).parents[2].parent / "shared" / "real-session"
AT = datetime(2026, 11, 14, 23, 30, tzinfo=UTC)


def answer(body: str, author: str | None = None, *, supplement: bool = False) -> AnswerRecord:
    return AnswerRecord(body, author, supplement, AT)


def question(number: int, body: str, *answers: AnswerRecord, **more: object) -> QuestionRecord:
    made = QuestionRecord(
        number=number,
        body=body,
        asker_name=None,
        state="answered",
        is_joke=False,
        is_anonymous=False,
        votes=0,
        asked_at=AT,
        closed_at=None,
        merged_into=None,
        jump_url=None,
        attachments=(),
        answers=answers,
    )
    return dataclasses.replace(made, **more)


def session(*questions: QuestionRecord, **more: object) -> SessionRecord:
    made = SessionRecord("コンテナ入門", None, None, AT, None, "Asia/Tokyo", questions)
    return dataclasses.replace(made, **more)


def exported(record: SessionRecord, locale: str = "ja", **options: bool) -> str:
    return render_markdown(record, words(locale), **options)


def test_an_export_looks_like_a_note_takers_file():
    record = session(
        question(1, "コンテナとは何ですか", answer("プロセスです\n- cgroup\n  - namespace")),
        question(2, "なぜ速いのですか", answer("- vHWがない\n- OSを共有する"), asker_name="青木"),
        question(3, "今のメモリは？", state="missed"),
        question(4, "録画はありますか\nいつまで見られますか", state="open"),
        question(5, "Podmanは？", answer("使えます", "佐藤", supplement=True)),
        question(6, "似た質問", state="merged", merged_into=1),
        speaker_name="登壇 太郎",
        slides_url="https://example.com/slides",
    )
    assert exported(record) == (
        """# 20261115-コンテナ入門

参考URL: https://example.com/slides

登壇者: 登壇 太郎

## 内容

## 質問タイム

Q. コンテナとは何ですか

  統合した質問: 似た質問

  - プロセスです
    - cgroup
      - namespace

Q. なぜ速いのですか

  質問者: 青木

  - vHWがない
  - OSを共有する

Q. 今のメモリは？

  - (聞き逃した)

Q. 録画はありますか
   いつまで見られますか

  - (未回答)

Q. Podmanは？

  補足（佐藤）:

  - 使えます
"""
    )


def test_in_english_it_says_the_same():
    text = exported(session(question(1, "What is it?", state="missed")), "en")
    assert "## Question time\n\nQ. What is it?\n\n  - (missed)\n" in text
    assert read_markdown(text).questions[0].is_missed


def test_hidden_names_stand_nowhere():
    record = session(
        question(
            1,
            "q",
            answer("a", "書いた人"),
            answer("b", "答えた人"),
            answer("c", "補った人", supplement=True),
            asker_name="尋ねた人",
        ),
        question(2, "q", asker_name="匿名の人", is_anonymous=True),
        speaker_name="話した人",
    )
    hidden = exported(record, show_names=False)
    assert not [name for name in ("答えた人", "補った人", "尋ねた人", "話した人") if name in hidden]
    shown = exported(record)
    assert all(name in shown for name in ("答えた人", "補った人", "尋ねた人", "話した人"))
    assert "書いた人" not in shown  # the note-taker, most times: the answer is the speaker's
    assert "匿名の人" not in shown


def test_what_nobody_saw_is_left_out():
    record = session(
        question(1, "承認待ち", state="pending"),
        question(2, "取り下げ", state="withdrawn"),
        question(3, "見えるもの"),
        question(4, "消えた先", state="merged", merged_into=2),
        question(5, "ネタに", state="merged", merged_into=6),
        question(6, "ネタ", is_joke=True),
        question(7, "回る", state="merged", merged_into=8),
        question(8, "回る2", state="merged", merged_into=7),
        question(9, "二段", answer("どちらにも"), state="merged", merged_into=10),
        question(10, "一段", state="merged", merged_into=3),
    )
    read = read_markdown(exported(record))
    assert [found.body for found in read.questions] == ["見えるもの", "消えた先", "回る", "回る2"]
    assert [found.body for found in read.questions[0].answers] == ["どちらにも"]
    with_jokes = read_markdown(exported(record, include_jokes=True))
    assert "ネタ" in [found.body for found in with_jokes.questions]


lines = st.sampled_from(
    [
        "普通の文です", "Q. 別の質問", "Q.別", "A. 答え", "# 見出し", "## 質問タイム", "質問タイム",
        "- 点", "  - 深い点", "    - もっと", "* 星", "• 丸", "・中黒", "1. 番号", "+ 足す", "```",
        "```py", "> 引用", "", " ", "  ", "   ", "    ", "\u00a0\u00a0• 丸", "　全角",
        "(聞き逃した)", "(missed)", "\\(missed)", "（聞き逃した）", "(未回答)", "補足:", "  補足:",
        "  回答:", "   質問者: 私", "---", "| a | b |", "\\", "`", "参考URL: http://x", "-", "- ",
        "+ ", "\r", "\u2028", "+ a", "- - a",
    ]
)  # fmt: skip
written = st.text() | st.lists(lines, max_size=8).map("\n".join)
body = written.map(str.strip).filter(bool)
# What parse_answer gives: an answer may begin with an indent.
answer_body = written.map(str.rstrip).map(lambda text: text.strip("\n")).filter(bool)
name = st.none() | st.text(max_size=9)
records = st.builds(
    lambda bodies, title, speaker, slides: session(
        *(
            question(number, text, *answers, state=state, asker_name=asker, attachments=files)
            for number, (text, answers, state, asker, files) in enumerate(bodies, 1)
        ),
        title=title,
        speaker_name=speaker,
        slides_url=slides,
    ),
    st.lists(
        st.tuples(
            body,
            st.lists(
                st.builds(AnswerRecord, answer_body, name, st.booleans(), st.just(AT)), max_size=3
            ),
            st.sampled_from(["answered", "missed", "open", "skipped", "current"]),
            name,
            st.lists(st.text(max_size=9), max_size=2).map(tuple),
        ),
        max_size=4,
    ),
    written,
    name,
    st.none() | st.just("https://example.com/a(b)?c=d#e"),
)


@given(records, st.sampled_from(["ja", "en"]), st.booleans())
@example(session(question(1, "a\n- b", answer("- c"))), "ja", True)
@example(session(question(1, "a", answer("- c\n  - d\n\n- e"), answer("+ c"))), "ja", True)
def test_what_goes_in_comes_out(record: SessionRecord, locale: str, show_names: bool):
    read = read_markdown(exported(record, locale, show_names=show_names))
    assert read.title == " ".join(record.title.split())
    assert read.slides_url == record.slides_url
    assert [found.body for found in read.questions] == [one.body for one in record.questions]
    for found, one in zip(read.questions, record.questions, strict=True):
        assert found.has_prefix
        assert found.is_missed == (one.state == "missed")
        assert list(found.answers) == [
            ReadAnswer(given.body, given.is_supplement) for given in one.answers
        ]


@given(st.text() | st.lists(lines).map("\n".join))
def test_reading_never_fails(text: str):
    read_markdown(text)


def test_a_file_with_windows_line_ends_reads_the_same():
    text = exported(session(question(1, "一\n二", answer("a\n- b"))))
    assert read_markdown("\ufeff" + text.replace("\n", "\r\n")) == read_markdown(text)


@pytest.mark.parametrize(
    ("typed", "body", "answers"),
    [
        ("### Q1. 一\n- a\n  - b\n- c\n", "一", ["- a\n  - b\n- c"]),
        ("Ｑ．一\n続き\n\n・a\n・b\n", "一\n続き", ["・a\n・b"]),
        ("**Q. 一**\n\n\u00a0\u00a0•\u00a0a\n\u00a0\u00a0\u00a0\u00a0• b\n", "一", ["a\n• b"]),
        ("Q. 一\n\n  - a\n\n  補足:\n\n  - b\n", "一", ["a", "b"]),
        ("Q. 一\n\n# 次の章\n- x\n", "一", []),
    ],
)
def test_what_people_type_is_read(typed: str, body: str, answers: list[str]):
    found = read_markdown("題\n\n質問タイム\n\n" + typed).questions
    assert [(one.body, [given.body for given in one.answers]) for one in found] == [(body, answers)]


def test_without_question_time_only_a_prefix_makes_a_question():
    read = read_markdown("題\n\n話\n\n- 点\n\nQ. 一\n\n- a\n\n別の話\n\n- 点\n")
    assert [one.body for one in read.questions] == ["一"]


@pytest.fixture
def real() -> str:
    if not REAL.is_dir():
        pytest.skip("the real session's notes are not beside this project")
    return (REAL / "2019-03-15-virtual-machines.md").read_text(encoding="utf-8")


def test_the_real_sessions_file_reads_as_seven_questions(real: str):
    read = read_markdown(real)
    assert read.title == "仮想マシンってなんだっけ?(再演)"
    assert read.slides_url
    assert read.slides_url.startswith("https://docs.google.com/")
    assert [found.has_prefix for found in read.questions] == [True, False, *[True] * 5]
    assert [found.is_missed for found in read.questions] == [*[False] * 4, True, False, False]
    assert [len(found.answers) for found in read.questions] == [1, 1, 1, 1, 0, 1, 1]
    assert read.questions[0].answers[0].body == "その通り"
    assert "\n  • 20,30コア積まれてたりする\n• " in read.questions[1].answers[0].body
    assert read.questions[6].answers[0].body.endswith("\n  • シーケンシャル=早くアクセスできる\n"
        "    • HDDの例: 回転体なので、シーケンシャルで行く\n    • SSH:\n• 録画は1週間")  # fmt: skip


def test_the_real_sessions_questions_export_as_seven_with_the_joke_and_six_without(real: str):
    read = read_markdown(real)
    record = session(
        *(
            question(
                number,
                found.body,
                *(answer(given.body) for given in found.answers),
                state="missed" if found.is_missed else "answered",
                is_joke=found.body.startswith("結婚"),
            )
            for number, found in enumerate(read.questions, 1)
        ),
        title=read.title,
        slides_url=read.slides_url,
    )
    everything, proper = exported(record, include_jokes=True), exported(record)
    assert len(read_markdown(everything).questions) == len(parse_questions(everything)) == 7
    assert len(read_markdown(proper).questions) == len(parse_questions(proper)) == 6
    back = read_markdown(everything).questions
    assert [(one.body, one.answers, one.is_missed) for one in back] == [
        (one.body, one.answers, one.is_missed) for one in read.questions
    ]


# -- notes, recordings ---------------------------------------------------------------------


def test_the_whole_stands_in_the_order_it_is_read_in():
    chapters = (
        ChapterRecord(timedelta(minutes=5), "Demo: web-1"),
        ChapterRecord(timedelta(hours=1, minutes=2, seconds=3), "Q. なぜ\n速い？"),
    )
    record = session(
        question(1, "なぜ速いのですか", answer("軽いからです")),
        notes="# KVM\r\n\r\n・一つ目\r\n",
        recordings=(RecordingRecord("第1部", timedelta(minutes=95), AT, chapters),),
        sections=("## Lab report\n\n41 containers\n",),
    )
    assert exported(record) == (
        "# 20261115-コンテナ入門\n\n## 内容\n\n# KVM\n\n・一つ目\n\n"
        "## 録画\n\n- 第1部, 1:35:00, 2026-11-15 08:30まで\n"
        "  - 5:00 Demo: web-1\n  - 1:02:03 Q. なぜ 速い？\n\n"
        "## Lab report\n\n41 containers\n\n"
        "## 質問タイム\n\nQ. なぜ速いのですか\n\n  - 軽いからです\n"
    )


@given(st.text(max_size=300), st.sampled_from(["ja", "en"]))
@example("## 質問タイム\n\nQ. 偽の質問\n\n  - 偽の答え", "ja")
@example("Q. stray", "en")
def test_whatever_the_notes_hold_the_questions_are_read_back(notes: str, locale: str):
    record = session(question(1, "なぜ？", answer("軽いから")), notes=notes)
    (found,) = read_markdown(exported(record, locale)).questions
    assert (found.body, found.answers) == ("なぜ？", (ReadAnswer("軽いから", False),))
