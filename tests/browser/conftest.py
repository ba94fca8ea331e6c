"""A playground, a guild in it, and pages in a real Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect
from playwright.async_api import Error as PlaywrightError

from tests.end_to_end import driver

ARTEFACTS = Path(__file__).resolve().parents[2] / "build" / "browser"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 12_000
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


# What a program complains of. Lines that only inform may name an error that was dealt with.
_TROUBLE = re.compile(r"traceback|^(?!\S+ \[(?:info|debug) *\] ).*error", re.IGNORECASE)

# Other tests make and drop network interfaces, and Chromium then gives up what it is loading.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"


async def go(page: Page, address: str) -> None:
    """Open the chat, again where the machine's network changed in the middle of it."""
    for left in reversed(range(4)):
        try:
            await page.goto(address)
            await page.get_by_test_id("channel-title").wait_for(timeout=8000)
        except PlaywrightError:
            if not left:
                raise
        else:
            return


@dataclass
class View:
    """One browser page and what it complained about."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)
    """Console messages and uncaught errors; a page that works has none."""
    hosts: set[str] = field(default_factory=set)
    """Every origin something was asked of."""

    def __call__(self, testid: str) -> Locator:
        """Find by data-testid."""
        return self.page.get_by_test_id(testid)

    def message(self, text: str) -> Locator:
        """Find a message by what it says."""
        return self.page.locator(".message[data-message-id]").filter(has_text=text)

    def hears(self, text: str) -> None:
        """Note what the console says, unless it is of this machine's network alone."""
        if NETWORK_CHANGED not in text:
            self.problems.append(text)

    async def become(self, name: str) -> None:
        """Act as somebody from now on."""
        await self(f"person-{name}").click()
        await self.page.wait_for_function(
            "name => document.querySelector('[data-testid=person-current]')"
            "?.dataset.person === name",
            arg=name,
        )

    async def say(self, text: str) -> None:
        """Type a message and send it."""
        await self("composer").fill(text)
        await self("composer").press("Enter")

    async def command(self, name: str, /, **options: str) -> None:
        """Run a slash command with typed options."""
        await self("composer").fill(f"/{name} ")
        for option, value in options.items():
            await self(f"command-option-{option}").fill(value)
        await self("command-send").click()

    async def picture(self, name: str) -> None:
        """Keep a screenshot as an artefact."""
        await self.page.screenshot(path=self.place(name))

    def place(self, name: str) -> Path:
        """Return where a picture is kept."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        return ARTEFACTS / f"{name}.png"


@dataclass
class Stage:
    """A guild with three people and a text channel, and the page protocol's client."""

    playground: driver.Playground
    world: driver.Page
    guild: str
    talk: str
    mio: str
    ken: str
    yui: str
    """A moderator."""
    open: Callable[..., Awaitable[View]]


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """A Chromium of the test's own."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def stage(browser: Browser) -> AsyncIterator[Stage]:
    """A fresh playground with a small guild."""
    contexts: list[BrowserContext] = []
    async with driver.launch() as playground, playground.connect() as world:
        guild = await world.guild("夜話")
        moderator = await world.role(guild, "運営", ["MANAGE_MESSAGES", "PIN_MESSAGES"])

        async def view(*, phone: bool = False, **options: Any) -> View:
            context = await browser.new_context(
                **(PHONE if phone else DESKTOP), color_scheme="dark", **options
            )
            contexts.append(context)
            page = await context.new_page()
            page.set_default_timeout(8000)
            shown = View(page, playground.page)
            page.on("console", lambda entry: shown.hears(entry.text))
            page.on("pageerror", lambda error: shown.problems.append(str(error)))
            page.on(
                "request", lambda request: shown.hosts.add("/".join(request.url.split("/")[:3]))
            )
            await go(page, playground.page)
            await shown("channel-title").wait_for()
            return shown

        yield Stage(
            playground,
            world,
            guild,
            talk=await world.channel(guild, "talk"),
            mio=await world.person("Mio", guild, locale="ja"),
            ken=await world.person("Ken", guild, locale="en-US"),
            yui=await world.person("Yui", guild, locale="ja", roles=[moderator]),
            open=view,
        )
        for context in contexts:
            await context.close()


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """The page of `study-bot playground`, with the bot there and the server set up."""
    async with playing() as page:
        yield page


@contextlib.asynccontextmanager
async def playing(**environment: str) -> AsyncIterator[str]:
    """Run `study-bot playground` for the length of the block; it must end well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "playground",
        cwd=driver.ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    errors: list[str] = []

    async def drain() -> None:
        errors.extend([line.decode() async for line in process.stderr])

    reading = asyncio.create_task(drain())
    try:
        page = ""
        while not page.startswith("http://"):
            page = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        yield page
    finally:
        process.terminate()
        # Ctrl-C and SIGTERM stop cleanly: both programs end, the status is 0.
        assert await asyncio.wait_for(process.wait(), 20) == 0
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        print(*errors, sep="")  # shown with what failed
    assert not [line for line in errors if _TROUBLE.search(line)], errors


async def open_page(browser: Browser, address: str, *, phone: bool = False) -> View:
    """Open the page and wait until the bot is there and its commands work."""
    context = await browser.new_context(**(PHONE if phone else DESKTOP), color_scheme="dark")
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    view = View(page, address)
    page.on("console", lambda entry: view.hears(entry.text))
    page.on("pageerror", lambda error: view.problems.append(str(error)))
    await go(page, address)
    await expect(view("bot-state")).to_have_attribute("data-online", "true", timeout=30_000)
    return view
