"""The page on a phone: nothing hangs on hovering or on width."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stage, View

pytestmark = pytest.mark.slow


async def width_beyond_the_screen(view: View) -> int:
    return await view.page.evaluate("document.documentElement.scrollWidth - innerWidth")


async def test_channels_and_people_are_a_tap_away(stage: Stage) -> None:
    await stage.world.channel(stage.guild, "lounge")
    view = await stage.open(phone=True)
    await expect(view("channel-lounge")).not_to_be_in_viewport()
    await view("open-drawer").tap()
    await view("channel-lounge").tap()
    await expect(view("channel-title")).to_have_text("lounge")
    await expect(view("channel-lounge")).not_to_be_in_viewport()
    await view("top-person").tap()
    await view("person-card-Ken").tap()
    await expect(view("composer")).to_have_attribute("placeholder", "Message #lounge")
    await view("composer").fill("とても長い" * 40 + "https://example.com/" + "x" * 200)
    await view("composer-send").tap()
    await view.message("とても長い").wait_for()
    assert await width_beyond_the_screen(view) <= 0
    await view.picture("phone")


async def test_a_long_press_opens_the_menu(stage: Stage) -> None:
    view = await stage.open(phone=True)
    await stage.world.send(stage.ken, stage.talk, "長押ししてください")
    box = await view.message("長押し").get_by_test_id("message-content").bounding_box()
    assert box is not None
    finger = await view.page.context.new_cdp_session(view.page)
    point = {"x": box["x"] + 20, "y": box["y"] + 10}
    await finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    await expect(view("message-menu")).to_be_visible()
    await finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await expect(view("message-menu")).to_be_visible()
    await view("menu-react").tap()
    await view("emoji-📝").tap()
    await expect(view("reaction-📝")).to_have_attribute("aria-pressed", "true")


async def test_the_menu_also_has_a_button(stage: Stage) -> None:
    view = await stage.open(phone=True)
    await view.say("自分の発言")
    await view.message("自分の発言").get_by_test_id("message-more").tap()
    await view("menu-edit").tap()
    await view("composer").fill("直した発言")
    await view("composer-send").tap()
    await expect(view.message("直した発言").get_by_test_id("edited")).to_be_visible()
