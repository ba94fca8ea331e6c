"""A client in ordinary use: what people do reaches it, what it does reaches people."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from playground.door import Door
from tests.end_to_end.driver import Refused, until
from tests.playground.conftest import Bot, Stage

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000030802000000368849d60000000049454e44ae426082"
)


async def test_message_reaction_and_reply(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.watch(stage.alice, stage.guild)
        sent = await stage.page.send(stage.alice, stage.channel, " \u3000Q. なぜ？\n ")
        assert sent["content"] == "Q. なぜ？"
        await until(lambda: bot.contents)
        assert bot.contents == ["Q. なぜ？"]

        message = await stage.channel_of(bot).fetch_message(int(sent["id"]))
        await message.add_reaction("📝")
        reply = await message.reply("  はい  ")
        assert reply.content == "はい"
        seen = (await stage.page.history(stage.alice, stage.channel))[0]
        assert [(r["emoji"]["name"], r["count"], r["me"]) for r in seen["reactions"]] == [
            ("📝", 1, False)
        ]
        told = await stage.page.event("MESSAGE_CREATE", lambda m: m["content"] == "はい")
        assert told["referenced_message"]["id"] == sent["id"]
        assert told["author"]["bot"]
        await stage.page.event("MESSAGE_REACTION_ADD", lambda r: r["emoji"]["name"] == "📝")


async def test_edits_deletions_and_pins_are_told(stage: Stage) -> None:
    heard: list[str] = []

    class Listener(Bot):
        async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
            heard.append(f"edit {payload.data['content']}")

        async def on_raw_message_delete(self, _payload: discord.RawMessageDeleteEvent) -> None:
            heard.append("delete")

        async def on_raw_bulk_message_delete(
            self, payload: discord.RawBulkMessageDeleteEvent
        ) -> None:
            heard.append(f"bulk {len(payload.message_ids)}")

    intents = discord.Intents.default()
    intents.message_content = True
    async with stage.bot(bot=Listener(intents)) as bot:
        page, alice, channel = stage.page, stage.alice, stage.channel
        first, second, third = [await stage.say(text) for text in ("a", "b", "c")]
        await page.edit(alice, channel, first, " a2 ")
        await page.delete(alice, channel, first)
        await page.delete_messages(channel, [second, third])
        await until(lambda: heard[-1:] == ["bulk 2"])
        assert heard == ["edit a2", "delete", "bulk 2"]

        board = await stage.channel_of(bot).send("board")
        await board.pin()
        assert [m["id"] for m in await page.pins(alice, channel)] == [str(board.id)]
        system = (await page.history(alice, channel))[-1]
        assert system["type"] == 6


async def test_slash_command_in_the_persons_language(stage: Stage) -> None:
    intents = discord.Intents.default()
    bot = Bot(intents)
    group = app_commands.Group(name="talk", description="…")
    bot.tree.add_command(group)

    @group.command(name="echo", description="…")
    async def echo(
        interaction: discord.Interaction,
        text: str,
        times: int = 1,
        who: discord.Member | None = None,
    ) -> None:
        said = f"{text * times} {interaction.locale} {interaction.guild_locale} {who}"
        await interaction.response.send_message(said, ephemeral=True)

    @echo.autocomplete("text")
    async def complete(
        _interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=current + "!", value=current)]

    async with stage.bot(bot=bot):
        await bot.tree.sync()
        page, channel = stage.page, stage.channel
        names = [command["name"] for command in await page.commands(stage.alice, channel)]
        assert names == ["talk"]
        assert await page.autocomplete(stage.alice, channel, "talk echo", "text", "な") == [
            {"name": "な!", "value": "な"}
        ]
        await page.watch(stage.alice, stage.guild)
        record = await page.slash(
            stage.alice, channel, "talk echo", text="あ", times="2", who=stage.bob
        )
        assert (record["state"], record["ephemeral"]) == ("replied", True)
        assert record["messages"][0]["content"] == "ああ ja ja Bob"
        assert record["messages"][0]["interaction_metadata"]["name"] == "talk echo"
        assert [m["flags"] for m in await page.history(stage.alice, channel)] == [64]
        assert await page.history(stage.bob, channel) == []
        await page.event("MESSAGE_CREATE", lambda m: m["flags"] == 64)
        await page.event("INTERACTION", lambda r: r["state"] == "replied")

        with pytest.raises(Refused, match="requires the option 'text'"):
            await page.slash(stage.alice, channel, "talk echo")
        with pytest.raises(Refused, match="not a number"):
            await page.slash(stage.alice, channel, "talk echo", text="a", times="x")
        with pytest.raises(Refused) as refused:
            await page.slash(stage.alice, channel, "talk nothing")
        assert refused.value.code == 10063


async def test_buttons_selects_modals_and_menus(stage: Stage) -> None:
    bot = Bot(discord.Intents.default())

    class Form(discord.ui.Modal, title="質問"):
        text = discord.ui.Label(text="本文", component=discord.ui.TextInput(custom_id="text"))
        files = discord.ui.Label(
            text="図", component=discord.ui.FileUpload(custom_id="files", required=False)
        )
        flag = discord.ui.Label(text="匿名", component=discord.ui.Checkbox(custom_id="anonymous"))

        async def on_submit(self, interaction: discord.Interaction) -> None:
            names = [file.filename for file in self.files.component.values]  # type: ignore[attr-defined]
            said = f"{self.text.component.value} {names} {self.flag.component.value}"  # type: ignore[attr-defined]
            await interaction.response.send_message(said)

    class Panel(discord.ui.View):
        @discord.ui.button(label="Ask", custom_id="ask")
        async def ask(
            self, interaction: discord.Interaction, _button: discord.ui.Button[Panel]
        ) -> None:
            await interaction.response.send_modal(Form(custom_id="form"))

        @discord.ui.select(custom_id="pick", options=[discord.SelectOption(label="one")])
        async def pick(
            self, interaction: discord.Interaction, select: discord.ui.Select[Panel]
        ) -> None:
            await interaction.response.edit_message(content=f"picked {select.values}")

    @bot.tree.context_menu(name="Add as question")
    async def add(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send(f"added {message.content}")

    async with stage.bot(bot=bot):
        await bot.tree.sync()
        page, alice, channel = stage.page, stage.alice, stage.channel
        board = str((await stage.channel_of(bot).send("board", view=Panel())).id)

        asked = await page.click(alice, channel, board, "ask")
        assert (asked["state"], asked["modal"]["title"]) == ("modal", "質問")
        with pytest.raises(Refused, match="required"):
            await page.submit(alice, asked["id"], {"text": ""})
        with pytest.raises(Refused) as not_hers:
            await page.submit(stage.bob, asked["id"], {"text": "mine"})
        assert not_hers.value.code == 10062
        values = {"text": "なぜ", "files": [("a.png", PNG)], "anonymous": True}
        answered = await page.submit(alice, asked["id"], values)
        assert answered["messages"][0]["content"] == "なぜ ['a.png'] True"
        with pytest.raises(Refused, match="no modal is open"):
            await page.submit(alice, asked["id"], {"text": "again"})

        picked = await page.select(alice, channel, board, "pick", ["one"])
        assert picked["messages"][0]["id"] == board
        assert picked["messages"][0]["content"] == "picked ['one']"
        with pytest.raises(Refused, match="not on offer"):
            await page.select(alice, channel, board, "pick", ["two"])

        # No message content intent: the menu's target is legible all the same.
        message = await stage.say("ただの雑談")
        added = await page.menu(alice, channel, message, "Add as question")
        assert added["messages"][0]["content"] == "added ただの雑談"
        assert added["ephemeral"]


async def test_a_press_that_is_acknowledged_first_is_waited_for(stage: Stage) -> None:
    bot = Bot(discord.Intents.default())

    class Panel(discord.ui.View):
        @discord.ui.button(label="Change", custom_id="change")
        async def change(
            self, interaction: discord.Interaction, _button: discord.ui.Button[Panel]
        ) -> None:
            await interaction.response.defer()
            await asyncio.sleep(0.3)
            await interaction.edit_original_response(content="changed")

        @discord.ui.button(label="Tell", custom_id="tell")
        async def tell(
            self, interaction: discord.Interaction, _button: discord.ui.Button[Panel]
        ) -> None:
            await interaction.response.defer()
            await asyncio.sleep(0.3)
            await interaction.followup.send("told", ephemeral=True)

    async with stage.bot(bot=bot):
        page, alice, channel = stage.page, stage.alice, stage.channel
        board = str((await stage.channel_of(bot).send("board", view=Panel())).id)
        changed = await page.click(alice, channel, board, "change")
        told = await page.click(alice, channel, board, "tell")
        assert (changed["state"], changed["messages"][0]["content"]) == ("replied", "changed")
        assert (told["state"], told["messages"][-1]["content"]) == ("replied", "told")


async def test_an_interaction_nobody_answers_fails_after_three_seconds(stage: Stage) -> None:
    bot = Bot(discord.Intents.default())

    @bot.tree.command(description="…")
    async def silent(_interaction: discord.Interaction, word: str) -> None:
        return

    @silent.autocomplete("word")
    async def stuck(
        _interaction: discord.Interaction, _current: str
    ) -> list[app_commands.Choice[str]]:
        await asyncio.sleep(60)
        return []

    async with stage.bot(bot=bot):
        await bot.tree.sync()
        await stage.page.watch(stage.alice, stage.guild)
        started = asyncio.get_running_loop().time()
        record, choices = await asyncio.gather(
            stage.page.slash(stage.alice, stage.channel, "silent", word="x"),
            stage.page.autocomplete(stage.alice, stage.channel, "silent", "word", ""),
        )
        assert choices == []
        assert asyncio.get_running_loop().time() - started > 2.9
        assert (record["state"], bool(record["error"])) == ("failed", True)
        await stage.page.event("INTERACTION", lambda told: told["state"] == "failed")


async def test_who_is_not_answered_acts_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    states = ["failed", "failed", "replied", "failed"]
    asked: list[dict[str, Any]] = []

    async def do(_door: Door, _what: str, **arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return {"state": states.pop(0)}

    monkeypatch.setattr(Door, "do", do)
    door = Door.__new__(Door)
    assert (await door.answered("slash", within_s=60, name="setup"))["state"] == "replied"
    assert asked == [{"name": "setup", "wait": True}] * 3
    assert (await door.answered("slash", within_s=-1, name="setup"))["state"] == "failed"
    assert not states


async def test_files_are_fetched_by_both_and_go_with_their_message(stage: Stage) -> None:
    async with stage.bot() as bot, aiohttp.ClientSession() as browser:
        sent = await stage.page.send(
            stage.alice, stage.channel, files=[("図 1.png", PNG), ("x.svg", b"<svg/>")]
        )
        image, drawing = sent["attachments"]
        assert (image["width"], image["height"]) == (2, 3)
        message = await stage.channel_of(bot).fetch_message(int(sent["id"]))
        assert await message.attachments[0].read() == PNG
        async with browser.get(image["url"]) as response:
            assert (response.content_type, await response.read()) == ("image/png", PNG)
            assert "sandbox" in response.headers["Content-Security-Policy"]
        async with browser.get(drawing["url"]) as response:
            assert response.headers["Content-Disposition"] == "attachment"
        async with browser.get(image["url"].partition("?")[0]) as response:
            assert response.status == 404

        embed = discord.Embed().set_image(url="attachment://load.png")
        board = await stage.channel_of(bot).send(
            embed=embed, file=discord.File(io.BytesIO(PNG), "load.png")
        )
        assert board.attachments == []
        first = board.embeds[0].image.url
        assert first is not None
        assert first.startswith(stage.playground.cdn)
        newer = discord.Embed().set_image(url="attachment://load2.png")
        await board.edit(embed=newer, attachments=[discord.File(io.BytesIO(PNG), "load2.png")])
        async with browser.get(first) as response:
            assert response.status == 404
        async with browser.get(f"{stage.playground.cdn}/embed/avatars/2.png") as response:
            assert response.status == 200


async def test_history_after_a_message_starts_right_behind_it(stage: Stage) -> None:
    async with stage.bot() as bot:
        ids = [int(await stage.say(str(number))) for number in range(230)]
        channel = stage.channel_of(bot)
        missed = [m async for m in channel.history(after=discord.Object(ids[0]), limit=None)]
        assert [m.content for m in missed] == [str(number) for number in range(1, 230)]
        latest = [m async for m in channel.history(limit=2)]
        assert [m.content for m in latest] == ["229", "228"]
        around = [m.id async for m in channel.history(around=discord.Object(ids[9]), limit=3)]
        assert sorted(around) == ids[8:11]


async def test_all_who_reacted_are_listed_once(stage: Stage) -> None:
    async with stage.bot() as bot:
        message = await stage.say("Q. vote")
        people = [await stage.page.person(f"P{number}", stage.guild) for number in range(130)]
        for person in people:
            await stage.page.react(person, stage.channel, message, "👍")
        found = await stage.channel_of(bot).fetch_message(int(message))
        voters = [str(user.id) async for user in found.reactions[0].users()]
        assert sorted(voters) == sorted(people)


async def test_a_nonce_is_taken_once(stage: Stage) -> None:
    async with stage.bot() as bot:
        send = bot.http.send_message
        for _ in range(2):
            with discord.http.handle_message_parameters(content="once", nonce="n1") as params:
                assert params.payload is not None
                params.payload["enforce_nonce"] = True
                answer = await send(stage.channel, params=params)
            assert answer["nonce"] == "n1"
        found = await stage.page.history(stage.alice, stage.channel)
        assert [message["content"] for message in found] == ["once"]


async def test_direct_messages(stage: Stage) -> None:
    async with stage.bot() as bot:
        await stage.page.watch(stage.alice, stage.guild)
        user = await bot.fetch_user(int(stage.alice))
        await user.send("missed questions")
        told = await stage.page.event("MESSAGE_CREATE")
        assert "guild_id" not in told
        opened = await stage.page.event("CHANNEL_CREATE")
        assert (opened["type"], opened["id"]) == (1, told["channel_id"])
        await stage.page.send(stage.alice, opened["id"], "thanks")
        await until(lambda: bot.contents == ["thanks"])
        seen = await stage.page.watch(stage.alice, stage.guild)
        assert [channel["type"] for channel in seen["channels"]] == [0, 1]
        with pytest.raises(Refused) as refused:
            await stage.page.history(stage.bob, opened["id"])
        assert refused.value.code == 50001


async def test_a_token_that_ran_out(stage: Stage) -> None:
    bot = Bot(discord.Intents.default())
    kept: list[discord.Interaction] = []

    @bot.tree.command(description="…")
    async def later(interaction: discord.Interaction) -> None:
        kept.append(interaction)
        await interaction.response.defer()

    async with stage.bot(bot=bot):
        await bot.tree.sync()
        asked = await stage.page.slash(stage.alice, stage.channel, "later", wait=False)
        await until(lambda: kept)

        async def deferred() -> bool:
            return (await stage.page.interaction(asked["interaction"]))["state"] == "deferred"

        await until(deferred)
        record = stage.inside.door._world.interactions[int(asked["interaction"])]
        record.expires_at = record.initial_response_deadline = "2020-01-01T00:00:00+00:00"
        with pytest.raises(discord.HTTPException) as raised:
            await kept[0].edit_original_response(content="too late")
        assert (raised.value.status, raised.value.code) == (401, 50027)
        assert (await stage.page.interaction(asked["interaction"]))["state"] == "failed"
