"""Everything that can happen to a gateway connection, happening to a real client."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import discord
import pytest

from tests.end_to_end.driver import until
from tests.playground.conftest import Bot, Stage


async def identify(stage: Stage, token: str, intents: int = 0) -> int | None:
    """IDENTIFY by hand and return the code the connection is closed with."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(stage.playground.gateway) as socket,
    ):
        hello = await socket.receive_json()
        assert hello["op"] == 10
        data = {"token": token, "intents": intents, "properties": {}}
        await socket.send_json({"op": 2, "d": data})
        await socket.receive()
        return socket.close_code


async def whats(stage: Stage) -> list[str]:
    return [line["what"] for line in await stage.page.gateway_log() if line["what"] != "dispatch"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut"},
        {"kind": "close", "code": 4000},
        {"kind": "close", "code": 4009},
        {"kind": "op", "op": 7},
        {"kind": "op", "op": 9, "resumable": True},
    ],
    ids=str,
)
async def test_a_resume_replays_what_was_missed(stage: Stage, fault: dict[str, Any]) -> None:
    async with stage.bot() as bot:
        await stage.say("before")
        await until(lambda: bot.contents)
        # In one go: the messages are there before the client can have come back.
        asked = stage.page.post("wire.fault", **fault)
        missed = [
            stage.page.post("send", as_=stage.alice, channel=stage.channel, content=f"missed {n}")
            for n in range(5)
        ]
        assert (await asked)["reached"] == 1
        await asyncio.gather(*missed)
        await until(lambda: bot.resumed)
        await stage.say("after")
        await until(lambda: bot.contents[-1] == "after")
        assert bot.contents == ["before", *(f"missed {n}" for n in range(5)), "after"]
        log = await stage.page.gateway_log()
        assert [line["what"] for line in log].count("identify") == 1
        assert next(line for line in log if line["what"] == "resume")["seq"] > 0
        (session,) = await stage.page.sessions()
        assert (session["connected"], session["resumed"]) == (True, 1)


async def test_a_cut_really_replays_from_the_servers_memory(stage: Stage) -> None:
    async with stage.bot():
        asked = stage.page.post("wire.fault", kind="cut")
        said = stage.page.post("send", as_=stage.alice, channel=stage.channel, content="x")
        await asyncio.gather(asked, said)

        async def resumed() -> Any:
            log = await stage.page.gateway_log()
            return next((line for line in log if line["what"] == "resume"), None)

        assert (await until(resumed))["replayed"] == 1


