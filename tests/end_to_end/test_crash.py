"""The bot's power is taken away in the middle of things, and comes back."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.end_to_end.driver import Json, Page, Playground, until
from tests.end_to_end.process import Bot, running
from tests.end_to_end.talk import ANSWERED, TAKEN, Talk, controls, make_talk, text_of
from tests.end_to_end.trust import hold_against_description
from tests.patience import LONG_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    playground: Playground, page: Page, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot whose processes may end badly, but must not log errors."""
    async with running(playground, tmp_path_factory.mktemp("bot")) as bot:
        yield bot
    assert not bot.troubles()


async def own_posts(talk: Talk) -> list[Json]:
    """Return the bot's messages in the channel that aren't live ones."""
    live = {str(row["message_id"]) for row in talk.bot.rows("SELECT * FROM live_messages")}
    found = await talk.page.history(talk.moderator, talk.channel, limit=100)
    return [one for one in found if one["author"].get("bot") and one["id"] not in live]


async def everything_is_marked(talk: Talk, *, within_s: float = LONG_SECONDS) -> None:
    """Wait until every living question's message carries the 📝."""

    async def look() -> bool:
        return all(
            [
                TAKEN in await talk.marks({"id": str(message_id), "channel_id": talk.channel})
                for message_id in {row["message_id"] for row in talk.questions("open")}
            ]
        )

    await until(look, within_s=within_s)


@pytest.mark.slow
async def test_a_burst_survives_the_loss_of_power(page: Page, bot: Bot):
    talk = await make_talk(page, bot, attendees=10)
    await talk.start()
    people = itertools.cycle(talk.attendees)
    sent: list[asyncio.Future[Json]] = []
    authors: list[str] = []

    def send(number: int) -> None:
        authors.append(next(people))
        sent.append(
            page.post("send", as_=authors[-1], channel=talk.channel, content=f"Q. 質問{number}")
        )

    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(75):
        send(number)
        if number == 55:
            # From here on questions are taken, but the loss comes before they can be marked.
            await page.fault("http", method="PUT", path="*/reactions/*", status=503, times=1000)
        await asyncio.sleep(max(0.0, began + number / 50 - loop.time()))
    acknowledged = {
        int(message["id"])
        for message in await page.history(talk.moderator, talk.channel, limit=100)
        if any(one["emoji"]["name"] == TAKEN for one in message.get("reactions", []))
    }
    await bot.kill()
    await page.clear_faults()
    kept = {row["message_id"] for row in talk.questions()}
    assert acknowledged <= kept
    for number in range(75, 150):
        send(number)
    messages = [await message for message in sent]
    expected = {int(message["id"]): message["content"].removeprefix("Q. ") for message in messages}

    # Taken before the loss, and changed, deleted, voted for since.
    early = [message for message in messages if int(message["id"]) in kept]
    changed, emptied, deleted, voted = early[0], early[1], early[2:4], early[4]
    author = dict(zip((message["id"] for message in messages), authors, strict=True))
    await page.edit(author[changed["id"]], talk.channel, changed["id"], "Q. 書き直した質問")
    expected[int(changed["id"])] = "書き直した質問"
    await page.edit(author[emptied["id"]], talk.channel, emptied["id"], "やっぱりなし")
    for message in deleted:
        await page.delete(author[message["id"]], talk.channel, message["id"])
    for message in (emptied, *deleted):
        del expected[int(message["id"])]
    voters = [one for one in talk.attendees if one != author[voted["id"]]][:3]
    for person in voters:
        await page.react(person, talk.channel, voted["id"], "👍")
    await page.react(author[voted["id"]], talk.channel, voted["id"], "👍")

    # Written in the gap: a late prefix, a deletion, several in one, the same text twice.
    someone = talk.attendees[0]
    late = await talk.ask(someone, "停止中に書いた質問")
    await page.edit(someone, talk.channel, late["id"], "Q. 停止中に書いた質問")
    expected[int(late["id"])] = "停止中に書いた質問"
    taken_back = await talk.ask(someone, "Q. 消す質問")
    await page.delete(someone, talk.channel, taken_back["id"])
    several = await talk.ask(someone, "Q. 一つ目は？\nQ. 二つ目は？")
    once = await talk.ask(talk.attendees[1], "Q. 届いていますか？")
    await talk.ask(talk.attendees[1], "Q. 届いていますか？")
    same_text = await talk.ask(talk.attendees[2], "Q. 届いていますか？")
    expected |= {int(once["id"]): "届いていますか？", int(same_text["id"]): "届いていますか？"}
    await talk.ask(someone, "質問はQ.を付けてね")

    await bot.start()
    wanted = Counter([*expected.values(), "一つ目は？", "二つ目は？"])
    try:
        await until(lambda: Counter(talk.bodies("open")) == wanted)
    except AssertionError:
        found = Counter(talk.bodies("open"))
        raise AssertionError(f"too many: {found - wanted}, missing: {wanted - found}") from None
    rows = talk.questions("open")
    assert {row["message_id"]: row["body"] for row in rows if row["ordinal"] == 0} == (
        expected | {int(several["id"]): "一つ目は？"}
    )
    assert len({row["number"] for row in rows}) == len(rows)
    assert await until(lambda: talk.of_message(voted)[0]["votes"]) == len(voters)

    await everything_is_marked(talk)
    await talk.board(lambda text: talk.count("Open", len(rows)) in text)
    # At the top: the one with votes.
    first = next(line for line in text_of(await talk.board()).splitlines() if "- **#" in line)
    assert f"**#{talk.of_message(voted)[0]['number']}**" in first
    summary = await until(lambda: own_posts(talk))
    assert len(summary) == 1
    assert str(len(rows) - len(kept) + 3) in text_of(summary[0])

    # Nothing is taken, said or marked a second time when it starts again.
    before = talk.questions()
    number = (await page.requests())[-1]["n"]
    await bot.restart()
    await bot.read_up()
    await talk.taken(talk.attendees[0], "Q. 最後の質問")
    assert talk.questions()[:-1] == before
    assert len(await own_posts(talk)) == 1
    marks = [
        request
        for request in await page.requests(after=number, method="PUT")
        if "/reactions/" in request["path"]
    ]
    assert len(marks) <= 1


