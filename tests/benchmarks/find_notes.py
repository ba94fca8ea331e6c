"""Searching the notes of a thousand sessions, against plain sqlite3 running the same statement."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import statistics
import time
from pathlib import Path

from bot.database import Database
from bot.guilds import GuildService
from bot.notes import Notes, store
from bot.search import match_query
from bot.sessions import SessionService
from bot.settings import Settings
from bot.timeline import Timeline
from tests.benchmarks.figures import Figure

_GUILD, _SMALL_GUILD = 1, 2
_SESSIONS = 1000
_IN_SMALL_GUILD = 10
_PASSAGES = 30
_LINES = 8
_TIMES = 7
_LIMIT = 10
_FETCHED = 3 * _LIMIT  # What `Notes.find` asks the database for.
_MOST_MS = 50

_WORDS = (
    *("コンテナ", "仮想マシン", "ハイパーバイザー", "namespace", "cgroup", "KVM", "QEMU"),
    *("は", "が", "を", "の", "に", "で", "と", "物理", "論理", "抽象化する", "割り当てる"),
    *("システムコール", "メモリ", "ディスク", "ネットワーク", "カーネル", "プロセス", "virtio"),
)
# Common and rare, one character and two, several words at once, and what nobody wrote.
_QUERIES = ("仮想", "の", "vm", "ハイパーバイザー", "qemu メモリ", "ＫＶＭ", "第 777 回", "猫")


async def find_notes(folder: Path) -> list[Figure]:
    """Look for words of all kinds; then for a common one in a guild that has few notes."""
    path = folder / "study-bot.sqlite3"
    database = await Database.open(path)
    try:
        await asyncio.to_thread(_fill, path)
        timeline = Timeline(database)
        guilds = GuildService(timeline, Settings(_env_file=None))
        notes = Notes(timeline, guilds, SessionService(timeline, guilds))
        costs = [await _cost(notes, path, _GUILD, query) for query in _QUERIES]
        small = await _cost(notes, path, _SMALL_GUILD, "の")
    finally:
        await database.close()
    ours, peer = (statistics.median(side) for side in zip(*costs, strict=True))
    worst = max(range(len(costs)), key=lambda index: costs[index][0])
    return [
        Figure("find_notes", ours, peer, "ms", most_ours=_MOST_MS),
        Figure(
            "find_notes_worst",
            *costs[worst],
            "ms",
            most_ours=_MOST_MS,
            note=f"for {_QUERIES[worst]}",
        ),
        Figure("find_notes_small", *small, "ms", most_ours=_MOST_MS),
    ]


async def _cost(notes: Notes, path: Path, guild_id: int, query: str) -> tuple[float, float]:
    """Return the median milliseconds of ours and of the plain statement, taking turns."""
    ours: list[float] = []
    peer: list[float] = []
    match = match_query(query)
    assert match is not None
    assert query == "猫" or await notes.find(guild_id, query)
    with contextlib.closing(sqlite3.connect(path)) as plain:
        plain.row_factory = sqlite3.Row
        for _ in range(_TIMES):
            began = time.perf_counter()
            await notes.find(guild_id, query, _LIMIT, channel_ids=range(1, 200))
            between = time.perf_counter()
            store.find(plain, guild_id, match, _FETCHED, range(1, 200))
            peer.append((time.perf_counter() - between) * 1000)
            ours.append((between - began) * 1000)
    return statistics.median(ours), statistics.median(peer)


def _fill(path: Path) -> None:
    chance = random.Random(0)
    with contextlib.closing(sqlite3.connect(path)) as plain, plain:
        for session in range(1, _SESSIONS + 1):
            # The newest come first in a search: the small guild's are the oldest.
            guild = _SMALL_GUILD if session <= _IN_SMALL_GUILD else _GUILD
            plain.execute(
                "INSERT INTO sessions (id, guild_id, channel_id, title, started_at, active_at)"
                " VALUES (?, ?, ?, 'お題', 1, 1)",
                (session, guild, session),
            )
            plain.execute(
                "INSERT INTO notes (session_id, guild_id, source, revision, place, place_id,"
                " readable_id) VALUES (?, ?, '', 1, 'thread', 1, 1)",
                (session, guild),
            )
            for number in range(_PASSAGES):
                _put(plain, session, guild, number, chance)


def _put(
    plain: sqlite3.Connection, session: int, guild: int, number: int, chance: random.Random
) -> None:
    lines = ["".join(chance.choices(_WORDS, k=8)) for _ in range(_LINES)]
    text = "\n".join([f"第 {session} 回 {number}", *lines])
    row = plain.execute(
        "INSERT INTO note_passages (guild_id, session_id, channel_id, message_id, path, plain)"
        " VALUES (?, ?, 1, ?, ?, ?) RETURNING id",
        (guild, session, number, json.dumps(["お題", f"節 {number}"]), text),
    ).fetchone()
    plain.execute(
        "INSERT INTO notes_index (rowid, text) VALUES (?, ?)", (row[0], store.indexed(guild, text))
    )
