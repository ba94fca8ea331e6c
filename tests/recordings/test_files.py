"""The folder of recordings: a guild's own files, and nothing else on the machine."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.recordings import NewRecording, Upload
from bot.recordings.errors import (
    ConsentRefused,
    FileInUse,
    NoSuchFile,
    NotMedia,
    OneSource,
    UploadFailed,
    UploadTooBig,
)
from tests.recordings.conftest import Studio
from tests.storage.world import GUILD, MODERATOR, SPEAKER

OTHER = 2


async def names(studio: Studio, guild_id: int = GUILD) -> list[str]:
    return [file.name for file in await studio.service.host_files(guild_id)]


async def test_a_guild_sees_the_recordings_of_its_own_folder_alone(studio: Studio):
    for name in ("b.mp4", "a.MP3", "notes.txt", ".hidden.mp4", "page.html"):
        studio.put(name)
    studio.put("theirs.mp4", guild_id=OTHER)
    (studio.root / str(GUILD) / "folder.mp4").mkdir()
    os.mkfifo(studio.root / str(GUILD) / "pipe.mp4")
    assert await names(studio) == ["a.MP3", "b.mp4"]
    assert await names(studio, 3) == []


@pytest.mark.parametrize(
    "name",
    [
        "../2/theirs.mp4",
        "..",
        "",
        ".hidden.mp4",
        "sub/inside.mp4",
        "/etc/passwd.mp4",
        "no\0thing.mp4",
        "missing.mp4",
        "folder.mp4",
        "x" * 300 + ".mp4",
    ],
)
async def test_a_name_that_leads_elsewhere_is_refused(studio: Studio, name: str):
    studio.put("theirs.mp4", guild_id=OTHER)
    studio.put(".hidden.mp4")
    folder = studio.root / str(GUILD)
    (folder / "sub").mkdir()
    (folder / "sub" / "inside.mp4").write_bytes(b"")
    (folder / "folder.mp4").mkdir()
    session = await studio.talk()
    with pytest.raises(NoSuchFile):
        await studio.service.add(session, SPEAKER, NewRecording(host_file=name))


@pytest.mark.parametrize("name", ["page.html", "script.svg", "notes", "talk.mp4.exe"])
async def test_what_is_no_recording_is_refused(studio: Studio, name: str):
    studio.put(name)
    session = await studio.talk()
    with pytest.raises(NotMedia):
        await studio.service.add(session, SPEAKER, NewRecording(host_file=name))


async def test_a_symbolic_link_that_leads_out_is_neither_shown_nor_taken(
    studio: Studio, tmp_path: Path
):
    studio.put("theirs.mp4", guild_id=OTHER)
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    folder = studio.root / str(GUILD)
    folder.mkdir(parents=True)
    (folder / "one.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "two.mp4").symlink_to("../2/theirs.mp4")
    (folder / "page.mp4").symlink_to("/etc/hostname")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    session = await studio.talk()
    assert await names(studio) == []
    for name in ("one.mp4", "two.mp4", "page.mp4", "loop.mp4"):
        with pytest.raises(NoSuchFile):
            await studio.service.add(session, SPEAKER, NewRecording(host_file=name))


async def test_a_link_within_the_folder_is_what_it_leads_to(studio: Studio):
    real = studio.put("real.mp4", b"real")
    (studio.root / str(GUILD) / "alias.mp4").symlink_to("real.mp4")
    session = await studio.talk()
    recording = await studio.service.add(session, SPEAKER, NewRecording(host_file="alias.mp4"))
    with pytest.raises(FileInUse):
        await studio.service.add(session, SPEAKER, NewRecording(host_file="real.mp4"))
    await studio.service.remove(recording, SPEAKER)
    await studio.retention.tick()
    assert not real.exists()


async def test_the_operator_may_lay_a_guild_s_folder_on_another_disk(
    studio: Studio, tmp_path: Path
):
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "talk.mp4").write_bytes(b"sound")
    studio.root.mkdir()
    (studio.root / str(GUILD)).symlink_to(disk)
    recording = await studio.add(await studio.talk())
    await studio.service.open_link(await studio.service.issue_link(recording.id, GUILD, 1))
    await studio.look(days=7)
    assert not (disk / "talk.mp4").exists()


async def test_removing_deletes_nothing_that_is_not_the_recording(studio: Studio, tmp_path: Path):
    recording = await studio.add(await studio.talk())
    neighbour = studio.put("neighbour.mp4")
    precious = tmp_path / "precious.mp4"
    precious.write_bytes(b"precious")
    path = studio.root / str(GUILD) / "talk.mp4"
    path.unlink()
    path.symlink_to(precious)
    await studio.service.remove(recording, MODERATOR)
    await studio.retention.tick()
    assert precious.exists()
    assert neighbour.exists()
    assert (await studio.again(recording)).deleted_at is not None


async def test_one_source_is_given(studio: Studio):
    session = await studio.talk()
    for new in (NewRecording(), NewRecording(url="https://a.example", host_file="talk.mp4")):
        with pytest.raises(OneSource):
            await studio.service.add(session, SPEAKER, new)


# -- attachments -----------------------------------------------------------------------------


@pytest.fixture
async def cdn() -> AsyncIterator[str]:
    """Discord's file server."""

    async def small(_request: web.Request) -> web.Response:
        return web.Response(body=b"moving pictures")

    async def big(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(11 * 16):
            await response.write(b"x" * 65_536)
        return response

    async def breaks_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        if request.transport is not None:
            request.transport.close()
        return response

    app = web.Application()
    app.router.add_get("/talk.mp4", small)
    app.router.add_get("/big.mp4", big)
    app.router.add_get("/half.mp4", breaks_off)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def kept(studio: Studio) -> list[Path]:
    return list((studio.data / "kept" / str(GUILD)).glob("*"))


async def test_an_attachment_is_kept_and_goes_on_time(studio: Studio, cdn: str):
    session = await studio.talk()
    upload = Upload("../../talk.mp4", 15, f"{cdn}/talk.mp4")
    recording = await studio.service.add(session, SPEAKER, NewRecording(upload=upload))
    (file,) = kept(studio)
    assert file.read_bytes() == b"moving pictures"
    token = await studio.service.issue_link(recording.id, GUILD, 1)
    assert (await studio.service.open_link(token)).path == file
    await studio.look(days=7)
    assert not kept(studio)


@pytest.mark.parametrize(
    ("upload", "error"),
    [
        (("talk.mp4", 11 * 1024 * 1024, "/talk.mp4"), UploadTooBig),
        (("talk.mp4", 100, "/big.mp4"), UploadTooBig),
        (("talk.mp4", 100, "/half.mp4"), UploadFailed),
        (("talk.mp4", 100, "/missing.mp4"), UploadFailed),
        (("talk.html", 100, "/talk.mp4"), NotMedia),
    ],
)
async def test_an_attachment_that_can_t_be_taken_leaves_nothing(
    studio: Studio, cdn: str, upload: tuple[str, int, str], error: type[Exception]
):
    name, size, path = upload
    session = await studio.talk()
    new = NewRecording(upload=Upload(name, size, cdn + path))
    with pytest.raises(error):
        await studio.service.add(session, SPEAKER, new)
    assert not kept(studio)
    assert not await studio.service.of_session(session)


async def test_a_speaker_who_says_no_while_a_file_is_fetched_is_heard(
    studio: Studio, cdn: str, monkeypatch: pytest.MonkeyPatch
):
    session = await studio.talk()
    fetch = studio.files.fetch

    async def slow(*args: Any) -> str:
        path = await fetch(*args)
        await studio.consents.answer(session, SPEAKER, recorded=False, days=None, slides=False)
        await studio.retention.tidy()
        assert kept(studio)
        return path

    monkeypatch.setattr(studio.files, "fetch", slow)
    new = NewRecording(upload=Upload("talk.mp4", 15, f"{cdn}/talk.mp4"))
    with pytest.raises(ConsentRefused):
        await studio.service.add(session, MODERATOR, new)
    assert not kept(studio)


async def test_the_loop_goes_on_while_a_file_is_fetched(studio: Studio, cdn: str):
    session = await studio.talk()
    new = NewRecording(upload=Upload("talk.mp4", 100, f"{cdn}/big.mp4"))
    adding = asyncio.create_task(studio.service.add(session, SPEAKER, new))
    turns = 0
    while not adding.done():
        await asyncio.sleep(0)
        turns += 1
    assert isinstance(adding.exception(), UploadTooBig)
    assert turns > 100
