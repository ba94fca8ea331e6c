"""Notes in messages: nothing lost, nothing twice, each message whole by itself."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.notes import MESSAGE_LIMIT, Part, render, split
from tests.notes.discord_reader import lines_of, read_back
from tests.notes.strategies import LETTERS, noise, typed, written

# A machine that is busy with others isn't a failure.
unhurried = settings(deadline=None)
LIMITS = st.sampled_from([400, 450, 700, MESSAGE_LIMIT])


def posted(notes: str, limit: int = MESSAGE_LIMIT) -> list[str]:
    return [part.text for part in split(render(notes), limit)]


def body(message: str) -> str:
    """Return a message without the line that says what it continues."""
    first, newline, rest = message.partition("\n")
    return rest if newline and first.startswith("-# ") and first.endswith("(続き)") else message


def assert_valid(messages: list[str], limit: int) -> None:
    for message in messages:
        assert 0 < len(message) <= limit
        # Discord takes blanks off both ends: what stood there must not have meant anything.
        assert message == message.strip()
        assert message.count("```") % 2 == 0
        message.encode()


@unhurried
@given(written(), LIMITS)
def test_every_word_is_there_once_and_in_order(notes: str, limit: int):
    messages = posted(notes, limit)
    assert_valid(messages, limit)
    shown = re.findall(r"語\d{4}", "\n".join(map(body, messages)))
    assert shown == re.findall(r"語\d{4}", notes)


@unhurried
@given(typed, LIMITS)
@example("```\n" + "仮" * 3000 + "\n```", MESSAGE_LIMIT)
@example("**" + "仮想機械。" * 600 + "**", MESSAGE_LIMIT)
@example("- " + "仮" * 5000 + "\n  - あ", MESSAGE_LIMIT)
@example("`" + "仮```想" * 300 + "`", 400)
@example("~~~. 字", 400)
@example("# " + "字" * 4500, MESSAGE_LIMIT)
def test_every_letter_typed_is_seen_once_and_in_order(notes: str, limit: int):
    messages = posted(notes, limit)
    assert_valid(messages, limit)
    shown = [letter for message in messages for letter in body(message) if letter in LETTERS]
    assert shown == [letter for letter in notes if letter in LETTERS]


@unhurried
@given(noise, LIMITS)
def test_whatever_is_typed_makes_messages_that_discord_takes(notes: str, limit: int):
    messages = posted(notes, limit)
    assert_valid(messages, limit)
    unescaped = re.sub(r"\\.", "", "\n".join(messages))
    outside_code = re.sub(r"```.*?```|(`+).*?\1", "", unescaped, flags=re.DOTALL)
    assert "@everyone" not in outside_code


@unhurried
@given(written())
def test_what_is_searched_is_what_was_written(notes: str):
    parts = split(render(notes))
    words = re.findall(r"語\d{4}", "\n".join(part.plain for part in parts))
    assert words == re.findall(r"語\d{4}", notes)
    assert len({part.anchor for part in parts}) == len(parts)


@unhurried
@given(written(), LIMITS)
def test_bullets_keep_their_level_wherever_they_are_cut(notes: str, limit: int):
    def levels(lines: list[str]) -> list[tuple[str, int]]:
        return [
            (word[0], line.level)
            for line in read_back(lines)
            if line.kind in ("bullet", "number") and (word := re.findall(r"語\d{4}", line.text))
        ]

    whole = "\n".join(block.text for block in render(notes).blocks)
    assert levels(posted(notes, limit)) == levels([whole])


def section(number: int, bullets: int = 8) -> str:
    lines = [f"## 第{number}節 仮想マシン", "", f"第{number}節のあらまし。"]
    lines += [f"- 項目{number}-{at} コンテナとの違い\n  - 補足{at}" for at in range(bullets)]
    return "\n".join([*lines, ""])


def test_messages_are_cut_at_headings_where_sections_fit():
    notes = "\n".join(section(number) for number in range(60))
    parts = split(render(notes))
    assert len(parts) > 6
    assert all(part.text.startswith("## ") for part in parts)


def test_a_long_section_is_cut_at_bullets_of_the_outermost_level():
    parts = split(render(section(1, bullets=200)))
    assert len(parts) > 2
    assert all(part.text.startswith("- ") for part in parts[1:])


def test_a_cut_within_a_bullet_says_what_goes_on():
    notes = "# 題\n- 親\n" + "\n".join(f"  - 子{at} " + "あ" * 60 for at in range(60))
    first, *others = posted(notes)
    assert first.startswith("# 題\n- 親\n  - 子0")
    assert others
    for message in others:
        assert message.startswith("-# 題(続き)\n  - 子")
    english = split(render(notes, locale="en"))
    assert english[1].text.startswith("-# 題 (continued)\n  - 子")


def test_cut_code_is_closed_and_opened_again_in_its_language():
    lines = [f"docker run web-{number}" for number in range(300)]
    messages = posted("```sh\n" + "\n".join(lines) + "\n```")
    assert len(messages) > 2
    for message in messages:
        assert message.startswith("```sh\n")
        assert message.endswith("\n```")
    shown = [line for message in messages for line in message.split("\n")[1:-1]]
    assert shown == lines


def test_cut_bold_is_closed_and_begun_again():
    messages = posted("前 **" + "とても大事な話です。" * 300 + "** 後")
    assert len(messages) > 1
    assert all(message.count("**") == 2 for message in messages)
    assert messages[0].startswith("前 **と")
    assert messages[-1].endswith("。** 後")


def test_what_is_searched_has_no_marks_where_it_was_cut_either():
    notes = "前 **" + "~~大事~~な話。" * 300 + "** [資料](https://e.com) `x_y`"
    parts = split(render(notes))
    assert len(parts) > 1
    plain = "".join(part.plain for part in parts)
    assert plain == "前 " + "大事な話。" * 300 + " 資料 x_y"


def test_the_line_that_says_what_goes_on_never_makes_a_message_too_long():
    heading = "# " + "_" * 100
    bullets = "".join("  " * depth + "- あ\n" for depth in range(12))
    notes = f"{heading} x\n{bullets}" + ("  " * 11 + "- " + "あ" * 313 + "\n") * 5
    assert_valid(posted(notes, 400), 400)


def test_long_text_is_cut_after_a_sentence():
    messages = posted("仮想マシンは速いですか? はい。" * 400)
    assert all(message.endswith(("。", "?")) for message in messages)
    # the full stop of an abbreviation or a version is none
    messages = posted("v1.2.3はe.g.を含む。" * 400)
    assert all(message.endswith("。") for message in messages)


def test_emoji_and_accents_are_not_cut_apart():
    family, accent = "👨‍👩‍👧", "e\u0301"
    for text in (family, accent):
        messages = posted(text * 1500)
        assert "".join(messages) == text * 1500
        assert all(len(message) % len(text) == 0 for message in messages)


def test_a_heading_stays_with_what_is_below_it():
    notes = "\n\n".join(f"## 見出し{at}\n\n" + "文です。" * 380 for at in range(6))
    for part in split(render(notes)):
        assert [line.kind for line in lines_of(part.text)][-1] != "heading"


def test_a_part_knows_the_headings_it_stands_under():
    notes = "# 題\n## 一\n" + "あ。" * 1200 + "\n### 二\nい\n## 三\nう"
    parts = split(render(notes))
    assert parts[0].heading_path == ("題",)
    assert parts[1].heading_path == ("題", "一")
    assert parts[-1].passages[-1].heading_path == ("題", "三")
    assert parts[-1].passages[-1].plain == "三\nう"
    assert [heading for part in parts for heading in part.headings] == ["題", "一", "二", "三"]


LONG = "\n".join(section(number, bullets=4 + number % 5) for number in range(60))


def changed(before: str, after: str) -> tuple[int, int]:
    """Return how many messages an edit changes, and how many more there are."""
    old, new = posted(before), posted(after)
    return len([message for message in new if message not in old]), len(new) - len(old)


@pytest.mark.parametrize("at", range(3, 60, 7))
def test_an_edit_changes_the_message_it_is_in_and_hardly_another(at: int):
    place = LONG.index(f"項目{at}-2")
    for more in ("追記", "追記。" * 20):
        assert changed(LONG, LONG[:place] + more + LONG[place:])[0] <= 2
    without = re.sub(rf"- 項目{at}-2 .*\n  - .*\n", "", LONG)
    assert without != LONG
    assert changed(LONG, without)[0] <= 2


@pytest.mark.parametrize("at", range(5, 60, 11))
def test_a_further_section_changes_few_messages(at: int):
    place = LONG.index(f"## 第{at}節")
    assert changed(LONG, LONG[:place] + section(999) + LONG[place:])[0] <= 4


def test_the_same_notes_make_the_same_messages():
    assert posted(LONG) == posted(LONG)


def test_messages_are_well_filled():
    messages = posted(LONG)
    assert sum(map(len, messages)) / len(messages) > MESSAGE_LIMIT / 2


def test_a_limit_that_nothing_fits_is_refused():
    with pytest.raises(ValueError, match="too little"):
        split(render("a"), 100)


def test_a_part_is_a_value():
    first, second = split(render("a")), split(render("a"))
    assert first == second
    assert isinstance(first[0], Part)
