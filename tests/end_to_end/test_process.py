"""The bot as a process: who may start it, how it ends, and what it says when it can't."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.driver import Page, Playground, until
from tests.end_to_end.process import Bot, command, running
from tests.end_to_end.talk import TAKEN, make_talk
from tests.end_to_end.trust import hold_against_description

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_second_process_is_refused_and_told_who_is_there(
    playground: Playground, bot: Bot, tmp_path: Path
):
    assert bot.process is not None
    holder = str(bot.process.pid)
    for data in (bot.data, tmp_path):  # the same database, the same token
        status, _, errors = await command("run", playground=playground, data=data)
        assert status == 2, errors
        assert holder in errors
        assert "Traceback" not in errors
    assert bot.process.returncode is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_when_asked_and_loses_nothing(page: Page, bot: Bot, number: signal.Signals):
    talk = await make_talk(page, bot)
    await talk.start()
    sent = [
        page.post("send", as_=person, channel=talk.channel, content=f"Q. 質問{n}")
        for n in range(10)
        for person in talk.attendees
    ]
    await asyncio.gather(*sent)
    began = time.monotonic()
    assert await bot.stop(number) == 0
    # What service managers and `docker stop` wait for before they kill.
    assert time.monotonic() - began < 10
    late = await talk.ask(talk.attendees[0], "Q. 停止中の質問")
    await bot.start()
    await until(lambda: len(talk.questions("open")) == 31)
    assert len({row["body"] + str(row["author_id"]) for row in talk.questions()}) == 31
    await talk.marked(late, TAKEN)


async def test_a_session_is_written_to_a_file_from_outside(page: Page, bot: Bot, tmp_path: Path):
    talk = await make_talk(page, bot)
    await talk.start("外から書き出す会")
    await talk.taken(talk.attendees[0], "Q. なぜ?")
    status, listed, _ = await command("export", "--list", playground=None, data=bot.data)
    assert status == 0
    (line,) = [line for line in listed.splitlines() if "外から書き出す会" in line]
    target = tmp_path / "out.md"
    status, _, errors = await command(
        *("export", "--session", line.split()[0], "--output", str(target)),
        playground=None,
        data=bot.data,
    )
    assert (status, errors) == (0, "")
    assert "Q. なぜ?" in target.read_text()
    status, said, _ = await command("migrate", playground=None, data=bot.data)
    assert status == 0
    assert said


async def test_a_backup_in_the_middle_of_a_burst_is_whole(page: Page, bot: Bot, tmp_path: Path):
    talk = await make_talk(page, bot, attendees=10)
    await talk.start()
    target = tmp_path / "backup.sqlite3"

    async def burst() -> None:
        for number in range(40):
            for person in talk.attendees[:5]:
                page.post("send", as_=person, channel=talk.channel, content=f"Q. 質問{number}")
            await asyncio.sleep(0.05)

    sending = asyncio.create_task(burst())
    await until(lambda: len(talk.questions()) > 10)
    status, _, errors = await command(
        *("export", "--format", "sqlite", "--output", str(target)), playground=None, data=bot.data
    )
    assert status == 0, errors
    await sending
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        questions, highest = copy.execute(
            "SELECT count(*), max(number) FROM questions WHERE session_id = ?", (talk.session_id,)
        ).fetchone()
        (following,) = copy.execute(
            "SELECT next_number FROM sessions WHERE id = ?", (talk.session_id,)
        ).fetchone()
        (asked,) = copy.execute(
            "SELECT count(*) FROM events WHERE session_id = ? AND kind = 'question.asked'",
            (talk.session_id,),
        ).fetchone()
    assert questions == highest == asked == following - 1 > 0
    await until(lambda: len(talk.questions()) == 200)


async def test_a_bad_setting_is_named(playground: Playground, tmp_path: Path):
    for key, value in (
        ("STUDY_BOT_TIME_ZONE", "Mars/Olympus"),
        ("STUDY_BOT_OPEN_QUESTIONS", "many"),
        ("STUDY_BOT_API_BASE", "https://example.com/api/v10"),
    ):
        status, _, errors = await command(
            "run", playground=playground, data=tmp_path, **{key: value}
        )
        assert status == 2, errors
        assert key in errors
        assert value in errors
        assert "Traceback" not in errors
    status, _, errors = await command("run", playground=None, data=tmp_path)
    assert status == 2, errors
    assert "DISCORD_TOKEN" in errors


async def test_a_database_that_cannot_be_used_is_left_alone(playground: Playground, tmp_path: Path):
    path = tmp_path / "study-bot.sqlite3"
    settings = {"DISCORD_TOKEN": "of.this.test"}
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("CREATE TABLE migrations (version INTEGER)")
        newer.execute("PRAGMA user_version = 9999")
    for content in (path.read_bytes(), b"SQLite format 3\0" + b"\xff" * 5000, b"not at all"):
        path.write_bytes(content)
        status, _, errors = await command("run", playground=playground, data=tmp_path, **settings)
        assert status == 2, errors
        assert str(path) in errors
        assert "Traceback" not in errors
        assert path.read_bytes() == content


async def test_a_wrong_token_says_where_to_get_one(playground: Playground, tmp_path: Path):
    status, _, errors = await command(
        "run", playground=playground, data=tmp_path, DISCORD_TOKEN="wrong.token.here"
    )
    assert status == 2, errors
    assert "https://discord.com/developers/applications" in errors
    assert "Traceback" not in errors
    assert "wrong.token.here" not in errors


async def test_nobody_there_is_a_sentence(playground: Playground, tmp_path: Path):
    status, _, errors = await command(
        "run",
        playground=playground,
        data=tmp_path,
        DISCORD_TOKEN="of.this.test",
        STUDY_BOT_API_BASE="http://127.0.0.1:9/api/v10",
    )
    # Not a thing to mend here: whoever restarts it may try again.
    assert status == 1, errors
    assert "127.0.0.1:9" in errors
    assert "Traceback" not in errors


async def test_doctor_says_what_is_well_and_what_is_not(
    playground: Playground, page: Page, bot: Bot, tmp_path: Path
):
    status, said, errors = await command("doctor", playground=playground, data=bot.data)
    assert (status, errors) == (0, "")
    assert len(said.splitlines()) >= 4
    assert "PROBLEM" not in said
    await page.fault("intents", allowed=False)
    status, said, _ = await command("doctor", playground=playground, data=tmp_path)
    assert status != 0
    assert "Message Content Intent" in said
    status, said, _ = await command("doctor", playground=None, data=tmp_path)
    assert status != 0
    assert "DISCORD_TOKEN" in said
    await page.clear_faults()


async def test_a_missing_intent_says_where_to_switch_it_on(tmp_path: Path, page: Page, bot: Bot):
    assert await bot.stop() == 0
    await page.fault("intents", allowed=False)
    status, _, errors = await command("run", playground=bot.playground, data=tmp_path)
    assert status == 2, errors
    assert "Message Content Intent" in errors
    assert "https://discord.com/developers/applications" in errors
    assert "Traceback" not in errors
    await page.clear_faults()
    await bot.start()


async def test_commands_are_synced_when_they_changed(
    playground: Playground, page: Page, bot: Bot, tmp_path: Path
):
    assert await bot.stop() == 0
    number = (await page.requests())[-1]["n"]

    async def synced() -> int:
        sent = await page.requests(after=number, method="PUT")
        return sum(one["path"].endswith("/commands") for one in sent)

    await bot.start()
    assert await synced() == 0
    assert await bot.stop() == 0
    async with running(playground, tmp_path):
        assert await synced() == 1
    await bot.start()


async def test_every_request_is_as_discord_describes_it(page: Page):
    hold_against_description(await page.requests())
