"""The page with a bot: commands, components, modals, and what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stage
from tests.browser.wire_bot import WireBot, wire_bot

pytestmark = pytest.mark.slow


@pytest.fixture
async def bot(stage: Stage) -> AsyncIterator[WireBot]:
    async with wire_bot(stage.playground, stage.world) as running:
        yield running


async def test_the_picker_finds_commands_by_either_name(stage: Stage, bot: WireBot) -> None:
    view = await stage.open()
    await view("composer").press_sequentially("/質")
    await expect(view("suggestions").get_by_role("option")).to_have_count(1)
    await expect(view("command-ask")).to_contain_text("/質問")
    await view("composer").fill("/as")
    await expect(view("command-ask")).to_be_visible()
    await view("composer").fill("/")
    await view("composer").press("ArrowDown")
    await view("composer").press("Tab")
    await expect(view("command-name")).to_have_text("/board")
    await view.page.keyboard.press("Escape")
    await view.become("Ken")
    await view("composer").fill("/as")
    await expect(view("command-ask")).to_contain_text("/ask")


async def test_options_of_every_kind(stage: Stage, bot: WireBot) -> None:
    view = await stage.open()
    await view("composer").fill("/image ")
    await expect(view("option-nginx")).to_be_visible()
    await view("command-send").click()
    await expect(view("command-option-name")).to_have_attribute("aria-invalid", "true")
    await view("command-option-name").press_sequentially("re")
    await expect(view("option-nginx")).to_have_count(0)
    await view("option-redis").click()
    await view("command-option-size").click()
    await expect(view("option-2")).to_have_text("大")
    await view("option-2").click()
    await view("command-option-copies").fill("9")
    await view("command-option-public").click()
    await view("option-true").click()
    await view("command-option-whom").click()
    await view(f"option-{stage.ken}").click()
    await view("command-option-file").set_input_files(
        {"name": "f.txt", "mimeType": "text/plain", "buffer": b"hi"}
    )
    await view("command-send").click()
    await expect(view("command-option-copies")).to_have_attribute("aria-invalid", "true")
    await view("command-option-copies").fill("３")
    await view.picture("command-form")
    await view("command-option-copies").press("Enter")
    await expect(view("ephemeral")).to_contain_text("redis 2 3 True Ken f.txt")
    assert view.problems == []


async def test_private_answers_are_their_receivers_alone(stage: Stage, bot: WireBot) -> None:
    mio, ken = await stage.open(), await stage.open()
    await ken.become("Ken")
    await mio.command("board")
    await ken("select-vote").click()
    await ken("listbox-search").fill("#12")
    await ken("option-12").click()
    await expect(ken("ephemeral")).to_contain_text("12 に投票")
    await expect(mio("container")).to_be_visible()
    await expect(mio("ephemeral")).to_have_count(0)
    await ken("dismiss").click()
    await expect(ken("ephemeral")).to_have_count(0)
    await ken.page.reload()
    await ken("container").wait_for()
    await expect(ken("ephemeral")).to_have_count(0)


async def test_a_button_keeps_the_focus_while_its_message_is_edited(
    stage: Stage, bot: WireBot
) -> None:
    view = await stage.open()
    await view.command("board")
    await view("button-next").focus()
    for number in (2, 3):
        await view.page.keyboard.press("Enter")
        await expect(view("container")).to_contain_text(f"質問 #{number}")
        await expect(view("button-next")).to_be_focused()


async def test_a_modal_is_checked_sent_and_answered(stage: Stage, bot: WireBot) -> None:
    view = await stage.open()
    await view.command("board")
    await view("button-ask").click()
    await expect(view("field-body")).to_be_focused()
    await view("field-body").fill("あ")
    await view("modal-submit").click()
    await expect(view("modal").locator(".field-problem").first).to_contain_text("2 文字以上")
    await view("field-body").fill("長" * 21)
    await view("modal-submit").click()
    await expect(view("modal").locator(".field-problem").first).to_contain_text("20 文字以内")
    await view("field-body").fill("なぜ速い？")
    await view("field-how-anonymous").check()
    await view("field-topics-guest").check()
    await view("field-whom").click()
    await view(f"option-{stage.ken}").click()
    await view("field-files").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hi"}
    )
    await view.picture("modal")
    await view("modal-submit").click()
    await expect(view("modal")).to_have_count(0)
    await expect(view("ephemeral")).to_contain_text(
        "受付: なぜ速い？ / anonymous / guest / Ken / a.txt"
    )

    await view("button-ask").click()
    await expect(view("modal")).to_be_visible()
    await view.page.keyboard.press("Escape")
    await expect(view("modal")).to_have_count(0)
    await expect(view("button-ask")).to_be_focused()


async def test_several_people_can_be_chosen(stage: Stage, bot: WireBot) -> None:
    view = await stage.open()
    await view.command("people")
    await view("select-people").click()
    await view(f"option-{stage.ken}").click()
    await view(f"option-{stage.yui}").click()
    await view("listbox-done").click()
    await view.message("Ken Yui").wait_for()


async def test_message_commands_are_under_apps(stage: Stage, bot: WireBot) -> None:
    await stage.world.send(stage.ken, stage.talk, "コンテナは速い？")
    view = await stage.open()
    await view.message("コンテナは速い").click(button="right")
    await view("menu-apps").click()
    await expect(view("menu-app-Add as question")).to_have_text("質問に追加")
    await view("menu-app-Add as question").click()
    await expect(view("ephemeral")).to_contain_text("質問に追加しました")
    await expect(view("reaction-📝")).to_have_attribute("aria-pressed", "false")


async def test_an_answer_on_its_way_and_one_that_never_comes(stage: Stage, bot: WireBot) -> None:
    view = await stage.open()
    await view.command("slow")
    await expect(view("thinking")).to_be_visible()
    bot.slow.set()
    await expect(view("ephemeral")).to_contain_text("できました")
    await expect(view("thinking")).to_have_count(0)

    await view.command("silent")
    await expect(view("command-failed")).to_contain_text("応答しませんでした")
    await view("command-failed").get_by_test_id("dismiss").click()
    await expect(view("command-failed")).to_have_count(0)

    await view.command("board")
    await view("button-later").click()
    await expect(view("ephemeral").last).to_contain_text("あとからの返事")
    await view("button-silent").click()
    await expect(view("button-silent")).to_have_attribute("aria-busy", "true")
    await expect(view("interaction-failed")).to_be_visible()
    await view("button-next").click()
    await expect(view("interaction-failed")).to_have_count(0)


async def test_a_bot_that_goes_away_is_shown_as_offline(stage: Stage) -> None:
    view = await stage.open()
    await expect(view("bot-state")).to_have_attribute("data-online", "false")
    async with wire_bot(stage.playground, stage.world):
        await expect(view("bot-state")).to_have_attribute("data-online", "true")
        await view("composer").fill("/bo")
        await view("command-board").wait_for()
        await view("composer").fill("")
    await expect(view("bot-state")).to_have_attribute("data-online", "false")
