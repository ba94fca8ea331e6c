"""A recording by hand: agreed to, added, seen on its post, watched in another tab."""

from __future__ import annotations

import io
import re
import wave
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import PATIENCE, View, open_page

pytestmark = pytest.mark.slow

SPEAKER, ENGLISH = "水野 亮", "Lucas Meyer"


def sound(folder: Path) -> Path:
    """Write a minute of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(1)
        written.setframerate(8000)
        written.writeframes(bytes([128]) * 8000 * 60)
    path = folder / "talk.wav"
    path.write_bytes(file.getvalue())
    return path


async def add(view: View, path: Path) -> None:
    """Run /recording add with an attachment."""
    await view("composer").fill("/recording add ")
    await view("command-option-file").set_input_files(path)
    await view("command-send").click()


async def test_a_recording_is_agreed_to_added_and_watched(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    view = await open_page(browser, address)
    await view.become(SPEAKER)
    await view.command("session start", title="仮想マシン入門")
    asked = view("ephemeral").last
    await expect(asked).to_contain_text("録画し", timeout=PATIENCE)
    await view.picture("recording-consent-ja")
    await asked.get_by_role("button", name="同意する（7日間）").click()
    notice = view.message("この勉強会は録画し、7日後に削除します。通話での発言も録音されます。")
    await expect(notice.last).to_be_visible(timeout=PATIENCE)

    await view.become(ENGLISH)
    await view.say("Q. What is the difference between a guest and a container?")
    await view.become(SPEAKER)
    await view.command("next")
    await add(view, sound(tmp_path))
    post = view.message("に削除します").filter(has_text="🎬").last
    await expect(post).to_contain_text("guest and a container", timeout=PATIENCE)
    await view.picture("recording-post-ja")

    await view.become(ENGLISH)
    await post.get_by_role("button", name="視聴する").click()
    handed = view("ephemeral").last
    await expect(handed).to_contain_text("for you alone", timeout=PATIENCE)
    await view.picture("recording-watch-en")
    async with view.page.context.expect_page() as opened:
        await handed.get_by_role("link", name=re.compile("Watch")).click()
    tab = await opened.value
    await expect(tab.locator("#player")).to_be_visible(timeout=PATIENCE)
    await expect(tab.get_by_text("guest and a container")).to_be_visible()
    await tab.screenshot(path=view.place("recording-player-en"), full_page=True)
    await tab.close()
    assert not view.problems
