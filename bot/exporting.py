"""What `study-bot export` and `migrate` do: the shell's way to what the bot keeps."""

import sqlite3
from pathlib import Path

from bot.archive import Archive, Format
from bot.database import Database, backup
from bot.errors import N_, OperatorError
from bot.guilds import GuildService
from bot.schema import load_migrations
from bot.sessions import Session, session_of
from bot.settings import Settings
from bot.timeline import Timeline
from bot.usage import report_section


class NoDatabase(OperatorError):
    """Nothing has been kept yet."""

    message = N_("There is no database at {path}. STUDY_BOT_DATA says where it is looked for.")


class NoSuchSession(OperatorError):
    """Not in this database."""

    message = N_("There is no such session. study-bot export --list shows them with their ids.")


class CannotWrite(OperatorError):
    """The target can't be written."""

    message = N_("Can't write {path}: {why}.")


def database(settings: Settings, target: Path) -> None:
    """Copy the database through SQLite's backup API; safe while the bot runs.

    Raises:
        NoDatabase, CannotWrite.
    """
    _require(settings)
    try:
        backup(settings.database_path, target)
    except (OSError, sqlite3.Error) as error:
        raise CannotWrite(path=target, why=error) from error


async def sessions(settings: Settings) -> list[str]:
    """Describe every session in a line: id, start, title.

    Raises:
        NoDatabase.
    """
    _require(settings)
    opened = await Database.open(settings.database_path)
    try:
        found = await opened.read(_sessions)
    finally:
        await opened.close()
    return [f"{one.id}\t{one.started_at:%Y-%m-%d %H:%M}\t{one.title}" for one in found]


async def session(
    settings: Settings, session_id: int | None, format_: str, *, jokes: bool
) -> bytes:
    """Write a session, the latest by default.

    Raises:
        NoDatabase, NoSuchSession.
    """
    _require(settings)
    opened = await Database.open(settings.database_path)
    try:
        timeline = Timeline(opened)
        guilds = GuildService(timeline, settings)
        await guilds.load()
        found = await opened.read(_sessions)
        wanted = [one for one in found if session_id in (None, one.id)]
        if not wanted:
            raise NoSuchSession
        archive = Archive(timeline, guilds, settings)
        archive.add_section(report_section)
        return (await archive.export(wanted[0], Format(format_), jokes=jokes, everything=True)).data
    finally:
        await opened.close()


async def migrated(settings: Settings) -> list[str]:
    """Bring the database to this version; say what was done."""
    before = _version(settings.database_path)
    opened = await Database.open(settings.database_path)
    await opened.close()
    applied = [one.name for one in load_migrations() if one.version > before]
    if not applied:
        return [f"{settings.database_path}: nothing to do, version {before}."]
    return [f"{settings.database_path}: applied {name}" for name in applied]


def _version(path: Path) -> int:
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        return 0
    finally:
        connection.close()


def _sessions(connection: sqlite3.Connection) -> list[Session]:
    rows = connection.execute("SELECT * FROM sessions ORDER BY started_at DESC, id DESC")
    return [session_of(row) for row in rows]


def _require(settings: Settings) -> None:
    if not settings.database_path.exists():
        raise NoDatabase(path=settings.database_path)
