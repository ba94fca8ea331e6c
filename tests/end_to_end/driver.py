"""Drives a playground of one's own: the launcher, and a client of its page protocol.

    async with launch() as playground, playground.connect() as page:
        guild = await page.guild("夜話")
        alice = await page.person("Alice", guild)
        channel = await page.channel(guild, "talk")
        await page.send(alice, channel, "Q. なぜ？")

The protocol is in docs/playground-protocol.md; ids are strings here as they are there.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import sys
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yarl
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.patience import LONG_SECONDS

Json = dict[str, Any]
File = tuple[str, bytes]
T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]


class Refused(Exception):
    """A request the playground refused; `code` is Discord's where there is one, else 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


async def until(
    look: Callable[[], T | Awaitable[T | None] | None], *, within_s: float = LONG_SECONDS
) -> T:
    """Look again and again until something true comes back, and return it.

    Raises:
        AssertionError: Nothing true came in time.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        found: Any = look()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {within_s} s")
        await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Event:
    """Something the playground said unasked."""

    type: str
    data: Any


@dataclass
class Playground:
    """Where a playground is, and its process if it has one of its own."""

    page: str
    socket: str
    api: str
    gateway: str
    cdn: str
    bot_token: str
    process: asyncio.subprocess.Process | None = None
    complaints: list[str] = field(default_factory=list)
    """What it wrote to standard error: requests of the bot that it doesn't know, above all."""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Page]:
        """Open a page's socket; each one looks on as one person at a time."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(self.socket, max_msg_size=0) as socket,
        ):
            page = Page(socket)
            reader = asyncio.create_task(page.read())
            try:
                yield page
            finally:
                reader.cancel()
                await asyncio.wait([reader])

    @contextmanager
    def redirected(self) -> Iterator[None]:
        """Point discord.py in this process here, for the length of the block."""
        places: list[tuple[Any, str, Any]] = [
            (Route, "BASE", self.api),
            (DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(self.gateway)),
            (Asset, "BASE", self.cdn),
        ]
        former = [(place, name, getattr(place, name)) for place, name, _ in places]
        for place, name, value in places:
            setattr(place, name, value)
        try:
            yield
        finally:
            for place, name, value in former:
                setattr(place, name, value)


@asynccontextmanager
async def launch(
    *options: str, empty: bool = True, strict: bool = True
) -> AsyncIterator[Playground]:
    """Run `python -m playground` for the length of the block.

    Args:
        options: More of its command line.
        empty: Without the prepared server.
        strict: Fail at the end if it wrote anything to standard error.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-W", "ignore::DeprecationWarning:discord.player"),
        # aiohttp's own call, where a form arrives in certain pieces.
        *("-W", "ignore::DeprecationWarning:aiohttp.multipart"),
        *("-m", "playground", "--until-stdin-closes"),
        *(["--empty"] if empty else []),
        *options,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaints: list[str] = []

    async def listen(stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            complaints.append(line.decode(errors="replace").rstrip())

    listener = asyncio.create_task(listen(process.stderr))
    try:
        async with asyncio.timeout(LONG_SECONDS):
            line = await process.stdout.readline()
        if not line:
            await listener
            raise RuntimeError("the playground did not start:\n" + "\n".join(complaints))
        yield Playground(**json.loads(line), process=process, complaints=complaints)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(LONG_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            complaints.append("the playground had to be killed")
        await listener
        # Otherwise the pipe's transport is left to the garbage collector, which warns.
        transport: Any = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()
    if strict and complaints:
        raise AssertionError("the playground complained:\n" + "\n".join(complaints))


class Page:
    """One socket of the page protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._arrived = asyncio.Event()
        self.events: list[Event] = []
        """Every event so far; clear it as you like."""

    async def read(self) -> None:
        """Take in frames until the socket closes."""
        async for frame in self._socket:
            told = json.loads(frame.data)
            if "event" in told:
                self.events.append(Event(told["event"], told["data"]))
                self._arrived.set()
                continue
            answer = self._answers.pop(told["id"])
            if answer.done():
                continue
            if told["ok"]:
                answer.set_result(told["result"])
            else:
                error = told["error"]
                answer.set_exception(Refused(error["code"], error["message"]))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the playground is gone"))

    def post(self, what: str, /, **arguments: Any) -> asyncio.Future[Any]:
        """Send a request without waiting; the future has its result. `as_` stands for `as`."""
        number = next(self._numbers)
        arguments = {key: value for key, value in arguments.items() if value is not None}
        if "as_" in arguments:
            arguments["as"] = arguments.pop("as_")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        frame = json.dumps({**arguments, "id": number, "do": what}, ensure_ascii=False)
        sending = asyncio.ensure_future(self._socket.send_str(frame))
        sending.add_done_callback(lambda done: _pass_on(done, answer))
        return answer

    async def do(self, what: str, /, **arguments: Any) -> Any:
        """Make a request and return its result.

        Raises:
            Refused: The playground said no.
        """
        return await self.post(what, **arguments)

    async def event(
        self,
        kind: str,
        matches: Callable[[Any], bool] = lambda _data: True,
        *,
        within_s: float = LONG_SECONDS,
    ) -> Any:
        """Return the data of the first event of a type that matches, past or to come.

        Raises:
            AssertionError: None came in time.
        """
        try:
            async with asyncio.timeout(within_s):
                while True:
                    self._arrived.clear()
                    for event in self.events:
                        if event.type == kind and matches(event.data):
                            return event.data
                    await self._arrived.wait()
        except TimeoutError:
            seen = [event.type for event in self.events]
            raise AssertionError(f"no {kind} within {within_s} s, only {seen}") from None

    # Looking

    async def hello(self) -> Json:
        """Ask who one can be."""
        return await self.do("hello")

    async def watch(self, person: str, guild: str) -> Json:
        """Look on as a person from now on."""
        return await self.do("watch", as_=person, guild=guild)

    async def history(
        self, person: str, channel: str, *, before: str | None = None, limit: int | None = None
    ) -> list[Json]:
        """Return a channel's messages, oldest first."""
        return await self.do("history", as_=person, channel=channel, before=before, limit=limit)

    async def pins(self, person: str, channel: str) -> list[Json]:
        """Return a channel's pinned messages."""
        return await self.do("pins", as_=person, channel=channel)

    async def commands(self, person: str, channel: str) -> list[Json]:
        """Return the commands a person may use in a channel."""
        return await self.do("commands", as_=person, channel=channel)

    async def interaction(self, interaction: str) -> Json:
        """Return an interaction's record."""
        return await self.do("interaction", interaction=interaction)

    async def message(
        self,
        person: str,
        channel: str,
        matches: Callable[[Json], bool],
        *,
        within_s: float = LONG_SECONDS,
    ) -> Json:
        """Wait until a person sees a message that matches, and return the latest such."""

        async def look() -> Json | None:
            found = await self.history(person, channel, limit=100)
            return next((message for message in reversed(found) if matches(message)), None)

        return await until(look, within_s=within_s)

    # Acting

    async def send(
        self,
        person: str,
        channel: str,
        content: str = "",
        *,
        reply_to: str | None = None,
        files: Sequence[File] = (),
    ) -> Json:
        """Post a message."""
        return await self.do(
            "send",
            as_=person,
            channel=channel,
            content=content,
            reply_to=reply_to,
            files=_packed(files) or None,
        )

    async def edit(self, person: str, channel: str, message: str, content: str) -> Json:
        """Change one's message."""
        return await self.do("edit", as_=person, channel=channel, message=message, content=content)

    async def delete(self, person: str, channel: str, message: str) -> None:
        """Delete a message."""
        await self.do("delete", as_=person, channel=channel, message=message)

    async def react(self, person: str, channel: str, message: str, emoji: str) -> None:
        """Add a reaction."""
        await self.do("react", as_=person, channel=channel, message=message, emoji=emoji)

    async def unreact(self, person: str, channel: str, message: str, emoji: str) -> None:
        """Take a reaction back."""
        await self.do("unreact", as_=person, channel=channel, message=message, emoji=emoji)

    async def pin(self, person: str, channel: str, message: str) -> None:
        """Pin a message."""
        await self.do("pin", as_=person, channel=channel, message=message)

    async def unpin(self, person: str, channel: str, message: str) -> None:
        """Unpin a message."""
        await self.do("unpin", as_=person, channel=channel, message=message)

    async def slash(
        self, person: str, channel: str, name: str, /, *, wait: bool = True, **options: Any
    ) -> Json:
        """Use a slash command by its whole name; files as (name, bytes).

        With `wait`, returns the interaction's record, else `{"interaction": id}`.
        """
        return await self.do(
            "slash",
            as_=person,
            channel=channel,
            name=name,
            options=_with_files(options),
            wait=wait,
        )

    async def autocomplete(
        self, person: str, channel: str, name: str, option: str, value: Any, /, **options: Any
    ) -> list[Json]:
        """Type into an option and return the choices offered."""
        answer = await self.do(
            "autocomplete",
            as_=person,
            channel=channel,
            name=name,
            option=option,
            value=value,
            options=options,
        )
        return answer["choices"]

    async def menu(
        self, person: str, channel: str, message: str, name: str, *, wait: bool = True
    ) -> Json:
        """Choose from a message's context menu."""
        return await self.do(
            "menu", as_=person, channel=channel, message=message, name=name, wait=wait
        )

    async def click(
        self, person: str, channel: str, message: str, custom_id: str, *, wait: bool = True
    ) -> Json:
        """Press a button."""
        return await self.do(
            "click", as_=person, channel=channel, message=message, custom_id=custom_id, wait=wait
        )

    async def select(
        self,
        person: str,
        channel: str,
        message: str,
        custom_id: str,
        values: Iterable[str],
        *,
        wait: bool = True,
    ) -> Json:
        """Choose in a select menu."""
        return await self.do(
            "select",
            as_=person,
            channel=channel,
            message=message,
            custom_id=custom_id,
            values=list(values),
            wait=wait,
        )

    async def submit(
        self, person: str, interaction: str, values: Mapping[str, Any], *, wait: bool = True
    ) -> Json:
        """Send a modal; values by custom_id, files as (name, bytes)."""
        return await self.do(
            "submit", as_=person, interaction=interaction, values=_with_files(values), wait=wait
        )

    # The world

    async def guild(self, name: str, *, locale: str = "ja") -> str:
        """Create a guild with the bot in it."""
        return (await self.do("world.guild", name=name, locale=locale))["id"]

    async def person(
        self,
        name: str,
        guild: str,
        *,
        roles: Iterable[str] = (),
        locale: str = "ja",
        owner: bool = False,
    ) -> str:
        """Create somebody in a guild."""
        made = await self.do(
            "world.person", name=name, guild=guild, roles=list(roles), locale=locale, owner=owner
        )
        return made["id"]

    async def join(self, person: str, guild: str) -> None:
        """Let somebody into another guild."""
        await self.do("world.join", person=person, guild=guild)

    async def role(self, guild: str, name: str, permissions: Iterable[str] = ()) -> str:
        """Create a role; permissions by Discord's names."""
        made = await self.do("world.role", guild=guild, name=name, permissions=list(permissions))
        return made["id"]

    async def give_role(self, guild: str, person: str, role: str) -> None:
        """Give somebody a role."""
        await self.do("world.give_role", guild=guild, person=person, role=role)

    async def channel(
        self,
        guild: str,
        name: str,
        kind: str = "text",
        *,
        topic: str | None = None,
        parent: str | None = None,
    ) -> str:
        """Create a channel: text, voice, stage, forum or category."""
        made = await self.do(
            "world.channel", guild=guild, name=name, type=kind, topic=topic, parent=parent
        )
        return made["id"]

    async def thread(
        self, channel: str, name: str, *, private: bool = False, owner: str | None = None
    ) -> str:
        """Create a thread."""
        made = await self.do("world.thread", channel=channel, name=name, private=private, as_=owner)
        return made["id"]

    async def scheduled_event(
        self,
        guild: str,
        name: str,
        starts_in_s: float,
        *,
        channel: str | None = None,
        description: str | None = None,
        creator: str | None = None,
    ) -> str:
        """Announce an event."""
        made = await self.do(
            "world.scheduled_event",
            guild=guild,
            name=name,
            starts_in_s=starts_in_s,
            channel=channel,
            description=description,
            creator=creator,
        )
        return made["id"]

    async def overwrite(
        self,
        channel: str,
        target: str,
        *,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
    ) -> None:
        """Set what a role or a person may do in a channel."""
        await self.do(
            "world.overwrite",
            channel=channel,
            target=target,
            allow=list(allow),
            deny=list(deny),
        )

    async def timeout(self, guild: str, person: str, seconds: float) -> None:
        """Time somebody out."""
        await self.do("world.timeout", guild=guild, person=person, seconds=seconds)

    async def kick(self, guild: str, person: str) -> None:
        """Kick somebody."""
        await self.do("world.kick", guild=guild, person=person)

    async def ban(self, guild: str, person: str) -> None:
        """Ban somebody."""
        await self.do("world.ban", guild=guild, person=person)

    async def delete_channel(self, channel: str) -> None:
        """Delete a channel or thread."""
        await self.do("world.delete_channel", channel=channel)

    async def delete_messages(self, channel: str, messages: Iterable[str]) -> None:
        """Delete messages in bulk."""
        await self.do("world.delete_messages", channel=channel, messages=list(messages))

    async def remove_bot(self, guild: str) -> None:
        """Throw the bot out of a guild."""
        await self.do("world.remove_bot", guild=guild)

    async def add_bot(self, guild: str) -> None:
        """Invite the bot into a guild."""
        await self.do("world.add_bot", guild=guild)

    # The wire

    async def fault(self, kind: str, **details: Any) -> Json:
        """Set a fault."""
        return await self.do("wire.fault", kind=kind, **details)

    async def clear_faults(self) -> None:
        """End every fault."""
        await self.do("wire.clear")

    async def requests(
        self, *, after: int = 0, method: str | None = None, path: str | None = None
    ) -> list[Json]:
        """Return the bot's HTTP requests; `path` may hold `*`."""
        return await self.do("wire.requests", after=after, method=method, path=path)

    async def sessions(self) -> list[Json]:
        """Return the gateway's sessions."""
        return await self.do("wire.sessions")

    async def gateway_log(self, *, after: int = 0) -> list[Json]:
        """Return the gateway's log."""
        return await self.do("wire.gateway_log", after=after)

    async def bot_online(self, *, within_s: float = LONG_SECONDS) -> None:
        """Wait until the bot is connected."""

        async def look() -> bool:
            return (await self.hello())["bot"]["online"]

        await until(look, within_s=within_s)


def _pass_on(sending: asyncio.Future[None], answer: asyncio.Future[Any]) -> None:
    if sending.cancelled() or (error := sending.exception()) is None or answer.done():
        return
    answer.set_exception(error)


def _packed(files: Iterable[File]) -> list[Json]:
    return [{"name": name, "base64": base64.b64encode(data).decode()} for name, data in files]


def _with_files(value: Any) -> Any:
    match value:
        case (str(name), bytes(data)):
            return _packed([(name, data)])[0]
        case Mapping():
            return {key: _with_files(item) for key, item in value.items()}
        case list():
            return [_with_files(item) for item in value]
    return value
