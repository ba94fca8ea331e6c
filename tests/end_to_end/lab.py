"""A lab for the bots of these tests: this machine's own, on ports of the test's own.

What a bot started there is taken away at the end, and the engine is looked at to see that
nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import docker
import pytest

from bot.lab.drivers import LABEL_INSTALLATION
from bot.lab.host import probe_label
from bot.localization import Words
from tests.end_to_end.driver import ROOT, Json, Page, Playground, until
from tests.end_to_end.process import GENEROUS, Bot, command, running
from tests.end_to_end.talk import Talk, controls, make_talk, nodes, said, text_of
from tests.lab.engine import Recipe, SlowLine, engine_address, registry
from tests.lab.real.guest_world import require_hypervisor
from tests.patience import LONG_SECONDS

LAB_FILE = ROOT / "build" / "lab" / "lab.toml"
HOST_SET_UP = ROOT / "build" / "lab" / "host"
# Above the ports that need root, below those the kernel gives to whoever asks for any.
PORTS = range(12_000, 29_000)
PORTS_EACH = 100
REPOSITORY = "study-e2e"
FIRST_LINE = "始まりました"
MIB = 1024**2
# Small, so that many fit beside whatever else this machine does.
SMALL = """
[limits.attendee]
memory = "32M"
cpus = 0.25
[limits.speaker]
memory = "64M"
cpus = 0.25
[limits.moderator]
memory = "64M"
cpus = 0.25
"""
_SUPPLY = re.compile(r"^(\[\[hosts\]\]\n)", re.MULTILINE)
_ALLOW = re.compile(r"^allow = \[", re.MULTILINE)
_ADDRESS = re.compile(r"http://[\w.]+:\d+")
_PERCENT = re.compile(r"▱* (\d+(?:\.\d+)?) %")


def lab_file(
    folder: Path,
    *,
    limits: str = SMALL,
    more: str = "",
    allow: Sequence[str] = (),
    guests: bool = False,
) -> Path:
    """Write a lab.toml: this machine's, with other ports, limits and images; or skip the test.

    Without `guests` it has no hypervisor, whose proof takes a machine a while.
    """
    engine_address()
    if not LAB_FILE.exists():
        pytest.skip(f"no {LAB_FILE}: make test sets it up (LAB=off: it doesn't)")
    text = LAB_FILE.read_text(encoding="utf-8")
    if not guests:
        text = re.sub(r"^libvirt = .*\n", "", text, flags=re.MULTILINE)
    first = random.randrange(PORTS.start, PORTS.stop, PORTS_EACH)
    text = _SUPPLY.sub(rf'\1ports = "{first}-{first + PORTS_EACH - 1}"\n', text)
    text = _ALLOW.sub("allow = [" + "".join(f'"{one}", ' for one in allow), text)
    path = folder / "lab.toml"
    path.write_text(f"{text}\n{limits}\n{more}", encoding="utf-8")
    return path


def guest_lab_file(folder: Path, *, more: str = "") -> Path:
    """Write a lab.toml of this machine with its hypervisor; or skip the test, saying why."""
    require_hypervisor()
    path = lab_file(folder, more=more, guests=True)
    text = path.read_text(encoding="utf-8")
    if "libvirt = " not in text:
        pytest.skip(f"{LAB_FILE} has no hypervisor: make test sets one up where it can")
    return path


@asynccontextmanager
async def lab_bot(
    playground: Playground, data: Path, file: Path, **settings: str
) -> AsyncIterator[Bot]:
    """Run a bot with a lab; what it has left there at its end is taken away."""
    chosen = {"STUDY_BOT_LAB": str(file), **settings}
    try:
        async with running(playground, data, **chosen) as bot:
            yield bot
    finally:
        await sweep(data, file)


async def sweep(data: Path, file: Path) -> None:
    """Take away what a bot that has ended has in its lab, and see that nothing is left."""
    status, _output, errors = await command(
        "lab", "sweep", "--quiet", "--file", str(file), playground=None, data=data
    )
    assert status == 0, errors
    database = data / "study-bot.sqlite3"
    if database.exists():
        assert await asyncio.to_thread(_left, database) == []


def _left(database: Path) -> list[str]:
    """Return the names of what this machine's engine still has of a bot."""
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as rows:
        query = "SELECT value FROM installation WHERE key = 'installation_id'"
        ((installation,),) = rows.execute(query).fetchall()
    client = docker.DockerClient(engine_address(), version="1.41")
    found: list[Any] = []
    for whose in (installation, probe_label(installation)):
        label = {"label": f"{LABEL_INSTALLATION}={whose}"}
        found += client.containers.list(all=True, filters=label, ignore_removed=True)
        found += client.networks.list(filters=label)
    client.close()
    return [one.name for one in found]


