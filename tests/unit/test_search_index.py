"""The bigram index against a real FTS5 table."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from bot.search import excerpt, index_text, match_query, matches, normalise


@pytest.fixture(scope="module")
def table() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE found USING fts5 (text)")
        yield connection


def search(table: sqlite3.Connection, texts: list[str], words: str) -> list[str] | None:
    """Store texts, search, and return what is found."""
    query = match_query(words)
    if query is None:
        return None
    table.execute("DELETE FROM found")
    table.executemany(
        "INSERT INTO found (rowid, text) VALUES (?, ?)",
        [(number, index_text(text)) for number, text in enumerate(texts)],
    )
    rows = table.execute("SELECT rowid FROM found WHERE found MATCH ? ORDER BY rowid", (query,))
    return [texts[row[0]] for row in rows]


text = st.text() | st.text(
    alphabet="仮想マシンｶﾞがコ゛か\u3099VMｖｍ 　\n.,\"'*-^+(){}AND NOTé😀🇯🇵ß"
)


@given(st.lists(text, min_size=1, max_size=8), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_part_of_a_stored_text_is_found(
    table: sqlite3.Connection, texts: list[str], data: st.DataObject
):
    words = [word for one in texts for word in normalise(one).split()]
    assume(words)
    word = data.draw(st.sampled_from(words))
    start = data.draw(st.integers(0, len(word) - 1))
    part = word[start : data.draw(st.integers(start + 1, len(word)))]
    # Cutting may leave a part that folds further, and then is no part of the folded text.
    assume(normalise(part) == part)
    found = search(table, texts, part)
    assert found == [one for one in texts if part in normalise(one)]
    assert found


@given(st.lists(text, max_size=8), text)
@example(["AND", "仮想 OR"], "and")
@example(['say "hi"'], '"hi"')
@example(["a* b"], "a*")
@example(["ab", "a", "b a"], "a b")
@example(["仮想マシン"], "仮 シン")
@example(["\0"], "\0")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_search_finds_what_holds_all_the_words(
    table: sqlite3.Connection, texts: list[str], words: str
):
    found = search(table, texts, words)
    wanted = normalise(words).split()[:50]
    if not wanted:
        assert found is None
    else:
        assert found == [one for one in texts if all(word in normalise(one) for word in wanted)]
        assert found == [one for one in texts if matches(one, words)]


@given(text)
def test_folding_twice_changes_nothing(one: str):
    assert normalise(normalise(one)) == normalise(one)


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        ("仮", "仮想マシン"), ("ン", "仮想マシン"), ("仮想", "仮想マシンとは"), ("vm", "ＶＭの話"),
        ("ＶＭ", "vm"), ("ｶﾞｲﾄﾞ", "ガイド"), ("ガイド", "ｶﾞｲﾄﾞ"), ("が", "か\u3099"), ("q.", "Q.とは"),
        ("😀", "はい😀"), ("docker ps", "ps と Docker"), ("straße", "STRASSE"), ("-", "a-b"),
    ],
)  # fmt: skip
def test_width_case_and_length_do_not_matter(table: sqlite3.Connection, words: str, stored: str):
    assert search(table, [stored, "別"], words) == [stored]


@pytest.mark.parametrize("words", ["", " ", "　\n"])
def test_nothing_to_look_for(words: str):
    assert match_query(words) is None


def test_a_very_long_query_is_still_one(table: sqlite3.Connection):
    assert search(table, ["a"], " ".join(f"w{n}" for n in range(3000))) == []
    assert search(table, ["長い" * 2000], "長い" * 2000) == ["長い" * 2000]


def bold(shown: str) -> list[str]:
    return re.findall(r"(?<!\\)\*\*(.+?)(?<!\\)\*\*", shown)


@pytest.mark.parametrize(
    ("stored", "words", "hit"),
    [
        ("仮想マシンとは何ですか", "マシン", ["マシン"]),
        ("ＶＭとvm", "vm", ["ＶＭ", "vm"]),
        ("ｶﾞｲﾄﾞはどこ", "ガイド", ["ｶﾞｲﾄﾞ"]),
        ("か\u3099っこう", "が", ["か\u3099"]),
        ("a*b*c", "*b*", ["\\*b\\*"]),
        ("どこにもない", "x", []),
        ("仮想マシン", "仮想 マシン", ["仮想マシン"]),
        ("㍿の話", "式会", ["㍿"]),
    ],
)
def test_an_excerpt_shows_the_hit_in_bold(stored: str, words: str, hit: list[str]):
    assert bold(excerpt(stored, words)) == hit


def test_an_excerpt_is_cut_around_the_first_hit():
    shown = excerpt("前" * 500 + "探す言葉" + "後" * 500, "探す言葉", width=40)
    assert shown.startswith("…前")
    assert shown.endswith("後…")
    assert "**探す言葉**" in shown
    assert len(shown) == 40 + 4 + 2


def test_an_excerpt_pings_and_formats_nothing():
    shown = excerpt("# @everyone <@123> **太字** ||x|| `code` [a](b) 仮想", "仮想")
    assert "@everyone" not in shown
    assert re.sub(r"\\.", "", shown).replace("**仮想**", "").strip(" .\u200b") == (
        " @\u200beveryone @123 太字 x code a(b)".strip()
    )


@given(text, text, st.integers(min_value=1, max_value=200))
def test_an_excerpt_never_fails_and_keeps_to_its_width(stored: str, words: str, width: int):
    shown = excerpt(stored, words, width)
    longest = max([width, *(len(word) for word in stored.split())])
    assert len(shown) <= 6 * longest + 10
