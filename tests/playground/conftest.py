"""A playground in this process, and a plain discord.py client on the wire to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import discord
import pytest
from discord import app_commands

from playground.app import Playground as Running
from playground.app import running
from tests.end_to_end.driver import Page, Playground


class Bot(discord.Client):
    """Writes down what it hears."""

    def __init__(self, intents: discord.Intents, **options: Any) -> None:
        super().__init__(
            intents=intents,
            guild_ready_timeout=0.05,
            allowed_mentions=discord.AllowedMentions.none(),
            **options,
        )
        self.tree = app_commands.CommandTree(self)
        self.came_up = asyncio.Event()
        self.contents: list[str] = []
        self.heard: list[str] = []
        self.resumed = 0

    async def on_ready(self) -> None:
        self.came_up.set()

    async def on_resumed(self) -> None:
        self.resumed += 1

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append("message")
        if message.author != self.user and message.type is not discord.MessageType.pins_add:
            self.contents.append(message.content)

    async def on_raw_reaction_add(self, _payload: discord.RawReactionActionEvent) -> None:
        self.heard.append("reaction")

    async def on_typing(self, *_args: Any) -> None:
        self.heard.append("typing")

    async def on_guild_remove(self, _guild: discord.Guild) -> None:
        self.heard.append("guild_remove")

    async def on_guild_join(self, _guild: discord.Guild) -> None:
        self.heard.append("guild_join")


@dataclass
class Stage:
    """A guild with a channel and somebody in it."""

    playground: Playground
    inside: Running
    page: Page
    guild: str
    channel: str
    alice: str
    bob: str

    @asynccontextmanager
    async def bot(
        self, *, intents: discord.Intents | None = None, bot: Bot | None = None, **options: Any
    ) -> AsyncIterator[Bot]:
        """Run a client until the block ends."""
        if bot is None:
            if intents is None:
                intents = discord.Intents.default()
                intents.message_content = True
            bot = Bot(intents, **options)
        with self.playground.redirected():
            task = asyncio.create_task(bot.start(self.playground.bot_token))
            try:
                up = asyncio.create_task(bot.came_up.wait())
                await asyncio.wait([task, up], timeout=10, return_when="FIRST_COMPLETED")
                up.cancel()
                if task.done():
                    await task
                yield bot
            finally:
                await bot.close()
                await asyncio.gather(task, return_exceptions=True)

    def channel_of(self, bot: Bot) -> discord.TextChannel:
        channel = bot.get_channel(int(self.channel))
        assert isinstance(channel, discord.TextChannel)
        return channel

    async def say(self, content: str) -> str:
        return (await self.page.send(self.alice, self.channel, content))["id"]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running(empty=True) as inside:
        playground = Playground(**asdict(inside.addresses))
        async with playground.connect() as page:
            guild = await page.guild("夜話")
            channel = await page.channel(guild, "talk")
            alice = await page.person("Alice", guild)
            bob = await page.person("Bob", guild, locale="en-US")
            yield Stage(playground, inside, page, guild, channel, alice, bob)
