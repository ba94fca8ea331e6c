"""Which question of an edited message continues which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.questions.syntax import match_edit

A, B, C = (
    "コンテナとは何ですか",
    "仮想マシンとは何ですか",
    "ライブマイグレーション中に通信は切れますか",
)


def matched(old: str | list[str], new: list[str]):
    """Return, for each new body, which old one (by place) it continues, or None."""
    plan = match_edit(list(enumerate(old)), new)
    assert sorted([*plan.kept, *plan.added]) == list(range(len(new)))
    assert sorted([*plan.kept.values(), *plan.gone]) == list(range(len(old)))
    return [plan.kept.get(index) for index in range(len(new))]


@pytest.mark.parametrize(
    ("old", "new", "continues"),
    [
        ([A, B], [A, B], [0, 1]),
        ([A], [B, A], [None, 0]),
        ([A], [A, B], [0, None]),
        ([A, C], [A, B, C], [0, None, 1]),
        ([A, B, C], [A, B + "?", C], [0, 1, 2]),
        ([A, B, C], [A, "全く別の話", C], [0, 1, 2]),
        ([A, B, C], [A, C], [0, 2]),
        ([A, B, C], [], []),
        ([], [A, B], [None, None]),
        ([A, B], [B, A], [1, 0]),
        ([A, B], [B + "!", A + "!"], [1, 0]),
        ([A], [C, A + "、詳しく教えてください"], [None, 0]),
        ([A], [C], [0]),
        ([A], [C, B], [0, None]),
        ([A, C], [C, "全く別の話"], [1, None]),
        ([A, A], [A, A, A], [0, 1, None]),
        ([A, A], [A], [0]),
        ([""], [A], [0]),
        (["", A], ["新しく書いた", A], [0, 1]),
        (["短"], ["長い別の文"], [0]),
    ],
)
def test_an_edit_keeps_each_question_what_it_was(
    old: list[str], new: list[str], continues: list[int | None]
):
    assert matched(old, new) == continues


bodies = st.lists(st.sampled_from([A, B, C, A + "?", C[:9], "", "x", "xy"]) | st.text(max_size=6))


@given(bodies, bodies)
def test_each_question_is_kept_once_added_or_gone(old: list[str], new: list[str]):
    continues = matched(old, new)
    assert continues == matched(old, new)
    # Whatever stands in both is never added and gone at once.
    plan = match_edit(list(enumerate(old)), new)
    assert not {new[j] for j in plan.added} & {old[i] for i in plan.gone}


@given(st.lists(st.text(), unique=True), st.integers(min_value=0), st.text())
def test_one_more_question_changes_no_other(old: list[str], place: int, extra: str):
    place %= len(old) + 1
    if extra not in old:
        keys = list(range(len(old)))
        assert matched(old, [*old[:place], extra, *old[place:]]) == [
            *keys[:place],
            None,
            *keys[place:],
        ]


@pytest.mark.timeout(10)
def test_a_thousand_questions_in_one_message_are_matched():
    old = [f"{n}番目" for n in range(1000)]
    assert matched(old, [body + "です" for body in old]) == list(range(1000))
