"""The page as a chat: what people write, see, change and find again."""

from __future__ import annotations

import pytest
from playwright.async_api import WebSocketRoute, expect

from tests.browser.conftest import Stage

pytestmark = pytest.mark.slow

ENOUGH_TO_SCROLL = 130


async def test_a_message_arrives_on_another_page_without_reload(stage: Stage) -> None:
    mio, ken = await stage.open(), await stage.open()
    await ken.become("Ken")
    await mio.say("こんばんは **太字** <b>not bold</b>")

    arrived = ken.message("こんばんは")
    await expect(arrived.locator("strong")).to_have_text("太字")
    await expect(arrived).to_contain_text("<b>not bold</b>")
    await expect(arrived.locator("b")).to_have_count(0)

    await mio("composer").press("ArrowUp")
    await mio.say("こんばんは、直しました")
    await expect(ken.message("直しました").get_by_test_id("edited")).to_be_visible()

    await ken.message("直しました").hover()
    await ken.message("直しました").get_by_test_id("message-reply").click()
    await ken.say("A. Fine")
    await expect(mio.message("A. Fine").get_by_test_id("reply-line")).to_contain_text("直しました")

    await mio.message("こんばんは").first.click(button="right")
    await mio("menu-delete").click()
    await mio("dialog-confirm").click()
    await expect(ken.message("A. Fine")).to_contain_text("original message was deleted")
    assert mio.problems == ken.problems == []


async def test_discord_markdown(stage: Stage) -> None:
    view = await stage.open()
    await stage.world.send(
        stage.ken,
        stage.talk,
        "# 見出し\n-# 小さく\n> 引用\n- a\n  - b\n1. c\n`code` ||秘密|| ~~no~~ __u__ *i*\n"
        f"<@{stage.mio}> <#{stage.talk}> <t:0:D> https://example.com/x_(y). "
        "[text](https://example.com/)\n```py\nprint(1)\n```",
    )
    body = view.message("見出し").get_by_test_id("message-content")
    await expect(body.locator(".heading-1")).to_have_text("見出し")
    await expect(body.locator(".small-text")).to_have_text("小さく")
    await expect(body.locator("blockquote")).to_have_text("引用")
    await expect(body.locator("ul ul li")).to_have_text("b")
    await expect(body.locator("ol li")).to_have_text("c")
    await expect(body.locator("pre")).to_have_text("print(1)")
    await expect(body.locator(".mention").first).to_have_text("@Mio")
    await expect(body.locator("time")).to_contain_text("1970")
    links = [await link.get_attribute("href") for link in await body.locator("a").all()]
    assert links == ["https://example.com/x_(y)", "https://example.com/"]

    secret = body.locator(".spoiler span")
    await expect(secret).to_be_hidden()
    await body.locator(".spoiler").press("Enter")
    await expect(secret).to_be_visible()


async def test_mentions_are_typed_as_names(stage: Stage) -> None:
    view = await stage.open()
    await view("composer").press_sequentially("@Ke")
    await view("mention-Ken").wait_for()
    await view("composer").press("Enter")
    await expect(view("composer")).to_have_value("@Ken ")
    await view("composer").press_sequentially("どうですか #talk")
    await view("composer").press("Escape")
    await view("composer").press("Enter")
    await view.message("どうですか").wait_for()
    (sent,) = await stage.world.history(stage.mio, stage.talk)
    assert sent["content"] == f"<@{stage.ken}> どうですか <#{stage.talk}>"


async def test_enter_takes_an_input_methods_suggestion_and_sends_nothing(stage: Stage) -> None:
    view = await stage.open()
    await view("composer").focus()
    keyboard = await view.page.context.new_cdp_session(view.page)
    await keyboard.send(
        "Input.imeSetComposition", {"text": "しつもん", "selectionStart": 4, "selectionEnd": 4}
    )
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await keyboard.send("Input.insertText", {"text": "質問"})
    await expect(view("composer")).to_have_value("質問")
    assert await stage.world.history(stage.mio, stage.talk) == []
    await view("composer").press("Shift+Enter")
    await expect(view("composer")).to_have_value("質問\n")
    await view("composer").press("Enter")
    await view.message("質問").wait_for()


