"""What somebody without a link can reach, and how little of it they can hold on to."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.recordings.errors import LinkForged
from bot.web import Bridge, CannotListen, application, link_to, listening
from tests.patience import LONG_SECONDS
from tests.web.stand_in import Site, StandIn, leave, served, site


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    file = tmp_path / "talk.wav"
    file.write_bytes(b"sound" * 1000)
    (tmp_path / "secret").write_text("a secret")
    async with site(StandIn({"good": served(file)}, LinkForged)) as running:
        yield running


async def raw(site: Site, request: bytes) -> bytes:
    """Send bytes as they are, without a client that tidies them up; return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(100_000), LONG_SECONDS)
    finally:
        await leave(writer)


@pytest.mark.parametrize(
    "path",
    [
        "/r/../secret",
        "/r/good/../../secret",
        "/r/good/file/../../secret",
        "/r/static/../page.py",
        "/r/static/..%2fpage.py",
        "/r/static/%2e%2e/page.py",
        "/r/..%2f..%2fetc%2fpasswd/file",
        "/r/static/",
        "/r/static",
        "/r/",
        "/",
        "//etc/passwd",
        "/r/good%00/file",
        "/metrics",
        "/r/good/file/",
        "/r/" + "a" * 300,
    ],
)
async def test_no_path_leads_out(here: Site, path: str):
    answer = await raw(
        here, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    status = int(answer.split(b" ", 2)[1])
    assert status in (400, 403, 404)
    assert b"a secret" not in answer
    assert b"root:" not in answer
    assert b"import" not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_nothing_can_be_sent_in(here: Site, method: str):
    async with here.http.request(method, f"{here.base}/r/good/file") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/r/good", "/r/good/file", "/r/bad", "/health", "/nowhere"])
async def test_every_answer_ties_the_browsers_hands(here: Site, path: str):
    async with here.get(path) as answer:
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "no-store" in headers["Cache-Control"]
        assert "aiohttp" not in headers["Server"]


async def test_a_title_cannot_break_the_page(here: Site, tmp_path: Path):
    title = '"><script>alert(1)</script>'
    here.links.things["odd"] = served(tmp_path / "talk.wav", title=title)
    async with here.get("/r/odd") as answer:
        text = await answer.text()
    assert "<script>alert" not in text
    assert "<b>Demo" not in text
    assert "&lt;b&gt;Demo" in text


async def test_the_links_language_goes_before_the_browsers(here: Site):
    async with here.get("/r/good?lang=ja", Accept_Language="en") as answer:
        assert 'lang="ja"' in await answer.text()
    async with here.get("/r/good", Accept_Language="fr,en") as answer:
        assert 'lang="en"' in await answer.text()
    assert link_to("https://rec.example.org/x", "T.k", "ja").endswith("/x/r/T.k?lang=ja")


async def test_chapters_come_as_a_track(here: Site):
    async with here.get("/r/good/chapters.vtt") as answer:
        text = await answer.text()
        assert answer.content_type == "text/vtt"
    assert text.startswith("WEBVTT\n")
    assert "00:00:02.000 --> 00:00:04.000\nQ. 仮想マシン" in text
    assert "<b>" not in text


async def test_health_says_ok_while_the_bot_answers(here: Site):
    async with here.get("/health") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_health_says_so_while_the_bots_loop_is_stuck(
    here: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.web.listener._ANSWER_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    # This loop is the bot's: while it is blocked, nothing on it can answer.
    time.sleep(1)
    answer = await asyncio.wait_for(reader.read(1000), LONG_SECONDS)
    await leave(writer)
    assert b" 503 " in answer.split(b"\r\n")[0]


async def test_a_request_that_never_ends_is_dropped(
    here: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("bot.web.listener._KEEP_ALIVE_SECONDS", 0.5)
    async with site(here.links) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: ")
        assert await asyncio.wait_for(reader.read(1000), LONG_SECONDS) == b""
        await leave(writer)


async def test_one_connection_too_many_is_closed_and_the_others_go_on(
    here: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.web.gate.MOST_CONNECTIONS", 3)
    held = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(3)]
    await asyncio.sleep(0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(10), LONG_SECONDS) == b""
    await leave(writer)
    held[0][1].write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in await asyncio.wait_for(held[0][0].read(1000), LONG_SECONDS)
    for _reader, other in held:
        await leave(other)
    await asyncio.sleep(0.1)
    async with here.get("/health") as answer:
        assert answer.status == 200


async def test_an_address_that_is_taken_is_said(here: Site):
    bridge = Bridge()
    with pytest.raises(CannotListen, match="STUDY_BOT_WEB_ADDRESS"):
        async with listening(
            f"127.0.0.1:{here.port}",
            "STUDY_BOT_WEB_ADDRESS",
            lambda: application(here.links, bridge),
        ):
            pass
