"""Searching 100,000 questions, against plain sqlite3 running the same statement."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bot.archive import Archive, store
from bot.database import Database
from bot.guilds import GuildService
from bot.search import index_text, match_query
from bot.settings import Settings
from bot.timeline import Timeline
from tests.benchmarks.figures import Figure

_GUILD, _SMALL_GUILD = 1, 2
_QUESTIONS = 100_000
_IN_SMALL_GUILD = 500
_PER_SESSION = 100
_TIMES = 7
_LIMIT = 10
_FETCHED = 3 * _LIMIT  # What `Archive.find` asks the database for.
_MOST_MS = 50

_SUBJECTS = (
    *("コンテナ", "仮想マシン", "ハイパーバイザー", "namespace", "cgroup", "KVM", "QEMU"),
    *("Docker", "libvirt", "ライブマイグレーション", "スナップショット", "ディスク", "メモリ"),
    *("CPU", "ネットワーク", "ブリッジ", "カーネル", "initramfs", "systemd", "virtio"),
)
_ACTS = (
    *("を増やす", "を止める", "を移す", "を消す", "が壊れた", "を監視する", "を比べる"),
    *("が遅い", "を共有する", "を暗号化する", "のログを見る", "を自動で起動する"),
)
_ASKS = (
    *("ときに気をつけることは何ですか？", "にはどうすればいいですか", "のはなぜでしょうか？"),
    *("と、他の人に影響はありますか？", "方法が知りたいです", "話をもう一度お願いします"),
)
# Common and rare, one character and many, two words at once, and what nobody asked.
_QUERIES = ("仮想", "マイグレーション", "の", "vm", "qemu 遅い", "ＣＰＵ", "質問 4242 番", "猫")


async def find(folder: Path) -> list[Figure]:
    """Look for words of all kinds; then for a common one in a guild that has few questions."""
    path = folder / "study-bot.sqlite3"
    database = await Database.open(path)
    try:
        await asyncio.to_thread(_fill, path)
        timeline = Timeline(database)
        settings = Settings(_env_file=None)
        archive = Archive(timeline, GuildService(timeline, settings), settings)
        costs = [await _cost(archive, path, _GUILD, query) for query in _QUERIES]
        small = await _cost(archive, path, _SMALL_GUILD, "の")
    finally:
        await database.close()
    ours, peer = (statistics.median(side) for side in zip(*costs, strict=True))
    worst = max(range(len(costs)), key=lambda index: costs[index][0])
    return [
        Figure("find", ours, peer, "ms", most_ours=_MOST_MS),
        Figure(
            "find_worst", *costs[worst], "ms", most_ours=_MOST_MS, note=f"for {_QUERIES[worst]}"
        ),
        Figure("find_small_guild", *small, "ms", most_ours=_MOST_MS),
    ]


async def _cost(archive: Archive, path: Path, guild_id: int, query: str) -> tuple[float, float]:
    """Return the median milliseconds of ours and of the plain statement, taking turns."""
    ours: list[float] = []
    peer: list[float] = []
    with contextlib.closing(sqlite3.connect(path)) as plain:
        statement = _statement(plain, guild_id, query)
        for _ in range(_TIMES):
            began = time.perf_counter()
            await archive.find(guild_id, query, _LIMIT)
            between = time.perf_counter()
            plain.execute(statement).fetchall()
            peer.append((time.perf_counter() - between) * 1000)
            ours.append((between - began) * 1000)
    return statistics.median(ours), statistics.median(peer)


def _statement(plain: sqlite3.Connection, guild_id: int, query: str) -> str:
    """Return the SQL that ours runs, its values filled in."""
    match = match_query(query)
    assert match is not None
    seen: list[str] = []
    plain.row_factory = sqlite3.Row
    plain.set_trace_callback(seen.append)
    store.find(plain, guild_id, match, _FETCHED)
    plain.set_trace_callback(None)
    plain.row_factory = None
    return next(sql for sql in seen if "question_index MATCH" in sql)


def _fill(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as plain, plain:
        sessions = range(1, _QUESTIONS // _PER_SESSION + 1)
        plain.executemany(
            "INSERT INTO sessions (id, guild_id, channel_id, title, started_at, ended_at,"
            " active_at) VALUES (?, ?, 1, 'お題', ?, ?, ?)",
            ((number, _guild_of(number * _PER_SESSION), *[number] * 3) for number in sessions),
        )
        plain.executemany(
            "INSERT INTO questions (id, guild_id, session_id, number, state, body, author_id,"
            " source, channel_id, message_id, asked_at)"
            " VALUES (?, ?, ?, ?, 'answered', ?, ?, 'message', 1, ?, ?)",
            (
                (n, _guild_of(n), -(-n // _PER_SESSION), n % _PER_SESSION, body, n % 997, n, n)
                for n, body in _bodies()
            ),
        )
        plain.executemany(
            "INSERT INTO answers (guild_id, question_id, author_id, body, supplement, answered_at)"
            " VALUES (?, ?, 7, ?, 0, ?)",
            ((_guild_of(n), n, _ANSWER, n) for n in range(1, _QUESTIONS + 1, 2)),
        )
        plain.executemany(
            "INSERT INTO question_index (rowid, text) VALUES (?, ?)",
            ((n, index_text(f"{body}\n{_ANSWER}" if n % 2 else body)) for n, body in _bodies()),
        )


_ANSWER = "資料の中ほどの図のとおりです"


def _guild_of(question_id: int) -> int:
    """Put the oldest questions into the small guild: the newest come first in a search."""
    return _SMALL_GUILD if question_id <= _IN_SMALL_GUILD else _GUILD


def _bodies() -> Iterator[tuple[int, str]]:
    chance = random.Random(0)
    for number in range(1, _QUESTIONS + 1):
        pick = chance.choice
        yield number, f"{pick(_SUBJECTS)}{pick(_ACTS)}{pick(_ASKS)} 質問 {number} 番"
