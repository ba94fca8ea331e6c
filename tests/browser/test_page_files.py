"""What holds for the page's files without opening them in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "playground" / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
WORDS = {language: STATIC / f"words-{language}.js" for language in ("en", "ja")}


def words(language: str) -> dict[str, str]:
    return dict(re.findall(r'^  "([\w.]+)": "(.*)",$', WORDS[language].read_text(), re.MULTILINE))


def test_both_languages_say_the_same_things() -> None:
    english, japanese = words("en"), words("ja")
    assert len(english) > 100
    assert english.keys() == japanese.keys()
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", japanese[key])), key


def test_every_word_asked_for_exists() -> None:
    asked = {
        key
        for script in SCRIPTS
        for key in re.findall(r'\bt\(\s*"([\w.]+)"', script.read_text(encoding="utf-8"))
    }
    assert asked
    assert asked <= words("en").keys()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_build_no_markup_from_text_and_run_no_strings(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert danger not in text


def test_the_page_holds_to_its_content_security_policy() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith("static/")
        assert (STATIC / address.removeprefix("static/")).is_file()
    for sheet in STATIC.glob("*.css"):
        assert "url(" not in sheet.read_text(encoding="utf-8")
