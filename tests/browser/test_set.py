"""A talk's end through the page: one post with all of it, and its recording watched."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import PATIENCE, open_page
from tests.browser.test_player import video
from tests.browser.test_talk import answer

pytestmark = pytest.mark.slow

SPEAKER, NOTE_TAKER, ATTENDEE = "水野 亮", "Emma Clarke", "高橋 蓮"
NOTES = "# コンテナとVM\n\n・カーネルを共有する\n  ・名前空間\n・VMは自分のカーネルを持つ\n"


async def test_a_talk_becomes_one_post_and_its_recording_is_watched(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    film, notes = tmp_path / "talk.webm", tmp_path / "notes.md"
    film.write_bytes(await asyncio.to_thread(video))
    notes.write_text(NOTES, encoding="utf-8")
    view = await open_page(browser, address)
    await asyncio.sleep(2)

    await view.become(SPEAKER)
    await view.command("session start", title="コンテナとVM", slides="https://example.org/slides")
    consent = view("ephemeral").last
    await consent.get_by_role("button", name=re.compile("同意する")).click(timeout=PATIENCE)
    await view.become(ATTENDEE)
    await view.say("Q. カーネルは共有されますか？")
    asked = view.message("カーネルは共有").last
    await expect(asked.get_by_test_id("reaction-📝")).to_be_visible(timeout=PATIENCE)
    await view.become(SPEAKER)
    await view.command("next")
    await expect(view.message("回答中 #1").last).to_be_visible(timeout=PATIENCE)
    await view.become(NOTE_TAKER)
    await answer(view, "カーネルは共有", "A. はい、共有されます")
    reply = view.message("はい、共有されます").last
    await expect(reply.get_by_test_id("reaction-✅")).to_be_visible(timeout=PATIENCE)

    await view.become(SPEAKER)
    await view.command("session end")
    post = view.page.locator(".message").filter(
        has=view.page.get_by_role("button", name=re.compile("まとめてファイルで"))
    )
    await expect(post).to_have_count(1, timeout=PATIENCE)
    await expect(post).to_contain_text("カーネルは共有されますか")

    for name, file in (("notes post", notes), ("recording add", film)):
        await view("composer").fill(f"/{name} ")
        await view("command-option-file").set_input_files(file)
        await view("command-send").click()
        await asyncio.sleep(1)
    await expect(post).to_contain_text("録画", timeout=30_000)
    await expect(post).to_contain_text("ノート", timeout=30_000)
    await expect(post).to_have_count(1)
    await post.scroll_into_view_if_needed()
    await view.picture("set-ja")

    await view.become(ATTENDEE)
    await post.get_by_role("button", name=re.compile("視聴する")).click()
    link = view("ephemeral").last.get_by_role("link", name=re.compile("コンテナとVM"))
    there = await link.get_attribute("href", timeout=PATIENCE)
    assert there is not None
    watched = await view.page.context.new_page()
    await watched.goto(there)
    await watched.wait_for_function("() => document.getElementById('player').duration > 23")
    await watched.get_by_role("link", name=re.compile("カーネルは共有")).click()
    await watched.wait_for_function("() => document.getElementById('player').currentTime > 0.5")
    await watched.close()

    phone = await open_page(browser, address, phone=True)
    await phone.page.get_by_role("button", name=re.compile("まとめてファイルで")).last.wait_for()
    await phone.picture("set-phone")
    assert view.problems == []
