"""A whole small talk through the page: what `make run` gives, used by hand, by every role."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import PATIENCE, PHONE, View, open_page

pytestmark = pytest.mark.slow

SPEAKER, NOTE_TAKER = "水野 亮", "Emma Clarke"
FIRST, SECOND = "高橋 蓮", "Lucas Meyer"


async def answer(view: View, question: str, text: str) -> None:
    """Reply to a question's message."""
    message = view.message(question).last
    await message.hover()
    await message.get_by_test_id("message-reply").click()
    await view.say(text)


async def test_a_whole_talk(browser: Browser, address: str) -> None:
    view = await open_page(browser, address)
    # The server sets its roles up with /setup once the bot is there.
    await asyncio.sleep(2)

    await view.become(SPEAKER)
    await view.command("session start", title="コンテナとVM", slides="https://example.org/slides")
    board = view.page.locator('.message:has([data-testid="container"])').last
    await expect(board).to_contain_text("コンテナとVM", timeout=PATIENCE)

    await view.become(FIRST)
    await view.say("質問はQ.を付けてね")
    await view.say("Q. コンテナの中で top を打つと何が見えますか？")
    first = view.message("コンテナの中で top").last
    await expect(first.get_by_test_id("reaction-📝")).to_be_visible(timeout=PATIENCE)

    await view.become(SECOND)
    await view.say("Q.Does every container bring its own kernel?")
    second = view.message("Does every container").last
    await expect(second.get_by_test_id("reaction-📝")).to_be_visible(timeout=PATIENCE)
    await view.message("コンテナの中で top").last.get_by_test_id("reaction-📝").click()
    await expect(board).to_contain_text("▲1", timeout=PATIENCE)
    await expect(board).to_contain_text("未回答 2")
    # The person's own language on the page, the server's on the board.
    await expect(view("composer")).to_have_attribute("placeholder", re.compile("Message"))
    await view.picture("talk-questions-en")

    await view.become(FIRST)
    await view.say("Q.")
    empty = view.page.locator(".message").filter(has=view.page.get_by_test_id("reaction-✏️"))
    await expect(empty).to_have_count(1, timeout=PATIENCE)

    await view.become(SECOND)
    await board.get_by_role("button", name="次の質問へ").click()
    refused = view("ephemeral").last
    await expect(refused).to_contain_text("Only the speaker", timeout=PATIENCE)

    await view.become(SPEAKER)
    await board.get_by_role("button", name="次の質問へ").click()
    await expect(board).to_contain_text("回答中 #1", timeout=PATIENCE)
    await view.picture("talk-board-ja")

    await view.become(NOTE_TAKER)
    await answer(view, "コンテナの中で top", "A. ホスト全体\n- 名前空間\n  - /proc は別")
    reply = view.message("/proc は別").last
    await expect(reply.get_by_test_id("reaction-✅")).to_be_visible(timeout=PATIENCE)
    await expect(board).to_contain_text("回答済み 1", timeout=PATIENCE)

    await view.become(SPEAKER)
    await board.get_by_role("button", name="次の質問へ").click()
    await expect(board).to_contain_text("回答中 #2", timeout=PATIENCE)
    await board.get_by_role("button", name="聞き逃した").click()
    await expect(board).to_contain_text("聞き逃した 1", timeout=PATIENCE)

    await view.command("export")
    exported = view("ephemeral").last
    await expect(exported.get_by_test_id("attachments")).to_be_visible(timeout=PATIENCE)
    link = exported.get_by_test_id("attachments").locator("a").first
    href = await link.get_attribute("href")
    text = await view.page.evaluate("async url => (await fetch(url)).text()", href)
    assert "Q. コンテナの中で top を打つと何が見えますか？" in text
    assert "/proc は別" in text
    assert "(聞き逃した)" in text

    await view.command("session end")
    # The set of all that came of it stands below the board now.
    ended = view.message("この勉強会は終了しました").last
    await expect(ended).to_be_visible(timeout=PATIENCE)
    thread = view.page.locator('[data-testid^="channel-質問の続き"]').first
    await thread.click()
    await expect(view.page.locator(".message").last).to_contain_text("コンテナとVM")
    await view.picture("talk-follow-up-ja")
    assert view.problems == []


async def test_the_board_on_a_phone(browser: Browser, address: str) -> None:
    view = await open_page(browser, address, phone=True)
    await asyncio.sleep(2)
    await view.command("session start", title="スマートフォンから")
    board = view.page.locator('.message:has([data-testid="container"])').last
    await expect(board).to_contain_text("スマートフォンから", timeout=PATIENCE)
    width = await view.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["viewport"]["width"]
    await board.get_by_role("button", name="質問する").click()
    await expect(view("modal")).to_be_visible(timeout=PATIENCE)
    await view.picture("talk-ask-phone-ja")
    assert view.problems == []
