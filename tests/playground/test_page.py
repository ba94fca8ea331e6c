"""The page's door: what each person sees and may do."""

from __future__ import annotations

import pytest

from playground.app import running
from tests.end_to_end.driver import Refused
from tests.playground.conftest import Stage


async def refused(awaitable: object) -> int:
    with pytest.raises(Refused) as error:
        await awaitable  # type: ignore[misc]
    return error.value.code


async def test_hidden_channels_stay_hidden(stage: Stage) -> None:
    page = stage.page
    staff_role = await page.role(stage.guild, "staff")
    staff = await page.channel(stage.guild, "staff")
    await page.overwrite(staff, stage.guild, deny=["VIEW_CHANNEL"])
    await page.overwrite(staff, staff_role, allow=["VIEW_CHANNEL"])
    await page.give_role(stage.guild, stage.bob, staff_role)

    seen = await page.watch(stage.alice, stage.guild)
    assert [channel["id"] for channel in seen["channels"]] == [stage.channel]
    assert int(seen["channels"][0]["permissions"]) & 1 << 11
    await page.send(stage.bob, staff, "between us")
    await page.send(stage.bob, stage.channel, "for all")
    await page.event("MESSAGE_CREATE", lambda message: message["content"] == "for all")
    told = [event.data["content"] for event in page.events if event.type == "MESSAGE_CREATE"]
    assert told == ["for all"]
    assert await refused(page.history(stage.alice, staff)) == 50001
    assert await refused(page.send(stage.alice, staff, "hello?")) == 50001

    await page.overwrite(stage.channel, stage.alice, deny=["VIEW_CHANNEL"])
    await page.event("CHANNEL_DELETE", lambda channel: channel["id"] == stage.channel)
    await page.overwrite(stage.channel, stage.alice)
    await page.event("CHANNEL_UPDATE", lambda channel: channel["id"] == stage.channel)


async def test_people_do_what_they_may(stage: Stage) -> None:
    page, alice, bob, channel = stage.page, stage.alice, stage.bob, stage.channel
    message = await stage.say("mine")
    assert await refused(page.edit(bob, channel, message, "mine now")) == 50005
    assert await refused(page.delete(bob, channel, message)) == 50013
    assert await refused(page.pin(bob, channel, message)) == 50013
    assert await refused(page.send(bob, channel, " \n")) == 50006
    assert await refused(page.send(bob, channel, "x" * 2001)) == 50035
    assert await refused(page.send("1", channel, "who?")) == 10013
    assert await refused(page.react(bob, channel, message, "abc")) == 10014
    moderator = await page.role(stage.guild, "mod", ["MANAGE_MESSAGES", "PIN_MESSAGES"])
    await page.give_role(stage.guild, bob, moderator)
    await page.pin(bob, channel, message)
    await page.delete(bob, channel, message)

    await page.timeout(stage.guild, alice, 60)
    later = (await page.send(bob, channel, "quiet"))["id"]
    await page.react(bob, channel, later, "👍")
    assert await refused(page.send(alice, channel, "…")) == 50013
    assert await refused(page.react(alice, channel, later, "👍")) == 50013
    await page.timeout(stage.guild, alice, 0)
    await page.react(alice, channel, later, "👍")
    await page.unreact(alice, channel, later, "👍")
    await page.ban(stage.guild, alice)
    assert await refused(page.send(alice, channel, "…")) == 50001
    await page.kick(stage.guild, bob)
    assert (await page.hello())["people"][1]["guild_ids"] == []


async def test_updates_carry_the_whole_message(stage: Stage) -> None:
    page = stage.page
    await page.watch(stage.bob, stage.guild)
    message = (await page.send(stage.alice, stage.channel, "a", files=[("a.txt", b"x")]))["id"]
    await page.react(stage.bob, stage.channel, message, "👍")
    await page.edit(stage.alice, stage.channel, message, "b")
    told = await page.event("MESSAGE_UPDATE")
    assert (told["content"], told["attachments"][0]["filename"]) == ("b", "a.txt")
    assert told["reactions"][0]["me"]


async def test_malformed_requests_are_answered(stage: Stage) -> None:
    page = stage.page
    assert await refused(page.do("dance")) == 0
    assert await refused(page.do("send", as_=stage.alice, channel="x")) == 50035
    assert await refused(page.do("world.channel", guild=stage.guild, name="x", type="y")) == 50035
    assert await refused(page.do("world.role", guild=stage.guild, name="x", permissions=["Y"]))
    assert (await page.hello())["bot"]["online"] is False


async def test_the_prepared_server() -> None:
    async with running() as playground:
        door, server = playground.door, playground.server
        assert server is not None
        hello = await door.do("hello")
        assert {person["locale"] for person in hello["people"]} == {"ja", "en-US"}
        assert len(hello["people"]) == 6
        guild = str(server.guild_id)
        speaker = await door.do("watch", as_=str(server.speaker_id), guild=guild)
        attendee = await door.do("watch", as_=str(server.attendee_ids[0]), guild=guild)
        staff = str(server.staff_channel_id)
        assert staff in {channel["id"] for channel in speaker["channels"]}
        assert staff not in {channel["id"] for channel in attendee["channels"]}
        assert {channel["type"] for channel in attendee["channels"]} == {0, 2, 4, 15}
        assert len(speaker["guild"]["guild_scheduled_events"]) == 1
        (bot_role,) = [role for role in speaker["roles"] if role["managed"]]
        assert not int(bot_role["permissions"]) & 1 << 3


async def test_it_holds_a_large_talk(stage: Stage) -> None:
    page = stage.page
    people = [await page.person(f"P{number}", stage.guild) for number in range(500)]
    await page.watch(stage.alice, stage.guild)
    for number in range(2000):
        await page.send(people[number % 500], stage.channel, f"Q. {number}")
    assert len(await page.history(stage.alice, stage.channel, limit=2000)) == 2000


async def test_nothing_is_kept_that_only_grows(stage: Stage) -> None:
    world = stage.inside.door._world
    for number in range(100):
        await stage.say(str(number))
    assert len(world.transcript) == 0
    assert len(world.http_requests) == 0
    assert len(world._reserved_ids) == len(world._sequences) == 0
