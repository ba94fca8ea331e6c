"""The board and what keeps it right: restarts, deletions, age, the end of a channel."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from tests.end_to_end.driver import Json, Page, until
from tests.end_to_end.process import Bot
from tests.end_to_end.talk import Talk, controls, make_talk, nodes, said, text_of
from tests.end_to_end.trust import hold_against_description

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINUTE = 60_000_000


async def edits_of(talk: Talk, message_id: str, after: int = 0) -> list[Json]:
    """Return the edits the bot made of a message, answers to presses not counted."""
    return await talk.page.requests(
        after=after, method="PATCH", path=f"/channels/*/messages/{message_id}"
    )


async def last_request(page: Page) -> int:
    """Return the number of the bot's latest request."""
    return (await page.requests())[-1]["n"]


@pytest.mark.slow
async def test_controls_outlive_the_process(page: Page, bot: Bot):
    talk = await make_talk(page, bot, staff=True)
    await talk.start()
    for number in range(3):
        await talk.taken(talk.attendees[number], f"Q. 質問{number}")
    board = await talk.board(lambda text: "質問2" in text)
    panel = await talk.showing("panel", lambda text: "質問2" in text)
    more = (await talk.press(talk.speaker, "more", on=panel))["messages"][0]
    listed = (await talk.press(talk.attendees[0], "list", 0, on=board))["messages"][0]
    assert set(controls(board)) & set(controls(panel)) == set()

    await bot.restart()
    pressed = await talk.press(talk.speaker, "next", on=panel)
    assert "質問0" in text_of(pressed["messages"][0])
    await talk.vote(talk.attendees[0], 2, on=board)
    await talk.vote(talk.attendees[0], 3, on=listed)
    assert [row["votes"] for row in talk.questions()] == [0, 1, 1]
    form = await talk.press(talk.attendees[0], "ask", on=board)
    assert form["state"] == "modal"
    await talk.choose(talk.speaker, "joke_on", 2, on=more)
    assert talk.question(2)["joke"] == 1
    await talk.board(lambda text: "質問0" in text.split("**次の質問**")[0])
    again = await talk.board()
    assert (again["id"], (await talk.showing("panel"))["id"]) == (board["id"], panel["id"])


@pytest.mark.slow
async def test_the_board_is_edited_seldom_and_never_in_vain(page: Page, bot: Bot):
    talk = await make_talk(page, bot, attendees=5)
    await talk.start()
    board = await talk.board()
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < 11:
        await talk.ask(talk.attendees[number % 5], f"Q. 質問{number}")
        number += 1
        await asyncio.sleep(0.1)
    await talk.board(lambda text: talk.count("Open", number) in text)
    made = [edit["at"] for edit in await edits_of(talk, board["id"])]
    assert 2 <= len(made) <= 4
    assert all(later - earlier > 4.5 for earlier, later in itertools.pairwise(made))

    # What changes nothing on it makes no edit: a question far down rewritten, ordinary talk.
    far = await talk.ask(talk.attendees[0], "ただの発言")
    await page.react(talk.attendees[1], talk.channel, far["id"], "👍")
    message = str(talk.question(number)["message_id"])
    author = str(talk.question(number)["author_id"])
    await page.edit(author, talk.channel, message, "Q. 遠くの質問の書き直し")
    await until(lambda: talk.question(number)["body"] == "遠くの質問の書き直し")
    await asyncio.sleep(5.5)
    assert len(await edits_of(talk, board["id"])) == len(made)