async def test_switching_people_keeps_the_channel_and_each_ones_draft(stage: Stage) -> None:
    staff = await stage.world.channel(stage.guild, "staff")
    await stage.world.overwrite(staff, stage.guild, deny=["VIEW_CHANNEL"])
    await stage.world.overwrite(staff, stage.yui, allow=["VIEW_CHANNEL"])
    await stage.world.channel(stage.guild, "lounge")
    view = await stage.open()
    await view("channel-lounge").click()
    await view("composer").fill("Mio の下書き")
    await view.become("Ken")
    await expect(view("channel-title")).to_have_text("lounge")
    await expect(view("composer")).to_have_value("")
    await expect(view("composer")).to_have_attribute("placeholder", "Message #lounge")
    await view.become("Mio")
    await expect(view("composer")).to_have_value("Mio の下書き")

    await view.become("Yui")
    await view("channel-staff").click()
    await view.become("Ken")
    await expect(view("channel-title")).not_to_have_text("staff")
    await expect(view("channel-staff")).to_have_count(0)


async def test_reactions_toggle_and_are_ones_own(stage: Stage) -> None:
    view = await stage.open()
    sent = await stage.world.send(stage.ken, stage.talk, "Q. なぜ？")
    await stage.world.react(stage.yui, stage.talk, sent["id"], "👍")
    thumb = view.message("なぜ").get_by_test_id("reaction-👍")
    await expect(thumb).to_have_attribute("aria-pressed", "false")
    await thumb.click()
    await expect(thumb).to_have_attribute("aria-pressed", "true")
    await expect(thumb).to_contain_text("2")
    await view.become("Yui")
    await thumb.click()
    await expect(thumb).to_contain_text("1")
    await expect(thumb).to_have_attribute("aria-pressed", "false")

    await view("reaction-add").click()
    await view("emoji-input").fill("🦀")
    await view("emoji-input").press("Enter")
    await expect(view("reaction-🦀")).to_have_attribute("aria-pressed", "true")


async def test_older_messages_load_on_the_way_up_and_new_ones_wait_below(stage: Stage) -> None:
    for number in range(ENOUGH_TO_SCROLL):
        await stage.world.send(stage.ken, stage.talk, f"発言 {number} です")
    view = await stage.open()
    newest = view.message(f"発言 {ENOUGH_TO_SCROLL - 1} です")
    await expect(newest).to_be_in_viewport()
    assert await view("message").count() < ENOUGH_TO_SCROLL

    await view("timeline").hover()
    for _ in range(40):
        await view.page.mouse.wheel(0, -2500)
        await view.page.wait_for_timeout(50)
        if await view.message("発言 0 です").count():
            break
    await expect(view.message("発言 0 です")).to_be_attached()
    await expect(view("message")).to_have_count(ENOUGH_TO_SCROLL)

    await view.page.mouse.wheel(0, -100_000)
    await stage.world.send(stage.ken, stage.talk, "いま来たところ")
    await expect(view("new-messages")).to_contain_text("1")
    await expect(view.message("いま来た")).not_to_be_in_viewport()
    await view("new-messages").click()
    await expect(view.message("いま来た")).to_be_in_viewport()
    await expect(view("new-messages")).to_be_hidden()


async def test_pins_jump_to_their_message(stage: Stage) -> None:
    view = await stage.open()
    await stage.world.send(stage.ken, stage.talk, "大事なお知らせ")
    await view.become("Yui")
    await view.message("大事なお知らせ").click(button="right")
    await view("menu-pin").click()
    await expect(view.page.locator(".system")).to_contain_text("Yui")
    await view("pins").click()
    await expect(view("pin")).to_contain_text("大事なお知らせ")
    await view("pin-jump").click()
    await expect(view.message("大事なお知らせ").first).to_be_focused()

    await view.become("Mio")
    await view.message("大事なお知らせ").first.click(button="right")
    await expect(view("menu-reply")).to_be_visible()
    await expect(view("menu-pin")).to_have_count(0)


async def test_files_go_up_and_are_shown(stage: Stage) -> None:
    view = await stage.open()
    picture = await view.page.screenshot()
    await view("composer-files").set_input_files(
        [
            {"name": "画面.png", "mimeType": "image/png", "buffer": picture},
            {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"# Notes"},
        ]
    )
    await view.say("資料です")
    shown = view.message("資料です")
    await expect(shown.get_by_test_id("file-notes.md")).to_be_visible()
    image = shown.locator("button.picture img")
    await expect(image).to_be_visible()
    await expect(image).to_have_js_property("naturalWidth", 1280)
    await image.click()
    await expect(view("picture")).to_be_visible()
    await view.page.keyboard.press("Escape")
    await expect(view("picture")).to_have_count(0)


