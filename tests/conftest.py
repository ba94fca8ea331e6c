"""What every test may use."""

import os
import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHTS_OWN = "ms-playwright/chromium-*/chrome-linux*/chrome"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow tests out when FAST=1."""
    if os.environ.get("FAST") == "1":
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)


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