async def judged(bot: Bot, *, within_s: float = 45.0) -> str | None:
    """Wait until it is known whether attendees may use the lab; return why not."""

    def look() -> bool:
        return bot.times("lab host proven") > 0 or bot.times("lab host not proven") > 0

    await until(look, within_s=within_s)
    if bot.times("lab host proven"):
        return None
    return [one["why"] for one in bot.log if one.get("event") == "lab host not proven"][-1]


async def proven(bot: Bot) -> None:
    """Wait until the lab is there for attendees, or skip: this machine wasn't set up for it."""
    if (why := await judged(bot)) is not None:
        require_no_set_up(why)
        pytest.skip(f"this machine's lab isn't proven, so attendees have none: {why}")


def require_no_set_up(why: str) -> None:
    """Fail where the set-up says that it laid all there is to lay: it must hold then."""
    if HOST_SET_UP.exists():
        pytest.fail(f"this machine was set up for the lab, but isn't proven: {why}")


async def up(bot: Bot, *, within_s: float = LONG_SECONDS) -> None:
    """Wait until the lab's host answers."""
    await until(lambda: bot.times("lab host up") > 0, within_s=within_s)


class Floor:
    """The engine itself, looked at beside the bot."""

    def __init__(self, bot: Bot, address: str) -> None:
        self._bot = bot
        self.client = docker.DockerClient(address, version="1.41", timeout=20)

    @property
    def _mine(self) -> dict[str, str]:
        rows = self._bot.rows("SELECT value FROM installation WHERE key = 'installation_id'")
        return {"label": f"{LABEL_INSTALLATION}={rows[0]['value']}"}

    def containers(self) -> dict[str, Any]:
        """Return this bot's containers by the number of their instance."""
        found = self.client.containers.list(all=True, filters=self._mine, ignore_removed=True)
        return {one.name.rpartition("-")[2]: one for one in found}

    def of(self, row: Json) -> Any:
        """Return an instance's container, None where there is none."""
        return self.containers().get(str(row["id"]))

    def networks(self) -> list[Any]:
        """Return this bot's networks."""
        return self.client.networks.list(filters=self._mine)


@contextlib.contextmanager
def floor(bot: Bot, address: str | None = None) -> Iterator[Floor]:
    """Look at an engine, this machine's unless another is named."""
    looked_at = Floor(bot, address or engine_address())
    try:
        yield looked_at
    finally:
        looked_at.client.close()


