"""The documentation says what the code does."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.settings import Settings
from cogs.permissions import PERMISSIONS
from playground.world import BOT_PERMISSIONS
from scripts import generate_docs

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.ja.md")


def test_generated_pages_are_up_to_date() -> None:
    """`make docs` writes them; this fails when a command or a setting changed since."""
    stale = [
        str(path.relative_to(ROOT))
        for path, content in generate_docs.documents().items()
        if path.read_text(encoding="utf-8") != content
    ]
    assert stale == []


@pytest.mark.parametrize("name", READMES)
def test_the_invite_asks_for_exactly_what_is_needed(name: str) -> None:
    address = re.search(r"https://discord\.com/oauth2/\S+", (ROOT / name).read_text())
    assert address is not None
    asked = parse_qs(urlsplit(address[0]).query)["permissions"]
    assert asked == [str(PERMISSIONS.value)]
    assert not PERMISSIONS.administrator


def test_the_playground_grants_what_the_invite_asks_for() -> None:
    assert BOT_PERMISSIONS == PERMISSIONS


@pytest.mark.parametrize("name", READMES)
def test_every_setting_stands_in_the_readme(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [key for key in Settings.model_fields if f"`{key.upper()}`" not in text] == []


@pytest.mark.parametrize("name", [*READMES, "docs/operating.md", "docs/architecture.md"])
def test_links_lead_to_files_that_exist(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
