"""A listening address with a thread and an event loop of its own.

Sending files keeps a loop busy for milliseconds at a time, and fifty clients at once would
hold up everything else the bot does. What a request needs of the bot is asked on the bot's
own loop, through `Bridge`.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

import structlog
from aiohttp import web

from bot.errors import N_, OperatorError, StudyBotError
from bot.settings import host_and_port
from bot.web.gate import Gate

log = structlog.get_logger(__name__)

T = TypeVar("T")

# Also how long a client may take over its request.
_KEEP_ALIVE_SECONDS = 20.0
_SHUTDOWN_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_BACKLOG = 128


class CannotListen(OperatorError):
    """The address is taken, or not this machine's."""

    message = N_("Can't listen on {address}: {why}. Choose another {setting}.")


class BotBusy(StudyBotError):
    """The bot's own loop didn't answer in time."""

    message = N_("The bot is busy. Please try again in a moment.")


class Bridge:
    """The way from a listener's thread to the bot's own loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `work` on the bot's loop and return what it returns.

        Raises:
            BotBusy: not within a few seconds.
        """
        if self._loop.is_closed():
            raise BotBusy
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise BotBusy from error


@contextlib.asynccontextmanager
async def listening(
    address: str, setting: str, make: Callable[[], web.Application]
) -> AsyncGenerator[int]:
    """Serve an application for the length of the block; give its port.

    `make` is called in the thread. `setting` is the key that chose the address.

    Raises:
        CannotListen.
    """
    where = host_and_port(address)
    if where is None:
        raise CannotListen(address=address, why="no address and port", setting=setting)
    thread = _Thread(*where, make)
    try:
        try:
            port = await thread.started()
        except OSError as error:
            raise CannotListen(address=address, why=error.strerror, setting=setting) from error
        log.info("listening", address=address, port=port)
        yield port
    finally:
        await thread.stopped()


class _Thread:
    """The thread, from start to end."""

    def __init__(self, host: str, port: int, make: Callable[[], web.Application]) -> None:
        self._where = (host, port)
        self._make = make
        self._bot = asyncio.get_running_loop()
        self._port: asyncio.Future[int] = self._bot.create_future()
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._work, name=f"web:{port}", daemon=True)

    async def started(self) -> int:
        """Start; return the port once it listens."""
        self._thread.start()
        return await self._port

    async def stopped(self) -> None:
        """Stop, and wait for it."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # It has stopped by itself.
                self._loop.call_soon_threadsafe(self._stop.set)
        await self._over.wait()

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - told to whoever started it
            self._tell(self._fail, error)
        finally:
            self._tell(self._over.set)

    def _tell(self, what: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # The bot's loop is closed.
            self._bot.call_soon_threadsafe(what, *arguments)

    def _fail(self, error: Exception) -> None:
        if not self._port.done():
            self._port.set_exception(error)
        else:
            log.error("a listener failed", exc_info=error)

    def _listens(self, port: int) -> None:
        if not self._port.done():
            self._port.set_result(port)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(
            self._make(),
            # Paths hold keys: they are written down nowhere.
            access_log=None,
            handle_signals=False,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        await runner.setup()
        assert runner.server is not None  # noqa: S101 - set up above
        try:
            server = await self._loop.create_server(
                Gate(runner.server), *self._where, backlog=_BACKLOG, reuse_address=True
            )
            async with server:
                self._tell(self._listens, server.sockets[0].getsockname()[1])
                await self._stop.wait()
                server.close()
                await runner.cleanup()
        finally:
            await runner.cleanup()
