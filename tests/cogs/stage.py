"""The whole bot against SimCord's Discord, for tests of what people get."""

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from simcord import interactions

from bot.app import App, build
from bot.errors import StudyBotError
from bot.settings import Settings
from cogs.live import LiveMessages
from tests.patience import LONG_SECONDS

MANAGER = discord.Permissions(manage_guild=True, manage_messages=True)


@dataclass
class Stage:
    """The app, the environment it runs in, and who speaks which language."""

    app: App
    env: simcord.Env
    locales: dict[int, str] = field(default_factory=dict)

    def guild(self, name: str = "Study", **options: Any) -> Any:
        """Make a server in which the bot has what its invite link asks for."""
        return self.env.create_guild(name, **options)

    def member(self, guild: Any, name: str, *roles: Any, locale: str = "en-US") -> Any:
        """Make a member."""
        member = guild.add_member(self.env.create_user(name), roles=roles)
        self.locales[member.id] = locale
        return member

    def manager(self, guild: Any, name: str = "mod", *, locale: str = "en-US") -> Any:
        """Make a member who may manage the server."""
        role = guild.create_role(f"{name}s", permissions=MANAGER)
        return self.member(guild, name, role, locale=locale)

    async def until(self, true: Callable[[], Any], seconds: float = LONG_SECONDS) -> Any:
        """Wait until something is the case (a function, or one to await), and return it."""
        async with asyncio.timeout(seconds):
            while True:
                found = true()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.02)


@contextlib.contextmanager
def speaking(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, str]]:
    """Have SimCord give each person's own language along."""
    locales: dict[int, str] = {}
    made = interactions.base_payload

    def base_payload(*args: Any, **kwargs: Any) -> Any:
        record, payload = made(*args, **kwargs)
        payload["locale"] = locales.get(kwargs["user_id"], "en-US")
        return record, payload

    monkeypatch.setattr(interactions, "base_payload", base_payload)
    yield locales


@contextlib.asynccontextmanager
async def running(app: App) -> AsyncIterator[simcord.Env]:
    """Log the bot in. (`simcord.run` can't be left in another context than it was entered.)"""
    # A drawing worker's first start alone takes four seconds of the default five.
    env = simcord.Env(app.client, settle_timeout=20.0)
    await env.start()
    try:
        yield env
    finally:
        await env.shutdown()
    # A sentence of ours is an answer; anything else that got out is a defect.
    assert not [error for error in map(_root, env.errors) if not isinstance(error, StudyBotError)]


def _root(error: BaseException) -> BaseException:
    wrapped = app_commands.CommandInvokeError | app_commands.TransformerError
    while isinstance(error, wrapped) and error.__cause__:
        error = error.__cause__
    return error


def leave_editors_alone(live: LiveMessages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the editors of live messages run beside, and without the pauses that Discord wants.

    SimCord waits after each action until all that the bot began in it has come to rest;
    an editor pauses for seconds between two edits.
    """
    monkeypatch.setattr("cogs.live._MESSAGE_SECONDS", 0.1)
    monkeypatch.setattr("cogs.live._WINDOW_SECONDS", 0.1)
    mark = live.mark

    def mark_outside(kind: str, key: int) -> None:
        contextvars.Context().run(mark, kind, key)

    monkeypatch.setattr(live, "mark", mark_outside)


@contextlib.asynccontextmanager
async def stage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[Stage]:
    """Run the whole bot."""
    own = Settings(_env_file=None, study_bot_data=folder, **settings)  # pyright: ignore[reportCallIssue] - its own
    with speaking(monkeypatch) as locales:
        async with build(own) as app, running(app) as env:
            leave_editors_alone(app.services.live, monkeypatch)
            await app.services.live.start()
            dispatcher = asyncio.create_task(app.services.dispatcher.run())
            try:
                yield Stage(app, env, locales)
            finally:
                await app.services.live.stop()
                dispatcher.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await dispatcher


def texts(message: Any) -> str:
    """Return all the text a person reads in a message, of components too."""

    def walk(components: Any) -> Iterator[str]:
        for component in components:
            for key in ("content", "label", "placeholder"):
                if component.get(key):
                    yield str(component[key])
            yield from walk(component.get("components", []))
            for option in component.get("options", []):
                yield str(option["label"])

    raw = message.components
    if raw and not isinstance(raw[0], dict):
        raw = [component.to_dict() for component in raw]
    return "\n".join([message.content, *walk(raw)])
