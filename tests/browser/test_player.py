"""The page of a recording in a real browser: it plays, it seeks, its chapters lead somewhere."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from playwright.async_api import Browser, Page, Request, expect

from bot.recordings import Chapter
from bot.recordings.errors import LinkExpired, LinkForged
from tests.browser.conftest import ARTEFACTS, DESKTOP, NETWORK_CHANGED, PHONE
from tests.web.stand_in import Site, StandIn, served, site

pytestmark = pytest.mark.slow

SECONDS, RATE = 24, 10
WIDTH, HEIGHT = 640, 360
CHAPTERS = (
    Chapter(timedelta(seconds=0), "Demo: web-1 (nginx)"),
    Chapter(timedelta(seconds=8), "Q. 仮想マシンとコンテナの違いは何ですか？"),
    Chapter(timedelta(seconds=16), "Q. How fast does a guest boot?"),
)
LATE = Chapter(timedelta(minutes=50), "Q. Late question?")
LEFT_EDGE = """() => {
    const player = document.getElementById("player");
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d");
    context.drawImage(player, 0, 0, 8, 8, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
}"""


def video() -> bytes:
    """Make a video of three scenes: red, green, blue, eight seconds each."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=RATE)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.options = {"deadline": "realtime", "cpu-used": "8", "g": "20"}
        for number in range(SECONDS * RATE):
            picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            picture[:, :, number // (8 * RATE)] = 200
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def sound() -> bytes:
    """Make an hour of a quiet hum."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(1)
        written.setframerate(8000)
        written.writeframes(bytes(128 + n // 40 for n in range(80)) * 100 * 3600)
    return file.getvalue()


@dataclass
class Shown:
    """A page and what it complained about."""

    page: Page
    problems: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """Where the ranges it asked for begin."""

    async def player(self, expression: str) -> Any:
        return await self.page.evaluate(
            f"() => {{ const player = document.getElementById('player'); return {expression} }}"
        )

    async def until(self, expression: str) -> None:
        await self.page.wait_for_function(
            f"() => {{ const player = document.getElementById('player'); return {expression} }}",
            timeout=10_000,
        )

    async def picture(self, name: str) -> None:
        await asyncio.to_thread(ARTEFACTS.mkdir, parents=True, exist_ok=True)
        await self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


async def opened(browser: Browser, address: str, **options: Any) -> Shown:
    """Open an address and listen to what the browser's console says."""
    context = await browser.new_context(**{**DESKTOP, **options})
    page = await context.new_page()
    shown = Shown(page)

    def hear(text: str) -> None:
        if NETWORK_CHANGED not in text:
            shown.problems.append(text)

    def note(request: Request) -> None:
        if found := re.fullmatch(r"bytes=(\d+)-\d*", request.headers.get("range", "")):
            shown.starts.append(int(found[1]))

    page.on("request", note)
    page.on("console", lambda entry: hear(entry.text))
    page.on("pageerror", lambda error: hear(str(error)))
    await page.goto(address)
    return shown


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    film, hum = tmp_path / "talk.webm", tmp_path / "talk.wav"
    film.write_bytes(await asyncio.to_thread(video))
    hum.write_bytes(await asyncio.to_thread(sound))
    title = "仮想マシンの中を覗く — KVM from below"
    links = StandIn(
        {
            "film": served(film, media_type="video/webm", title=title, chapters=CHAPTERS),
            "hum": served(hum, title=title, chapters=(*CHAPTERS, LATE)),
        },
        LinkForged,
    )
    links.things["over"] = LinkExpired()
    async with site(links) as running:
        yield running


@pytest.mark.parametrize(("locale", "heading"), [("ja", "チャプター"), ("en-US", "Chapters")])
async def test_a_video_plays_and_chapters_lead_to_their_place(
    browser: Browser, here: Site, locale: str, heading: str
) -> None:
    shown = await opened(browser, f"{here.base}/r/film", locale=locale)
    await expect(shown.page.get_by_role("heading", name=heading)).to_be_visible()
    await shown.until("player.duration > 23 && player.duration < 25")
    await shown.until("player.textTracks[0]?.cues?.length === 3")

    # The last second of it is asked for before what lies between is there.
    await shown.page.get_by_role("link", name="How fast does a guest boot").click()
    await shown.until("player.currentTime >= 16 && player.readyState > 2 && !player.seeking")
    red, green, blue, _ = await shown.page.evaluate(LEFT_EDGE)
    assert blue > 120 > max(red, green)
    await expect(shown.page.locator("a[aria-current]")).to_contain_text("guest boot")

    await shown.page.get_by_role("link", name="仮想マシンとコンテナ").click()
    await shown.until("player.currentTime >= 8 && player.currentTime < 12 && !player.seeking")
    red, green, blue, _ = await shown.page.evaluate(LEFT_EDGE)
    assert green > 80 > max(red, blue)
    await shown.until("player.textTracks[0].activeCues[0]?.text.startsWith('Q. 仮想')")
    assert await shown.player("!player.paused")
    await shown.player("player.pause()")
    await shown.picture(f"player-{locale[:2]}")
    assert shown.problems == []


async def test_the_address_of_a_chapter_opens_there(browser: Browser, here: Site) -> None:
    shown = await opened(browser, f"{here.base}/r/film#t=16")
    await shown.until("player.currentTime >= 16")
    assert shown.problems == []


async def test_sound_alone_has_chapters_too(browser: Browser, here: Site) -> None:
    shown = await opened(browser, f"{here.base}/r/hum?lang=ja", **PHONE)
    await shown.until("player.duration > 3599")
    await shown.page.get_by_role("link", name="Late question").tap()
    await shown.until("player.currentTime >= 3000 && player.readyState > 2 && !player.seeking")
    # The middle wasn't waited for: that part of the file was asked for by itself.
    assert any(start > 20_000_000 for start in shown.starts)
    # Nothing sticks out on a phone.
    assert await shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shown.player("player.pause()")
    await shown.picture("player-phone-ja")
    assert shown.problems == []


async def test_without_its_script_the_page_still_plays(browser: Browser, here: Site) -> None:
    shown = await opened(browser, f"{here.base}/r/film", java_script_enabled=False)
    link = shown.page.get_by_role("link", name="guest boot")
    assert await link.get_attribute("href") == "film/file#t=16"
    await expect(shown.page.locator("video[controls]")).to_be_visible()


async def test_the_file_is_saved_under_its_name(browser: Browser, here: Site) -> None:
    shown = await opened(browser, f"{here.base}/r/film?lang=en")
    async with shown.page.expect_download() as waiting:
        await shown.page.get_by_role("link", name="Save the file").click()
    download = await waiting.value
    assert download.suggested_filename == "talk.webm"


async def test_an_expired_link_says_so_in_the_persons_language(
    browser: Browser, here: Site
) -> None:
    shown = await opened(browser, f"{here.base}/r/over", locale="ja")
    await expect(shown.page.locator("main")).to_contain_text("リンク")
    await shown.picture("player-expired-ja")
