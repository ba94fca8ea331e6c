"""The SQLite file: one writer, one reader.

Work is a plain function over a `sqlite3` connection, run as a whole on the connection's own
thread: one hop for any number of statements, and no two tasks can ever stand inside one
transaction (aiosqlite's shared connection would interleave them).
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast

import aiosqlite

from bot.schema import Migration, check, load_migrations, migrate, unusable

P = ParamSpec("P")
T = TypeVar("T")

# How long one waits for another program that holds the file, and how long a write does: what
# people write in the chat meanwhile must not be lost, and keeps its order in the queue behind.
_PATIENCE_MS = 5000
_WRITE_SECONDS = 60.0
_TRY_MS = 250
_PAUSE_SECONDS = 0.01


def is_busy(error: BaseException) -> bool:
    """Whether work was given up because another program held the file for too long.

    Nothing of it is kept.
    """
    # The low byte of an extended code is its kind.
    return (
        isinstance(error, sqlite3.OperationalError)
        and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    )


class Transaction:
    """A write transaction: SQL, and what to do on the event loop once it is committed."""

    __slots__ = ("_connection", "committed")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.committed: list[Callable[[], None]] = []

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        """Run one statement for each row of parameters."""
        return self._connection.executemany(sql, parameters)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the event loop when (and only if) this is committed."""
        if callback not in self.committed:
            self.committed.append(callback)


class _Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole function in one hop to its thread."""

    ends_at = float("inf")

    async def run(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        # aiosqlite leaves this one method untyped.
        result: T = await self._execute(  # pyright: ignore[reportUnknownMemberType]
            work, self._conn, *args, **kwargs
        )
        return result

    def begin(
        self, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> "asyncio.Future[T]":
        """Queue `work` as a transaction; it is done even if the future is cancelled."""
        connection = self._conn
        if not self._running:
            raise ValueError("no active connection")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        # From now on: who waits behind others that wait does so no longer than they.
        until = time.monotonic() + _WRITE_SECONDS

        def job() -> None:
            try:
                self._begin(connection, until)
                result, callbacks = _in_transaction(connection, work, args, kwargs)
            except BaseException as error:  # noqa: BLE001 - it is for whoever waits
                loop.call_soon_threadsafe(_fail, done, error)
            else:
                loop.call_soon_threadsafe(_succeed, done, result, callbacks)

        queue = cast("SimpleQueue[Any]", self._tx)  # pyright: ignore[reportUnknownMemberType]
        queue.put_nowait((None, job))
        return done

    def _begin(self, connection: sqlite3.Connection, until: float) -> None:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > min(until, self.ends_at):
                    raise
            else:
                return


def _succeed(done: "asyncio.Future[T]", result: T, callbacks: list[Callable[[], None]]) -> None:
    try:
        for callback in callbacks:
            callback()
    finally:
        if not done.cancelled():
            done.set_result(result)


def _fail(done: "asyncio.Future[Any]", error: BaseException) -> None:
    if not done.cancelled():
        done.set_exception(error)


def _connect(path: Path, mode: Literal["rwc", "rw", "ro"]) -> _Connection:
    def connector() -> sqlite3.Connection:
        # Autocommit mode: transactions begin and end where we say so.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
        )
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS:d}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    return _Connection(connector, 64)


class Database:
    """The open database. Make it with `Database.open`, end it with `close`."""

    def __init__(self, path: Path, writer: _Connection, reader: _Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._is_closed = False

    @classmethod
    async def open(cls, path: Path, *, migrations: list[Migration] | None = None) -> "Database":
        """Open (or make) the file and bring it to this program's version.

        Raises:
            DatabaseUnusable: newer than this program, unreadable, read-only or corrupt.
        """
        known = load_migrations() if migrations is None else migrations
        await asyncio.to_thread(check, path, known)
        writer = _connect(path, "rwc")
        reader: _Connection | None = None
        try:
            await writer
            await writer.run(_prepare, path, known)
            reader = _connect(path, "ro")
            await reader
        except sqlite3.Error as error:
            await _close_quietly(writer, reader)
            raise unusable(path, error) from error
        except BaseException:
            await _close_quietly(writer, reader)
            raise
        return cls(path, writer, reader)

    async def write(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work(transaction, …)` in one transaction: all of it, or nothing of it."""
        # It is finished and its callbacks called even if the caller is cancelled: a person's
        # timeout must not separate a commit from its news.
        return await self._writer.begin(work, args, kwargs)

    async def read(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `work(connection, …)` on the reading connection, in one consistent snapshot.

        It sees everything committed before the call, and never waits behind a writer.
        """
        return await self._reader.run(_in_snapshot, work, args, kwargs)

    async def backup(self, target: Path) -> None:
        """Copy the whole database to `target` through SQLite's backup API, safe while running."""
        await asyncio.to_thread(backup, self.path, target)

    def hurry(self) -> None:
        """Have writes wait for another program for seconds only: this one is to end."""
        self._writer.ends_at = time.monotonic() + _PATIENCE_MS / 1000

    async def close(self) -> None:
        """Close both connections; their threads end. Closing twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._reader.close()
        with contextlib.suppress(sqlite3.Error):
            await self._writer.run(_checkpoint)
        await self._writer.close()


async def _close_quietly(*connections: _Connection | None) -> None:
    for connection in connections:
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _in_transaction(
    connection: sqlite3.Connection,
    work: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[T, list[Callable[[], None]]]:
    transaction = Transaction(connection)
    try:
        result = work(transaction, *args, **kwargs)
        connection.execute("COMMIT")
    except BaseException:
        # SQLite ends a transaction itself on some errors (a full disk, say), on others it stays.
        connection.rollback()
        raise
    return result, transaction.committed


def _in_snapshot(
    connection: sqlite3.Connection,
    work: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    connection.execute("BEGIN")
    try:
        return work(connection, *args, **kwargs)
    finally:
        connection.rollback()


def _prepare(connection: sqlite3.Connection, path: Path, known: list[Migration]) -> None:
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    # What is erased is overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete = ON")
    migrate(connection, path, known)
    # From now on writes try again by themselves: see `_begin`.
    connection.execute(f"PRAGMA busy_timeout = {_TRY_MS:d}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, as another process may be doing with the new file.

    SQLite's own patience isn't asked here: two that switch at once would wait for each other.
    """
    deadline = time.monotonic() + _PATIENCE_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def backup(source: Path, target: Path) -> None:
    """Copy `source` to `target` through SQLite's backup API; `target` appears whole or not."""
    if target.exists() and target.samefile(source):
        raise FileExistsError(f"{target} is the database itself")
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
            ) as original,
            contextlib.closing(sqlite3.connect(unfinished)) as copy,
        ):
            # In one go: in steps, SQLite begins anew after every write in between. Reading
            # holds up no writer (WAL).
            original.backup(copy)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def fact(connection: sqlite3.Connection | Transaction, key: str) -> str | None:
    """Return a fact about this installation, such as its id."""
    row = connection.execute("SELECT value FROM installation WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def put_fact(tx: Transaction, key: str, value: str) -> None:
    """Keep a fact about this installation."""
    tx.execute(
        "INSERT INTO installation (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
