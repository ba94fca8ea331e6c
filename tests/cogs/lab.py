"""A stage with a lab on it: an engine in memory, proven, and a talk that goes on."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from discord.webhook.async_ import async_context

from bot.app import build
from bot.guilds import Person
from bot.lab import HostSettings, Instance
from bot.lab.drivers.fake import FACTS, FakeDriver
from bot.lab.drivers.fake_guests import FakeGuestDriver
from bot.settings import Settings
from cogs.lab.following import Following
from cogs.lab.pulling import Pulling
from cogs.lab.screen import Screens
from tests.cogs.stage import Stage, leave_editors_alone, running, speaking, texts

LAB = """
guilds = [1]
[access]
members = "{members}"
min_days = 0
[[hosts]]
name = "local"
docker = "unix:///nowhere.sock"
{hypervisor}
public_name = "lab.example.org"
ports = "30000-30009"
[[templates]]
name = "nginx"
image = "nginx:1.27"
description = "A web server"
ports = ["80"]
[[templates]]
name = "tool"
image = "busybox:1.36"
"""

# Of a lab that has virtual machines as well.
HYPERVISOR = 'libvirt = "fake:///system"'
GUESTS = """
[[guests]]
name = "tiny"
source = "kernel"
kernel = "tiny.kernel"
initrd = "tiny.initrd"
system = "Tiny Linux"
description = "Up in seconds"
[[guests]]
name = "installer"
source = "iso"
iso = "disc"
[[isos]]
name = "disc"
file = "disc.iso"
description = "A disc to start from"
"""

MIB = 1024**2
HOST_KEY = "ssh-ed25519 SHA256:PsulQ4YNE7eDQI4M18JD4cBy0+YU9GRdgvAy2izIAaI"
STAFF = Person(1, "the test", manages_guild=True, manages_messages=True)


@dataclass
class LabStage(Stage):
    """The app with a lab, its engine and its hypervisor."""

    engine: FakeDriver = field(default_factory=FakeDriver)
    hypervisor: FakeGuestDriver = field(default_factory=FakeGuestDriver)
    followers: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def lab(self) -> Any:
        return self.app.services.lab

    async def talk(self, *, locale: str = "en-US") -> tuple[Any, Any, Any]:
        """Make a server whose lab this is, with an open session, and its speaker."""
        guild = self.guild()
        self.app.services.guilds.saw_locale(guild.id, locale)
        catalogue = self.lab.catalogue
        object.__setattr__(catalogue, "guilds", catalogue.guilds | {guild.id})
        channel = guild.create_text_channel("talk")
        speaker = self.manager(guild, "speaker", locale=locale)
        await speaker.slash(channel, "session start", title="Containers")
        return guild, channel, speaker

    async def there(self, guild: Any) -> list[Instance]:
        """Return a guild's instances that haven't ended."""
        return await self.lab.instances.visible(guild.id, STAFF)

    async def up(self, who: Any, channel: Any, **options: Any) -> tuple[Any, Instance]:
        """Have somebody run something; return the reply and the instance once it is up."""
        result = await who.slash(channel, "container run", **{"image": "nginx", **options})
        return result, await self._is_up(who, channel, options.get("name"))

    async def guest_up(self, who: Any, channel: Any, **options: Any) -> tuple[Any, Instance]:
        """Have somebody create a guest; return the reply and the instance once it is up."""
        result = await who.slash(channel, "vm create", **{"template": "tiny", **options})
        return result, await self._is_up(who, channel, options.get("name"))

    async def _is_up(self, who: Any, channel: Any, name: str | None) -> Instance:

        async def found() -> Instance | None:
            return next(
                (
                    one
                    for one in await self.there(channel.guild)
                    if one.owner_id == who.id and name in (None, one.name) and one.ready_at
                ),
                None,
            )

        instance = await self.until(found)
        await self.until(lambda: not self.followers)
        return instance

    async def leave_alone(self) -> None:
        """Take the followers away, as the end of the process would."""
        for task in list(self.followers):
            task.cancel()
        await asyncio.gather(*self.followers, return_exceptions=True)


def said(result: Any) -> str:
    """Return all that somebody reads in the replies to what they did."""
    first = [result.response] if result.response is not None else []
    return "\n".join(texts(message) for message in [*first, *result.followups])


def posts(channel: Any, word: str, viewer: Any = None) -> list[Any]:
    """Return the messages of a channel that hold a word, as somebody sees it."""
    found = channel.history(viewer=viewer) if viewer is not None else channel.history()
    return [message for message in found if word in texts(message)]


@contextlib.asynccontextmanager
async def lab_stage(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    more: str = "",
    members: str = "everyone",
    memory_bytes: int = FACTS.memory_bytes,
    guests: bool = False,
) -> AsyncIterator[LabStage]:
    """Run the whole bot with a lab; only pauses that people are given are shorter."""
    path = folder / "lab.toml"
    file = LAB.format(members=members, hypervisor=HYPERVISOR if guests else "")
    path.write_text(file + (GUESTS if guests else "") + more, encoding="utf-8")
    for name in ("tiny.kernel", "tiny.initrd", "disc.iso"):
        (folder / name).write_bytes(name.encode())
    hypervisor = FakeGuestDriver()
    engine = FakeDriver(replace(FACTS, memory_bytes=memory_bytes))
    for image in ("nginx:1.27", "busybox:1.36"):
        engine.add_image(image)
    own = Settings(_env_file=None, study_bot_data=folder, study_bot_lab=path)  # pyright: ignore[reportCallIssue]

    def connect(_settings: HostSettings) -> FakeDriver:
        return engine

    def connect_guests(_settings: HostSettings) -> FakeGuestDriver:
        return hypervisor

    # Nothing really listens on the ports of an engine in memory.
    monkeypatch.setattr("bot.lab.steps.wait_until_it_answers", answers_at_once)
    monkeypatch.setattr("bot.lab.guests.ssh.answers", answers_at_once)
    monkeypatch.setattr("bot.lab.guests.ssh.host_key", lambda *_args, **_kwargs: HOST_KEY)
    monkeypatch.setattr("bot.lab.guests.steps._LOOK_SECONDS", 0.02)
    monkeypatch.setattr("cogs.lab.screen._SETTLE_SECONDS", 0.0)
    monkeypatch.setattr("cogs.lab.following._WINDOW_SECONDS", 0.1)
    monkeypatch.setattr("cogs.lab.cards._LOOK_SECONDS", 0.1)
    monkeypatch.setattr("cogs.lab.pulling._EDIT_SECONDS", 0.1)
    monkeypatch.setattr("bot.lab.gauges._PAIR_SECONDS", 0.01)
    with speaking(monkeypatch) as locales:
        made = build(own, connect=connect, connect_guests=connect_guests)
        async with made as app, running(app) as env:
            leave_editors_alone(app.services.live, monkeypatch)
            lab, services = app.services.lab, app.services
            stage = LabStage(app, env, locales, engine, hypervisor)
            follow_beside(stage, monkeypatch)
            await services.live.start()
            for host in lab.hosts:
                host.came_up(engine.facts())
                host.is_proven = host.is_judged = True
            for host in lab.guest_hosts:
                host.came_up(hypervisor.facts())
                host.is_proven = host.is_judged = True
            await lab.images.refresh_names()
            work = [services.dispatcher.run, lab.launcher.run, app.cards.run]
            tasks = [asyncio.create_task(one()) for one in work]
            try:
                yield stage
            finally:
                await stage.leave_alone()
                await services.live.stop()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


async def answers_at_once(*_args: Any, **_kwargs: Any) -> bool:
    return True


def follow_beside(stage: LabStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let launches be followed beside: SimCord waits for all that a command began in it."""

    def beside(spawn: Any) -> Any:
        def begin(self: Any, work: Any) -> asyncio.Task[Any]:
            context = contextvars.Context()
            # How replies reach SimCord.
            context.run(async_context.set, async_context.get())
            task = context.run(spawn, self, work)
            stage.followers.add(task)
            task.add_done_callback(stage.followers.discard)
            return task

        return begin

    for kind in (Following, Pulling, Screens):
        monkeypatch.setattr(kind, "_spawn", beside(kind._spawn))
