"""From a question on the gateway to the bot's request for its reaction, 50 questions a second.

Without rate buckets that is how long a person waits. With them Discord itself lets one reaction
through every quarter of a second in a channel: then the queue must drain, and nothing be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.intake import QUESTIONS
from tests.benchmarks.stage import MINIMAL, OURS, Stage, send, stage
from tests.end_to_end.driver import until

_PER_S = 50
_ROUNDS = 3
_PER_ROUND = 150
_QUEUED = 100
_REACTION_EVERY_S = 0.25


class Lost(Exception):
    """Questions that were not taken, or not receipted."""


async def receipt(folder: Path) -> list[Figure]:
    """How long it takes, taking turns with the peer; then how the queue drains, side by side."""
    async with (
        stage(OURS, folder / "ours") as ours,
        stage(MINIMAL, folder / "peer") as peer,
    ):
        texts = (f"{text} ({n})" for n, text in enumerate(itertools.cycle(QUESTIONS)))
        waits = await _waits((ours, peer), texts)
        drained = await _drained((ours, peer), texts)
        _check_kept(ours, sum(map(len, waits[0])) + _PER_ROUND // 3 + len(drained[0]))
    quick = [list(itertools.chain.from_iterable(rounds)) for rounds in waits]
    figures = [
        _figure("receipt", quick, 50, "ms", "p50"),
        _figure("receipt_p99", quick, 99, "ms", "p99"),
        _figure("receipt_buckets", drained, 50, "s", "p50 with rate buckets"),
        _figure("receipt_buckets_p99", drained, 99, "s", "p99 with rate buckets"),
    ]
    ideal = _QUEUED * _REACTION_EVERY_S - _QUEUED / _PER_S
    last = Figure(
        "receipt_drained",
        max(drained[0]),
        max(drained[1]),
        "s",
        note=f"until the last of {_QUEUED} with rate buckets, none lost; they allow {ideal:g} s",
    )
    return [*figures, last]


async def _waits(stages: Sequence[Stage], texts: Iterator[str]) -> list[list[list[float]]]:
    """Return the waits for receipts in seconds, of each stage in each round."""
    waits: list[list[list[float]]] = [[] for _ in stages]
    for one in stages:
        await _round(one, itertools.islice(texts, _PER_ROUND // 3))  # It warms up.
    for _ in range(_ROUNDS):
        for one, found in zip(stages, waits, strict=True):
            found.append(await _round(one, itertools.islice(texts, _PER_ROUND)))
    return waits


async def _round(one: Stage, texts: Iterator[str]) -> list[float]:
    (messages,) = await send((one,), texts, _PER_S)
    return await _receipts(one, messages, within_s=15)


async def _drained(stages: Sequence[Stage], texts: Iterator[str]) -> list[list[float]]:
    for one in stages:
        await one.page.fault("buckets", on=True)
    sent = await send(stages, itertools.islice(texts, _QUEUED), _PER_S)
    within_s = 2 * _QUEUED * _REACTION_EVERY_S
    found = await asyncio.gather(
        *(_receipts(one, own, within_s) for one, own in zip(stages, sent, strict=True))
    )
    for one in stages:
        await one.page.clear_faults()
    return found


async def _receipts(one: Stage, messages: Sequence[str], within_s: float) -> list[float]:
    """Return how long each message's receipt took.

    Raises:
        Lost: not all came in time.
    """

    async def look() -> dict[str, float] | None:
        found = await one.receipts()
        return found if found.keys() >= set(messages) else None

    try:
        asked = await until(look, within_s=within_s)
    except AssertionError as error:
        missing = set(messages) - (await one.receipts()).keys()
        raise Lost(
            f"no receipt for {len(missing)} of {len(messages)} within {within_s} s"
        ) from error
    sent = {
        entry["id"]: entry["at"]
        for entry in await one.page.gateway_log()
        if entry["what"] == "dispatch" and entry["event"] == "MESSAGE_CREATE" and entry["sent"]
    }
    return [asked[message] - sent[message] for message in messages]


def _check_kept(ours: Stage, expected: int) -> None:
    path = ours.data / "study-bot.sqlite3"
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        kept = database.execute("SELECT count(*), count(DISTINCT message_id) FROM questions")
        number, messages = kept.fetchone()
    if (number, messages) != (expected, expected):
        raise Lost(f"{expected} were asked, {number} taken, of {messages} messages")


def _figure(
    name: str, both: Sequence[Sequence[float]], percent: float, unit: str, note: str
) -> Figure:
    scale = 1000 if unit == "ms" else 1
    ours, peer = (percentile(values, percent) * scale for values in both)
    return Figure(name, ours, peer, unit, note=note)
