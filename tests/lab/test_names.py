"""Names that people choose, and those made up for them."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lab.errors import BadName
from bot.lab.names import MOODS, THINGS, check_name, friendly_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web-1", "web-1"),
        (" Web ", "web"),
        ("ＷＥＢ－１", "web-1"),
        ("a", "a"),
        ("a" * 32, "a" * 32),
    ],
)
def test_a_name_is_kept_in_small_half_width_letters(text: str, name: str):
    assert check_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", " ", "1web", "-web", "a" * 33, "web_1", "web 1", "ウェブ", "a.b", "a\nb", "<@1>", "ß"],
)
def test_what_could_not_be_a_host_name_is_refused(text: str):
    with pytest.raises(BadName):
        check_name(text)


@given(text=st.text())
def test_any_text_is_a_name_or_refused(text: str):
    try:
        name = check_name(text)
    except BadName:
        return
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name)
    assert check_name(name) == name


@given(rng=st.randoms(use_true_random=False), taken=st.sets(st.sampled_from(MOODS)))
def test_a_made_up_name_is_new_and_could_have_been_typed(rng: random.Random, taken: set[str]):
    held = {f"{mood}-{thing}" for mood in taken for thing in THINGS}
    name = friendly_name(held, rng)
    assert check_name(name) == name
    assert name not in held
    assert len(name) <= 20


def test_when_all_are_taken_a_number_tells_them_apart():
    taken = {f"{mood}-{thing}" for mood in MOODS for thing in THINGS}
    rng = random.Random(1)
    for _ in range(50):
        name = friendly_name(taken, rng)
        assert name not in taken
        assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", name)
        taken.add(name)


def test_there_are_names_enough_for_a_long_evening():
    assert len(set(MOODS)) * len(set(THINGS)) > 5000
    assert len(MOODS) == len(set(MOODS))
    assert len(THINGS) == len(set(THINGS))
    assert not set(MOODS) & set(THINGS)


@pytest.mark.parametrize("words", [MOODS, THINGS])
def test_no_two_words_sound_alike_to_japanese_ears(words: tuple[str, ...]):
    heard: dict[str, str] = {}
    for word in words:
        sound = word.replace("th", "s").replace("l", "r").replace("v", "b").replace("z", "s")
        sound = re.sub(r"(.)\1", r"\1", sound)
        assert heard.setdefault(sound, word) == word
