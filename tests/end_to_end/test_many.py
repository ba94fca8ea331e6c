"""Two thousand questions in one session, and five hundred people."""

from __future__ import annotations

import asyncio
import json
import re
import time

import aiohttp
import pytest

from tests.end_to_end.driver import Json, Page, until
from tests.end_to_end.process import Bot
from tests.end_to_end.talk import controls, make_talk, said, text_of
from tests.end_to_end.trust import hold_against_description

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240), pytest.mark.slow]

QUESTIONS = 2000
PEOPLE = 500
PAGE = 10


async def export(page: Page, person: str, channel: str) -> Json:
    """Return a session's JSON export."""
    record = await page.slash(person, channel, "export", format="json")
    (file,) = record["messages"][0]["attachments"]
    async with aiohttp.ClientSession() as http, http.get(file["url"]) as answer:
        return json.loads(await answer.read())


async def test_two_thousand_questions_of_five_hundred_people(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    people = await asyncio.gather(
        *(page.person(f"人{number}", talk.guild) for number in range(PEOPLE))
    )
    await talk.start()

    # Twenty at a time, and somebody uses a command in the middle of it.
    messages: list[Json] = []
    slowest = 0.0
    for first in range(0, QUESTIONS, 20):
        messages += await asyncio.gather(
            *(
                talk.ask(people[number % PEOPLE], f"Q. 質問{number}番")
                for number in range(first, first + 20)
            )
        )
        if first % 200 == 0:
            began = time.monotonic()
            record = await page.slash(talk.attendees[0], talk.channel, "questions mine")
            slowest = max(slowest, time.monotonic() - began)
            assert record["state"] == "replied"
    await until(lambda: len(talk.questions("open")) == QUESTIONS, within_s=60)
    assert slowest < 3
    assert talk.bodies() == [message["content"].removeprefix("Q. ") for message in messages]

    # Everybody votes for the last question, and a few for each of some others.
    last = messages[-1]
    voters = [one for one in people if one != people[(QUESTIONS - 1) % PEOPLE]]
    await asyncio.gather(*(page.react(person, talk.channel, last["id"], "👍") for person in voters))
    for number in range(100, 600, 100):
        await asyncio.gather(
            *(
                page.react(person, talk.channel, messages[number]["id"], "👍")
                for person in people[250 : 250 + number // 100]
            )
        )
    await until(lambda: talk.question(QUESTIONS)["votes"] == PEOPLE - 1, within_s=30)
    await until(lambda: talk.question(501)["votes"] == 5, within_s=30)
    order = [QUESTIONS, 501, 401, 301, 201, 101]
    board = await talk.board(lambda text: f"#{order[4]}" in text and f"▲{PEOPLE - 1}" in text)
    shown = [int(number) for number in re.findall(r"- \*\*#(\d+)\*\*", text_of(board))]
    assert shown == order[:5]
    assert talk.count("Open", QUESTIONS) in text_of(board)

    # The list reaches every one of them, and number 2,000's last page can be voted on.
    reader = talk.attendees[0]
    record = await talk.press(reader, "list", 0, on=board)
    listed: list[int] = []
    for number in range(QUESTIONS // PAGE):
        card = record["messages"][0]
        listed += [int(found) for found in re.findall(r"\[#(\d+)\]", text_of(card))]
        if number + 1 < QUESTIONS // PAGE:
            further = f"do:page:{talk.session_id}:{(number + 1) * 10}"
            record = await page.click(reader, talk.channel, card["id"], further)
    rest = [number for number in range(1, QUESTIONS + 1) if number not in order]
    assert listed == order + rest
    assert controls(card)[f"choose:vote:{talk.session_id}"]["options"]
    await talk.vote(reader, listed[-1], on=card)
    assert talk.question(listed[-1])["votes"] == 1

    told = await export(page, talk.speaker, talk.channel)
    assert [(one["number"], one["body"], one["votes"]) for one in told["questions"]] == [
        (row["number"], row["body"], row["votes"]) for row in talk.questions()
    ]
    found = await page.slash(reader, talk.channel, "find", words="1999番")
    assert f"#{QUESTIONS}" in said(found)

    # A restart reads all of it again, and changes nothing.
    before = talk.questions()
    await bot.restart()
    late = await talk.ask(talk.attendees[1], "Q. もう一つ")
    await until(lambda: talk.of_message(late), within_s=10)
    await bot.read_up(within_s=60)
    assert talk.questions()[:-1] == before


async def test_every_request_is_as_discord_describes_it(page: Page):
    hold_against_description(await page.requests())
