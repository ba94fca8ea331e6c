"""Two languages: nothing is missing, and both say the same with the same parameters."""

import ast
import importlib.util
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import pofile
from babel.messages.catalog import Catalog, Message

from bot.errors import StudyBotError, Term
from bot.guilds import CHOICE_NAMES, ROLE_NAMES
from bot.localization import LOCALES, locale_of, words
from bot.questions import STATE_NAMES

ROOT = Path(__file__).parents[2]
_ = words("ja")


def _read() -> Catalog:
    with (ROOT / "bot" / "localization" / "ja.po").open("rb") as file:
        return pofile.read_po(file, locale="ja")


CATALOGUE = _read()


def _entries() -> Iterator[Message]:
    for entry in CATALOGUE:
        if entry.id:
            yield entry


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


def _parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_marked_message_has_japanese() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/messages.py", "missing"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == ""
    assert done.returncode == 0, done.stderr


def test_japanese_takes_the_same_parameters() -> None:
    differing = {
        str(entry.id): text
        for entry in _entries()
        for text in _texts(entry.string)
        if text
        and _parameters(text) != set().union(*(_parameters(one) for one in _texts(entry.id)))
        # A plural may leave its number out: 「質問」 says it where English needs "one".
        and not (entry.pluralizable and _parameters(text) | {"n"} == {"n"})
    }
    assert differing == {}


def test_parameters_have_names() -> None:
    nameless = [
        text
        for entry in _entries()
        for text in (*_texts(entry.id), *_texts(entry.string))
        if any(not name.isidentifier() for name in _parameters(text))
    ]
    assert nameless == []


def test_japanese_has_one_plural_form() -> None:
    forms = {str(entry.id): _texts(entry.string) for entry in _entries() if entry.pluralizable}
    assert {message for message, found in forms.items() if len(found) != 1} == set()
    assert CATALOGUE.num_plurals == 1


def test_no_entry_is_fuzzy() -> None:
    assert [str(entry.id) for entry in _entries() if entry.fuzzy] == []


def test_japanese_is_japanese() -> None:
    # Names are the same in both; sentences are not.
    same = [str(e.id) for e in _entries() if not e.pluralizable and e.id == e.string]
    assert [text for text in same if len(text.split()) > 3] == []


def test_a_guest_is_no_visitor() -> None:
    assert [str(e.id) for e in _entries() if "ゲスト" in str(e.string)] == []


def _error_classes() -> list[type[StudyBotError]]:
    found: list[type[StudyBotError]] = []
    waiting: list[type[StudyBotError]] = [StudyBotError]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.__subclasses__()
    return [one for one in found if one.__module__.startswith(("bot.", "cogs."))]


@pytest.mark.parametrize("error", _error_classes(), ids=lambda one: one.__name__)
def test_every_error_is_said_in_japanese(error: type[StudyBotError]) -> None:
    assert _.knows(error.message)


def test_names_of_things_are_japanese_in_a_japanese_sentence() -> None:
    for names in (CHOICE_NAMES, ROLE_NAMES, STATE_NAMES):
        for name in names.values():
            assert _.knows(name), name
    sentence = "{name} must be between {least} and {most}."
    name = CHOICE_NAMES["open_questions"]
    told = _(sentence, name=Term(name), least=1, most=100)
    assert name not in told
    assert _(name) in told
    assert words("en")(sentence, name=Term(name), least=1, most=100).startswith(name)


def test_numbers_choose_the_form() -> None:
    en = words("en")
    assert en.plural("{n} question", "{n} questions", 1) == "1 question"
    assert en.plural("{n} question", "{n} questions", 2) == "2 questions"


def test_what_isnt_in_the_catalogue_is_english() -> None:
    assert _("Nobody has ever marked this {thing}.", thing="text") == (
        "Nobody has ever marked this text."
    )
    assert not _.knows("Nobody has ever marked this {thing}.")


def test_braces_of_people_stay_as_they_are() -> None:
    assert "{0}{name}" in _("“{title}” is open here already.", title="{0}{name}")


@pytest.mark.parametrize(
    ("tag", "locale"),
    [("ja", "ja"), ("ja-JP", "ja"), ("JA", "ja"), ("en-US", "en"), ("de", "en"), (None, "en")],
)
def test_language_tags(tag: object, locale: str) -> None:
    assert locale_of(tag) == locale
    assert locale in LOCALES


def test_localization_knows_no_discord() -> None:
    folder = ROOT / "bot" / "localization"
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules.append(node.module)
            assert not [one for one in modules if one.split(".")[0] == "discord"]
    assert importlib.util.find_spec("discord") is not None, "this tests nothing otherwise"
