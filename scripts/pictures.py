"""Takes the README's pictures from a running playground, in both languages.

python -m scripts.pictures
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"

CHAT = {
    "ja": (
        ("Q. コンテナの中で top を打つとホスト全体が見えるのはなぜですか？", 2),
        ("Q.仮想マシンは動いたまま別のマシンに移せますか", 1),
        ("Ｑ．メモリの上限を超えたらどうなりますか", 0),
        ("なるほど！", 0),
    ),
    "en": (
        ("Q. Why does top inside a container show the whole host?", 2),
        ("Q: Can a VM move to another host while it runs?", 1),
        ("q. What happens beyond the memory limit?", 0),
        ("I see!", 0),
    ),
}
TITLES = {"ja": "コンテナと仮想マシン、どこが違う？", "en": "Containers and VMs: what differs?"}
LOOKS_ON = {"ja": "高橋", "en": "Lucas"}


class Socket:
    """The page's protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def do(self, what: str, **arguments: Any) -> Any:
        """Ask, and wait for the answer."""
        self._number += 1
        if "as_" in arguments:
            arguments["as"] = arguments.pop("as_")
        await self._socket.send_json({"id": self._number, "do": what, **arguments})
        while True:
            frame = await self._socket.receive_json()
            if frame.get("id") == self._number:
                if not frame["ok"]:
                    raise RuntimeError(f"{what}: {frame['error']}")
                return frame["result"]


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every component."""
    for value in node if isinstance(node, list) else [node]:
        if isinstance(value, dict):
            yield value
            yield from walk(value.get("components") or [])


async def use_locale(door: Socket, moderator: str, channel: str, locale: str) -> None:
    """Choose the server's language, as a moderator does."""
    here = {"channel": channel}
    for _ in range(30):
        # Neither its commands are there at once, nor is its first answer a quick one.
        with contextlib.suppress(RuntimeError):
            card = await door.do(
                "slash", as_=moderator, name="setup", options={}, wait=True, **here
            )
            if card["messages"]:
                break
        await asyncio.sleep(1)
    else:
        raise RuntimeError("the bot doesn't answer")
    message = card["messages"][0]["id"]
    await door.do(
        "select",
        as_=moderator,
        message=message,
        custom_id="setup:locale",
        values=[locale],
        wait=True,
        **here,
    )
    await door.do("delete", as_=moderator, message=message, **here)


async def play(door: Socket, locale: str) -> str:
    """Bring a small question time about; return the channel's name."""
    hello = await door.do("hello")
    people: Sequence[str] = [person["id"] for person in hello["people"]]
    speaker, moderator, note_taker, *attendees = people
    guild = hello["guilds"][0]["id"]
    seen = await door.do("watch", as_=speaker, guild=guild)
    talk = next(channel for channel in seen["channels"] if channel["type"] == 0)
    here = {"channel": talk["id"]}

    await use_locale(door, moderator, talk["id"], locale)
    options = {"title": TITLES[locale], "slides": "https://slides.example.org/42"}
    started = await door.do(
        "slash", as_=speaker, name="session start", options=options, wait=True, **here
    )
    await door.do("delete", as_=speaker, message=started["messages"][0]["id"], **here)
    await asyncio.sleep(1)
    first = ""
    for index, (text, votes) in enumerate(CHAT[locale]):
        author = attendees[index % 3]
        sent = await door.do("send", as_=author, content=text, **here)
        first = first or sent["id"]
        voters = [one for one in people if one != author][:votes]
        for voter in voters:
            await door.do("react", as_=voter, message=sent["id"], emoji="👍", **here)
    await asyncio.sleep(6)
    for message in await door.do("history", as_=speaker, **here):
        for component in walk(message.get("components") or []):
            if str(component.get("custom_id", "")).startswith("do:next:"):
                await door.do(
                    "click",
                    as_=speaker,
                    message=message["id"],
                    custom_id=component["custom_id"],
                    wait=True,
                    **here,
                )
    await asyncio.sleep(1)
    assert note_taker
    assert first
    return talk["name"]


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[str, Socket]]:
    """Run a playground; give its page's address, and a door into it."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "playground", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert server.stdout is not None
    try:
        page_address = ""
        while not page_address.startswith("http://"):
            page_address = (await server.stdout.readline()).decode().strip()
        await asyncio.sleep(8)
        socket_address = page_address.replace("http:", "ws:") + "ws"
        async with aiohttp.ClientSession() as http, http.ws_connect(socket_address) as socket:
            yield page_address, Socket(socket)
    finally:
        server.terminate()
        await server.wait()


async def picture(locale: str) -> None:
    """Take one picture."""
    async with running() as (page_address, door):
        await play(door, locale)
        async with async_playwright() as browsers:
            browser = await browsers.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
            page = await browser.new_page(
                viewport={"width": 1180, "height": 980}, color_scheme="dark"
            )
            await page.goto(page_address)
            await page.locator(f'[data-testid^="person-{LOOKS_ON[locale]}"]').first.click()
            await page.wait_for_timeout(2500)
            await page.screenshot(path=PICTURES / f"board-{locale}.png")
            await browser.close()


async def main() -> None:
    """Take them all."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for locale in ("en", "ja"):
        await picture(locale)
        print(json.dumps({"picture": f"docs/pictures/board-{locale}.png"}))


if __name__ == "__main__":
    asyncio.run(main())