async def test_the_board_is_pinned_without_a_line_about_it(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    board = await talk.board()

    async def pinned() -> bool:
        return [one["id"] for one in await page.pins(talk.speaker, talk.channel)] == [board["id"]]

    await until(pinned)

    async def only_the_board() -> bool:
        seen = await page.history(talk.speaker, talk.channel)
        return [one["id"] for one in seen if not one["flags"] & 64] == [board["id"]]

    await until(only_the_board)


@pytest.mark.slow
async def test_a_deleted_board_comes_back(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    await talk.taken(talk.attendees[0], "Q. なぜ?")
    board = await talk.board()
    await page.delete(talk.moderator, talk.channel, board["id"])

    async def another() -> bool:
        row = talk.live("board")
        return row is not None and str(row["message_id"]) != board["id"]

    await until(another)
    again = await talk.board(lambda text: "なぜ" in text)
    # While the bot is away, too.
    await bot.kill()
    await page.delete(talk.moderator, talk.channel, again["id"])
    await talk.ask(talk.attendees[1], "Q. どうして?")
    await bot.start()
    third = await talk.board(lambda text: "どうして" in text)
    assert third["id"] != again["id"]
    boards = [
        one
        for one in await page.history(talk.attendees[0], talk.channel)
        if one["author"].get("bot") and one.get("components")
    ]
    assert [one["id"] for one in boards] == [third["id"]]


async def _is_gone(talk: Talk, message_id: str) -> bool:
    try:
        await talk.message(talk.channel, message_id)
    except LookupError:
        return True
    return False


@pytest.mark.slow
async def test_an_old_board_is_posted_afresh(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    await talk.taken(talk.attendees[0], "Q. 質問0")
    board = await talk.board(lambda text: "質問0" in text)
    # Discord says that it is too old before the bot would have renewed it by itself.
    await page.fault(
        "http",
        method="PATCH",
        path=f"*/messages/{board['id']}",
        status=429,
        code=30046,
        retry_after=0.5,
        times=1000,
    )
    await talk.taken(talk.attendees[1], "Q. 質問1")
    renewed = await talk.board(lambda text: "質問1" in text)
    assert renewed["id"] != board["id"]
    await page.clear_faults()
    await until(lambda: _is_gone(talk, board["id"]))

    # And by itself before its hour is over.
    await bot.kill()
    bot.change("UPDATE live_messages SET posted_at = posted_at - ?", 55 * MINUTE)
    await bot.start()
    number = await last_request(page)
    await talk.taken(talk.attendees[2], "Q. 質問2")
    third = await talk.board(lambda text: "質問2" in text)
    assert third["id"] != renewed["id"]
    assert not await edits_of(talk, renewed["id"], number)
    await until(lambda: _is_gone(talk, renewed["id"]))


async def test_a_session_ends_with_its_channel_and_with_the_bots_leave(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    second = await page.channel(talk.guild, "second")
    await page.slash(talk.speaker, second, "session start", title="二つ目")
    await talk.taken(talk.attendees[0], "Q. なぜ?")
    await page.delete_channel(talk.channel)
    await until(lambda: talk.session()["ended_at"])

    def open_ones() -> list[Json]:
        return bot.rows(
            "SELECT * FROM sessions WHERE guild_id = ? AND ended_at IS NULL", int(talk.guild)
        )

    assert [row["title"] for row in open_ones()] == ["二つ目"]
    await page.remove_bot(talk.guild)
    await until(lambda: not open_ones())
    await page.add_bot(talk.guild)
    started = await until(
        lambda: page.slash(talk.speaker, second, "session start", title="また来ました")
    )
    assert started["state"] == "replied"
    assert [row["title"] for row in open_ones()] == ["また来ました"]

    # While the bot is away, too.
    third = await make_talk(page, bot)
    await third.start()
    await bot.kill()
    await page.delete_channel(third.channel)
    await page.remove_bot(talk.guild)
    await bot.start()
    await until(lambda: third.session()["ended_at"])
    await until(lambda: not open_ones())


@pytest.mark.slow
async def test_questions_of_a_muted_person_are_hidden(page: Page, bot: Bot):
    talk = await make_talk(page, bot, attendees=4)
    await talk.start()
    for number, person in enumerate(talk.attendees):
        await talk.taken(person, f"Q. 質問{number}")
    await talk.board(lambda text: "質問3" in text)
    timed_out, kicked, banned, good = talk.attendees
    await page.timeout(talk.guild, timed_out, 600)
    await page.kick(talk.guild, kicked)
    await page.ban(talk.guild, banned)
    await talk.board(lambda text: talk.count("Open", 1) in text and "質問0" not in text)
    listed = await page.slash(good, talk.channel, "questions list")
    assert "質問3" in said(listed)
    assert not any(f"質問{number}" in said(listed) for number in range(3))
    await page.timeout(talk.guild, timed_out, 0)
    await talk.board(lambda text: "質問0" in text)


@pytest.mark.slow
async def test_a_session_that_nobody_ended_asks_and_then_ends(page: Page, bot: Bot):
    talks = [await make_talk(page, bot) for _ in range(3)]
    for talk in talks:
        await talk.start()
    quiet, over, long = talks
    assert await bot.stop() == 0

    def shift(talk: Talk, column: str, minutes: int) -> None:
        bot.change(
            f"UPDATE sessions SET {column} = {column} - ? WHERE id = ?",
            minutes * MINUTE,
            talk.session_id,
        )

    shift(quiet, "active_at", 31)
    # Asked half an hour ago, without an answer since.
    shift(over, "active_at", 61)
    bot.change(
        "UPDATE sessions SET asked_at = active_at + ? WHERE id = ?", 30 * MINUTE, over.session_id
    )
    shift(long, "started_at", 5 * 60 + 1)
    await bot.start()
    await until(lambda: over.session()["ended_at"] and long.session()["ended_at"])

    async def asked() -> Json | None:
        for message in await page.history(quiet.speaker, quiet.channel):
            if any("session_go_on" in name for name in controls(message)):
                return message
        return None

    question = await until(asked)
    assert quiet.session()["ended_at"] is None
    refused = await quiet.press(quiet.attendees[0], "session_go_on", on=question)
    assert refused["ephemeral"]
    answered = await quiet.press(quiet.speaker, "session_go_on", on=question)
    assert not controls(answered["messages"][0])
    row = quiet.session()
    assert row["ended_at"] is None
    assert row["asked_at"] is None

    # Nobody answers, or somebody says that it is over.
    await bot.stop()
    shift(quiet, "active_at", 31)
    await bot.start()
    question = await until(asked)
    await quiet.press(quiet.speaker, "session_end", on=question)
    await until(lambda: quiet.session()["follow_up_id"])


async def test_limits_of_a_person(page: Page, bot: Bot):
    """Five open, one per twenty seconds, unless the guild chose otherwise."""
    talk = await make_talk(page, bot)
    card = await page.slash(talk.moderator, talk.channel, "setup")
    form = await page.click(talk.moderator, talk.channel, card["messages"][0]["id"], "setup:limits")
    await page.submit(
        talk.moderator,
        form["id"],
        {"open_questions": "2", "question_pace_seconds": "0", "anonymous": ["default"]},
    )
    await talk.start()
    person, other, _ = talk.attendees
    await talk.taken(person, "Q. 一")
    await talk.taken(person, "Q. 二")
    third = await talk.ask(person, "Q. 三")
    await talk.marked(third, "⏳")
    assert talk.bodies() == ["一", "二"]
    await talk.taken(other, "Q. 別の人")
    refused = await page.slash(person, talk.channel, "ask")
    refused = await talk.fill_in(person, refused, "四")
    assert "2" in said(refused)
    # Who runs the session has no limit.
    for number in range(4):
        await talk.taken(talk.speaker, f"Q. 登壇者から{number}")
    # Turned away stays turned away, also when history is read again.
    await page.slash(talk.speaker, talk.channel, "questions close", number=1, state="answered")
    await bot.restart()
    await bot.read_up()
    assert "三" not in talk.bodies()
    # Written anew, it is taken.
    await page.edit(person, talk.channel, third["id"], "Q. 三つ目")
    await until(lambda: "三つ目" in talk.bodies("open"))

    form = await page.click(talk.moderator, talk.channel, card["messages"][0]["id"], "setup:limits")
    assert nodes(form["modal"])


async def test_every_request_is_as_discord_describes_it(page: Page):
    hold_against_description(await page.requests(), was_killed=True)
