"""Another program holds the database's file for a while."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import database as module
from bot.database import Database, Transaction, is_busy
from bot.schema import Migration

NUMBERS = Migration(1, "0001_numbers.sql", "CREATE TABLE numbers (n INTEGER) STRICT;")


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(module, "_PATIENCE_MS", 50)
    monkeypatch.setattr(module, "_TRY_MS", 20)
    opened = await Database.open(tmp_path / "numbers.sqlite3", migrations=[NUMBERS])
    yield opened
    await opened.close()


@contextlib.contextmanager
def held(database: Database) -> Iterator[None]:
    another = sqlite3.connect(database.path, isolation_level=None)
    with contextlib.closing(another):
        another.execute("BEGIN IMMEDIATE")
        yield


def put(tx: Transaction, number: int) -> None:
    tx.execute("INSERT INTO numbers VALUES (?)", (number,))


def all_numbers(connection: Any) -> list[int]:
    return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY rowid")]


async def test_what_is_written_meanwhile_is_kept_in_its_order(database: Database) -> None:
    with held(database):
        writing = [asyncio.create_task(database.write(put, number)) for number in range(5)]
        await asyncio.sleep(0.4)
        assert await database.read(all_numbers) == []
        assert not any(task.done() for task in writing)
    await asyncio.gather(*writing)
    assert await database.read(all_numbers) == [0, 1, 2, 3, 4]


async def test_one_that_is_held_for_too_long_is_told_of(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_SECONDS", 0.2)
    with held(database):
        with pytest.raises(sqlite3.OperationalError) as raised:
            await database.write(put, 1)
        assert is_busy(raised.value)
    await database.write(put, 2)
    assert await database.read(all_numbers) == [2]


async def test_many_that_wait_together_are_told_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_SECONDS", 1.0)
    with held(database):
        writing = [asyncio.create_task(database.write(put, number)) for number in range(20)]
        # One after the other it would take twenty seconds.
        async with asyncio.timeout(10):
            ended = await asyncio.gather(*writing, return_exceptions=True)
    assert all(isinstance(error, Exception) and is_busy(error) for error in ended)
    await database.write(put, 99)
    assert await database.read(all_numbers) == [99]


async def test_who_leaves_waits_no_longer(database: Database) -> None:
    with held(database):
        writing = asyncio.create_task(database.write(put, 1))
        await asyncio.sleep(0.2)
        assert not writing.done()
        database.hurry()
        with pytest.raises(sqlite3.OperationalError):
            await writing


async def test_other_failures_are_not_taken_for_it(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError) as raised:
        await database.write(lambda tx: tx.execute("INSERT INTO nothing VALUES (1)"))
    assert not is_busy(raised.value)
    assert not is_busy(sqlite3.OperationalError("said by the library itself"))
    assert not is_busy(KeyError())
