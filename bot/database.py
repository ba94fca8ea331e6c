"""The SQLite file: one writer, one reader, migrations.

Work is a plain function over a `sqlite3` connection, run as a whole on the connection's own
thread: one hop for any number of statements, and no two tasks can ever stand inside one
transaction (aiosqlite's shared connection would interleave them).
"""

import asyncio
import contextlib
import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast

import aiosqlite

from bot.errors import N_, OperatorError

P = ParamSpec("P")
T = TypeVar("T")

# How long one waits for another program, such as an export, that has the file.
_PATIENCE_MS = 5000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class DatabaseUnusable(OperatorError):
    """The file can't be used as it is; it has not been changed."""

    message = N_("The database {path} can't be used: {problem}. It has not been changed. {advice}")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `migrations/`: `NNNN_what.sql`."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """Tells an edited file from the one that was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """Yield the file's statements one by one.

        `executescript` would commit implicitly and leave half a schema behind a failure.
        """
        pending = ""
        for line in self.sql.splitlines(keepends=True):
            pending += line
            if sqlite3.complete_statement(pending):
                yield pending.strip()
                pending = ""
        if re.sub(r"--[^\n]*", "", pending).strip():
            raise sqlite3.OperationalError(f"{self.name}: the last statement does not end")


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

        def job() -> None:
            try:
                result, callbacks = _in_transaction(connection, work, args, kwargs)
            except BaseException as error:  # noqa: BLE001 - it is for whoever waits
                loop.call_soon_threadsafe(_fail, done, error)
            else:
                loop.call_soon_threadsafe(_succeed, done, result, callbacks)

        queue = cast("SimpleQueue[Any]", self._tx)  # pyright: ignore[reportUnknownMemberType]
        queue.put_nowait((None, job))
        return done


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
        await asyncio.to_thread(_check, path, known)
        writer = _connect(path, "rwc")
        reader: _Connection | None = None
        try:
            await writer
            await writer.run(_prepare, path, known)
            reader = _connect(path, "ro")
            await reader
        except sqlite3.Error as error:
            await _close_quietly(writer, reader)
            raise _unusable(path, error) from error
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
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(transaction, *args, **kwargs)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    return result, transaction.committed


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite ends a transaction itself on some errors (a full disk, say), on others it stays.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


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
        _roll_back(connection)


def load_migrations() -> list[Migration]:
    """Read the shipped migrations, in order."""
    found: list[Migration] = []
    for file in resources.files("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), file.name, sql))
    found.sort(key=lambda migration: migration.version)
    return found


def _check(path: Path, known: list[Migration]) -> None:
    """Look at an existing file without changing it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return
        if path.stat().st_size == 0:
            return
        # With nothing beside the file nobody has it open, and looking leaves nothing there.
        beside = any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
        how = "mode=ro" if beside else "mode=ro&immutable=1"
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)
        ) as connection:
            _known_version(connection, path, known)
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise DatabaseUnusable(
                    path=path,
                    problem=f"it is damaged ({verdict})",
                    advice="Restore your latest backup, or recover it with the sqlite3 tool.",
                )
    except (sqlite3.Error, OSError) as error:
        raise _unusable(path, error) from error
    if not _writable(path):
        raise DatabaseUnusable(
            path=path,
            problem="it is read-only for this user",
            advice="Give the user that runs the bot the right to write the file and its folder.",
        )


def _known_version(connection: sqlite3.Connection, path: Path, known: list[Migration]) -> int:
    """Return the format of a database; it must be one of ours that this program knows."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    if tables and "migrations" not in tables:
        raise DatabaseUnusable(
            path=path,
            problem="it belongs to another program",
            advice="Choose another folder with STUDY_BOT_DATA.",
        )
    newest = known[-1].version if known else 0
    if version > newest:
        raise DatabaseUnusable(
            path=path,
            problem=f"it was written by a newer version of this program "
            f"(its format {version}, known here {newest})",
            advice="Install that version again, or restore a backup.",
        )
    digests: dict[int, str] = {}
    if tables:
        digests = dict(connection.execute("SELECT version, digest FROM migrations").fetchall())
    for migration in known:
        if migration.version <= version and digests.get(migration.version) != migration.digest:
            raise DatabaseUnusable(
                path=path,
                problem=f"its migration {migration.name} is not the one of this program",
                advice="Install the version that made it, or restore a backup.",
            )
    return version


def _writable(path: Path) -> bool:
    try:
        with path.open("r+b"):
            return True
    except OSError:
        return False


def _unusable(path: Path, error: Exception) -> DatabaseUnusable:
    text = str(error)
    advice = "Check the disk and the rights of the file and its folder."
    if "not a database" in text or "malformed" in text:
        advice = "Restore your latest backup, or recover it with the sqlite3 tool."
    elif "locked" in text:
        advice = "Another program holds it; end that one first."
    return DatabaseUnusable(path=path, problem=text, advice=advice)


def _prepare(connection: sqlite3.Connection, path: Path, known: list[Migration]) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # What is erased is overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete = ON")
    migrate(connection, path, known)


def migrate(connection: sqlite3.Connection, path: Path, known: list[Migration]) -> list[str]:
    """Apply what is missing, each file and its record in one transaction; return their names."""
    applied: list[str] = []
    version = _known_version(connection, path, known)
    for migration in known:
        if migration.version <= version:
            continue
        # Making a table anew drops the old one; that must not delete what refers to it.
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been here while this one waited for its turn.
            if connection.execute("PRAGMA user_version").fetchone()[0] < migration.version:
                _apply(connection, migration)
                applied.append(migration.name)
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        finally:
            connection.execute("PRAGMA foreign_keys = ON")
    return applied


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in migration.statements():
        connection.execute(statement)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY,"
        " name TEXT NOT NULL, digest TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT"
    )
    connection.execute(
        "INSERT INTO migrations VALUES (?, ?, ?, ?)",
        (migration.version, migration.name, migration.digest, to_micros(utc_now())),
    )
    connection.execute(f"PRAGMA user_version = {migration.version:d}")
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise sqlite3.IntegrityError(f"{migration.name} leaves references to nothing")


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


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def to_micros(moment: datetime) -> int:
    """Store an aware time as microseconds since 1970."""
    # In whole numbers: a float would lose a microsecond on every other round trip.
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Read back what `to_micros` stored."""
    return _EPOCH + micros * _MICROSECOND


def from_micros_or_none(micros: int | None) -> datetime | None:
    """Read back a time that may be absent."""
    return None if micros is None else from_micros(micros)
