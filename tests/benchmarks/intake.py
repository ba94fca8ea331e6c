"""What a message costs the bot's process, of the processors' time.

Ours and the peer each have a playground of their own, and are sent the same texts at the same
moments: what else runs on the machine slows both alike. Several rounds, of which the median.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.benchmarks.stage import BARE, MINIMAL, OURS, Stage, send, stage
from tests.end_to_end.driver import until

_CHATTER = (
    "こんばんは、今日もよろしくお願いします",
    "おー、動いた",
    "8888888888",
    "なるほど、namespace で分けてるんですね",
    "QEMU って最初から KVM の上で動くんでしたっけ。前に試したときは遅かった記憶",
    "https://www.kernel.org/doc/html/latest/virt/kvm/index.html これですね",
    "音声ちょっと小さいかも？",
    "QoS の話は次回かな",
    "```\n$ virsh list --all\n Id   Name   State\n```",
    "それな\n> 仮想化は全部 CPU の機能\nとは限らないやつ",
)
QUESTIONS = (
    "Q. コンテナと仮想マシンの違いは何ですか？",
    "Q. メモリはどこまで増やせますか",
    "Q. ライブマイグレーション中にネットワークはどうなりますか？ 切れたりしないんでしょうか",
    "Q. What happens to the disk when a guest is moved?",
)

_CHATTER_ROUNDS, _CHATTER_PER_ROUND, _CHATTER_PER_S = 5, 400, 100
_QUESTION_ROUNDS, _QUESTIONS_PER_ROUND, _QUESTIONS_PER_S = 3, 250, 25
# The board is edited at most every five seconds: its last edit comes so much later.
_BOARD_SETTLES_S = 6.0
_QUIET_S = 0.3

Settle = Callable[[Stage, int], Awaitable[None]]


async def intake_chatter(folder: Path) -> list[Figure]:
    """An ordinary chat message in an open session's channel, against an empty `on_message`."""
    async with (
        stage(OURS, folder / "ours") as ours,
        stage(BARE, folder / "peer") as peer,
    ):
        costs = await _costs(
            (ours, peer),
            itertools.cycle(_CHATTER),
            rounds=_CHATTER_ROUNDS,
            per_round=_CHATTER_PER_ROUND,
            per_s=_CHATTER_PER_S,
            settle=_quiet,
        )
    return [_figure("intake_chatter", costs, most=1.3)]


async def intake_question(folder: Path) -> list[Figure]:
    """A question, its board and timeline included, against a transaction and the reaction."""
    async with (
        stage(OURS, folder / "ours") as ours,
        stage(MINIMAL, folder / "peer") as peer,
    ):
        costs = await _costs(
            (ours, peer),
            (f"{text} ({number})" for number, text in enumerate(itertools.cycle(QUESTIONS))),
            rounds=_QUESTION_ROUNDS,
            per_round=_QUESTIONS_PER_ROUND,
            per_s=_QUESTIONS_PER_S,
            settle=_receipts,
        )
    return [_figure("intake_question", costs, most=1.5)]


async def _costs(
    stages: Sequence[Stage],
    texts: Iterable[str],
    *,
    rounds: int,
    per_round: int,
    per_s: float,
    settle: Settle,
) -> list[list[float]]:
    """Return what a message cost each client in each round, in seconds."""
    supply = iter(texts)
    costs: list[list[float]] = []
    sent = 0
    for measured in range(-1, rounds):
        number = per_round if measured >= 0 else per_round // 4  # The first warms up.
        before = [one.client.cpu_s for one in stages]
        await send(stages, itertools.islice(supply, number), per_s)
        sent += number
        await asyncio.gather(*(settle(one, sent) for one in stages))
        after = [one.client.cpu_s for one in stages]
        if measured >= 0:
            costs.append([(b - a) / number for a, b in zip(before, after, strict=True)])
    return costs


async def _quiet(one: Stage, _sent: int) -> None:
    """Wait until the client has nothing more to do."""
    await asyncio.sleep(_QUIET_S)


async def _receipts(one: Stage, sent: int) -> None:
    """Wait until every question has its reaction, and the board shows them."""

    async def look() -> bool:
        return len(await one.receipts()) >= sent

    await until(look, within_s=30)
    await asyncio.sleep(_BOARD_SETTLES_S)


def _figure(name: str, costs: Sequence[Sequence[float]], most: float) -> Figure:
    """Return the round whose ratio is the median."""
    ours, peer = sorted(costs, key=lambda pair: pair[0] / pair[1])[len(costs) // 2]
    return Figure(name, ours * 1e6, peer * 1e6, "µs of CPU", most=most)