async def test_answers_that_changed_meanwhile_are_followed(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    asked = [await talk.taken(talk.attendees[0], f"Q. 質問{number}") for number in range(1, 6)]
    replies = [
        await talk.ask(talk.speaker, f"A. 答え{number}", reply_to=asked[number]["id"])
        for number in range(3)
    ]
    await until(lambda: len(talk.questions("answered")) == 3)
    await bot.kill()
    await page.delete(talk.speaker, talk.channel, replies[0]["id"])
    await page.edit(talk.speaker, talk.channel, replies[1]["id"], "A. 直した答え")
    late = await talk.ask(talk.note_taker, "A. 停止中の答え", reply_to=asked[3]["id"])
    await talk.ask(talk.attendees[1], "A. 停止中の補足", reply_to=asked[4]["id"])
    await page.delete_messages(talk.channel, [asked[2]["id"], replies[2]["id"]])
    await bot.start()
    await bot.read_up()
    assert [row["state"] for row in talk.questions()][:2] == ["open", "answered"]
    assert [row["state"] for row in talk.questions()][3:] == ["answered", "open"]
    given = [[row["body"] for row in talk.answers(number)] for number in range(1, 6)]
    assert given == [[], ["直した答え"], [], ["停止中の答え"], ["停止中の補足"]]
    await talk.marked(late, ANSWERED)


async def test_what_changes_while_history_is_read_counts_as_it_is_then(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    person, other, third = talk.attendees
    await bot.kill()
    unvoted = await talk.ask(person, "Q. 票の消える質問")
    await page.react(other, talk.channel, unvoted["id"], "👍")
    edited = await talk.ask(person, "Q. 古い文面")
    deleted = await talk.ask(person, "Q. すぐ消える質問")
    voted = await talk.ask(person, "Q. 票の入る質問")
    await page.react(third, talk.channel, voted["id"], "👍")
    number = (await page.requests())[-1]["n"]
    # While the first one's votes are asked for, the rest of what was read grows old.
    asked = f"/channels/{talk.channel}/messages/*/reactions/*"
    await page.fault("slow", method="GET", path=asked, seconds=1)
    await bot.start()
    await until(lambda: page.requests(after=number, method="GET", path=asked))
    await page.edit(person, talk.channel, edited["id"], "Q. 新しい文面")
    await page.delete(person, talk.channel, deleted["id"])
    await page.react(other, talk.channel, voted["id"], "👍")
    await page.unreact(other, talk.channel, unvoted["id"], "👍")
    await bot.read_up()
    await page.clear_faults()
    wanted = {"票の消える質問": 0, "新しい文面": 0, "票の入る質問": 2}
    await until(lambda: {row["body"]: row["votes"] for row in talk.questions("open")} == wanted)
    assert len(talk.questions("open")) == 3


async def test_what_staff_and_voters_did_meanwhile_counts(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    asker, other, third = talk.attendees
    plain = await talk.ask(asker, "前置きのない質問")
    form = await page.slash(talk.speaker, talk.channel, "ask")
    await talk.fill_in(talk.speaker, form, "登壇者からの質問", True)
    row = talk.question(1)
    post = await talk.showing("ask", key=row["id"])
    board = await talk.board()
    await bot.kill()
    await page.react(other, talk.channel, plain["id"], "❓")
    await page.react(other, talk.channel, post["id"], "👍")
    await page.react(third, talk.channel, post["id"], TAKEN)
    await page.delete(talk.moderator, talk.channel, board["id"])
    await bot.start()
    await bot.read_up()
    # Not of staff: not taken. The board comes back though nothing on it changed.
    assert [one["votes"] for one in talk.questions()] == [2]

    async def another() -> bool:
        shown = talk.live("board")
        return shown is not None and str(shown["message_id"]) != board["id"]

    await until(another)
    await bot.kill()
    await page.react(talk.note_taker, talk.channel, plain["id"], "❓")
    await bot.start()
    await until(lambda: talk.of_message(plain))
    await talk.marked(plain, TAKEN)
    await bot.read_up()
    assert [one["body"] for one in talk.questions()] == ["登壇者からの質問", "前置きのない質問"]


async def test_threads_are_read_up_on_too(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    person = talk.attendees[0]
    thread = await page.thread(talk.channel, "余談", owner=talk.attendees[1])
    inside = await page.send(person, thread, "Q. スレッドの質問")
    await until(lambda: talk.of_message(inside))
    over = await make_talk(page, bot)
    await over.start()
    await page.slash(over.speaker, over.channel, "session end")
    follow_up = str(await until(lambda: over.session()["follow_up_id"]))
    await bot.kill()
    missed = await page.send(person, thread, "Q. 停止中のスレッドの質問")
    late = await page.send(over.attendees[0], follow_up, "Q. 停止中の遅れた質問")
    await over.ask(over.attendees[0], "Q. 終わったチャンネルの質問")
    await bot.start()
    await until(lambda: talk.of_message(missed) and over.of_message(late))
    await bot.read_up()
    assert [row["number"] for row in talk.questions("open")] == [1, 2]
    assert [(row["body"], row["late"]) for row in over.questions()] == [("停止中の遅れた質問", 1)]
    await talk.marked(missed, TAKEN)
    await over.marked(late, TAKEN)


@pytest.mark.parametrize("after_s", [0.0, 0.03, 0.1, 0.3])
async def test_the_end_is_told_once_whenever_the_power_goes(page: Page, bot: Bot, after_s: float):
    talk = await make_talk(page, bot)
    await talk.start()
    await talk.taken(talk.attendees[0], "Q. 残る質問")
    page.post("slash", as_=talk.speaker, channel=talk.channel, name="session end", options={})
    await until(lambda: talk.session()["ended_at"])
    await asyncio.sleep(after_s)
    await bot.restart()
    thread = str(await until(lambda: talk.session()["follow_up_id"]))

    async def lists() -> list[Json]:
        found = await page.history(talk.speaker, thread)
        return [one for one in found if "残る質問" in text_of(one)]

    await until(lists)
    await bot.read_up()
    assert len(await lists()) == 1
    state = await page.watch(talk.speaker, talk.guild)
    assert [one["id"] for one in state["threads"]] == [thread]
    said = [text_of(one) for one in await page.history(talk.speaker, thread)]
    assert len(said) == len(set(said))
    # One set, and the thread hangs on it.
    posted = await page.history(talk.speaker, talk.channel)
    sets = [one["id"] for one in posted if f"do:set_file:{talk.session_id}" in controls(one)]
    assert sets == [thread]


async def test_every_request_is_as_discord_describes_it(page: Page):
    hold_against_description(await page.requests(), was_killed=True)
