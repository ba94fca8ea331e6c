"""Passes calls on: checks one, writes it anew, and lets the engine's answer through as it comes.

Answers are never read, only copied, so that a pull's progress, a log that is followed and the
plain stream of an execution all arrive the moment the engine sends them.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog

from bot.engine_proxy import wire
from bot.engine_proxy.containers import check_container
from bot.engine_proxy.engine import Engine, EngineSilent
from bot.engine_proxy.executions import check_execution, check_start
from bot.engine_proxy.networks import check_network
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.routes import Body, Call, match
from bot.engine_proxy.schema import parse, serialise
from bot.engine_proxy.settings import ProxySettings

log = structlog.get_logger(__name__)

_READ_SECONDS = 10
_CONNECTIONS_MOST = 1_000
_CHUNK = 65_536
_LOOK_SECONDS = 0.2


class Proxy:
    """The engine's socket for those who aren't trusted with it."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._rules = settings.rules
        self._engine = Engine(settings.engine, settings.rules)
        self._connections = 0

    async def start(self) -> asyncio.Server:
        """Listen; the socket is for its owner and group."""
        self._settings.listen.parent.mkdir(parents=True, exist_ok=True)
        before = os.umask(0o117)
        try:
            server = await asyncio.start_unix_server(
                self._serve, self._settings.listen, limit=wire.HEAD_MOST
            )
        finally:
            os.umask(before)
        log.info("listening", at=str(self._settings.listen), engine=str(self._settings.engine))
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= _CONNECTIONS_MOST:
                await self._one(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # The client left; nobody is there to be told.
        except Exception:
            log.exception("unforeseen")
        finally:
            self._connections -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked: wire.Request | None = None
        try:
            async with asyncio.timeout(_READ_SECONDS):
                asked = await wire.read_request(reader)
            if asked is None:
                return
            await _while_there(reader, writer, self._pass(asked, writer))
        except Refused as error:
            what = f"{asked.method} {asked.target.partition('?')[0]}" if asked else None
            if error.status < 404:
                log.warning("refused", what=what, why=str(error))
            writer.write(wire.answer(error.status, str(error)))
            await writer.drain()
        except EngineSilent as error:
            # To the client this is what an engine that is down looks like.
            log.warning("engine does not answer", why=str(error))

    async def _pass(self, asked: wire.Request, writer: asyncio.StreamWriter) -> None:
        call = match(asked.method, asked.target, self._rules)
        body = await self._checked(call, asked.body)
        target = call.target(await self._ids(call))
        headers = {"Connection": "close"}
        if call.body is Body.START and asked.upgrade:
            headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
        if call.reaches_registry and asked.registry_auth:
            headers["X-Registry-Auth"] = asked.registry_auth
        source, sink = await self._engine.connect()
        try:
            sink.write(wire.request(call.method, target, body, headers))
            while chunk := await source.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
        finally:
            sink.close()

    async def _checked(self, call: Call, body: bytes) -> bytes:
        """Return the body as it is forwarded."""
        if call.body is Body.NONE:
            # docker-py sends an empty object along where the API has no body.
            if body and parse(body):
                raise Refused("this call takes no body")
            return b""
        value: Any = parse(body) if body else {}
        if call.body is Body.CONTAINER:
            value = await self._container(value)
        elif call.body is Body.NETWORK:
            value = check_network(value, self._rules)
        elif call.body is Body.EXECUTION:
            value = check_execution(value)
        else:
            value = check_start(value)
        return serialise(value)

    async def _container(self, value: Any) -> dict[str, Any]:
        wish = check_container(value, self._rules)
        if wish.network is not None:
            await self._engine.network(wish.network)
        wish.check_image(await self._engine.volumes(wish.image))
        return wish.body

    async def _ids(self, call: Call) -> dict[str, str]:
        """Look up whose the objects are; from here on they go by their ids."""
        look = {
            "container": self._engine.container,
            "execution": self._engine.execution,
            "network": self._engine.network,
        }
        return {kind: await look[kind](name) for kind, name in call.names.items() if kind in look}


async def _while_there(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, work: Coroutine[Any, Any, None]
) -> None:
    """Work until it is done, or until the client has left: then the engine must stop too."""
    doing = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(reader, writer))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait until the client has left; one that has merely no more to say still listens."""
    while await reader.read(_CHUNK):
        pass  # Nothing after the request counts.
    watch = select.poll()
    watch.register(writer.get_extra_info("socket").fileno(), 0)
    while not watch.poll(0):  # noqa: ASYNC110 - nothing else tells of it
        await asyncio.sleep(_LOOK_SECONDS)


async def run(settings: ProxySettings) -> None:
    """Pass calls on until SIGINT or SIGTERM."""
    proxy = Proxy(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await proxy.start()
    try:
        await stop.wait()
    finally:
        server.close()
        settings.listen.unlink(missing_ok=True)


def answers(path: Path, seconds: float = 3.0) -> bool:
    """Say whether the engine answers behind a proxy's socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(str(path))
            connection.sendall(wire.request("GET", "/_ping", b"", {"Connection": "close"}))
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False
