"""Notes over the wire: the real session, posted and read back; a crash in mid-post."""

from __future__ import annotations

import base64
import re

import pytest

from tests.end_to_end.driver import ROOT, Json, Page, until
from tests.end_to_end.process import Bot
from tests.end_to_end.talk import Talk, controls, make_talk, said, text_of
from tests.patience import LONG_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

REAL = ROOT.parent / "shared" / "real-session" / "2019-03-15-virtual-machines.md"
BULLET = re.compile(r"([ \u00a0]*)[•-][ \u00a0]*(.*)")

# In the same shape as the real one: bullets of typed notes, a question without its prefix,
# one that was missed.
SAMPLE = """20261120-コンテナとネットワーク

参考URL: https://slides.example.org/42

はじめに

  • ブリッジの話
    • veth は2本で1組
      • 片方はコンテナの中

質問タイム

Q. ブリッジはスイッチと同じものですか?

  • だいたい同じです
    • L2 の話なので

名前解決は誰がやっているのかな

  • 組み込みの DNS
    • 127.0.0.11 にいる

Q.今日の資料はあとで公開されますか?

  • (聞き逃した)

おつかれさまでした!
"""
ASKED = (
    "Q. ブリッジはスイッチと同じものですか？",
    "名前解決は誰がやっているのかな",
    "Q.今日の資料は、あとで公開されますか",
)


def real() -> str:
    """Return the note-taker's file of a real session."""
    if not REAL.exists():
        pytest.skip(f"the real session isn't here: {REAL}")
    return REAL.read_text(encoding="utf-8")


