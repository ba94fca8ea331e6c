"""The gateway: sessions, their events in order, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from playground.wire.greeting import greeting
from playground.wire.intents import Portal, parse_intents, project, subscribed
from playground.wire.members import member_chunks
from playground.wire.session import Connection, Op, Session, dump
from playground.world import World, guild_of

RESUME_WINDOW_S = 300.0
LOG_LIMIT = 50_000
HEARTBEAT_S = 41.25

_ACK_SECONDS = 0.05


class Gateway:
    """All gateway sessions of the bot."""

    def __init__(self, world: World, portal: Portal, token: str, url: str) -> None:
        self._world = world
        self._portal = portal
        self._token = token
        self._url = url
        self._sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()
        self._held: list[tuple[str, Mapping[str, Any]]] | None = None
        self._online = False
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LIMIT)
        self._logged = 0
        self.presence_listeners: list[Callable[[bool], None]] = []
        self.heartbeat_s = HEARTBEAT_S
        self.muted_until = 0.0
        self.interaction_delay_s = 0.0
        self._delayed: set[asyncio.TimerHandle] = set()
        world.subscribers.append(self._on_event)
        world.departures.append(self._on_departure)

    @property
    def online(self) -> bool:
        """Whether at least one session is connected."""
        return self._online

    def _presence_changed(self) -> None:
        online = any(session.connected for session in self._sessions.values())
        if online != self._online:
            self._online = online
            for listener in self.presence_listeners:
                listener(online)

    def note(self, session: Session | None, what: str, **details: Any) -> None:
        """Write one line of the gateway's log."""
        self._logged += 1
        self.log.append(
            {
                "n": self._logged,
                "at": time.time(),
                "session": session.id if session else None,
                "what": what,
                **details,
            }
        )

    # Events

    def _on_event(self, event: str, payload: Mapping[str, Any]) -> None:
        if event == "INTERACTION_CREATE" and self.interaction_delay_s > 0:
            loop = asyncio.get_running_loop()
            handle = loop.call_later(self.interaction_delay_s, self._publish, event, payload)
            self._delayed = {timer for timer in self._delayed if timer.when() > loop.time()}
            self._delayed.add(handle)
            return
        self._publish(event, payload)

    def _publish(self, event: str, payload: Mapping[str, Any]) -> None:
        if not self._world.bot_sees(event, payload):
            return
        if self._held is not None:
            self._held.append((event, json.loads(dump(payload))))
            return
        guild_id = guild_of(event, payload)
        for session in list(self._sessions.values()):
            if self._forget_if_stale(session) or not subscribed(session.intents, event, payload):
                continue
            if not (session.shard[0] == 0 if guild_id is None else session.covers(guild_id)):
                continue
            self._dispatch(session, event, project(self._world, session.intents, event, payload))

    def _dispatch(self, session: Session, event: str, payload: Mapping[str, Any]) -> None:
        session.sequence += 1
        text = dump({"op": Op.DISPATCH, "t": event, "s": session.sequence, "d": payload})
        session.replay.append((session.sequence, text))
        if session.connection is not None:
            session.connection.send(text)
        self.note(
            session,
            "dispatch",
            event=event,
            seq=session.sequence,
            id=payload.get("id"),
            sent=session.connected,
        )

    def _on_departure(self, guild_id: int) -> None:
        for session in self._sessions.values():
            if session.covers(guild_id):
                self._dispatch(session, "GUILD_DELETE", {"id": str(guild_id)})

    def hold(self, on: bool) -> None:
        """Keep events back, or let those kept go in their order."""
        if on:
            self._held = [] if self._held is None else self._held
            return
        held, self._held = self._held or [], None
        for event, payload in held:
            self._publish(event, payload)

    def _forget_if_stale(self, session: Session) -> bool:
        if session.connected or time.monotonic() - session.disconnected_at < RESUME_WINDOW_S:
            return False
        self._sessions.pop(session.id, None)
        return True

    # Connections

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Speak with one client until its connection ends."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20, compress=False)
        await socket.prepare(request)
        transport = request.transport
        connection = Connection(
            socket, transport if isinstance(transport, asyncio.Transport) else None
        )
        self._connections.add(connection)
        interval_s = self.heartbeat_s
        connection.send(dump({"op": Op.HELLO, "d": {"heartbeat_interval": int(interval_s * 1000)}}))
        try:
            while True:
                # A client that misses two heartbeats is a zombie; Discord lets go of it too.
                message = await socket.receive(timeout=interval_s * 2 + 5)
                if message.type is not WSMsgType.TEXT:
                    if message.type is WSMsgType.CLOSE:
                        connection.client_code = message.data
                    break
                await self._receive(connection, json.loads(message.data))
        except TimeoutError:
            await connection.close(4009)
        except (ValueError, KeyError, TypeError):
            await connection.close(4002)
        finally:
            await self._disconnected(connection)
        return socket

    async def _disconnected(self, connection: Connection) -> None:
        self._connections.discard(connection)
        session = connection.session
        if session is not None and session.connection is connection:
            session.connection = None
            session.disconnected_at = time.monotonic()
            self.note(session, "disconnected", code=connection.client_code)
            if connection.client_code in {1000, 1001}:
                # The client said goodbye: Discord ends its session with it.
                self._sessions.pop(session.id, None)
        self._presence_changed()
        await connection.close()

    async def _receive(self, connection: Connection, frame: dict[str, Any]) -> None:
        op = frame["op"]
        data: Any = frame.get("d")
        if op == Op.HEARTBEAT:
            if time.monotonic() >= self.muted_until:
                # Not at once: discord.py notes the time of a heartbeat after sending it, and takes
                # an answer that is faster for one to the heartbeat before.
                answer = dump({"op": Op.HEARTBEAT_ACK})
                asyncio.get_running_loop().call_later(_ACK_SECONDS, connection.send, answer)
            return
        if op == Op.IDENTIFY:
            await self._identify(connection, data)
        elif op == Op.RESUME:
            await self._resume(connection, data)
        elif connection.session is None:
            await connection.close(4003)
        elif op == Op.REQUEST_MEMBERS:
            for payload in member_chunks(self._world, data):
                self._dispatch(connection.session, "GUILD_MEMBERS_CHUNK", payload)
        elif op in {Op.PRESENCE, Op.VOICE_STATE}:
            self.note(connection.session, Op(op).name.lower())
        else:
            await connection.close(4001)

    async def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        if connection.session is not None:
            await connection.close(4005)
            return
        if not secrets.compare_digest(str(data["token"]).encode(), self._token.encode()):
            self.note(None, "refused", code=4004)
            await connection.close(4004)
            return
        intents = parse_intents(int(data["intents"]))
        if self._portal.refuses(intents):
            self.note(None, "refused", code=4014)
            await connection.close(4014)
            return
        shard = tuple(data.get("shard") or (0, 1))
        session = Session(secrets.token_hex(16), intents, (int(shard[0]), int(shard[1])))
        self._sessions[session.id] = session
        self._attach(session, connection)
        self.note(session, "identify", intents=intents.value)
        for event, payload in greeting(self._world, self._portal, session, self._url):
            self._dispatch(session, event, payload)
        self._presence_changed()

    async def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        if not secrets.compare_digest(str(data["token"]).encode(), self._token.encode()):
            await connection.close(4004)
            return
        session = self._sessions.get(str(data["session_id"]))
        sequence = int(data["seq"] or 0)
        if session is None or not session.can_resume_from(sequence):
            self.note(session, "resume refused", seq=sequence)
            connection.send(dump({"op": Op.INVALID_SESSION, "d": False}))
            return
        former = session.connection
        missed = [text for number, text in session.replay if number > sequence]
        for text in missed:
            connection.send(text)
        self._attach(session, connection)
        if former is not None:
            former.session = None
            await former.close(4000)
        session.resumed += 1
        self.note(session, "resume", seq=sequence, replayed=len(missed))
        self._dispatch(session, "RESUMED", {})
        self._presence_changed()

    def _attach(self, session: Session, connection: Connection) -> None:
        connection.session = session
        session.connection = connection

    # Faults

    def _connected(self) -> list[Connection]:
        return [connection for connection in self._connections if connection.session is not None]

    def cut(self) -> int:
        """Drop every client's TCP connection; returns how many there were."""
        connections = self._connected()
        for connection in connections:
            connection.cut()
        return len(connections)

    async def close_with(self, code: int) -> int:
        """Close every client's connection with this code."""
        connections = self._connected()
        for connection in connections:
            await connection.close(code)
        return len(connections)

    def send_op(self, op: int, *, resumable: bool = True) -> int:
        """Send RECONNECT or INVALID_SESSION to every client."""
        connections = self._connected()
        for connection in connections:
            session = connection.session
            if op == Op.INVALID_SESSION and not resumable and session is not None:
                self._sessions.pop(session.id, None)
            data = resumable if op == Op.INVALID_SESSION else None
            connection.send(dump({"op": op, "d": data}))
        return len(connections)

    def clear_faults(self) -> None:
        """Go back to how things normally are; events kept back are delivered."""
        self.hold(False)
        self.muted_until = 0.0
        self.interaction_delay_s = 0.0
        self.heartbeat_s = HEARTBEAT_S

    def describe(self) -> list[dict[str, Any]]:
        """Return every session as `wire.sessions` shows it."""
        return [
            {
                "id": session.id,
                "connected": session.connected,
                "seq": session.sequence,
                "intents": session.intents.value,
                "shard": list(session.shard),
                "resumed": session.resumed,
            }
            for session in self._sessions.values()
        ]

    async def shut(self) -> None:
        """Say goodbye to every client, as a server that restarts does."""
        for timer in self._delayed:
            timer.cancel()
        for connection in list(self._connections):
            with suppress(ConnectionError):
                await connection.close(1001)
