"""What can go wrong with a request, going wrong for a real client."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import discord
import pytest
import yarl

from tests.end_to_end.driver import Refused
from tests.playground.conftest import Bot, Stage


async def test_a_429_with_via_is_waited_for(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.fault(
            "http", method="POST", path="*/messages", status=429, times=2, retry_after=0.2
        )
        started = asyncio.get_running_loop().time()
        await stage.channel_of(bot).send("through")
        assert asyncio.get_running_loop().time() - started > 0.4
        asked = await stage.page.requests(method="POST", path="/channels/*/messages")
        assert [request["status"] for request in asked] == [429, 429, 200]
        assert asked[0]["response"]["retry_after"] == 0.2


@pytest.mark.parametrize(
    "fault",
    [{"status": 429, "via": False}, {"status": 503}, {"status": 429, "via": False, "code": 30046}],
    ids=str,
)
async def test_what_is_not_retried_is_raised(stage: Stage, fault: dict[str, Any]) -> None:
    async with stage.bot() as bot:
        await stage.page.fault("http", path="*/messages", **fault)
        with pytest.raises(discord.HTTPException) as raised:
            await stage.channel_of(bot).send("lost")
        assert raised.value.status == fault["status"]
        assert raised.value.code == fault.get("code", 0)
        assert await stage.page.history(stage.alice, stage.channel) == []
        await stage.channel_of(bot).send("through")


async def test_a_500_is_tried_again(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.fault("http", path="*/messages", status=500)
        await stage.channel_of(bot).send("through")
        assert len(await stage.page.history(stage.alice, stage.channel)) == 1


async def test_slow_answers(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.fault("slow", path="*/messages", seconds=0.3, times=1)
        started = asyncio.get_running_loop().time()
        await stage.channel_of(bot).send("slowly")
        assert asyncio.get_running_loop().time() - started > 0.3


@pytest.mark.parametrize("after", [True, False])
async def test_a_connection_cut_before_the_answer(stage: Stage, after: bool) -> None:
    async with stage.bot() as bot:
        await stage.page.fault("drop_http", path="*/messages", after=after)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await stage.channel_of(bot).send("said")
        assert len(await stage.page.history(stage.alice, stage.channel)) == int(after)
        (dropped,) = await stage.page.requests(method="POST", path="/channels/*")
        assert (dropped["status"], dropped["json"]["content"]) == (0, "said")


async def test_buckets_are_kept_to_by_the_client(stage: Stage) -> None:
    async with stage.bot() as bot:
        messages = [await stage.say(str(number)) for number in range(5)]
        await stage.page.fault("buckets", on=True)
        channel = stage.channel_of(bot)
        started = asyncio.get_running_loop().time()
        for message in messages:
            await channel.get_partial_message(int(message)).add_reaction("📝")
        assert asyncio.get_running_loop().time() - started > 1.0
        asked = await stage.page.requests(path="*/reactions/*")
        assert {request["status"] for request in asked} == {204}


async def test_buckets_refuse_whoever_does_not_wait(stage: Stage) -> None:
    await stage.page.fault("buckets", on=True)
    url = f"{stage.playground.api}/channels/{stage.channel}/messages"
    headers = {"Authorization": f"Bot {stage.playground.bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        for _ in range(5):
            async with client.post(url, json={"content": "x"}) as response:
                assert response.status == 200
        assert response.headers["X-RateLimit-Remaining"] == "0"
        async with client.post(url, json={"content": "x"}) as response:
            body = await response.json()
            assert (response.status, body["global"]) == (429, False)
            assert 4 < body["retry_after"] <= 5
            assert "Via" in response.headers
        for _ in range(60):
            async with client.get(f"{stage.playground.api}/users/@me") as response:
                body = await response.json()
        assert (response.status, body["global"]) == (429, True)


async def test_old_messages_are_edited_rarely(stage: Stage) -> None:
    async with stage.bot() as bot:
        board = await stage.channel_of(bot).send("board")
        await stage.page.fault("buckets", on=True, old_after_s=0)
        for number in range(3):
            await board.edit(content=str(number))
        editing = asyncio.create_task(board.edit(content="once more"))
        await asyncio.sleep(0.2)
        refused = (await stage.page.requests(method="PATCH"))[-1]
        assert (refused["status"], refused["response"]["code"]) == (429, 30046)
        editing.cancel()


@pytest.mark.parametrize("part", ["message", "file"])
@pytest.mark.parametrize("cut", [-10, 0, 3, 40, 9_000, 20_000, 20_010])
async def test_a_form_arrives_in_whatever_pieces_the_network_cuts(
    stage: Stage, part: str, cut: int
) -> None:
    message = b'{"content": "x"}'.ljust(20_000)
    picture = bytes(range(250)) * 80
    mark = b"5d3f9c0e7b1a4826"
    form = (
        b'--%b\r\nContent-Disposition: form-data; name="payload_json"\r\n\r\n%b\r\n'
        b'--%b\r\nContent-Disposition: form-data; name="files[0]"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n%b\r\n--%b--\r\n"
    ) % (mark, message, mark, picture, mark)
    cut += form.index(message if part == "message" else picture)
    url = yarl.URL(f"{stage.playground.api}/channels/{stage.channel}/messages")
    head = (
        f"POST {url.raw_path} HTTP/1.1\r\nHost: {url.authority}\r\nConnection: close\r\n"
        f"Authorization: Bot {stage.playground.bot_token}\r\nContent-Length: {len(form)}\r\n"
        f"Content-Type: multipart/form-data; boundary={mark.decode()}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(url.host, url.port)
    for piece in (head.encode() + form[:cut], form[cut : cut + 3], form[cut + 3 :]):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.05)  # until that much is read
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b" 200 " in answer.splitlines()[0], answer
    [message] = await stage.page.history(stage.alice, stage.channel)
    [file] = message["attachments"]
    async with aiohttp.ClientSession() as client, client.get(file["url"]) as response:
        assert await response.read() == picture


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no part at all",
        b'--b\r\nContent-Disposition: form-data; name="payload_json"\r\n\r\n{not JSON\r\n--b--\r\n',
    ],
)
async def test_a_broken_form_is_refused(stage: Stage, body: bytes) -> None:
    url = f"{stage.playground.api}/channels/{stage.channel}/messages"
    headers = {
        "Authorization": f"Bot {stage.playground.bot_token}",
        "Content-Type": "multipart/form-data; boundary=b",
    }
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.post(url, data=body) as response,
    ):
        assert response.status == 400
    assert await stage.page.history(stage.alice, stage.channel) == []


async def test_an_unknown_route_is_loud(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    async with stage.bot() as bot:
        route = discord.http.Route("GET", "/guilds/{guild_id}/widget.json", guild_id=stage.guild)
        with pytest.raises(discord.DiscordServerError) as raised:
            await bot.http.request(route)
        assert raised.value.status == 501
        assert "widget.json" in capfd.readouterr().err


async def test_commands_discord_would_refuse_are_refused(stage: Stage) -> None:
    bot = Bot(discord.Intents.default())

    class Translator(discord.app_commands.Translator):
        async def translate(self, *_args: Any) -> str:
            return "大きい Name"

    @bot.tree.command(name=discord.app_commands.locale_str("name"), description="…")
    async def named(_interaction: discord.Interaction) -> None:
        return

    async with stage.bot(bot=bot):
        await bot.tree.set_translator(Translator())
        with pytest.raises(discord.HTTPException) as raised:
            await bot.tree.sync()
        assert raised.value.code == 50035


async def test_the_bots_own_limits(stage: Stage) -> None:
    async with stage.bot() as bot:
        channel = stage.channel_of(bot)
        message = await channel.send("x")
        for number in range(20):
            await message.add_reaction(chr(0x1F34A + number))
        for emoji, code in (("📝", 30010), ("not one", 10014)):
            with pytest.raises(discord.HTTPException) as raised:
                await message.add_reaction(emoji)
            assert raised.value.code == code
        with pytest.raises(discord.HTTPException) as raised:
            await channel.send("   ")
        assert raised.value.status == 400
        await stage.page.overwrite(
            stage.channel, str(bot.user.id if bot.user else 0), deny=["PIN_MESSAGES"]
        )
        with pytest.raises(discord.Forbidden):
            await message.pin()


async def test_an_expired_or_strange_fault_is_refused(stage: Stage) -> None:
    with pytest.raises(Refused, match="no fault"):
        await stage.page.fault("gremlins")
