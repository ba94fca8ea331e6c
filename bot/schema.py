"""The format of the database: its migrations, and whether a file is one that can be used."""

import contextlib
import hashlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.moments import to_micros, utc_now


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


def check(path: Path, known: list[Migration]) -> None:
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
        raise unusable(path, error) from error
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


def unusable(path: Path, error: Exception) -> DatabaseUnusable:
    """Say what an error of SQLite's or the system's means for the file."""
    text = str(error)
    advice = "Check the disk and the rights of the file and its folder."
    if "not a database" in text or "malformed" in text:
        advice = "Restore your latest backup, or recover it with the sqlite3 tool."
    elif "locked" in text:
        advice = "Another program holds it; end that one first."
    return DatabaseUnusable(path=path, problem=text, advice=advice)


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
            connection.rollback()
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
