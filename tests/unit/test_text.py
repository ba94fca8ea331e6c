"""People's words inside the bot's messages."""

from hypothesis import given
from hypothesis import strategies as st

from cogs.text import one_line


@given(st.text(alphabet="[]()*_` ab\\<@1>", max_size=60))
def test_on_one_line_no_link_is_masked(text: str):
    shown = one_line(f"[x](http://a.example) {text} [y](http://b.example)", 300)
    assert "](" not in shown
    assert "\n" not in shown


def test_a_line_reads_as_it_was_typed():
    assert one_line("なぜ [x] (y) です\nか") == "なぜ [x] (y) です か"
    assert one_line("*a* [b](http://c)") == r"\*a\* \[b]\(http://c)"