def lines_of(text: str) -> list[tuple[int | None, str]]:
    """Return the lines a person reads: how deep a bullet stands (None: no bullet), and its text."""
    found: list[tuple[int | None, str]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("-# "):
            continue
        bullet = BULLET.match(line)
        words = bullet[2] if bullet else re.sub(r"^#+ ", "", line)
        words = re.sub(r"\\(?=[^\w\s])", "", words)
        depth = len(bullet[1]) if bullet else None
        found.append((depth, " ".join(words.split())))
    return found


def typed(text: str) -> list[tuple[int | None, str]]:
    """The same of a note-taker's file, whose first level stands two columns in."""
    return [(None if depth is None else depth - 2, words) for depth, words in lines_of(text)]


async def parts(talk: Talk) -> list[Json]:
    """Return the messages of the notes, the head's first."""
    row = talk.bot.rows("SELECT * FROM notes WHERE session_id = ?", talk.session_id)[0]
    return await talk.page.history(talk.speaker, str(row["channel_id"]), limit=100)


async def content(talk: Talk) -> list[str]:
    """Return what the notes' parts say."""
    return [text_of(message) for message in (await parts(talk))[1:] if text_of(message)]


async def posted(talk: Talk, source: str) -> Json:
    """Post notes as a file; wait until all of them stand."""
    record = await talk.page.slash(
        talk.note_taker, talk.channel, "notes post", file=("notes.md", source.encode())
    )
    await stand(talk)
    return record


async def stand(talk: Talk, *, within_s: float = LONG_SECONDS) -> None:
    """Wait until the last revision is posted."""

    def look() -> bool:
        rows = talk.bot.rows(
            "SELECT posted_at FROM note_revisions WHERE session_id = ? ORDER BY number DESC",
            talk.session_id,
        )
        return bool(rows) and rows[0]["posted_at"] is not None

    await until(look, within_s=within_s)


@pytest.mark.parametrize("which", ["sample", "real"])
async def test_every_line_is_there_in_order_at_its_level(page: Page, bot: Bot, which: str):
    source = SAMPLE if which == "sample" else real()
    talk = await make_talk(page, bot)
    await talk.start()

    record = await posted(talk, source)

    shown = await content(talk)
    assert all(len(text) <= 2000 for text in shown)
    assert lines_of("\n".join(shown)) == typed(source)
    first = (await parts(talk))[0]
    assert first["id"] in said(record)


async def test_posting_the_same_again_edits_nothing(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    await posted(talk, SAMPLE)
    before = await parts(talk)
    last = (await page.requests())[-1]["n"]

    await posted(talk, SAMPLE)

    assert await parts(talk) == before
    assert not await page.requests(after=last, method="PATCH", path="/channels/*/messages/*")


@pytest.mark.parametrize("which", ["sample", "real"])
async def test_the_answers_of_the_notes_are_taken_for_the_questions_asked(
    page: Page, bot: Bot, which: str
):
    source = SAMPLE if which == "sample" else real()
    talk = await make_talk(page, bot)
    await talk.start()
    asked = ASKED if which == "sample" else _questions_of(source)
    for text in asked:
        message = await talk.ask(talk.attendees[0], text)
        if not text.startswith("Q"):
            await page.menu(talk.moderator, talk.channel, message["id"], "Add as question")
        await until(lambda message=message: talk.of_message(message))
    await posted(talk, source)

    card = await page.slash(talk.note_taker, talk.channel, "notes import-answers")
    (message,) = card["messages"]
    assert {row["state"] for row in talk.questions()} == {"open"}
    assert set(controls(message)) == {"chosen", "write"}
    await page.click(talk.note_taker, talk.channel, message["id"], "write")

    await until(lambda: not talk.questions("open"))
    states = [row["state"] for row in talk.questions()]
    assert len(states) == len(asked) == (3 if which == "sample" else 7)
    assert states.count("missed") == 1
    assert states.count("answered") == len(asked) - 1
    nested = [talk.answers(row["number"]) for row in talk.questions("answered")]
    assert all(len(answers) == 1 for answers in nested)
    assert any("\n  - " in answers[0]["body"] for answers in nested)


def _questions_of(source: str) -> list[str]:
    """Return the questions of the real session, as its attendees may have typed them."""
    time = source[source.index("質問タイム") :].splitlines()
    return [
        line.replace("?", "？")
        for at, line in enumerate(time[1:-2], 1)
        if line
        and not line.startswith((" ", "\u00a0"))
        and any("•" in x for x in time[at + 1 : at + 3])
    ]


async def test_a_crash_in_mid_post_leaves_nothing_half_and_nothing_twice(
    playground: object, page: Page, tmp_path_factory: pytest.TempPathFactory, bot: Bot
):
    talk = await make_talk(page, bot)
    await talk.start()
    source = "\n\n".join(
        f"## 第{n}章\n\n" + "\n".join(f"- {n}の{i}番目。" + "大事な話。" * 20 for i in range(14))
        for n in range(1, 41)
    )
    posting = page.post(
        "slash",
        as_=talk.note_taker,
        channel=talk.channel,
        name="notes post",
        options={"file": _file(source)},
        wait=False,
    )
    await until(lambda: _sent(talk) >= 3)
    await bot.kill()
    posting.cancel()
    assert _sent(talk) < 41

    await bot.start()

    await stand(talk)
    shown = await content(talk)
    assert len(shown) == len(set(shown))
    assert lines_of("\n".join(shown)) == lines_of(source)


def _sent(talk: Talk) -> int:
    return len(
        talk.bot.rows(
            "SELECT 1 FROM note_messages WHERE session_id = ? AND message_id IS NOT NULL",
            talk.session_id,
        )
    )


def _file(text: str) -> Json:
    return {"name": "notes.md", "base64": base64.b64encode(text.encode()).decode()}


async def test_answers_show_up_in_the_notes_while_the_talk_goes_on(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    await posted(talk, "# お題\n\n- はじめに\n")
    message = await talk.taken(talk.attendees[0], "Q. なぜ速いのですか？")
    await talk.ask(talk.note_taker, "A. - VT-x\n  - CPU の機能", reply_to=message["id"])

    async def look() -> bool:
        return "- VT-x\n  - CPU の機能" in "\n".join(await content(talk))

    await until(look)
    shown = "\n".join(await content(talk))
    assert shown.index("質問タイム") < shown.index("Q. なぜ速いのですか？")


async def test_found_words_lead_to_the_very_message(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    await posted(talk, SAMPLE)
    record = await page.slash(talk.attendees[1], talk.channel, "find", words="veth")
    told = said(record)
    found = re.search(r"/(\d+)/(\d+)\)", told)
    assert found, told
    (message,) = [m for m in await parts(talk) if m["id"] == found[2]]
    assert "veth" in text_of(message)
    assert "はじめに" in told
