"""A playground, a page and a bot for each module; a guild of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.end_to_end.driver import Page, Playground, launch
from tests.end_to_end.process import Bot, running

module_wide = {"scope": "module", "loop_scope": "module"}


@pytest_asyncio.fixture(**module_wide)
async def playground() -> AsyncIterator[Playground]:
    """A playground without anything in it."""
    async with launch() as playground:
        yield playground


@pytest_asyncio.fixture(**module_wide)
async def page(playground: Playground) -> AsyncIterator[Page]:
    """The door to it."""
    async with playground.connect() as page:
        yield page


@pytest_asyncio.fixture(**module_wide)
async def bot(
    playground: Playground, page: Page, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot that ends well and has logged no error at the end of the module."""
    async with running(playground, tmp_path_factory.mktemp("bot")) as bot:
        yield bot
    assert not bot.troubles()
