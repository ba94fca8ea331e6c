"""Recordings over the wire: agreed to, added, watched by members, announced, and gone on time."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.end_to_end.driver import Json, Page, Playground, until
from tests.end_to_end.process import Bot, running
from tests.end_to_end.talk import Talk, controls, make_talk, said, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIDEO = bytes(range(256)) * 400
URL = "https://video.example.org/kvm"
DAY = 24 * 60 * 60 * 1_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    playground: Playground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot with a web server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    data = tmp_path_factory.mktemp("bot")
    async with running(playground, data, STUDY_BOT_WEB_ADDRESS=address) as bot:
        yield bot
    assert not bot.troubles()


async def agreed(page: Page, bot: Bot) -> Talk:
    """Return a talk whose speaker, who started it, said yes to seven days."""
    talk = await make_talk(page, bot)
    record = await page.slash(talk.speaker, talk.channel, "session start", title="仮想マシン入門")
    talk.session_id = talk.session()["id"]
    await talk.press(talk.speaker, "consent_yes", 7, on=record["messages"][0])
    return talk


def put(talk: Talk, name: str = "talk.mp4") -> Path:
    """Lay a file into the guild's own folder, as the one who runs the bot does."""
    folder = talk.bot.data / "recordings" / talk.guild
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(VIDEO)
    return folder / name


def row(talk: Talk) -> Json:
    return talk.bot.rows("SELECT * FROM recordings WHERE session_id = ?", talk.session_id)[-1]


async def post_of(talk: Talk, holds: str) -> Json:
    return await talk.showing("recording", lambda text: holds in text, key=row(talk)["id"])


async def became(talk: Talk, post: Json, holds: str) -> Json:
    """Wait until a post reads like that; one whose recording went is not live any more."""

    async def look() -> Json | None:
        message = await talk.message(post["channel_id"], post["id"])
        return message if holds in text_of(message) else None

    return await until(look)


async def address_for(talk: Talk, person: str, post: Json) -> str:
    """Press Watch; return the address that one person is handed."""
    custom_id = f"do:recording_watch:{row(talk)['id']}"
    assert custom_id in controls(post)
    record = await talk.page.click(person, post["channel_id"], post["id"], custom_id)
    assert record["ephemeral"], record
    found = re.search(r"\((http[^)]+)\)", said(record))
    assert found is not None, said(record)
    return found[1]


