"""Engines of one's own to be killed, hung and filled, with a lab on them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import docker
import psutil
import pytest

from tests.lab.engine import PrivateEngine, Recipe, Registry, SlowLine, archive, registry
from tests.lab.private import private_engine
from tests.lab.real.world import ARM, IDLE, MB, QUICK, WEB, RealLab, real_lab, sweep

# Its registries are ours, on the line between it and us.
OPTIONS = ("--insecure-registry=10.254.0.0/16",)


def near(engine: PrivateEngine) -> str:
    """Return our end of the line to an engine: it can reach us there."""
    head, _, last = engine.ip.rpartition(".")
    return f"{head}.{int(last) - 1}"


def settings(engine: PrivateEngine) -> str:
    """Say what else lab.toml has of such a machine."""
    return f'address = "{engine.ip}"\nsubnet = "10.214.0.0/22"'


def load(address: str, *recipes: Recipe) -> None:
    """Put images there."""
    client = docker.DockerClient(address, version="1.41")
    try:
        for recipe in recipes:
            client.images.load(archive(recipe))
    finally:
        client.close()


def restart(engine: PrivateEngine) -> None:
    """Stop an engine politely and start it again as it was."""
    engine.process.terminate()
    assert engine._starter is not None
    engine._starter.wait(30)
    engine.start(*OPTIONS)


def mend(engine: PrivateEngine) -> None:
    """Have an engine run, whatever a test did to it."""
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        engine.resume()
        return
    engine.start(*OPTIONS)


def offer(engine: PrivateEngine, offers: Registry, size: int) -> str:
    """Put an image of so many bytes that no other has into a registry; return its name there."""
    seed = secrets.randbits(60)
    recipe = Recipe("", (size,), command=("sleep", "600"), config=QUICK, seed=seed)
    name = f"noise-{seed:x}:1"
    offers.offer(engine.address, recipe, name)
    return name


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    """One that every test of a file finds running."""
    with private_engine(*OPTIONS) as running:
        load(running.address, WEB, IDLE, ARM)
        yield running


@pytest.fixture
async def here(engine: PrivateEngine, tmp_path: Path) -> AsyncIterator[RealLab]:
    """A lab on it; nothing of it is left there."""
    async with contextlib.AsyncExitStack() as stack:
        opened = await stack.enter_async_context(
            real_lab(tmp_path / "study-bot.sqlite3", engine.address, host=settings(engine))
        )
        await opened.up()
        stack.push_async_callback(asyncio.to_thread, sweep, engine.address, opened.lab.installation)
        stack.push_async_callback(asyncio.to_thread, mend, engine)
        yield opened


class NearLine(SlowLine):
    """A slow line that is reached at our end of an engine's line, not on the loopback."""

    def __init__(self, target: str, bytes_per_second: int, host: str) -> None:
        address, _, port = target.partition(":")
        self._target = (address, int(port))
        self._pace = bytes_per_second
        self._listener = socket.create_server((host, 0))
        self.address = f"{host}:{self._listener.getsockname()[1]}"
        self.passed = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()


@pytest.fixture(scope="module")
def offers(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that the engine can pull from."""
    with registry(tmp_path_factory.mktemp("registry"), host=near(engine)) as running:
        yield running


@pytest.fixture
def slow(engine: PrivateEngine, offers: Registry) -> Iterator[SlowLine]:
    """The same registry behind a line of a megabyte a second."""
    with NearLine(offers.address, MB, near(engine)) as line:
        yield line
