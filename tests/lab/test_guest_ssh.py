"""Whether SSH answers in a guest: accepting a connection alone proves nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from bot.lab.guests import ssh

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _ssh(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-dropbear\r\n")
    await writer.drain()
    writer.close()


async def _web(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    writer.close()


async def _hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("serve", "expected"), [(_ssh, True), (_web, False), (_hangs_up, False), (_is_silent, False)]
)
async def test_only_ssh_is_an_answer(serve: Serve, expected: bool):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await ssh.answers("127.0.0.1", port, 0.5) is expected
    assert not await ssh.answers("127.0.0.1", port, 0.5)


async def test_what_is_no_ssh_has_no_host_key():
    server = await asyncio.start_server(_web, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await asyncio.to_thread(ssh.host_key, "127.0.0.1", port, 2.0) is None
