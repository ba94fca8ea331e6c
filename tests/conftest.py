"""What every test may use."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine says nothing about a property: how long things take is for the benchmarks.
settings.register_profile("study-bot", deadline=None)
settings.load_profile("study-bot")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHTS_OWN = "ms-playwright/chromium-*/chrome-linux*/chrome"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow tests out when FAST=1; else begin with the files that take longest.

    Slow files mostly wait. Several run beside each other, and the quick ones, of which each
    process takes the next, fill the end.
    """
    slow = {item for item in items if item.get_closest_marker("slow")}
    if os.environ.get("FAST") == "1":
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=list(slow))
        return
    seconds: dict[Path, float] = dict.fromkeys((item.path for item in items), 0.0)
    for item in slow:
        limit = item.get_closest_marker("timeout")
        longest = float(limit.args[0]) if limit is not None and limit.args else 1.0
        seconds[item.path] = max(seconds[item.path], longest)
    items.sort(key=lambda item: -seconds[item.path])


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where a Chromium is that Playwright can drive (its `executable_path`).

    The same places in the same order as scripts/setup.sh, which installs one.
    """
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    found = found or next(map(str, (Path.home() / ".cache").glob(PLAYWRIGHTS_OWN)), None)
    if not found:
        pytest.skip(
            "no Chromium here: sudo apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji"
        )
    return found