@dataclass
class Lab:
    """What people of a talk do with its lab."""

    talk: Talk
    _cards: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])

    @property
    def page(self) -> Page:
        return self.talk.page

    async def use(self, person: str, name: str, /, **options: Any) -> Json:
        """Use a command in the talk's channel; it must be answered."""
        record = await self.page.slash(person, self.talk.channel, name, **options)
        assert record["state"] in {"replied", "modal"}, (name, options, record)
        return record

    async def told(self, person: str, name: str, /, **options: Any) -> str:
        """Use a command that is answered privately; return what is said."""
        record = await self.use(person, name, **options)
        assert record["ephemeral"], record
        return said(record)

    def rows(self, owner: str | None = None) -> list[Json]:
        """Return the guild's instances, newest first."""
        found = self.talk.bot.rows(
            "SELECT * FROM instances WHERE guild_id = ? ORDER BY id DESC", int(self.talk.guild)
        )
        return [row for row in found if owner is None or row["owner_id"] == int(owner)]

    def row(self, instance_id: int) -> Json:
        """Return an instance as it is now."""
        return next(one for one in self.rows() if one["id"] == instance_id)

    async def run(self, person: str, image: str = "hello", **options: Any) -> tuple[Json, Json]:
        """Ask for a launch that is taken; return the record of the command and the row."""
        before = {one["id"] for one in self.rows(person)}
        record = await self.use(person, "container run", image=image, **options)
        found = [one for one in self.rows(person) if one["id"] not in before]
        assert found, f"{said(record)}\n{self.talk.bot.tail()}"
        return record, found[0]

    async def until(
        self, row: Json, *states: str, within_s: float = LONG_SECONDS, ready: bool = False
    ) -> Json:
        """Wait until an instance is in one of some states (and answers); return it."""

        def look() -> Json | None:
            now = self.row(row["id"])
            if ready and now["state"] in {"failed", "lost"}:
                raise AssertionError(f"it ended: {now['reason']}")
            return now if now["state"] in states and (now["ready_at"] or not ready) else None

        try:
            return await until(look, within_s=within_s)
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {self.row(row['id'])}\n{self.talk.bot.tail()}"
            ) from None

    async def up(self, person: str, image: str = "hello", **options: Any) -> Json:
        """Have something run, and wait until it answers."""
        _record, row = await self.run(person, image, **options)
        return await self.until(row, "running", ready=True)

    async def card(
        self,
        row: Json,
        holds: Callable[[str], bool] = lambda _text: True,
        *,
        within_s: float = LONG_SECONDS,
    ) -> Json:
        """Wait until an instance's public card reads like that, and return it.

        Once seen, it is looked at where it was: the last look of what has ended stays.
        """
        last = "nothing"

        async def look() -> Json | None:
            nonlocal last
            live = self.talk.live("lab_card", row["id"])
            if live is not None:
                self._cards[row["id"]] = (str(live["channel_id"]), str(live["message_id"]))
            if row["id"] not in self._cards:
                return None
            try:
                message = await self.talk.message(*self._cards[row["id"]])
            except LookupError:
                last = "nothing: it is gone"
                return None
            last = text_of(message)
            return message if holds(last) else None

        try:
            return await until(look, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"the card reads:\n{last}\n{self.talk.bot.tail()}") from None

    async def answer(
        self,
        person: str,
        record: Json,
        holds: Callable[[str], bool] = lambda _text: True,
        *,
        within_s: float = LONG_SECONDS,
    ) -> Json:
        """Wait until the answer to somebody's interaction reads like that, and return it."""
        message_id = record["messages"][0]["id"]
        last = "nothing"

        async def look() -> Json | None:
            nonlocal last
            message = await self.talk.message(self.talk.channel, message_id, person=person)
            last = text_of(message)
            return message if holds(last) else None

        try:
            return await until(look, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"the answer reads:\n{last}\n{self.talk.bot.tail()}") from None

    async def post(self, holds: Callable[[str], bool], *, within_s: float = LONG_SECONDS) -> Json:
        """Wait until the channel holds a message that reads like that; return the latest such."""

        def public(message: Json) -> bool:
            return not message["flags"] & 64 and holds(text_of(message))

        return await self.page.message(
            self.talk.moderator, self.talk.channel, public, within_s=within_s
        )

    async def press(self, person: str, verb: str, row: Json, on: Json) -> Json:
        """Press a button of a card; it must be answered."""
        shown = [one for one in controls(on) if one.split(":")[1:3] == [verb, str(row["id"])]]
        assert shown, (verb, list(controls(on)))
        return await self.press_anyway(person, shown[0], on)

    async def press_anyway(self, person: str, custom_id: str, on: Json) -> Json:
        """Press a button by its id."""
        record = await self.page.click(person, on["channel_id"], on["id"], custom_id)
        assert record["state"] == "replied", record
        return record