async def test_a_refusal_is_said_in_the_persons_language(stage: Stage) -> None:
    await stage.world.send(stage.yui, stage.talk, "見るだけ")
    await stage.world.overwrite(stage.talk, stage.guild, deny=["ADD_REACTIONS"])
    view = await stage.open()
    for name, words in (("Mio", "権限"), ("Ken", "permission")):
        await view.become(name)
        await view.message("見るだけ").hover()
        await view.message("見るだけ").get_by_role("button", name="👍").click()
        await expect(view("toast").last).to_contain_text(words)


async def test_writing_is_closed_where_one_may_not(stage: Stage) -> None:
    view = await stage.open()
    await expect(view("composer")).to_be_enabled()
    await stage.world.overwrite(stage.talk, stage.guild, deny=["SEND_MESSAGES"])
    await expect(view("composer")).to_be_disabled()
    await stage.world.overwrite(stage.talk, stage.guild, allow=["SEND_MESSAGES"])
    await expect(view("composer")).to_be_enabled()
    await stage.world.timeout(stage.guild, stage.mio, 600)
    await expect(view("composer")).to_be_disabled()


async def test_private_threads_show_to_those_who_may_see_them(stage: Stage) -> None:
    await stage.world.thread(stage.talk, "staff-room", private=True, owner=stage.yui)
    view = await stage.open()
    await expect(view("channel-talk")).to_be_visible()
    await expect(view("channel-staff-room")).to_have_count(0)
    await view.become("Yui")
    await view("channel-staff-room").click()
    await view.say("内緒の話")
    await view.message("内緒の話").wait_for()
    await view("parent-channel").click()
    await expect(view("channel-title")).to_have_text("talk")
    await stage.world.delete_channel(stage.talk)
    await expect(view("channel-staff-room")).to_have_count(0)


async def test_what_is_said_elsewhere_marks_its_channel(stage: Stage) -> None:
    lounge = await stage.world.channel(stage.guild, "lounge")
    view = await stage.open()
    await expect(view("channel-talk")).to_have_attribute("aria-current", "page")
    await stage.world.send(stage.ken, lounge, f"<@{stage.mio}> こちらへ")
    await expect(view("channel-lounge").locator(".badge")).to_have_text("1")
    await view("channel-lounge").click()
    await expect(view("channel-lounge").locator(".badge")).to_have_count(0)


async def test_the_page_reconnects_by_itself_and_catches_up(stage: Stage) -> None:
    view = await stage.open()
    lines: list[WebSocketRoute] = []

    def pass_on(line: WebSocketRoute) -> None:
        lines.append(line)
        line.connect_to_server()

    await view.page.route_web_socket("**/ws", pass_on)
    await view.page.reload()
    await view("channel-title").wait_for()
    await view("composer").fill("書きかけ")
    await lines[-1].close(code=1012)
    await expect(view("banner")).to_be_visible()
    await stage.world.send(stage.ken, stage.talk, "いない間に")
    await view.message("いない間に").wait_for()
    await expect(view("banner")).to_be_hidden()
    await expect(view("composer")).to_have_value("書きかけ")


async def test_everything_can_be_reached_by_keyboard(stage: Stage) -> None:
    await stage.world.send(stage.ken, stage.talk, "ひとつめ")
    view = await stage.open()
    await view.say("ふたつめ")
    await view.message("ふたつめ").focus()
    await view.page.keyboard.press("ArrowUp")
    await expect(view.message("ひとつめ")).to_be_focused()
    await view.page.keyboard.press("Enter")
    await expect(view("menu-react")).to_be_focused()
    await view.page.keyboard.press("Enter")
    await view.page.keyboard.press("Tab")
    await view.page.keyboard.press("Enter")
    await expect(view("reaction-📝")).to_be_visible()
    await view.page.keyboard.press("Enter")
    await expect(view("message-menu")).to_be_visible()
    await view.page.keyboard.press("Escape")
    await expect(view("message-menu")).to_have_count(0)


async def test_nothing_is_loaded_from_elsewhere(stage: Stage) -> None:
    view = await stage.open()
    await stage.world.send(
        stage.ken, stage.talk, "![x](https://example.com/x.png) https://example.com"
    )
    await view.message("example.com").wait_for()
    await view("theme").click()
    assert view.hosts <= {"/".join(stage.playground.page.split("/")[:3])}
    assert view.problems == []
