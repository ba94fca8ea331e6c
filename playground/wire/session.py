"""Gateway sessions and the connections that carry them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import discord
from aiohttp import web

REPLAY_LIMIT = 5_000


class Op(IntEnum):
    """Gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE_STATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


def dump(frame: Any) -> str:
    """Write compact JSON; Japanese stays itself."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


@dataclass
class Session:
    """One IDENTIFY and all its connections; outlives a lost connection for RESUME."""

    id: str
    intents: discord.Intents
    shard: tuple[int, int]
    sequence: int = 0
    replay: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=REPLAY_LIMIT))
    connection: Connection | None = None
    disconnected_at: float = 0.0
    resumed: int = 0

    @property
    def connected(self) -> bool:
        """Whether a client is attached right now."""
        return self.connection is not None

    def covers(self, guild_id: int) -> bool:
        """Whether this session's shard is the guild's."""
        return (guild_id >> 22) % self.shard[1] == self.shard[0]

    def can_resume_from(self, sequence: int) -> bool:
        """Whether every event after this number is still kept."""
        if sequence > self.sequence:
            return False
        return sequence == self.sequence or (
            bool(self.replay) and self.replay[0][0] <= sequence + 1
        )


class Connection:
    """One WebSocket; frames go out in order through one writer."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.client_code: int | None = None
        """The code the client closed with; None while open, or where it wasn't the client."""
        self._transport = transport
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def send(self, text: str) -> None:
        """Queue a frame."""
        self._outbox.put_nowait(text)

    async def _write(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self.socket.send_str(await self._outbox.get())

    def cut(self) -> None:
        """Drop the TCP connection without a word."""
        self._writer.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def flush(self) -> None:
        """Wait until what is queued has been handed to the socket."""
        while not self._outbox.empty():  # noqa: ASYNC110  the writer has no event to wait for
            await asyncio.sleep(0.001)

    async def close(self, code: int = 1000) -> None:
        """Close with a gateway close code."""
        self._writer.cancel()
        await self.socket.close(code=code)
