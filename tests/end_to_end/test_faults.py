"""The wire goes wrong in every way the playground knows; the bot recovers by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.driver import Json, Page, launch, until
from tests.end_to_end.process import LONGER_THAN_SQLITE_WAITS_S, Bot, running
from tests.end_to_end.talk import TAKEN, Talk, make_talk, said, text_of
from tests.end_to_end.trust import hold_against_description
from tests.patience import LONG_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


# The one fault after which nothing is replayed.
RENEWED = {"kind": "op", "op": 9, "resumable": False}


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def fair_weather(page: Page) -> AsyncIterator[None]:
    """Nothing stays wrong behind a test."""
    yield


@dataclass
class Storm:
    """What people did before and while something was wrong, and what must come of it."""

    talk: Talk
    messages: list[Json]
    edited: Json
    deleted: Json
    voted: Json

    async def passed(self, *, board: bool = False, within_s: float = LONG_SECONDS) -> None:
        """Wait until everything is as if nothing had been wrong.

        The board is looked at where asked for: it takes its five seconds.
        """
        talk = self.talk
        wanted = [
            "書き直した" if message is self.edited else message["content"].removeprefix("Q. ")
            for message in self.messages
            if message is not self.deleted
        ]
        try:
            await until(lambda: sorted(talk.bodies("open")) == sorted(wanted), within_s=within_s)
            await until(lambda: talk.of_message(self.voted)[0]["votes"] == 1, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"{talk.questions()}\n{talk.bot.tail()}") from None
        for message in self.messages:
            if message is not self.deleted:
                await talk.marked(message, TAKEN, within_s=within_s)
                assert len(talk.of_message(message)) == 1
        if board:
            await talk.showing("board", lambda text: talk.count("Open", len(wanted)) in text)
        public = [
            message
            for message in await talk.page.history(talk.attendees[0], talk.channel, limit=100)
            if message["author"].get("bot") and message.get("components")
        ]
        assert len(public) == 1


async def storm(talk: Talk, *faults: dict[str, Any]) -> Storm:
    """Ask, change, delete and vote, with something going wrong in the middle of it."""
    before = await calm(talk)
    for fault in faults:
        await talk.page.fault(**fault)
    return await go_on(before)


async def calm(talk: Talk) -> Storm:
    """Ask three questions."""
    one, other, third = talk.attendees
    first = await talk.taken(one, "Q. 前の質問")
    edited = await talk.taken(other, "Q. 書き間違い")
    deleted = await talk.taken(third, "Q. 消す質問")
    return Storm(talk, [first, edited, deleted], edited, deleted, first)


async def go_on(weather: Storm) -> Storm:
    """Ask more, change, delete and vote."""
    talk = weather.talk
    one, other, third = talk.attendees
    first = weather.voted
    during = [
        await talk.ask(person, f"Q. 最中の質問{number}")
        for number, person in enumerate(talk.attendees)
    ]
    await talk.page.edit(other, talk.channel, weather.edited["id"], "Q. 書き直した")
    await talk.page.delete(third, talk.channel, weather.deleted["id"])
    await talk.page.react(other, talk.channel, first["id"], "👍")
    gone = await talk.ask(one, "Q. すぐ消した質問", reply_to=first["id"])
    await talk.page.delete(one, talk.channel, gone["id"])
    return replace(weather, messages=[*weather.messages, *during])


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut"},
        {"kind": "close", "code": 4000},
        {"kind": "close", "code": 4007},
        {"kind": "close", "code": 4009},
        {"kind": "close", "code": 1001},
        {"kind": "close", "code": 1000},
        {"kind": "op", "op": 7},
        {"kind": "op", "op": 9, "resumable": True},
        RENEWED,
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
async def test_the_gateway_goes_away(page: Page, bot: Bot, fault: dict[str, Any]):
    talk = await make_talk(page, bot)
    await talk.start()
    weather = await storm(talk, fault)
    await weather.passed(board=fault in ({"kind": "cut"}, RENEWED))
    last = await talk.taken(talk.attendees[0], "Q. 後の質問")
    await talk.marked(last, TAKEN)


async def test_events_arrive_in_a_heap(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    weather = await storm(talk, {"kind": "hold_events", "on": True})
    await asyncio.sleep(0.3)
    assert len(talk.questions()) == 3
    await page.clear_faults()
    await weather.passed()


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 0.3, "times": 2},
        {"status": 429, "retry_after": 0.3, "via": False, "times": 2},
        {"status": 500, "times": 2},
        {"status": 502},
        {"status": 503, "times": 2},
        {"kind": "slow", "seconds": 1},
        {"kind": "drop_http", "after": True},
        {"kind": "drop_http", "after": False},
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
async def test_receipts_come_though_requests_fail(page: Page, bot: Bot, fault: dict[str, Any]):
    talk = await make_talk(page, bot)
    await talk.start()
    weather = await storm(talk, {"kind": "http", "path": "*/reactions/*", **fault})
    await weather.passed()


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 0.3, "times": 2},
        {"status": 500, "times": 2},
        pytest.param({"status": 503}, marks=pytest.mark.slow),
        {"kind": "slow", "seconds": 1},
        pytest.param({"kind": "drop_http", "after": True}, marks=pytest.mark.slow),
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
async def test_the_board_comes_once_though_requests_fail(
    page: Page, bot: Bot, fault: dict[str, Any]
):
    talk = await make_talk(page, bot)
    await page.fault(**{"kind": "http", "path": f"/channels/{talk.channel}/messages*", **fault})
    await page.slash(talk.speaker, talk.channel, "session start", title="嵐")
    talk.session_id = talk.session()["id"]
    await talk.showing()
    await page.clear_faults()
    weather = await storm(talk)
    await weather.passed(board="drop_http" in fault.values())


@pytest.mark.parametrize("status", [500, 503])
async def test_the_end_is_told_once_though_requests_fail(page: Page, bot: Bot, status: int):
    talk = await make_talk(page, bot)
    await talk.start()
    await talk.taken(talk.attendees[0], "Q. 残る質問")
    await page.fault("http", method="POST", path="/channels/*/threads", status=status)
    await page.fault("http", method="POST", path="/channels/*/messages", status=status, times=2)
    await page.slash(talk.speaker, talk.channel, "session end")
    thread = str(await until(lambda: talk.session()["follow_up_id"]))

    async def told() -> list[str] | None:
        found = [text_of(one) for one in await page.history(talk.speaker, thread)]
        return found if any("残る質問" in text for text in found) else None

    found = await until(told)
    assert sum("残る質問" in text for text in found) == 1
    state = await page.watch(talk.speaker, talk.guild)
    assert len(state["threads"]) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "http", "status": 500},
        {"kind": "http", "status": 503},
        {"kind": "http", "status": 429, "retry_after": 0.3},
        {"kind": "http", "status": 429, "retry_after": 0.3, "via": False},
        {"kind": "drop_http", "after": True},
        {"kind": "drop_http", "after": False},
        {"kind": "slow", "seconds": 1},
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
async def test_a_person_gets_a_sentence_though_the_answer_fails(
    page: Page, bot: Bot, fault: dict[str, Any]
):
    talk = await make_talk(page, bot)
    await talk.start()
    await talk.taken(talk.attendees[0], "Q. なぜ?")
    await page.fault(**fault, path="/interactions/*")
    record = await page.slash(talk.speaker, talk.channel, "next")
    assert record["state"] == "replied"
    assert said(record)
    assert talk.question(1)["state"] == "current"


@pytest.mark.slow
async def test_what_people_do_while_another_program_holds_the_file_is_not_lost(
    page: Page, bot: Bot
):
    talk = await make_talk(page, bot)
    await talk.start()
    weather = await calm(talk)
    with bot.disk_busy():
        weather = await go_on(weather)
        asked = page.slash(talk.speaker, talk.channel, "session edit", title="遅い夜")
        asking = asyncio.create_task(asked)
        await asyncio.sleep(LONGER_THAN_SQLITE_WAITS_S)
        assert len(talk.questions()) == 3
    await weather.passed()
    assert (await asking)["state"] == "replied"
    assert talk.session()["title"] == "遅い夜"


@pytest.mark.slow
async def test_answers_that_come_too_late_are_still_done_once(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    await talk.taken(talk.attendees[0], "Q. なぜ?")
    await talk.taken(talk.attendees[0], "Q. どうして?")
    board = await talk.board(lambda text: "なぜ" in text)
    await page.fault("late_interactions", seconds=3.5)
    pressed, menu, command = await asyncio.gather(
        talk.press(talk.speaker, "next", on=board),
        page.slash(talk.attendees[0], talk.channel, "ask"),
        page.slash(talk.attendees[0], talk.channel, "questions mine"),
    )
    assert {record["state"] for record in (pressed, menu, command)} == {"failed"}
    await until(lambda: talk.question(1)["state"] == "current")
    await page.clear_faults()
    await talk.board(lambda text: "なぜ" in text.split("**次の質問**")[0])
    again = await page.slash(talk.attendees[0], talk.channel, "questions mine")
    assert again["state"] == "replied"


@pytest.mark.slow
async def test_reading_up_goes_on_until_discord_answers(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start()
    await page.fault("http", method="GET", path="/channels/*/messages*", status=503, times=2)
    weather = await storm(talk, RENEWED)
    await weather.passed()
    assert bot.times("reading up failed") >= 1


@pytest.mark.slow
async def test_a_burst_under_rate_limits_is_marked_to_the_last(page: Page, bot: Bot):
    talk = await make_talk(page, bot, attendees=10)
    await talk.start()
    await page.fault("buckets", on=True)
    number = (await page.requests())[-1]["n"]
    messages = await asyncio.gather(
        *(talk.ask(talk.attendees[n % 10], f"Q. 質問{n}") for n in range(40))
    )
    await until(lambda: len(talk.questions("open")) == 40)
    for message in messages:
        await talk.marked(message, TAKEN)
    marks = [one for one in await page.requests(after=number) if "/reactions/" in one["path"]]
    assert sum(one["status"] == 204 for one in marks) == 40
    refused = [one for one in await page.requests(after=number) if one["status"] == 429]
    assert len(refused) <= 10
    await talk.board(lambda text: talk.count("Open", 40) in text)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def zombie(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[asyncio.Task[None]]:
    """A connection that dies silently shows only after a minute: that runs beside the rest."""
    data = tmp_path_factory.mktemp("zombie")
    task = asyncio.create_task(_silence(data))
    yield task
    if not task.done():
        task.cancel()
        await asyncio.wait([task])


async def _silence(data: Any) -> None:
    async with launch() as playground, playground.connect() as page:
        await page.fault("heartbeat_interval", seconds=0.5)
        async with running(playground, data) as bot:
            talk = await make_talk(page, bot)
            await talk.start()
            await page.fault("mute_heartbeats", seconds=600)
            weather = await storm(talk, {"kind": "hold_events", "on": True})
            (before,) = await page.sessions()

            async def renewed() -> bool:
                log = await page.gateway_log()
                return any(line["what"] == "resume" for line in log)

            await until(renewed, within_s=100)
            await page.clear_faults()
            await weather.passed()
            assert before["id"]
            assert not bot.troubles()


@pytest.mark.slow
async def test_a_silent_connection_is_noticed(zombie: asyncio.Task[None]):
    await zombie


async def test_every_request_is_as_discord_describes_it(page: Page):
    hold_against_description(await page.requests())
