"""The bot's power goes in the middle of things: what is in the lab is known again, and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bot.lab import explain, reasons
from tests.end_to_end.driver import Page, Playground, until
from tests.end_to_end.lab import (
    REPOSITORY,
    Floor,
    Lab,
    addresses,
    fetch,
    floor,
    lab_bot,
    lab_file,
    make_lab,
    proven,
    slow_line,
    stretch,
)
from tests.end_to_end.process import Bot
from tests.end_to_end.talk import text_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

module_wide = {"scope": "module", "loop_scope": "module"}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """An image that takes some seconds to pull."""
    with slow_line(tmp_path_factory.mktemp("registry"), "web") as offered:
        yield offered


@pytest_asyncio.fixture(**module_wide)
async def bot(
    playground: Playground, slow: list[str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot whose processes may end badly, but must not log errors."""
    data = tmp_path_factory.mktemp("bot")
    file = lab_file(data, allow=[f"{slow[0].partition('/')[0]}/{REPOSITORY}/*"])
    async with lab_bot(playground, data, file) as bot:
        await proven(bot)
        yield bot
    assert not bot.troubles()


@pytest.fixture(scope="module")
def engine(bot: Bot) -> Iterator[Floor]:
    """The engine, looked at beside the bot."""
    with floor(bot) as looked_at:
        yield looked_at


async def in_step(lab: Lab, engine: Floor) -> None:
    """Wait until each container has a row that is alive, and each such row its container."""

    def look() -> bool:
        alive = {str(row["id"]) for row in lab.rows() if row["ended_at"] is None}
        here = {str(row["id"]) for row in lab.rows()}
        return alive == {number for number in engine.containers() if number in here}

    await until(look, within_s=60)


async def test_after_a_loss_of_power_every_container_is_known_and_the_channel_told_once(
    page: Page, bot: Bot, engine: Floor, slow: list[str]
):
    lab = await make_lab(page, bot)
    talk = lab.talk
    up = await lab.up(talk.speaker, "nginx", name="stays-up")
    address = addresses(text_of(await lab.card(up, lambda text: "http" in text)))[0]
    pulled, pulling = await lab.run(talk.moderator, slow[0], name="in-mid-pull", ports="80")
    await lab.answer(talk.moderator, pulled, lambda text: "%" in text)
    starting = [
        asyncio.ensure_future(lab.use(person, "container run", image="hello"))
        for person in talk.attendees[:2]
    ]
    await until(lambda: all(lab.rows(person) for person in talk.attendees[:2]))
    assert any(row["state"] in {"queued", "launching"} for row in lab.rows())
    await bot.kill()
    await asyncio.gather(*starting, return_exceptions=True)
    # The page is there without the bot.
    assert (await fetch(address))[0] == 200

    await bot.start()
    for row in lab.rows():
        await lab.until(row, "running", within_s=60, ready=True)
    await in_step(lab, engine)
    assert (await fetch(address))[0] == 200
    for row in (up, pulling):
        card = await lab.card(row, lambda text: "🟢" in text and "http" in text)
        assert (await fetch(addresses(text_of(card))[0]))[0] == 200
    # It is the answer to the command that goes on, not another message.
    assert (await lab.card(pulling))["id"] == pulled["messages"][0]["id"]

    told = stretch(talk.words, "I was restarted. What was starting goes on: {what}")
    post = await lab.post(lambda text: told in text)
    assert f"<@{talk.moderator}>" in text_of(post)
    names = [row["name"] for person in talk.attendees for row in lab.rows(person)]
    assert len(names) == 2
    assert not [name for name in names if name in text_of(post)]

    await bot.restart()
    await bot.read_up()
    await asyncio.sleep(2)
    posts = await page.history(talk.moderator, talk.channel, limit=100)
    assert len([one for one in posts if told in text_of(one)]) == 1
    assert len([row for row in lab.rows() if row["state"] == "running"]) == 4
    # The buttons of before go on working.
    card = await lab.card(up, lambda text: "🟢" in text)
    await lab.press(talk.speaker, "lab_remove", up, card)
    await lab.card(up, lambda text: "⚫" in text)
    await in_step(lab, engine)


async def test_what_happened_to_containers_meanwhile_is_shown_and_told(
    page: Page, bot: Bot, engine: Floor
):
    lab = await make_lab(page, bot)
    talk = lab.talk
    gone = await lab.up(talk.speaker, "nginx", name="vanishes")
    died = await lab.up(talk.moderator, "hello", name="dies")
    own = await lab.up(talk.attendees[0])
    for row in (gone, died):
        await lab.card(row, lambda text: "🟢" in text)
    await bot.kill()
    engine.of(gone).remove(force=True)
    engine.of(own).remove(force=True)
    engine.of(died).kill()
    await bot.start()
    await lab.until(gone, "lost", within_s=60)
    await lab.until(own, "lost", within_s=60)
    await lab.until(died, "stopped", within_s=60)
    _ = talk.words
    await lab.card(gone, lambda text: explain(reasons.VANISHED, _) in text)
    await lab.card(died, lambda text: "🟠" in text and "137" in text)
    why = stretch(_, "These were gone from their host: {what}")
    post = await lab.post(lambda text: why in text)
    assert "vanishes" in text_of(post)
    assert own["name"] not in text_of(post)
    assert f"<@{talk.attendees[0]}>" in text_of(post)
    assert explain(reasons.VANISHED, _) in await lab.told(talk.attendees[0], "lab mine")
    await in_step(lab, engine)


@pytest.mark.parametrize("is_answered", [False, True])
async def test_a_launch_goes_on_whenever_the_power_goes(
    page: Page, bot: Bot, engine: Floor, is_answered: bool
):
    lab = await make_lab(page, bot)
    talk = lab.talk
    if not is_answered:
        # The launch is written down, and nobody has seen anything of it yet.
        await page.fault("slow", method="POST", path="/interactions/*", seconds=10)
    options = {"image": "hello", "name": "goes-on"}
    run = {"name": "container run", "options": options}
    page.post("slash", as_=talk.speaker, channel=talk.channel, **run)
    (row,) = await until(lab.rows)
    if is_answered:
        await until(lambda: talk.live("lab_card", row["id"]))
    await bot.kill()
    await page.clear_faults()
    await bot.start()
    await lab.until(row, "running", within_s=60, ready=True)
    card = await lab.card(row, lambda text: "🟢" in text and "http" in text)
    assert (await fetch(addresses(text_of(card))[0]))[0] == 200
    await in_step(lab, engine)
