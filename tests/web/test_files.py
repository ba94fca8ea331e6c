"""What a person gets of a file: all of it, the part a player asks for, or a sentence."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.localization import words
from bot.recordings import LinkRefused
from bot.recordings.errors import LinkExpired, LinkForged, LinkRevoked
from tests.patience import LONG_SECONDS
from tests.web.stand_in import Site, StandIn, served, site

CONTENT = random.Random(1).randbytes(300_000)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    file = tmp_path / "talk.wav"
    file.write_bytes(CONTENT)
    (tmp_path / "talk.wav.gz").write_bytes(b"another file")
    async with site(StandIn({"good": served(file)}, LinkForged)) as running:
        yield running


async def test_the_whole_file(here: Site):
    async with here.get("/r/good/file") as answer:
        assert await answer.read() == CONTENT
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "audio/wav"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Content-Disposition"] == "inline"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 300_000),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=299990-400000", 299_990, 300_000),
        ("bytes=-500", 299_500, 300_000),
        ("bytes=-400000", 0, 300_000),
    ],
)
async def test_a_range(here: Site, asked: str, start: int, end: int):
    async with here.get("/r/good/file", Range=asked) as answer:
        assert answer.status == 206
        assert await answer.read() == CONTENT[start:end]
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/300000"


@pytest.mark.parametrize("asked", ["bytes=300000-", "bytes=400000-500000"])
async def test_a_range_after_the_end_is_refused_with_the_size(here: Site, asked: str):
    async with here.get("/r/good/file", Range=asked) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == "bytes */300000"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=a-b", "seconds=0-1", "bytes=0-1,5-6"])
async def test_what_is_no_single_range_gets_the_whole_file(here: Site, asked: str):
    async with here.get("/r/good/file", Range=asked) as answer:
        assert answer.status == 200
        assert await answer.read() == CONTENT


async def test_a_range_of_another_version_gets_the_whole_file(here: Site):
    async with here.get("/r/good/file") as answer:
        tag, day = answer.headers["ETag"], answer.headers["Last-Modified"]
    old = "Wed, 01 Jan 2020 00:00:00 GMT"
    for known, status in ((tag, 206), (day, 206), ('"other"', 200), (old, 200)):
        async with here.get("/r/good/file", Range="bytes=0-9", If_Range=known) as answer:
            assert answer.status == status, known
    async with here.get("/r/good/file", If_None_Match=tag) as answer:
        assert answer.status == 304


async def test_head_tells_the_size_alone(here: Site):
    async with here.http.head(f"{here.base}/r/good/file") as answer:
        assert answer.headers["Content-Length"] == "300000"
        assert await answer.read() == b""


async def test_an_empty_file(here: Site, tmp_path: Path):
    empty = tmp_path / "empty.wav"
    empty.touch()
    here.links.things["empty"] = served(empty)
    async with here.get("/r/empty/file") as answer:
        assert answer.status == 200
        assert await answer.read() == b""


async def test_a_download_keeps_its_name(here: Site, tmp_path: Path):
    file = tmp_path / '勉強会 "1"; a.mp4'
    file.write_bytes(b"x")
    here.links.things["named"] = served(file, media_type="video/mp4")
    async with here.get("/r/named/file?save=1") as answer:
        found = answer.content_disposition
        assert found.type == "attachment"
        assert found.filename == file.name


async def test_two_ranges_on_one_connection(here: Site):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        for start in (0, 100):
            headers = {"Range": f"bytes={start}-{start + 9}"}
            async with http.get(f"{here.base}/r/good/file", headers=headers) as answer:
                assert await answer.read() == CONTENT[start : start + 10]


@pytest.mark.parametrize("error", [LinkForged, LinkExpired, LinkRevoked])
async def test_refused_links_get_a_plain_sentence(here: Site, error: type[LinkRefused]):
    here.links.things["bad"] = error()
    for path in ("/r/bad", "/r/bad/file", "/r/bad/chapters.vtt"):
        async with here.get(path, Accept_Language="en-GB") as answer:
            assert answer.status == 403
            assert error.message in await answer.text()
        async with here.get(path, Accept_Language="ja,en;q=0.8") as answer:
            assert answer.status == 403
            assert error.message not in await answer.text()
            assert words("ja")(error.message) in await answer.text()


async def test_a_file_that_was_deleted_is_said(here: Site, tmp_path: Path):
    here.links.things["gone"] = served(tmp_path / "gone.wav")
    async with here.get("/r/gone/file") as answer:
        assert answer.status == 404
        assert "no longer here" in await answer.text()


async def test_links_and_folders_are_no_files(here: Site, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    (tmp_path / "away.wav").symlink_to(secret)
    for path in (tmp_path / "away.wav", tmp_path):
        here.links.things["odd"] = served(path)
        async with here.get("/r/odd/file") as answer:
            assert answer.status == 404
            assert "a secret" not in await answer.text()


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/pdf"])
async def test_kinds_that_a_browser_would_run_are_not_served(here: Site, tmp_path: Path, kind: str):
    page = tmp_path / "page.html"
    page.write_text("<script>1</script>")
    here.links.things["page"] = served(page, media_type=kind)
    async with here.get("/r/page/file") as answer:
        assert answer.status == 404
        assert "script>1" not in await answer.text()


async def test_what_is_sent_stops_when_the_link_is_taken_back(
    here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.web.recordings._LOOK_AGAIN_SECONDS", 0.1)
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    links = StandIn({"big": served(big)}, LinkForged)
    async with site(links) as running, running.get("/r/big/file") as answer:
        await answer.content.readexactly(1000)
        links.things["big"] = LinkRevoked()
        await asyncio.sleep(0.5)
        with pytest.raises(aiohttp.ClientError):
            await answer.read()


async def test_a_client_that_takes_nothing_is_cut_off(
    here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.web.sending._PIECE_SECONDS", 0.3)
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    here.links.things["big"] = served(big)
    async with here.get("/r/big/file") as answer:
        await asyncio.sleep(1.0)
        with pytest.raises(aiohttp.ClientError):
            await answer.read()


async def test_one_link_has_eight_places_and_the_next_is_told(here: Site, tmp_path: Path):
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    here.links.things |= {"one": served(big), "two": served(big)}
    opened = [await here.get("/r/one/file") for _ in range(8)]
    async with here.get("/r/one/file") as answer:
        assert answer.status == 429
        assert answer.headers["Retry-After"]
        assert "in use" in await answer.text()
    async with here.get("/r/two/file", Range="bytes=0-9") as answer:
        assert answer.status == 206
    for answer in opened:
        answer.close()
    async with asyncio.timeout(LONG_SECONDS):
        while True:
            async with here.get("/r/one/file", Range="bytes=0-9") as answer:
                if answer.status == 206:
                    break


async def test_fifty_people_get_the_same_bytes(here: Site, tmp_path: Path):
    file = tmp_path / "talk.wav"
    here.links.things |= {f"link{n}": served(file) for n in range(50)}

    async def fetched(number: int) -> bytes:
        async with here.get(f"/r/link{number}/file") as answer:
            return await answer.read()

    assert set(await asyncio.gather(*(fetched(n) for n in range(50)))) == {CONTENT}


async def test_the_page_says_until_when(here: Site, tmp_path: Path):
    until = datetime(2026, 11, 25, 12, 34, tzinfo=UTC) + timedelta(days=1)
    here.links.things["timed"] = served(tmp_path / "talk.wav", expires_at=until)
    async with here.get("/r/timed") as answer:
        assert "2026-11-26T12:34:00+00:00" in await answer.text()