async def test_an_invalid_session_is_identified_anew(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.fault("op", op=9, resumable=False)

        async def identified_twice() -> bool:
            return (await whats(stage)).count("identify") == 2

        await until(identified_twice)
        assert bot.resumed == 0
        await stage.say("again")
        await until(lambda: bot.contents == ["again"])
        assert [session["connected"] for session in await stage.page.sessions()] == [True]


async def test_a_wrong_token_is_closed_with_4004(stage: Stage) -> None:
    assert await identify(stage, "wrong") == 4004
    with stage.playground.redirected():
        bot = Bot(discord.Intents.none())
        with pytest.raises(discord.LoginFailure):
            await bot.start("wrong.token.here")
        await bot.close()


async def test_privileged_intents_that_are_off_are_closed_with_4014(stage: Stage) -> None:
    await stage.page.fault("intents", allowed=False)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with stage.bot():
            pass
    async with stage.bot(intents=discord.Intents.default()) as bot:
        application = await bot.application_info()
        assert not application.flags.gateway_message_content_limited
        await stage.page.clear_faults()
        application = await bot.application_info()
        assert application.flags.gateway_message_content_limited


async def test_unanswered_heartbeats_make_the_client_come_back(stage: Stage) -> None:
    await stage.page.fault("heartbeat_interval", seconds=0.2)
    async with stage.bot(heartbeat_timeout=0.5) as bot:
        await asyncio.sleep(0.7)
        assert bot.resumed == 0
        await stage.page.fault("mute_heartbeats", seconds=0.8)
        await until(lambda: bot.resumed)
        await stage.say("still here")
        await until(lambda: bot.contents == ["still here"])


async def test_events_held_back_come_in_order(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.fault("hold_events", on=True)
        for number in range(5):
            await stage.say(str(number))
        await asyncio.sleep(0.1)
        assert bot.contents == []
        await stage.page.fault("hold_events", on=False)
        await until(lambda: len(bot.contents) == 5)
        assert bot.contents == ["0", "1", "2", "3", "4"]


async def test_a_late_interaction_can_no_longer_be_answered(stage: Stage) -> None:
    bot = Bot(discord.Intents.default())
    codes: list[int] = []

    @bot.tree.command(description="…")
    async def ping(interaction: discord.Interaction) -> None:
        try:
            await interaction.response.send_message("pong")
        except discord.NotFound as error:
            codes.append(error.code)

    async with stage.bot(bot=bot):
        await bot.tree.sync()
        await stage.page.fault("late_interactions", seconds=3.2)
        record = await stage.page.slash(stage.alice, stage.channel, "ping")
        assert record["state"] == "failed"
        await until(lambda: codes)
        assert codes == [10062]
        await stage.page.clear_faults()
        assert (await stage.page.slash(stage.alice, stage.channel, "ping"))["state"] == "replied"


async def test_only_what_was_subscribed_to_arrives(stage: Stage) -> None:
    intents = discord.Intents.none()
    intents.guilds = intents.guild_messages = True
    async with stage.bot(intents=intents) as bot:
        message = await stage.say("secret")
        await stage.page.react(stage.alice, stage.channel, message, "👍")
        assert bot.user is not None
        await stage.say(f"<@{bot.user.id}> hello")
        await until(lambda: len(bot.contents) == 2)
        assert bot.contents == ["", f"<@{bot.user.id}> hello"]
        assert "reaction" not in bot.heard


async def test_what_the_bot_may_not_see_does_not_arrive(stage: Stage) -> None:
    async with stage.bot() as bot:
        staff = await stage.page.channel(stage.guild, "staff")
        await stage.page.overwrite(staff, stage.guild, deny=["VIEW_CHANNEL"])
        insider = await stage.page.role(stage.guild, "staff", ["ADMINISTRATOR"])
        await stage.page.give_role(stage.guild, stage.alice, insider)
        assert bot.user is not None
        await stage.page.overwrite(staff, str(bot.user.id), deny=["VIEW_CHANNEL"])
        await stage.page.send(stage.alice, staff, "between us")
        await stage.say("in the open")
        await until(lambda: bot.contents)
        assert bot.contents == ["in the open"]
        channel = bot.get_channel(int(staff))
        assert isinstance(channel, discord.TextChannel)
        with pytest.raises(discord.Forbidden):
            await channel.send("let me in")


async def test_members_come_in_chunks(stage: Stage) -> None:
    for number in range(300):
        await stage.page.person(f"P{number}", stage.guild)
    intents = discord.Intents.default()
    intents.members = True
    async with stage.bot(intents=intents) as bot:
        (guild,) = bot.guilds
        assert guild.chunked
        assert len(guild.members) == 304  # with the owner, two people and the bot
        found = await guild.query_members("P29", limit=100)
        assert len(found) == 11


async def test_leaving_and_joining_guilds(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.remove_bot(stage.guild)
        await until(lambda: "guild_remove" in bot.heard)
        await stage.say("gone?")
        with pytest.raises(discord.Forbidden):
            await bot.get_partial_messageable(int(stage.channel)).send("no longer here")
        await stage.page.add_bot(stage.guild)
        await until(lambda: "guild_join" in bot.heard)
        await stage.say("back")
        await until(lambda: bot.contents == ["back"])


async def test_a_private_thread_is_seen_from_the_invitation_on(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.person("Olga", stage.guild, owner=True)
        assert bot.user is not None
        await stage.page.overwrite(
            stage.channel, str(bot.user.id), allow=["CREATE_PRIVATE_THREADS"]
        )
        thread = await stage.page.thread(stage.channel, "private", private=True, owner=stage.alice)
        await stage.page.send(stage.alice, thread, "unseen")
        await stage.page.overwrite(stage.channel, stage.guild, allow=["CREATE_PRIVATE_THREADS"])
        own = await stage.channel_of(bot).create_thread(
            name="own", type=discord.ChannelType.private_thread
        )
        await own.add_user(discord.Object(int(stage.alice)))
        await stage.page.send(stage.alice, str(own.id), "seen")
        await until(lambda: bot.contents)
        assert bot.contents == ["seen"]
