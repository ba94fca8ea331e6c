"""A small bot that shows everything a page must be able to answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import discord
from discord import app_commands, ui

from tests.end_to_end.driver import Page, Playground
from tests.patience import LONG_SECONDS

Interaction = discord.Interaction[Any]
IMAGES = ("nginx", "redis", "postgres")


def both(english: str, japanese: str) -> app_commands.locale_str:
    return app_commands.locale_str(english, ja=japanese)


class Japanese(app_commands.Translator):
    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: Any
    ) -> str | None:
        return string.extras.get("ja") if locale is discord.Locale.japanese else None


class Form(ui.Modal, title="質問する"):
    body: ui.Label[Any] = ui.Label(
        text="質問", component=ui.TextInput(custom_id="body", min_length=2, max_length=20)
    )
    how: ui.Label[Any] = ui.Label(
        text="見せ方",
        component=ui.RadioGroup(
            custom_id="how",
            options=[
                discord.RadioGroupOption(label="名前を出す", value="named", default=True),
                discord.RadioGroupOption(label="匿名", value="anonymous"),
            ],
        ),
    )
    topics: ui.Label[Any] = ui.Label(
        text="話題",
        component=ui.CheckboxGroup(
            custom_id="topics",
            required=False,
            min_values=0,
            options=[
                discord.CheckboxGroupOption(label="コンテナ", value="container"),
                discord.CheckboxGroupOption(label="仮想マシン", value="guest"),
            ],
        ),
    )
    whom: ui.Label[Any] = ui.Label(
        text="宛先", component=ui.UserSelect(custom_id="whom", required=False)
    )
    files: ui.Label[Any] = ui.Label(
        text="添付", component=ui.FileUpload(custom_id="files", required=False, max_values=2)
    )

    async def on_submit(self, interaction: Interaction) -> None:
        given = [
            self.body.component.value,
            self.how.component.value,
            *self.topics.component.values,
            *(user.display_name for user in self.whom.component.values),
            *(file.filename for file in self.files.component.values),
        ]
        await interaction.response.send_message("受付: " + " / ".join(given), ephemeral=True)


class Board(ui.LayoutView):
    """Current question, a vote, and buttons of every temper."""

    def __init__(self, number: int = 1) -> None:
        super().__init__(timeout=None)
        self.number = number
        buttons: ui.ActionRow[Any] = ui.ActionRow()
        for label, custom_id, callback in (
            ("次の質問へ", "next", self.next),
            ("質問する", "ask", self.ask),
            ("あとで", "later", self.later),
            ("黙る", "silent", self.silent),
        ):
            button: ui.Button[Any] = ui.Button(label=label, custom_id=custom_id)
            button.callback = callback
            buttons.add_item(button)
        self.vote: ui.Select[Any] = ui.Select(
            custom_id="vote",
            placeholder="▲ 気になる",
            options=[discord.SelectOption(label=f"#{n}", value=str(n)) for n in range(1, 13)],
        )
        self.vote.callback = self.voted
        self.add_item(
            ui.Container(
                ui.TextDisplay(f"## 質問 #{number}"),
                ui.Separator(),
                ui.ActionRow(self.vote),
                buttons,
                accent_colour=discord.Colour(0x5B7CFA),
            )
        )

    async def next(self, interaction: Interaction) -> None:
        await interaction.response.edit_message(view=Board(self.number + 1))

    async def ask(self, interaction: Interaction) -> None:
        await interaction.response.send_modal(Form())

    async def later(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        await interaction.followup.send("あとからの返事", ephemeral=True)

    async def silent(self, interaction: Interaction) -> None: ...

    async def voted(self, interaction: Interaction) -> None:
        await interaction.response.send_message(f"{self.vote.values[0]} に投票", ephemeral=True)


class People(ui.View):
    @ui.select(cls=ui.UserSelect, custom_id="people", max_values=3)
    async def chosen(self, interaction: Interaction, select: ui.UserSelect[Any]) -> None:
        await interaction.response.send_message(
            " ".join(sorted(user.display_name for user in select.values))
        )


class WireBot(discord.Client):
    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.all())
        self.tree = app_commands.CommandTree(self)
        self.slow = asyncio.Event()
        """Set to let /slow answer."""
        add_commands(self)

    async def setup_hook(self) -> None:
        await self.tree.set_translator(Japanese())
        await self.tree.sync()


def add_commands(bot: WireBot) -> None:
    tree = bot.tree

    @tree.command(name="board", description=both("Post the board", "ボードを出します"))
    async def board(interaction: Interaction) -> None:
        await interaction.response.send_message(view=Board())

    @tree.command(name="people", description=both("Choose people", "人を選びます"))
    async def people(interaction: Interaction) -> None:
        await interaction.response.send_message("誰？", view=People(timeout=None))

    @tree.command(name=both("ask", "質問"), description=both("Ask", "質問を書きます"))
    async def ask(interaction: Interaction) -> None:
        await interaction.response.send_modal(Form())

    @tree.command(name="slow", description=both("Slow", "ゆっくり"))
    async def slow(interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await bot.slow.wait()
        await interaction.followup.send("できました")

    @tree.command(name="silent", description=both("Silent", "黙ります"))
    async def silent(interaction: Interaction) -> None: ...

    @tree.command(name="image", description=both("Pull an image", "取得します"))
    @app_commands.choices(
        size=[
            app_commands.Choice(name=both("small", "小"), value=1),
            app_commands.Choice(name=both("large", "大"), value=2),
        ]
    )
    async def image(
        interaction: Interaction,
        name: str,
        size: int | None = None,
        copies: app_commands.Range[int, 1, 5] = 1,
        public: bool = False,
        whom: discord.Member | None = None,
        file: discord.Attachment | None = None,
    ) -> None:
        whose = whom.display_name if whom else None
        await interaction.response.send_message(
            f"{name} {size} {copies} {public} {whose} {file and file.filename}", ephemeral=True
        )

    @image.autocomplete("name")
    async def names(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in IMAGES if typed in name]

    @tree.context_menu(name=both("Add as question", "質問に追加"))
    async def add(interaction: Interaction, message: discord.Message) -> None:
        await message.add_reaction("📝")
        await interaction.response.send_message("質問に追加しました。", ephemeral=True)


@asynccontextmanager
async def wire_bot(playground: Playground, world: Page) -> AsyncIterator[WireBot]:
    """Run the bot against a playground for the length of the block."""
    bot = WireBot()
    with playground.redirected():
        running = asyncio.create_task(bot.start(playground.bot_token))
        try:
            await world.bot_online()
            await asyncio.wait_for(bot.wait_until_ready(), LONG_SECONDS)
            yield bot
        finally:
            await bot.close()
            with suppress(asyncio.CancelledError):
                await running
