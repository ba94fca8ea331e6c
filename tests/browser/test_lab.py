"""The lab by hand, through the page of `study-bot playground`: at a desk and on a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.conftest import PATIENCE, PHONE, View, open_page, playing
from tests.end_to_end.lab import (
    FIRST_LINE,
    REPOSITORY,
    lab_file,
    require_no_set_up,
    slow_line,
)

pytestmark = pytest.mark.slow

SPEAKER, MODERATOR, ENGLISH = "水野 亮", "佐伯 真帆", "Lucas Meyer"
LAUNCH = 30_000
# Until probe containers have shown that attendees may be let in.
PROOF_S = 45


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image that takes some seconds to pull."""
    with slow_line(tmp_path_factory.mktemp("registry"), "web") as (offered,):
        yield offered


@pytest.fixture
async def address(slow: str, tmp_path: Path) -> AsyncIterator[str]:
    """The page, with this machine's lab."""
    file = lab_file(tmp_path, allow=[f"{slow.partition('/')[0]}/{REPOSITORY}/*"])
    async with playing(STUDY_BOT_LAB=str(file)) as page:
        yield page


def card_of(view: View, name: str) -> Locator:
    """Find the card of a container by its name."""
    return view.page.locator(".message").filter(
        has=view.page.get_by_test_id("container").filter(has_text=f"{name} — ")
    )


async def until_proven(view: View) -> None:
    """Wait until attendees may use the lab, or skip: this machine wasn't set up for it."""
    for _ in range(PROOF_S // 3):
        await view.command("lab status")
        said = await view("ephemeral").last.inner_text()
        if "🟢" in said:
            return
        await asyncio.sleep(3)
    require_no_set_up(said)
    pytest.skip(f"this machine's lab isn't proven: {said}")


async def test_a_speaker_shows_containers(browser: Browser, address: str, slow: str) -> None:
    view = await open_page(browser, address)
    await asyncio.sleep(2)
    await view.become(SPEAKER)
    await view.command("session start", title="コンテナとVM")
    await expect(view.message("コンテナとVM").last).to_be_visible(timeout=PATIENCE)

    await view.command("image search", term="nginx")
    await expect(view("ephemeral").last).to_contain_text("nginx", timeout=PATIENCE)
    await view.picture("lab-search-ja")

    await view.command("container run", image="nginx", name="web-1", ports="80:80")
    card = card_of(view, "web-1").last
    await expect(card).to_contain_text("🟢", timeout=LAUNCH)
    await expect(card).to_contain_text("%", timeout=PATIENCE)
    await view.picture("lab-card-ja")
    link = card.locator('a[href^="http://"]').first
    async with view.page.context.expect_page() as opened:
        await link.click()
    tab = await opened.value
    await expect(tab.get_by_role("heading", name="nginx")).to_be_visible()
    await tab.screenshot(path=view.place("lab-page-of-the-container"))
    await tab.close()

    # An image that isn't there: its bar moves.
    await view.command("container run", image=slow, name="pulled", ports="80")
    pulled = card_of(view, "pulled").last
    await expect(pulled).to_contain_text("▰", timeout=LAUNCH)
    await view.picture("lab-pulling-ja")
    await expect(pulled).to_contain_text("🟢", timeout=LAUNCH)

    await pulled.get_by_role("button", name="ログ").click()
    await expect(view("ephemeral").last).to_contain_text(FIRST_LINE, timeout=PATIENCE)
    await view.command("container exec", name="web-1", command="sh -c 'echo $((6*7))'")
    await expect(view("ephemeral").last).to_contain_text("42", timeout=PATIENCE)
    await view.command("container top", name="web-1")
    await expect(view("ephemeral").last).to_contain_text("nginx: master", timeout=PATIENCE)
    await view.picture("lab-top-ja")

    # Somebody else may look at the card, not press it.
    await view.become(ENGLISH)
    await card.get_by_role("button", name="停止").click()
    await expect(view("ephemeral").last).to_contain_text("somebody else", timeout=PATIENCE)
    await view.picture("lab-refusal-en")

    await view.become(SPEAKER)
    await card.get_by_role("button", name="削除").click()
    await expect(card).to_contain_text("⚫", timeout=LAUNCH)
    await expect(card.get_by_role("button")).to_have_count(0)
    await view.command("container list")
    await expect(view("ephemeral").last).to_contain_text("pulled", timeout=PATIENCE)
    await expect(view("ephemeral").last).not_to_contain_text("web-1")
    await view.picture("lab-removed-ja")
    board = view.page.locator('.message:has([data-testid="container"])').first
    await expect(board).to_contain_text("起動 1・待ち 0", timeout=PATIENCE)
    assert view.problems == []


async def test_an_attendee_has_one_on_a_phone(browser: Browser, address: str) -> None:
    view = await open_page(browser, address, phone=True)
    await asyncio.sleep(2)
    await view.command("session start", title="スマートフォンから")
    await expect(view.message("スマートフォンから").last).to_be_visible(timeout=PATIENCE)
    await until_proven(view)

    await view("top-person").tap()
    await view(f"person-card-{ENGLISH}").tap()
    await view.command("container run", image="hello")
    card = view("ephemeral").filter(has=view.page.get_by_test_id("container")).last
    await expect(card).to_contain_text("running", timeout=LAUNCH)
    await expect(card).to_contain_text("%", timeout=PATIENCE)
    width = await view.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["viewport"]["width"]
    box = await card.get_by_test_id("container").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["viewport"]["width"]
    await view.picture("lab-card-phone-en")
    left = card.locator("time").first
    before = await left.get_attribute("datetime")
    await card.get_by_role("button", name="Extend").tap()
    await expect(left).not_to_have_attribute("datetime", before or "", timeout=PATIENCE)

    await view.command("lab mine")
    mine = view("ephemeral").last
    await expect(mine).to_contain_text("running", timeout=PATIENCE)
    await view.picture("lab-mine-phone-en")
    await mine.get_by_role("button", name="Remove").tap()
    await expect(mine).to_contain_text("it was removed", timeout=LAUNCH)
    await view.picture("lab-removed-phone-en")
    assert view.problems == []