async def fetched(url: str, **headers: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.read()


def file_of(url: str) -> str:
    return url.partition("?")[0] + "/file"


async def age(talk: Talk, days: float) -> None:
    """Let days go by while the bot is away."""
    await talk.bot.kill()
    for column in ("due_at", "due_counted", "added_at"):
        talk.bot.change(
            f"UPDATE recordings SET {column} = {column} - ? WHERE session_id = ?",
            int(days * DAY),
            talk.session_id,
        )
    await talk.bot.start()


async def test_a_recording_is_watched_by_members_and_goes_on_its_day(page: Page, bot: Bot):
    talk = await agreed(page, bot)
    await talk.showing(
        "consent", lambda text: "録画し、7日後に削除します。通話での発言も録音されます。" in text
    )
    path = put(talk)
    offered = await page.autocomplete(
        talk.moderator, talk.channel, "recording add", "host_file", ""
    )
    assert [one["value"] for one in offered] == ["talk.mp4"]
    await page.slash(talk.moderator, talk.channel, "recording add", host_file="talk.mp4")
    post = await post_of(talk, "仮想マシン入門")
    await talk.taken(talk.attendees[0], "Q. ゲストとは?")
    await page.slash(talk.speaker, talk.channel, "next")
    await post_of(talk, "Q. ゲストとは?")

    url = await address_for(talk, talk.attendees[0], post)
    status, html = await fetched(url)
    assert (status, "仮想マシン入門".encode() in html) == (200, True)
    assert await fetched(file_of(url)) == (200, VIDEO)
    assert await fetched(file_of(url), Range="bytes=100-299") == (206, VIDEO[100:300])
    status, track = await fetched(file_of(url).removesuffix("/file") + "/chapters.vtt")
    assert "Q. ゲストとは?" in track.decode()
    assert (await fetched(file_of(url)[:-6] + "x/file"))[0] in {403, 404}

    await age(talk, 6.5)
    await until(
        lambda: bot.rows("SELECT 1 FROM recordings WHERE reminded_at IS NOT NULL"),
    )
    await until(lambda: _told(talk, "に削除します"))
    assert path.exists()
    # Who was handed an address before keeps it for its hours, whatever happens to the bot.
    await until(lambda: _serves(url))
    assert (await fetched(file_of(url)))[0] == 200

    await age(talk, 0.5)
    after = await became(talk, post, "期限を過ぎたため")
    await until(lambda: not path.exists())
    assert (await fetched(file_of(url)))[0] == 403
    assert not controls(after)


async def _told(talk: Talk, words: str) -> bool:
    shown = await talk.page.history(talk.speaker, talk.channel, limit=20)
    return any("録画「" in text_of(one) and words in text_of(one) for one in shown)


async def _serves(url: str) -> bool:
    try:
        await fetched(url)
    except aiohttp.ClientError:
        return False
    return True


async def test_of_a_recording_held_elsewhere_only_the_link_goes(page: Page, bot: Bot):
    talk = await agreed(page, bot)
    await page.slash(talk.speaker, talk.channel, "recording add", url=URL, days=1)
    post = await post_of(talk, URL)
    await age(talk, 1)
    after = await became(talk, post, "別の場所にある")
    assert URL not in text_of(after)


async def test_an_attachment_is_taken_in_and_removed_again(page: Page, bot: Bot):
    talk = await agreed(page, bot)
    await page.slash(talk.note_taker, talk.channel, "recording add", file=("../talk.mp4", VIDEO))
    post = await post_of(talk, "仮想マシン入門")
    kept = bot.data / "recordings" / row(talk)["path"]
    assert kept.read_bytes() == VIDEO
    url = await address_for(talk, talk.attendees[1], post)
    assert await fetched(file_of(url)) == (200, VIDEO)

    title = row(talk)["title"]
    await page.slash(talk.moderator, talk.channel, "recording remove", recording=title)
    assert (await fetched(file_of(url)))[0] == 403
    await until(lambda: not kept.exists(), within_s=45)


async def test_who_can_t_see_the_channel_is_handed_nothing(page: Page, bot: Bot):
    talk = await agreed(page, bot)
    put(talk)
    await page.slash(talk.moderator, talk.channel, "recording add", host_file="talk.mp4")
    await post_of(talk, "仮想マシン入門")
    await page.overwrite(talk.channel, talk.guild, deny=["VIEW_CHANNEL"])
    open_channel = await page.channel(talk.guild, "open")
    outsider = talk.attendees[0]
    listed = await page.slash(outsider, open_channel, "recording list")
    assert "仮想マシン入門" not in said(listed)
    tried = await page.slash(
        outsider, open_channel, "recording chapters", recording=str(row(talk)["id"])
    )
    assert "仮想マシン入門" not in said(tried)


async def test_a_speaker_named_by_another_is_asked_once_in_the_channel(page: Page, bot: Bot):
    talk = await make_talk(page, bot)
    await talk.start(by=talk.moderator, speaker=talk.speaker)
    asked = await talk.showing("consent", lambda text: f"<@{talk.speaker}>" in text)
    refused = await page.slash(talk.moderator, talk.channel, "recording add", url=URL)
    assert "回答がまだありません" in said(refused)
    await talk.press(talk.speaker, "consent_no", on=asked)
    await until(lambda: talk.live("consent") is None)
    refused = await page.slash(talk.moderator, talk.channel, "recording add", url=URL)
    assert "希望していない" in said(refused)
    assert not bot.rows("SELECT 1 FROM recordings WHERE session_id = ?", talk.session_id)


async def test_what_was_due_while_the_bot_was_killed_goes_once(page: Page, bot: Bot):
    talk = await agreed(page, bot)
    path = put(talk, "other.mp4")
    await page.slash(talk.moderator, talk.channel, "recording add", host_file="other.mp4")
    post = await post_of(talk, "仮想マシン入門")
    await age(talk, 30)
    await bot.kill()
    await bot.start()
    await became(talk, post, "期限を過ぎたため")
    await until(lambda: not path.exists())
    gone = bot.rows(
        "SELECT 1 FROM events WHERE kind = 'recording.gone' AND session_id = ?", talk.session_id
    )
    assert len(gone) == 1
