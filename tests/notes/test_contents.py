"""The list of contents on top of notes of several messages."""

import re

import pytest

from bot.notes import MESSAGE_LIMIT, contents, needs_contents, render, split

URL = "https://discord.com/channels/111111111111111111/222222222222222222/{:018}"


def notes(sections: int, *, level: str = "##") -> str:
    return "\n".join(
        f"{level} 第{at}節 [x](https://e.com)\n" + "本文。" * 500 for at in range(sections)
    )


def listed(text: str, locale: str = "ja") -> tuple[str | None, list[str]]:
    parts = split(render(text, locale=locale))
    urls = [URL.format(at) for at in range(len(parts))]
    return contents(parts, urls, locale=locale), urls


@pytest.mark.parametrize("sections", [0, 1, 3])
def test_few_messages_need_none(sections: int):
    text, urls = listed(notes(sections))
    assert len(urls) == sections
    assert text is None


def test_each_message_is_linked_by_its_headings():
    text, urls = listed(notes(5))
    assert text is not None
    assert text.split("\n")[0] == "### 目次"
    assert re.findall(r"^- \[第(\d)節 x\]\((.*)\)$", text, re.MULTILINE) == [
        (str(at), url) for at, url in enumerate(urls)
    ]


def test_a_message_within_a_section_is_listed_as_its_continuation():
    parts = split(render("# 題\n" + "本文。" * 3000))
    text = contents(parts, [URL.format(at) for at in range(len(parts))])
    assert text is not None
    assert text.count("[題(続き)](") == len(parts) - 1


def test_it_fits_a_message_however_many_there_are():
    text, urls = listed(notes(200))
    assert text is not None
    assert len(text) <= MESSAGE_LIMIT
    shown = text.count("](")
    assert shown >= 10
    assert text.endswith(f"-# ほか{len(urls) - shown}件")


def test_where_not_all_fit_the_greater_headings_stay():
    text, _urls = listed("\n".join([f"# 第{at}章\n" + notes(9, level="###") for at in range(8)]))
    assert text is not None
    assert all(f"第{at}章" in text for at in range(8))


def test_it_speaks_english_too():
    text, _urls = listed(notes(30), "en")
    assert text is not None
    assert text.startswith("### Contents\n")
    assert re.search(r"-# …and \d+ more messages$", text)


def test_labels_cannot_break_out_of_their_links():
    text, _urls = listed(
        "\n".join(f"# a](http://evil) @everyone {at}\n" + "本文。" * 500 for at in range(4))
    )
    assert text is not None
    assert "@everyone" not in text
    assert len(re.findall(r"^- \[a\\\]\(http", text, re.MULTILINE)) == 4


def test_needs_contents_says_the_same():
    parts = split(render(notes(4)))
    assert needs_contents(parts)
    assert not needs_contents(parts[:3])