async def make_lab(page: Page, bot: Bot, **options: Any) -> Lab:
    """Make a guild with a session, and its lab."""
    talk = await make_talk(page, bot, **options)
    await talk.start()
    return Lab(talk)


@contextlib.contextmanager
def slow_line(
    folder: Path, *names: str, bytes_per_second: int = 220_000, address: str | None = None
) -> Iterator[list[str]]:
    """Offer small web servers in a registry on a slow line; return what they are pulled by.

    They print something Japanese first. What was pulled is taken away from the engine again.
    """
    engine = address or engine_address()
    command = ("sh", "-c", f"echo {FIRST_LINE}; exec httpd -f -p 80 -h /www")
    # Layers that the engine has, from another test that runs just now, aren't pulled.
    first = secrets.randbits(40)
    with registry(folder) as kept, SlowLine(kept.address, bytes_per_second) as line:
        for seed, name in enumerate(names, first):
            recipe = Recipe(
                "", (3 * MIB // 2, 3 * MIB // 2), command, exposed=("80/tcp",), seed=seed
            )
            kept.offer(engine, recipe, f"{REPOSITORY}/{name}:1")
        found = [f"{line.address}/{REPOSITORY}/{name}:1" for name in names]
        try:
            yield found
        finally:
            client = docker.DockerClient(engine, version="1.41")
            for one in found:
                with contextlib.suppress(docker.errors.APIError):
                    client.images.remove(one, force=True)
            client.close()


def stretch(_: Words, message: str, **params: Any) -> str:
    """Return the longest stretch of a sentence that is the same whatever {what} is."""
    return max(_(message, what="\0", **params).split("\0"), key=len).strip()


def addresses(text: str) -> list[str]:
    """Return the addresses a card shows."""
    return _ADDRESS.findall(text)


def percentages(message: Json) -> list[float]:
    """Return the percentages of the bars in a message, in order."""
    return [float(one) for one in _PERCENT.findall(text_of(message))]


async def fetch(url: str) -> tuple[int, str]:
    """Open a page as a browser would; return the status and the text."""
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, await answer.text()


async def answers(url: str, *, within_s: float = LONG_SECONDS) -> str:
    """Wait until an address answers, and return what."""

    async def look() -> str | None:
        try:
            status, text = await fetch(url)
        except aiohttp.ClientError:
            return None
        return text if status == 200 else None

    return await until(look, within_s=within_s)


async def refuses(url: str, *, within_s: float = LONG_SECONDS) -> None:
    """Wait until nothing answers at an address any more."""

    async def look() -> bool:
        try:
            await fetch(url)
        except aiohttp.ClientError:
            return True
        return False

    await until(look, within_s=within_s)


async def edits_of(page: Page, record: Json) -> list[Json]:
    """Return the bot's edits of its answer to an interaction, in order."""
    message_id = record["messages"][0]["id"]
    found = await page.requests(method="PATCH", path="*/messages/*")
    return [
        one
        for one in found
        if one["path"].endswith((f"/messages/{message_id}", "/messages/@original"))
        and (one["response"] or {}).get("id") == message_id
    ]


def shown_by(request: Json) -> str:
    """Return the text that an edit has a message show."""
    return text_of(request["json"])


def files_in(message: Json) -> list[str]:
    """Return the addresses of a message's files."""
    return [one["url"] for one in message.get("attachments", [])]


def gaps(requests: Sequence[Json]) -> list[float]:
    """Return the seconds between requests."""
    times = [one["at"] for one in requests]
    return [after - before for before, after in itertools.pairwise(times)]


def clock() -> float:
    """Return a time to measure with."""
    return time.monotonic()


def all_texts(payload: Any) -> str:
    """Return every text anywhere in what somebody was sent."""
    return "\n".join(
        value for node in nodes(payload) for value in node.values() if isinstance(value, str)
    )


def settings_of(file: Path) -> dict[str, str]:
    """Return a bot's settings for a lab."""
    return {**GENEROUS, "STUDY_BOT_LAB": str(file)}
