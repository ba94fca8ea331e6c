"""What reaches the engine, byte for byte, and what comes back: with an engine that takes notes."""

import asyncio
import contextlib
import json
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.engine_proxy import Proxy, ProxySettings, answers
from bot.engine_proxy.schema import serialise
from bot.engine_proxy.settings import Rules
from bot.engine_proxy.wire import BODY_MOST, HEAD_MOST
from tests.engine_proxy.conftest import CONTAINER, LABEL, NETWORK
from tests.patience import LONG_SECONDS

OURS, THEIRS, FORGED = "a" * 64, "b" * 64, "c" * 64
CONFINED = {"CapDrop": ["ALL"], "NetworkMode": "study-abc123-n1"}
KNOWN: dict[str, Any] = {
    f"/containers/{OURS}/json": {
        "Id": OURS,
        "Config": {"Labels": {LABEL: "abc123"}},
        "HostConfig": CONFINED,
    },
    f"/containers/{THEIRS}/json": {"Id": THEIRS, "Config": {}, "HostConfig": CONFINED},
    f"/containers/{FORGED}/json": {
        "Id": FORGED,
        "Config": {"Labels": {LABEL: "abc123"}},
        "HostConfig": {"Privileged": True},
    },
    "/images/study/nginx:latest/json": {"Config": {"Volumes": None}},
    "/networks/study-abc123-n1": {"Id": "d" * 64, **NETWORK},
    "/networks/corporate": {"Id": "e" * 64, "Driver": "bridge", "Labels": {}},
    f"/exec/{'1' * 64}/json": {"ID": "1" * 64, "ContainerID": OURS, "ProcessConfig": {}},
    f"/exec/{'2' * 64}/json": {"ID": "2" * 64, "ContainerID": THEIRS, "ProcessConfig": {}},
    f"/exec/{'3' * 64}/json": {
        "ID": "3" * 64,
        "ContainerID": OURS,
        "ProcessConfig": {"privileged": True},
    },
}
KNOWN["/containers/web-1/json"] = KNOWN[f"/containers/{OURS}/json"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Engine:
    """Answers look-ups as an engine does, and writes down every other request whole."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.looked_up: list[str] = []
        self.answer: Answer = self._ok
        self.asked, self.left = asyncio.Event(), asyncio.Event()
        self.reader = asyncio.StreamReader()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ")[1].decode()
            if head.split(b"\r\n")[0].endswith(b"HTTP/1.0"):
                self.looked_up.append(target)
                found = KNOWN.get(target, {"message": f"No such thing: {target}"})
                status = b"200 OK" if target in KNOWN else b"404 Not Found"
                writer.write(b"HTTP/1.0 " + status + b"\r\n\r\n" + serialise(found))
            else:
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.seen.append(head + await reader.readexactly(length))
                self.reader = reader
                self.asked.set()
                await self.answer(writer)
        writer.close()

    @staticmethod
    async def _ok(writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine's stand-in; what it answers is the test's to say."""
    engine = Engine()
    async with await asyncio.start_unix_server(engine.serve, tmp_path / "docker.sock"):
        yield engine


@pytest_asyncio.fixture
async def socket(tmp_path: Path, engine: Engine) -> AsyncIterator[Path]:
    """The proxy's socket in front of it."""
    async with serving(tmp_path) as path:
        yield path


@contextlib.asynccontextmanager
async def serving(folder: Path, rules: Rules | None = None) -> AsyncIterator[Path]:
    settings = ProxySettings(folder / "proxy.sock", folder / "docker.sock", rules or Rules())
    server = await Proxy(settings).start()
    try:
        yield settings.listen
    finally:
        server.close()
        await asyncio.sleep(0)


async def send(socket: Path, data: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(data)
        async with asyncio.timeout(LONG_SECONDS):
            return await reader.read()
    finally:
        writer.close()


def request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def call(socket: Path, method: str, target: str, body: Any = None) -> tuple[int, str]:
    """Make a call; return its status and what an error says."""
    data = b"" if body is None else json.dumps(body).encode()
    answer = await send(socket, request(method, target, data))
    head, _blank, content = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(content or b"{}").get("message", "")


async def test_only_what_was_understood_reaches_the_engine(socket: Path, engine: Engine) -> None:
    body = json.dumps({**CONTAINER, "OnBuild": None}, indent=4).encode()
    sent = request(
        "POST",
        "/v1.41/containers/create?name=study-1",
        body,
        "Connection: keep-alive",
        "X-Forwarded-For: 10.0.0.1",
        "Cookie: a=b",
        "Content-Type: text/plain",
    )

    answer = await send(socket, sent)

    assert answer == OK
    [seen] = engine.seen
    head, _blank, forwarded = seen.partition(b"\r\n\r\n")
    assert forwarded == serialise(CONTAINER)
    assert head.decode().split("\r\n") == [
        "POST /v1.41/containers/create?name=study-1 HTTP/1.1",
        "Host: docker",
        f"Content-Length: {len(forwarded)}",
        "Content-Type: application/json",
        "Connection: close",
    ]


async def test_the_socket_is_for_its_owner_and_group(socket: Path) -> None:
    mode = (await asyncio.to_thread(socket.stat)).st_mode
    assert stat.S_IMODE(mode) == 0o660
    assert await asyncio.to_thread(answers, socket)
    assert not await asyncio.to_thread(answers, socket.with_name("none.sock"))


NOT_PLAIN = [
    b"GET /info HTTP/1.0\r\n\r\n",
    b"GET /info HTTP/2\r\n\r\n",
    b"GET  /info HTTP/1.1\r\n\r\n",
    b"GET /info\r\n\r\n",
    b"GET http://x/info HTTP/1.1\r\n\r\n",
    b"PUT /info HTTP/1.1\r\n\r\n",
    b"GET /in\xc3\xa9fo HTTP/1.1\r\n\r\n",
    b"GET /info HTTP/1.1\nX: y\r\n\r\n",
    b"GET /info HTTP/1.1\r\nX : y\r\n\r\n",
    b"GET /info HTTP/1.1\r\nX: y\r\n z\r\n\r\n",
    b"GET /info HTTP/1.1\r\nX: y\x00\r\n\r\n",
    b"GET /info HTTP/1.1\r\nX: y\rContent-Length: 5\r\n\r\n",
    b"GET /info HTTP/1.1\r\n: y\r\n\r\n",
    b"GET /info HTTP/1.1\r\nContent-Length: +0\r\n\r\n",
    b"GET /info HTTP/1.1\r\nContent-Length: 0x0\r\n\r\n",
    b"GET /info HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    b"GET /info HTTP/1.1\r\nContent-Length: 0\r\ncontent-length: 5\r\n\r\nabcde",
    b"GET /info HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /info HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /info HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
    b"GET /info HTTP/1.1\r\nX-Registry-Auth: a b\r\n\r\n",
    b"GET /info HTTP/1.1\r\nX: " + b"y" * HEAD_MOST + b"\r\n\r\n",
    b"POST /containers/create HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_MOST + 1),
]


@pytest.mark.parametrize("data", NOT_PLAIN, ids=lambda data: repr(data[:60]))
async def test_a_request_that_two_could_read_differently_is_refused(
    socket: Path, engine: Engine, data: bytes
) -> None:
    answer = await send(socket, data)

    assert answer.split(b" ")[1] in {b"400", b"413"}
    assert "message" in json.loads(answer.partition(b"\r\n\r\n")[2])
    assert engine.seen == []


async def test_nothing_after_the_body_is_looked_at(socket: Path, engine: Engine) -> None:
    second = request("POST", "/containers/create", b'{"HostConfig": {"Privileged": true}}')

    await send(socket, request("GET", "/version") + second)

    assert [seen.split(b" ")[1] for seen in engine.seen] == [b"/version"]


async def test_a_body_where_none_belongs_is_refused(socket: Path, engine: Engine) -> None:
    start = f"/containers/{OURS}/start"

    assert (await call(socket, "POST", start, {"Binds": ["/:/host"]}))[0] == 403
    assert (await call(socket, "POST", start, {}))[0] == 200

    [seen] = engine.seen
    assert b"Content-Length: 0\r\n" in seen


EVERY_CALL = ["GET {}/json", "GET {}/logs", "GET {}/top", "GET {}/stats", "POST {}/start"]
EVERY_CALL += ["POST {}/stop", "POST {}/restart", "POST {}/kill", "POST {}/pause"]
EVERY_CALL += ["POST {}/unpause", "POST {}/exec", "DELETE {}"]


@pytest.mark.parametrize("what", EVERY_CALL)
async def test_strangers_containers_cant_be_touched(
    socket: Path, engine: Engine, what: str
) -> None:
    method, path = what.split(" ")

    for name in (THEIRS, FORGED):
        status, message = await call(socket, method, path.format(f"/containers/{name}"))
        assert (status, name in message) == (403, True)
    assert engine.seen == []
    assert (await call(socket, method, path.format(f"/containers/{OURS}")))[0] == 200


async def test_a_name_is_looked_up_each_time_and_an_id_once(socket: Path, engine: Engine) -> None:
    for name in ("web-1", "web-1", OURS):
        await call(socket, "POST", f"/containers/{name}/stop?t=1")

    assert {seen.split(b" ")[1].decode() for seen in engine.seen} == {
        f"/containers/{OURS}/stop?t=1"
    }
    assert engine.looked_up == ["/containers/web-1/json"] * 2


async def test_what_isnt_there_is_told_in_the_engines_own_words(socket: Path) -> None:
    status, message = await call(socket, "POST", "/containers/nobody/start")

    assert (status, message) == (404, "No such thing: /containers/nobody/json")


async def test_executions_are_looked_up_too(socket: Path, engine: Engine) -> None:
    assert (await call(socket, "POST", f"/exec/{'1' * 64}/start", {"Detach": False}))[0] == 200
    assert (await call(socket, "POST", f"/exec/{'2' * 64}/start", {"Detach": False}))[0] == 403
    assert (await call(socket, "GET", f"/exec/{'2' * 64}/json"))[0] == 403
    assert (await call(socket, "POST", f"/exec/{'3' * 64}/start", {"Detach": False}))[0] == 403
    assert len(engine.seen) == 1


async def test_a_container_joins_no_strangers_network(socket: Path, engine: Engine) -> None:
    host = {**CONTAINER["HostConfig"], "NetworkMode": "corporate"}
    body = {**CONTAINER, "HostConfig": host, "NetworkingConfig": {}}

    status, message = await call(socket, "POST", "/containers/create", body)

    assert (status, "corporate" in message) == (403, True)
    assert (await call(socket, "DELETE", "/networks/corporate"))[0] == 403
    assert engine.seen == []


async def test_another_installations_container_is_a_strangers(
    tmp_path: Path, engine: Engine
) -> None:
    async with serving(tmp_path, Rules(installation="def456")) as socket:
        status, message = await call(socket, "POST", f"/containers/{OURS}/start")

    assert (status, "another installation" in message) == (403, True)


async def test_an_answer_arrives_as_the_engine_sends_it(socket: Path, engine: Engine) -> None:
    goes_on = asyncio.Event()

    async def bit_by_bit(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        await writer.drain()
        await goes_on.wait()
        writer.write(b"second")
        await writer.drain()

    engine.answer = bit_by_bit
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(request("POST", "/images/create?fromImage=nginx&tag=1"))
    async with asyncio.timeout(LONG_SECONDS):
        await reader.readuntil(b"first")
        goes_on.set()
        assert await reader.read() == b"second"
    writer.close()


async def test_a_stream_that_was_asked_for_is_passed_through(socket: Path, engine: Engine) -> None:
    async def upgraded(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n\x01\x00\x00\x00\x00\x00\x00\x02hi")
        await writer.drain()

    engine.answer = upgraded
    start = request("POST", f"/exec/{'1' * 64}/start", b"{}", "Connection: Upgrade", "Upgrade: tcp")

    assert (await send(socket, start)).endswith(b"\x02hi")
    assert b"Connection: Upgrade\r\nUpgrade: tcp\r\n" in engine.seen[0]


async def test_credentials_go_along_to_registries_only(socket: Path, engine: Engine) -> None:
    pull = "/images/create?fromImage=nginx&tag=1"

    await send(socket, request("POST", pull, b"", "X-Registry-Auth: e30="))
    await send(socket, request("GET", "/info", b"", "X-Registry-Auth: e30="))

    assert [b"X-Registry-Auth: e30=" in seen for seen in engine.seen] == [True, False]


async def test_when_the_client_leaves_the_engine_stops_too(socket: Path, engine: Engine) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"x" * 1000)
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            engine.left.set()

    async def silent(_writer: asyncio.StreamWriter) -> None:
        await engine.reader.read()
        engine.left.set()

    for answer in (endless, silent):
        engine.answer = answer
        engine.asked.clear()
        engine.left.clear()
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(request("POST", "/images/create?fromImage=nginx&tag=1"))
        async with asyncio.timeout(LONG_SECONDS):
            await engine.asked.wait()
            writer.close()
            await engine.left.wait()
        del reader


async def test_a_client_with_no_more_to_say_still_hears(socket: Path, engine: Engine) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(OK)
        await writer.drain()

    engine.answer = slow
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(request("GET", "/info"))
    writer.write_eof()
    async with asyncio.timeout(LONG_SECONDS):
        assert await reader.read() == OK
    writer.close()


async def test_an_engine_that_is_down_looks_like_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as socket:
        assert await send(socket, request("GET", "/info")) == b""
        assert await send(socket, request("POST", f"/containers/{OURS}/start")) == b""
        assert not await asyncio.to_thread(answers, socket)
