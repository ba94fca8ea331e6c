"""The chat page: its files, and its WebSocket."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from playground.door import Door, DoorError
from playground.viewing import Viewer, Viewing
from playground.wire.session import dump

STATIC = Path(__file__).parent / "static"
BACKLOG_LIMIT = 20_000
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".woff2": "font/woff2",
}


class Page:
    """Serves `/TOKEN/…`."""

    def __init__(self, door: Door, viewing: Viewing, token: str) -> None:
        self._door = door
        self._viewing = viewing
        self._token = token
        self._sockets: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the page's routes."""
        return [
            web.get("/{token}/", self._index),
            web.get("/{token}/static/{name:.+}", self._static),
            web.get("/{token}/ws", self._socket),
        ]

    def _admit(self, request: web.Request) -> None:
        given = request.match_info["token"].encode()
        if not secrets.compare_digest(given, self._token.encode()):
            raise web.HTTPNotFound

    async def _index(self, request: web.Request) -> web.StreamResponse:
        self._admit(request)
        return _file(STATIC / "index.html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        self._admit(request)
        path = (STATIC / request.match_info["name"]).resolve()
        if not path.is_relative_to(STATIC.resolve()):
            raise web.HTTPNotFound
        return _file(path)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self._admit(request)
        socket = web.WebSocketResponse(max_msg_size=64 << 20, heartbeat=30, compress=False)
        await socket.prepare(request)
        outbox: asyncio.Queue[str] = asyncio.Queue()
        slow = asyncio.Event()

        def post(text: str) -> None:
            if outbox.qsize() < BACKLOG_LIMIT:
                outbox.put_nowait(text)
            else:
                slow.set()

        viewer = Viewer(lambda event, data: post(dump({"event": event, "data": data})))
        self._viewing.viewers.append(viewer)
        self._sockets.add(socket)
        writer = asyncio.create_task(_write(socket, outbox, slow))
        requests: set[asyncio.Task[None]] = set()
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                # Tasks start in the order they are made, and only those that wait for the
                # bot give way: requests are carried out in the order they came.
                task = asyncio.create_task(self._answer(frame.data, viewer, post))
                requests.add(task)
                task.add_done_callback(requests.discard)
        finally:
            self._viewing.viewers.remove(viewer)
            self._sockets.discard(socket)
            for task in (writer, *requests):
                task.cancel()
        return socket

    async def _answer(self, text: str, viewer: Viewer, post: Any) -> None:
        number = None
        try:
            frame = json.loads(text)
            number = frame.pop("id", None)
            result = await self._door.handle(str(frame.pop("do", "")), frame, viewer)
        except DoorError as error:
            refused = {"code": error.code, "message": error.message}
            post(dump({"id": number, "ok": False, "error": refused}))
        except (ValueError, AttributeError) as error:
            refused = {"code": 0, "message": f"not a request: {error}"}
            post(dump({"id": number, "ok": False, "error": refused}))
        else:
            post(dump({"id": number, "ok": True, "result": result}))

    async def shut(self) -> None:
        """Close every page's socket."""
        for socket in list(self._sockets):
            with suppress(ConnectionError):
                await socket.close(code=1001)


async def _write(
    socket: web.WebSocketResponse, outbox: asyncio.Queue[str], slow: asyncio.Event
) -> None:
    with suppress(ConnectionError):
        while not slow.is_set():
            await socket.send_str(await outbox.get())
        # Whoever reads this slowly would be shown a stale talk: let them connect anew.
        await socket.close(code=1013)


def _file(path: Path) -> web.Response:
    content_type = _TYPES.get(path.suffix)
    if content_type is None or not path.is_file():
        raise web.HTTPNotFound
    text = content_type.startswith(("text/", "application/json", "image/svg"))
    return web.Response(
        body=path.read_bytes(), content_type=content_type, charset="utf-8" if text else None
    )
