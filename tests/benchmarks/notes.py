"""Notes to messages, against markdown-it-py only parsing the same text."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

from bot.notes import render
from bot.notes import split as split_notes
from tests.benchmarks.figures import Figure

_BYTES = 1_000_000
_ROUNDS = 5
_MOST = 3.0

_WORDS = (
    *("仮想マシン", "コンテナ", "ハイパーバイザ", "メモリ", "ディスク", "ネットワーク", "カーネル"),
    *("プロセス", "イメージ", "割り当て", "起動", "確認", "設定", "移動", "分離", "共有"),
    *("から", "が", "を", "は", "に", "で、", "と", "の", "です。", "ます。", "ので、"),
)


async def split(_folder: Path) -> list[Figure]:
    """Render and split 1 MB of notes; parse the same. Both taken in turn."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    figures: list[Figure] = []
    for name, bullet in (("split", "- "), ("split_typed", "• ")):
        notes = _notes(bullet)
        ours: list[float] = []
        peers: list[float] = []
        messages = 0
        for _ in range(_ROUNDS):
            gc.collect()
            start = time.perf_counter()
            parser.parse(notes)
            parsed = time.perf_counter()
            messages = len(split_notes(render(notes)))
            ours.append(time.perf_counter() - parsed)
            peers.append(parsed - start)
        note = f"1 MB with “{bullet.strip()}”, {messages} messages"
        ours_s, peer_s = statistics.median(ours), statistics.median(peers)
        figures.append(Figure(name, ours_s, peer_s, "s", most=_MOST, note=note))
    return figures


def _notes(bullet: str) -> str:
    """Return notes in the shape of a talk's: headings, bullets, code, a table now and then."""
    chance = random.Random(0)
    parts: list[str] = []
    size = 0
    number = 0
    while size < _BYTES:
        number += 1
        part = "\n".join(_section(number, bullet, chance)) + "\n\n"
        parts.append(part)
        size += len(part.encode())
    return "".join(parts)


def _section(number: int, bullet: str, chance: random.Random) -> Iterator[str]:
    def words(count: int) -> str:
        return "".join(chance.choice(_WORDS) for _ in range(count))

    yield f"## {number}. {words(3)}"
    yield ""
    yield f"{words(14)}**{words(2)}**と`docker run -p 80:80 web`を比べます。{words(10)}"
    yield f"https://example.com/talks/part_{number}"
    yield ""
    for _ in range(chance.randrange(3, 7)):
        yield f"{bullet}{words(6)}"
        for _ in range(chance.randrange(4)):
            yield f"  {bullet}{words(8)}"
            if chance.random() < 1 / 3:
                yield f"    {bullet}[{words(2)}](https://example.com/{number}) {words(4)}"
    if number % 3 == 0:
        yield from ("", "```sh", "docker image ls", "docker container run -d web", "```")
    if number % 5 == 0:
        yield from ("", f"> {words(12)}")
    if number % 7 == 0:
        yield from ("", "| 項目 | 値 |", "|---|--:|")
        yield from (f"| {words(2)} | {chance.randrange(100)} |" for _ in range(3))
