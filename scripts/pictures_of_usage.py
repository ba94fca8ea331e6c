"""Takes the README's pictures of usage: real containers under a real load, in a real playground.

python -m scripts.pictures_of_usage [en] [ja] [--phone] [--into FOLDER]
"""

import argparse
import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, Page, async_playwright

from scripts.pictures import (
    CHROMIUM,
    FLAGS,
    LOOKS_ON,
    PICTURES,
    TITLES,
    Socket,
    running,
    use_locale,
)

# Higher than any screen: a message is taken whole.
DESK = {"viewport": {"width": 1180, "height": 2400}}
PHONE = {"viewport": {"width": 390, "height": 2400}, "device_scale_factor": 2, "is_mobile": True}

# What moves while the pictures are taken: calculation, memory, disk, network.
LOADS = {
    "web": "while :; do i=0; while [ $i -lt 90000 ]; do i=$((i+1)); done; sleep 1; done",
    "app": "while :; do head -c 40m /dev/zero | tail -c 40m | (sleep 6; cat); sleep 6; done",
}
_MEASURE_SECONDS = 45


class Talk:
    """A talk in the playground, and who is there."""

    def __init__(self, door: Socket, people: list[str], channel: str) -> None:
        self._door = door
        self._channel = channel
        self.speaker, self.moderator, _note_taker, *self.attendees = people

    async def command(self, who: str, name: str, /, **options: Any) -> Any:
        """Have somebody run a command, and wait for its answer."""
        return await self._door.do(
            "slash", as_=who, name=name, options=options, wait=True, channel=self._channel
        )

    async def wait(self, seconds: float) -> None:
        """Let time pass; what is said meanwhile must be listened to."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while loop.time() < ends:
            await asyncio.sleep(1)
            await self._door.do("hello")

    async def history(self) -> Any:
        """Return what stands in the channel."""
        return await self._door.do("history", as_=self.speaker, channel=self._channel)

    async def up(self, who: str, name: str, image: str) -> None:
        """Run a container, and give it something to do."""
        await self.command(who, "container run", image=image, name=name)
        await self.wait(6)
        load = LOADS.get(name)
        if load is not None:
            quiet = f"({load}) >/dev/null 2>&1 &"
            command = f"sh -c {json.dumps(quiet)}"
            await self.command(who, "container exec", name=name, command=command)


async def begin(door: Socket, locale: str) -> Talk:
    """Open a session in the wanted language."""
    hello = await door.do("hello")
    people = [person["id"] for person in hello["people"]]
    seen = await door.do("watch", as_=people[0], guild=hello["guilds"][0]["id"])
    channel = next(one["id"] for one in seen["channels"] if one["type"] == 0)
    talk = Talk(door, people, channel)
    await use_locale(door, talk.moderator, channel, locale)
    await talk.command(talk.speaker, "session start", title=TITLES[locale])
    return talk


class Camera:
    """A page that shows what was posted last, and keeps pictures of it."""

    def __init__(self, page: Page, folder: Path, locale: str) -> None:
        self._page = page
        self._folder = folder
        self._locale = locale

    async def take(self, name: str, *words: str) -> None:
        """Keep a picture of the last message that holds one of these words."""
        message = self._page.locator(".message[data-message-id]")
        for word in words:
            found = message.filter(has_text=word)
            if await found.count():
                message = found
        await message.last.scroll_into_view_if_needed()
        await self._page.wait_for_timeout(800)
        path = self._folder / f"{name}-{self._locale}.png"
        await message.last.screenshot(path=path)
        print(json.dumps({"picture": str(path)}))


async def visit(talk: Talk, seconds: float) -> None:
    """Fetch what is served, again and again: something goes over the network."""
    history = json.dumps(await talk.history())
    addresses = sorted(set(re.findall(r"http://127\.0\.0\.1:\d+", history)))
    ends = asyncio.get_running_loop().time() + seconds
    async with aiohttp.ClientSession() as http:
        while asyncio.get_running_loop().time() < ends:
            for _ in range(20):
                for address in addresses:
                    async with http.get(address) as answer:
                        await answer.read()
            await talk.wait(2)


async def play(talk: Talk, camera: Camera) -> None:
    """Bring it all about, and take a picture of each."""
    await talk.up(talk.speaker, "web", "nginx")
    await talk.up(talk.speaker, "app", "httpd")
    for number, attendee in enumerate(talk.attendees[:2], 1):
        await talk.up(attendee, f"own-{number}", "hello")
    await talk.command(talk.speaker, "vm create", template="tiny", name="vm")
    await visit(talk, _MEASURE_SECONDS)
    await camera.take("card", "web —")
    await talk.command(talk.speaker, "lab top")
    await talk.wait(12)
    await camera.take("top", "The lab right now", "ラボの今")
    await talk.command(talk.speaker, "lab graph", instance="web", minutes=2)
    await talk.wait(2)
    await camera.take("graph")
    await talk.command(talk.speaker, "lab compare", a="web", b="vm")
    await talk.wait(25)
    await camera.take("compare", "web beside", "web と")
    await talk.command(talk.speaker, "session end")
    await talk.wait(8)
    await camera.take("report", "GB-hours", "GB時")


async def pictures(browser: Browser, locale: str, look: dict[str, Any], folder: Path) -> None:
    """Take them in one language."""
    async with running() as (address, door):
        talk = await begin(door, locale)
        page = await browser.new_page(**look, color_scheme="dark")
        await page.goto(address)
        person = page.locator(f'[data-testid^="person-{LOOKS_ON[locale]}"]').first
        # On a phone the list of people is put away; its entries are there all the same.
        await person.dispatch_event("click")
        await page.wait_for_timeout(1500)
        await play(talk, Camera(page, folder, locale))
        await page.close()


async def main() -> None:
    """Take what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("locales", nargs="*", default=["en", "ja"])
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--into", type=Path, default=PICTURES)
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as browsers:
        browser = await browsers.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        for locale in options.locales:
            await pictures(browser, locale, PHONE if options.phone else DESK, options.into)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
