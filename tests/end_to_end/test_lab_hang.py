"""The lab's engine hangs: people are told so at once, and everything else goes on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator

import docker
import pytest
import pytest_asyncio

from bot.lab.errors import HostUnreachable, NameTaken
from tests.end_to_end.driver import Json, Page, Playground, until
from tests.end_to_end.lab import REPOSITORY, addresses, answers, clock, fetch, make_lab, up
from tests.end_to_end.process import LONGER_THAN_DISCORD_WAITS_S, Bot, running
from tests.end_to_end.talk import controls, said, text_of
from tests.lab.engine import PrivateEngine, Recipe, archive, private_engine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

WEB = Recipe(
    f"{REPOSITORY}/web:1",
    command=("httpd", "-f", "-p", "80", "-h", "/www"),
    exposed=("80/tcp",),
    config={"StopSignal": "SIGKILL"},
)
# People are answered within three seconds; then it has to be shown, too.
ANSWERED_S = 3.5
LAB = """
[[hosts]]
name = "own"
docker = "{engine.address}"
address = "{engine.ip}"
ports = "20000-20099"
[[templates]]
name = "web"
image = "{image}"
ports = ["80"]
[lease]
stop_grace = "1s"
"""


@pytest.fixture(scope="module")
def own() -> Iterator[PrivateEngine]:
    """An engine that may be stopped in its tracks."""
    with private_engine() as engine:
        client = docker.DockerClient(engine.address, version="1.41")
        client.images.load(archive(WEB))
        client.close()
        yield engine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    playground: Playground, own: PrivateEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot with that engine; what it leaves goes with the engine."""
    data = tmp_path_factory.mktemp("bot")
    file = data / "lab.toml"
    file.write_text(LAB.format(engine=own, image=WEB.reference))
    async with running(playground, data, STUDY_BOT_LAB=str(file)) as bot:
        await up(bot)
        yield bot
    assert not bot.troubles()


async def test_launches_on_a_busy_disk_are_answered_all_the_same(page: Page, bot: Bot):
    lab = await make_lab(page, bot)
    talk = lab.talk
    _ = talk.words
    await lab.up(talk.speaker, "web", name="there")
    visitor = talk.attendees[0]
    with bot.disk_busy():
        asking = asyncio.gather(
            page.slash(talk.speaker, talk.channel, "container run", image="web", name="late"),
            page.slash(talk.moderator, talk.channel, "container run", image="web", name="there"),
            page.slash(visitor, talk.channel, "container run", image="web"),
            page.slash(talk.moderator, talk.channel, "lab close"),
        )
        await asyncio.sleep(LONGER_THAN_DISCORD_WAITS_S)
    late, taken, refused, closed = await asking
    assert {one["state"] for one in (late, taken, refused, closed)} == {"replied"}
    assert all(one["ephemeral"] for one in (late, taken, refused, closed))
    assert said(taken) == _(NameTaken.message, name="there")
    # Discord was asked for patience privately, so the card is a message of its own.
    assert "late" in said(late)
    row = await lab.until(next(one for one in lab.rows() if one["name"] == "late"), "running")
    card = await lab.card(row, lambda text: "http" in text)
    assert card["id"] in [one["id"] for one in await page.history(visitor, talk.channel)]
    assert card["id"] != late["messages"][0]["id"]
    for name in ("there", "late"):
        await lab.told(talk.speaker, "container remove", name=name)


async def test_with_a_hung_engine_people_are_told_at_once_and_questions_go_on(
    page: Page, bot: Bot, own: PrivateEngine
):
    lab = await make_lab(page, bot)
    talk = lab.talk
    _ = talk.words
    row = await lab.up(talk.speaker, "web", name="demo")
    card = await lab.card(row, lambda text: "http" in text)
    assert (await fetch(addresses(text_of(card))[0]))[0] == 200
    own.hang()
    try:
        asked = [
            asyncio.create_task(timed(lab.use(talk.speaker, name, **options)))
            for name, options in (
                ("container logs", {"name": "demo"}),
                ("container exec", {"name": "demo", "command": "true"}),
                ("container stop", {"name": "demo"}),
                ("container stats", {"name": "demo"}),
                ("container top", {"name": "demo"}),
                ("image list", {}),
                ("image search", {"term": "web"}),
            )
        ]
        began = clock()
        question = await talk.taken(talk.attendees[0], "Q. エンジンが止まっても質問できますか?")
        await talk.marked(question, "📝")
        assert clock() - began < 2
        for record, took in await asyncio.gather(*asked):
            assert took < ANSWERED_S, record
            assert record["ephemeral"]
            assert _(HostUnreachable.message) in said(record), said(record)
        # From now on it is known.
        for name, options in (
            ("container run", {"image": "web"}),
            ("container restart", {"name": "demo"}),
            ("image pull", {"image": "web"}),
        ):
            record, took = await timed(lab.use(talk.speaker, name, **options))
            assert took < 1, (name, took)
            assert said(record) == _(HostUnreachable.message)
        assert "🔴" in await lab.told(talk.moderator, "lab status")
        assert "demo" in await lab.told(talk.speaker, "container list")
        offered = await page.autocomplete(talk.speaker, talk.channel, "container logs", "name", "d")
        assert [one["value"] for one in offered] == ["demo"]
        (remove,) = [one for one in controls(card) if "lab_remove" in one]
        pressed, took = await timed(lab.press_anyway(talk.speaker, remove, card))
        assert took < ANSWERED_S, pressed
        await talk.taken(talk.attendees[1], "Q. まだ質問できますか?")
    finally:
        own.resume()
    # What was asked to go goes when the engine is back.
    await lab.until(row, "removed", within_s=30)
    await lab.card(row, lambda text: "⚫" in text)


async def test_with_a_hung_engine_the_bot_ends_cleanly(page: Page, bot: Bot, own: PrivateEngine):
    lab = await make_lab(page, bot)
    talk = lab.talk
    row = await lab.up(talk.speaker, "web", name="demo")
    await lab.card(row, lambda text: "http" in text)
    own.hang()
    try:
        waiting = [
            page.slash(talk.speaker, talk.channel, f"container {one}", name="demo", wait=False)
            for one in ("logs", "restart", "stats")
        ]
        await asyncio.gather(*waiting)
        began = clock()
        assert await bot.stop(signal.SIGTERM, within_s=15) == 0, bot.tail()
        assert clock() - began < 15
        # It also comes up beside an engine that doesn't answer, and takes questions.
        await bot.start()
        await talk.taken(talk.attendees[0], "Q. 起動できますか?")
        assert await lab.told(talk.speaker, "container run", image="web") == (
            talk.words(HostUnreachable.message)
        )
    finally:
        own.resume()
    await until(lambda: bot.times("lab host up") >= 2, within_s=30)
    card = await lab.card(row, lambda text: "🟢" in text and "http" in text)
    await answers(addresses(text_of(card))[0])
    await lab.told(talk.speaker, "container remove", name="demo")


async def timed(work: Awaitable[Json]) -> tuple[Json, float]:
    """Wait for something; return it and how long that took."""
    began = clock()
    return await work, clock() - began
