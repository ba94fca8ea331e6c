"""Finds out which questions of an edited message continue which."""

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

# Two different questions share "とは何ですか" and no more; a corrected one shares nearly all.
_SIMILAR = 0.6
# Similarity is measured for each pair. Beyond so many (nobody types that) position decides.
_MOST_PAIRS = 900


@dataclass(frozen=True, slots=True)
class EditPlan(Generic[K]):
    """What an edited message means for the questions that stood in it.

    `kept` maps an index in the new bodies to the key it continues; `added` are the indices
    that continue none, `gone` the keys that nothing continues.
    """

    kept: Mapping[int, K]
    added: tuple[int, ...]
    gone: tuple[K, ...]


def match_edit(old: Sequence[tuple[K, str]], new: Sequence[str]) -> EditPlan[K]:
    """Match the questions of one message, in order, with the bodies now in it.

    Equal text comes first, then similar text, best pairs first; what is left is paired where
    it stands between the same neighbours. So a question put above another leaves that one
    alone, and a question that is rewritten altogether stays the same question.
    """
    if not old:
        return EditPlan(kept={}, added=tuple(range(len(new))), gone=())
    bodies = [body for _, body in old]
    pairs = dict(_equal(bodies, new))
    for pairing in (_similar, _between):
        pairs.update(pairing(bodies, new, pairs))
    kept = {j: old[i][0] for i, j in sorted(pairs.items(), key=lambda pair: pair[1])}
    return EditPlan(
        kept=kept,
        added=tuple(j for j in range(len(new)) if j not in kept),
        gone=tuple(key for i, (key, _) in enumerate(old) if i not in pairs),
    )


def _equal(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for j, body in enumerate(new):
        places[body].append(j)
    for i, body in enumerate(old):
        if places[body]:
            yield i, places[body].popleft()


def _similar(
    old: Sequence[str], new: Sequence[str], pairs: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    taken = set(pairs.values())
    left = {i: _bigrams(body) for i, body in enumerate(old) if i not in pairs}
    right = {j: _bigrams(body) for j, body in enumerate(new) if j not in taken}
    if len(left) * len(right) > _MOST_PAIRS:
        return
    ranked = sorted(
        (-score, abs(i - j), i, j)
        for i, one in left.items()
        for j, other in right.items()
        if (score := _likeness(one, other)) >= _SIMILAR
    )
    for _, _, i, j in ranked:
        if i in left and j in right:
            del left[i], right[j]
            yield i, j


def _between(
    old: Sequence[str], new: Sequence[str], pairs: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    """Pair, in order, what stands after the same matched neighbour."""
    taken = set(pairs.values())
    gaps: defaultdict[int, deque[int]] = defaultdict(deque)
    before = -1
    for j in range(len(new)):
        if j in taken:
            before = j
        else:
            gaps[before].append(j)
    before = -1
    for i in range(len(old)):
        if i in pairs:
            before = pairs[i]
        elif gaps[before]:
            yield i, gaps[before].popleft()


def _bigrams(text: str) -> Counter[str]:
    return Counter(text[i : i + 2] for i in range(len(text) - 1))


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """Say how alike two texts are, 0 to 1; a text that was only added to counts as alike."""
    sizes = one.total(), other.total()
    if not all(sizes):
        return 0.0
    shared = (one & other).total()
    return (shared / min(sizes) + 2 * shared / sum(sizes)) / 2
