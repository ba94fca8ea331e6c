"""A file, whole or a range of it, at the pace the kernel can send it and the client takes it."""

import asyncio
import os
import stat
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web

from bot.errors import N_, NotFound

# A client must take a piece within the time, or is cut off: about 35 kB/s.
_PIECE_BYTES = 4 * 1024 * 1024
_PIECE_SECONDS = 120.0


class FileGone(NotFound):
    """The link is good, what it leads to isn't there."""

    message = N_("This recording is no longer here.")


class Sender:
    """Sends one file to one client."""

    def __init__(self, request: web.Request, path: Path, media_type: str) -> None:
        self._request = request
        self._path = path
        self._media_type = media_type

    async def send(self, save_as: str | None = None) -> web.StreamResponse:
        """Answer with the file or the range that was asked for; `save_as`: a download's name.

        Raises:
            FileGone: there is no such file, or none that may be handed out.
        """
        file = await asyncio.to_thread(_opened, self._path)
        try:
            return await self._answer(file, save_as)
        finally:
            file.close()

    async def _answer(self, file: BinaryIO, save_as: str | None) -> web.StreamResponse:
        state = os.fstat(file.fileno())
        size, tag = state.st_size, f"{state.st_mtime_ns:x}-{state.st_size:x}"
        response = web.StreamResponse(headers={"Accept-Ranges": "bytes"})
        response.etag = tag
        response.last_modified = state.st_mtime
        matches = self._request.if_none_match
        if matches is not None and any(each.value in (tag, "*") for each in matches):
            response.set_status(HTTPStatus.NOT_MODIFIED)
            await response.prepare(self._request)
            return response
        start, count = self._wanted(size, tag, state.st_mtime)
        if start is not None and start >= size:
            response.set_status(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            response.headers["Content-Range"] = f"bytes */{size}"
            response.content_length = 0
            await response.prepare(self._request)
            return response
        if start is not None:
            response.set_status(HTTPStatus.PARTIAL_CONTENT)
            response.headers["Content-Range"] = f"bytes {start}-{start + count - 1}/{size}"
        response.headers["Content-Type"] = self._media_type
        kind = "inline" if save_as is None else "attachment"
        name = f"; filename*=UTF-8''{quote(save_as, safe='')}" if save_as else ""
        response.headers["Content-Disposition"] = kind + name
        response.content_length = count
        await response.prepare(self._request)
        if self._request.method != "HEAD" and count:
            await self._stream(file, start or 0, count)
        await response.write_eof()
        return response

    def _wanted(self, size: int, tag: str, changed: float) -> tuple[int | None, int]:
        """Return where a range begins (None: the whole file) and how many bytes are wanted.

        What is no single range is answered with the whole file, as RFC 9110 allows.
        """
        known = self._request.headers.get("If-Range")
        if known is not None and known != f'"{tag}"':
            at = self._request.if_range
            if at is None or int(changed) > at.timestamp():
                return None, size
        try:
            wanted = self._request.http_range
        except ValueError:
            return None, size
        if wanted.start is None:
            return None, size
        start = max(0, size + wanted.start) if wanted.start < 0 else wanted.start
        end = size if wanted.stop is None else min(wanted.stop, size)
        return start, end - start

    async def _stream(self, file: BinaryIO, start: int, count: int) -> None:
        loop = asyncio.get_running_loop()
        transport = self._request.transport
        if transport is None:
            raise ConnectionResetError
        end = start + count
        try:
            while start < end:
                piece = min(_PIECE_BYTES, end - start)
                async with asyncio.timeout(_PIECE_SECONDS):
                    sent = await loop.sendfile(transport, file, start, piece)
                if not sent:  # Cut short meanwhile: what was promised can't be sent.
                    raise ConnectionResetError
                start += sent
        except (TimeoutError, ConnectionError):
            transport.abort()
            raise ConnectionResetError from None


def _opened(path: Path) -> BinaryIO:
    """Open a regular file that is no link to elsewhere.

    Raises:
        FileGone.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        number = os.open(path, flags)
    except OSError as error:
        raise FileGone from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise FileGone
    return os.fdopen(number, "rb")
