"""What people type and press in the lab that nobody meant them to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

from bot.lab.errors import ContainerGone, NameTaken
from tests.end_to_end.driver import Json, Page, Playground, Refused, until
from tests.end_to_end.lab import (
    Floor,
    Lab,
    clock,
    files_in,
    floor,
    lab_bot,
    lab_file,
    make_lab,
    up,
)
from tests.end_to_end.process import Bot
from tests.end_to_end.talk import controls, said, text_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

# Refused before anything is launched, whatever the other options say.
NOT_ALLOWED = "example.org/nobody/nothing"
RUBBISH = (
    *("１２３", "٨٠", "-1", "0", "99999:1", "80:80:80", "FOO", "=", "A B=1"),
    *("🐳" * 40, "x" * 4000, "“" * 4000, "あ" * 1999, "A=" + "x" * 3990),
    *(
        "'",
        '"it’s',
        "```",
        "nginx; rm -rf /",
        "$(id)",
        "*",
        "../..",
        "a\nb",
        "\0",
        "\u202eabc",
        " ",
    ),
    *("@everyone", "<@1>", "[x](http://evil.example)", "UPPER/Case", "nginx@sha256:abc"),
)
OPTIONS = ("image", "name", "ports", "command", "env", "cpus", "memory", "lifetime")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    playground: Playground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot with a lab for those who run the talk."""
    data = tmp_path_factory.mktemp("bot")
    async with lab_bot(playground, data, lab_file(data)) as bot:
        await up(bot)
        yield bot
    assert not bot.troubles()


@pytest.fixture(scope="module")
def engine(bot: Bot) -> Iterator[Floor]:
    """The engine, looked at beside the bot."""
    with floor(bot) as looked_at:
        yield looked_at


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(page: Page, bot: Bot) -> Lab:
    """A talk with a container that is there all the time."""
    lab = await make_lab(page, bot)
    await lab.up(lab.talk.speaker, "hello", name="there")
    return lab


@pytest.mark.parametrize("option", OPTIONS)
async def test_whatever_is_typed_is_answered_at_once_and_launches_nothing(lab: Lab, option: str):
    before = len(lab.rows())
    for typed in RUBBISH:
        began = clock()
        try:
            given = {"image": NOT_ALLOWED, option: typed}
            record = await lab.page.slash(
                lab.talk.speaker, lab.talk.channel, "container run", **given
            )
        except Refused:
            continue  # Discord itself takes no more characters than the option says.
        if option == "image" and (record["state"], record["ephemeral"]) == ("replied", False):
            continue  # A name that some image could have: that it isn't there is found out later.
        assert record["state"] == "replied", (typed, record)
        assert record["ephemeral"], (typed, record)
        assert said(record)
        assert clock() - began < 2.5, typed
    assert option == "image" or len(lab.rows()) == before


async def test_capitals_are_no_reason_to_refuse_a_template_or_a_name(lab: Lab):
    row = await lab.up(lab.talk.speaker, "HELLO", name="Up-Per")
    assert row["name"] == "up-per"
    again = await lab.told(lab.talk.speaker, "container run", image="hello", name="ＵＰ－ｐｅｒ")
    assert again == lab.talk.words(NameTaken.message, name="up-per")
    await lab.told(lab.talk.speaker, "container remove", name=" UP-per ")


async def test_what_can_not_run_says_so_and_disturbs_nothing_around(lab: Lab):
    for command in ("```", "[a](http://evil.example) [b](http://evil.example) @everyone **c**"):
        record, row = await lab.run(lab.talk.speaker, "hello", command=command)
        await lab.until(row, "failed")
        card = text_of(await lab.answer(lab.talk.speaker, record, lambda text: "🔴" in text))
        assert "](" not in card
        assert "```" not in card
        audit = await lab.told(lab.talk.moderator, "lab audit")
        assert "](" not in audit
        assert "```" not in audit


async def test_a_port_that_nobody_listens_on_is_named_on_the_card(lab: Lab):
    _record, row = await lab.run(
        lab.talk.speaker, "hello", name="silent", command="sleep 600", ports="80 8080"
    )
    waits = lab.talk.words("Port {port} of the container doesn't answer yet.", port=80)
    await lab.card(row, lambda text: waits in text, within_s=30)
    await lab.told(lab.talk.speaker, "container remove", name="silent")


async def test_a_command_without_an_end_is_cut_off(lab: Lab, engine: Floor):
    record = await lab.page.slash(
        lab.talk.speaker, lab.talk.channel, "container exec", name="there", command="sleep 3333"
    )
    floods = await lab.use(lab.talk.speaker, "container exec", name="there", command="yes")
    (message,) = floods["messages"]
    assert lab.talk.words("the output was longer and is cut off") in text_of(message)
    (url,) = files_in(message)
    assert 200_000 < len(await contents(url)) < 300_000

    async def answered() -> Json | None:
        now = await lab.page.interaction(record["id"])
        return now if now["state"] == "replied" else None

    now = await until(answered)
    cut = lab.talk.words("cut off after {time}", time="\0").split("\0")
    assert all(part in said(now) for part in cut)
    row = next(one for one in lab.rows() if one["name"] == "there")
    running = [" ".join(one) for one in engine.of(row).top()["Processes"]]
    assert not [one for one in running if "sleep 3333" in one or "yes" in one]


async def test_of_a_chatty_container_the_last_lines_are_shown(lab: Lab):
    command = "sh -c 'seq 1 100000; exec httpd -f -p 80 -h /srv'"
    await lab.up(lab.talk.speaker, "hello", name="chatty", command=command)

    async def printed() -> Json | None:
        shown = await lab.use(lab.talk.speaker, "container logs", name="chatty")
        # The engine takes its time to write a hundred thousand lines down.
        return shown if "99951\n" in said(shown) else None

    record = await until(printed, within_s=30)
    assert said(record).rstrip("`\n").endswith("100000")
    assert not files_in(record["messages"][0])
    record = await lab.use(lab.talk.speaker, "container logs", name="chatty", lines=5000)
    (url,) = files_in(record["messages"][0])
    assert (await contents(url)).split() == [str(n) for n in range(95_001, 100_001)]
    await lab.told(lab.talk.speaker, "container remove", name="chatty")


async def test_the_buttons_of_what_is_gone_say_that_it_is_gone(lab: Lab):
    talk = lab.talk
    row = await lab.up(talk.speaker, "hello", name="goes")
    shown = (await lab.use(talk.speaker, "container stop", name="goes"))["messages"][0]
    await lab.told(talk.speaker, "container remove", name="goes")
    gone = talk.words(ContainerGone.message)

    async def is_told(times: int) -> bool:
        seen = await talk.page.history(talk.speaker, talk.channel, limit=20)
        return sum(gone in text_of(one) for one in seen) == times

    for number, verb in enumerate(("lab_logs", "lab_start"), 1):
        await lab.press(talk.speaker, verb, row, shown)
        await until(lambda wanted=number: is_told(wanted))
    # At the latest when it is looked at again the old card has no buttons any more.
    await lab.press(talk.speaker, "lab_refresh", row, shown)

    async def redrawn() -> bool:
        now = await talk.message(talk.channel, shown["id"], person=talk.speaker)
        return "⚫" in text_of(now) and not controls(now)

    await until(redrawn)
    assert lab.row(row["id"])["state"] == "removed"


async def contents(url: str) -> str:
    """Read a file of a message."""
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return await answer.text()
