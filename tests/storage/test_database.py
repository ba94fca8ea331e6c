"""What is committed stays, what fails leaves nothing, and a file that isn't ours is left alone."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.database import Database, Transaction, backup
from bot.moments import from_micros, to_micros
from bot.schema import DatabaseUnusable, Migration, load_migrations

NUMBERS = Migration(
    1,
    "0001_numbers.sql",
    "CREATE TABLE numbers (n INTEGER PRIMARY KEY, twin INTEGER REFERENCES numbers (n)) STRICT;",
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "numbers.sqlite3", migrations=[NUMBERS])
    yield opened
    await opened.close()


def put(tx: Transaction, *numbers: int) -> None:
    tx.executemany("INSERT INTO numbers (n) VALUES (?)", [(n,) for n in numbers])


def all_numbers(connection: Any) -> list[int]:
    return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY n")]


# --- transactions ---------------------------------------------------------------------------


async def test_what_was_written_is_read_at_once(database: Database) -> None:
    for n in range(20):
        await database.write(put, n)
        assert await database.read(all_numbers) == list(range(n + 1))


async def test_a_failing_transaction_leaves_nothing(database: Database) -> None:
    def fail(tx: Transaction) -> None:
        put(tx, 1)
        tx.after_commit(lambda: pytest.fail("news of something that did not happen"))
        raise KeyError("no")

    with pytest.raises(KeyError):
        await database.write(fail)
    assert await database.read(all_numbers) == []
    await database.write(put, 2)
    assert await database.read(all_numbers) == [2]


async def test_a_commit_that_fails_leaves_the_writer_usable(database: Database) -> None:
    def fail_at_the_end(tx: Transaction) -> None:
        tx.execute("PRAGMA defer_foreign_keys = ON")
        tx.execute("INSERT INTO numbers (n, twin) VALUES (1, 99)")

    with pytest.raises(sqlite3.IntegrityError):
        await database.write(fail_at_the_end)
    await database.write(put, 2)
    assert await database.read(all_numbers) == [2]


async def test_a_full_disk_is_reported_and_survived(database: Database) -> None:
    await database.write(lambda tx: tx.execute("CREATE TABLE big (text TEXT) STRICT"))

    def limit(tx: Transaction, pages: int) -> None:
        tx.execute(f"PRAGMA max_page_count = {pages}")

    used = await database.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await database.write(limit, used + 5)
    with pytest.raises(sqlite3.Error, match="full"):
        await database.write(lambda tx: tx.execute("INSERT INTO big VALUES (?)", ("x" * 10**6,)))
    await database.write(limit, 10**6)
    await database.write(put, 1)
    assert await database.read(all_numbers) == [1]


async def test_concurrent_writers_never_stand_in_one_transaction(database: Database) -> None:
    def read_then_write(tx: Transaction) -> int:
        following = tx.execute("SELECT coalesce(max(n), 0) + 1 FROM numbers").fetchone()[0]
        put(tx, following)
        if following % 7 == 0:
            tx.execute("INSERT INTO numbers (n) VALUES (?)", (following,))  # fails: not unique
        return following

    results = await asyncio.gather(
        *(database.write(read_then_write) for _ in range(60)), return_exceptions=True
    )
    # Every write beyond the sixth meets the same seventh number and fails; none of them
    # leaves anything, and nobody else's work goes down with them.
    assert [one for one in results if isinstance(one, int)] == [1, 2, 3, 4, 5, 6]
    assert await database.read(all_numbers) == [1, 2, 3, 4, 5, 6]


async def test_a_cancelled_writer_does_not_lose_the_news(database: Database) -> None:
    told: list[int] = []

    def slow(tx: Transaction, n: int) -> None:
        put(tx, n)
        tx.execute(
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c"
            " WHERE x < 20000) SELECT count(*) FROM c"
        ).fetchone()
        tx.after_commit(lambda: told.append(n))

    tasks = [asyncio.create_task(database.write(slow, n)) for n in range(20)]
    await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert any(task.cancelled() for task in tasks)
    await database.write(lambda _tx: None)
    written = await database.read(all_numbers)
    assert written, "nothing had begun: this test tests nothing"
    assert told == written


async def test_a_reader_sees_one_moment(database: Database) -> None:
    loop = asyncio.get_running_loop()

    def look_twice(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
        first = all_numbers(connection)
        asyncio.run_coroutine_threadsafe(database.write(put, 1), loop).result(10)
        return first, all_numbers(connection)

    first, second = await database.read(look_twice)
    assert first == second == []
    assert await database.read(all_numbers) == [1]


async def test_the_reader_cannot_write(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await database.read(lambda c: c.execute("INSERT INTO numbers (n) VALUES (1)"))


async def test_the_file_is_kept_as_it_should_be(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "study-bot.sqlite3")
    try:

        def settings(tx: Transaction) -> list[Any]:
            names = ("journal_mode", "foreign_keys", "secure_delete")
            return [tx.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

        assert await database.write(settings) == ["wal", 1, 1]
        loose = await database.read(
            lambda c: [
                row["name"]
                for row in c.execute("PRAGMA table_list")
                if row["type"] == "table"
                and not row["strict"]
                # FTS5's and SQLite's own
                and not row["name"].startswith(("question_index", "sqlite_"))
            ]
        )
        assert loose == []
    finally:
        await database.close()


async def test_closing_twice_and_then_writing_fails_plainly(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "numbers.sqlite3", migrations=[NUMBERS])
    await database.close()
    await database.close()
    with pytest.raises(ValueError, match="no active connection"):
        await database.write(put, 1)


def test_the_process_ends_after_closing(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from bot.database import Database\n"
        "from bot.schema import DatabaseUnusable\n"
        "async def main():\n"
        "    database = await Database.open(pathlib.Path(sys.argv[1]) / 'one.sqlite3')\n"
        "    await database.close()\n"
        "    (pathlib.Path(sys.argv[1]) / 'bad.sqlite3').write_bytes(b'no database ' * 500)\n"
        "    try:\n"
        "        await Database.open(pathlib.Path(sys.argv[1]) / 'bad.sqlite3')\n"
        "    except DatabaseUnusable:\n"
        "        print('refused')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "refused\n"


# --- times ----------------------------------------------------------------------------------


@given(st.datetimes(datetime(1971, 1, 1), datetime(9999, 1, 1)))  # noqa: DTZ001 - Hypothesis takes them so
def test_a_time_comes_back_as_it_was(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert from_micros(to_micros(aware)) == aware


# --- files that can't be used ---------------------------------------------------------------


async def refusal(path: Path, migrations: list[Migration] | None = None) -> str:
    """Say with what sentence a file is refused; nothing in its folder may change by it."""
    before = {one: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}
    with pytest.raises(DatabaseUnusable) as refused:
        await Database.open(path, migrations=migrations)
    after = {one: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}
    assert after == before
    assert str(path) in str(refused.value)
    return str(refused.value)


async def made(path: Path, *migrations: Migration, rows: int = 0) -> Path:
    database = await Database.open(path, migrations=list(migrations) or None)
    if rows:
        await database.write(put, *range(rows))
    await database.close()
    return path


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = await made(tmp_path / "new.sqlite3")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    assert "newer version" in await refusal(path)


async def test_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "garbage.sqlite3"
    path.write_bytes(b"these are the notes of a talk\n" * 300)
    assert "not a database" in await refusal(path)


async def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = await made(tmp_path / "short.sqlite3", NUMBERS, rows=5000)
    os.truncate(path, path.stat().st_size // 2)
    assert "backup" in await refusal(path, [NUMBERS])


async def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = await made(tmp_path / "hurt.sqlite3", NUMBERS, rows=5000)
    with path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(b"\xff" * 4096)
    sentence = await refusal(path, [NUMBERS])
    assert "backup" in sentence


async def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.sqlite3").mkdir()
    assert await refusal(tmp_path / "folder.sqlite3")


async def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseUnusable):
        await Database.open(tmp_path / "file" / "study-bot.sqlite3")


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE guilds (name TEXT); INSERT INTO guilds VALUES ('x');")
    connection.close()
    assert "another program" in await refusal(path)


async def test_a_database_somebody_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await made(tmp_path / "held.sqlite3", NUMBERS)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("bot.database._PATIENCE_MS", 50)
    with pytest.raises(DatabaseUnusable, match="Another program holds it"):
        await Database.open(path, migrations=[NUMBERS])
    holder.close()


def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    # Root may write whatever the rights say: then the attempt is made as nobody.
    asyncio.run(made(tmp_path / "mine.sqlite3"))
    path = tmp_path / "mine.sqlite3"
    for one in (tmp_path, *tmp_path.parents[:2]):
        one.chmod(0o755)
    path.chmod(0o444)
    before = path.read_bytes()
    program = (
        "import asyncio, pathlib, sys\n"
        "from bot.database import Database\n"
        "from bot.schema import DatabaseUnusable, load_migrations\n"
        "import os\n"
        "known = load_migrations()\n"
        "asyncio.run(asyncio.to_thread(int))  # imports what nobody may read\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n"
        "    asyncio.run(Database.open(pathlib.Path(sys.argv[1]), migrations=known))\n"
        "except DatabaseUnusable as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    assert "rights" in done.stdout or "right to write" in done.stdout
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["mine.sqlite3"]


# --- backups --------------------------------------------------------------------------------


async def test_a_backup_while_writing_is_of_one_moment(tmp_path: Path) -> None:
    pairs = Migration(
        1, "0001_pairs.sql", "CREATE TABLE pairs (n INTEGER, side TEXT, filler TEXT) STRICT;"
    )
    database = await Database.open(tmp_path / "busy.sqlite3", migrations=[pairs])
    written = 0

    def write_pair(tx: Transaction, n: int) -> None:
        rows = [(n, "left", "x" * 2000), (n, "right", "x" * 2000)]
        tx.executemany("INSERT INTO pairs VALUES (?, ?, ?)", rows)

    async def keep_writing() -> None:
        nonlocal written
        while True:
            await database.write(write_pair, written)
            written += 1

    def fill(tx: Transaction) -> None:
        for n in range(-3000, 0):
            write_pair(tx, n)

    await database.write(fill)
    writing = asyncio.create_task(keep_writing())
    try:
        for number in range(3):
            target = tmp_path / f"copy-{number}.sqlite3"
            before = written
            async with asyncio.timeout(20):
                await database.backup(target)
            copy = sqlite3.connect(target)
            assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            (least,) = copy.execute("SELECT max(n) FROM pairs").fetchone()
            assert least >= before - 1
            odd = "SELECT count(*) FROM (SELECT n FROM pairs GROUP BY n HAVING count(*) <> 2)"
            assert copy.execute(odd).fetchone()[0] == 0
            copy.close()
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await database.close()
    assert written > 3
    assert not list(tmp_path.glob(".*"))


async def test_a_backup_opens_as_a_database(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "one.sqlite3", migrations=[NUMBERS])
    await database.write(put, 1, 2)
    await database.backup(tmp_path / "two.sqlite3")
    await database.close()
    copy = await Database.open(tmp_path / "two.sqlite3", migrations=[NUMBERS])
    assert await copy.read(all_numbers) == [1, 2]
    await copy.close()


async def test_a_backup_onto_the_database_itself_is_refused(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "one.sqlite3", migrations=[NUMBERS])
    (tmp_path / "link.sqlite3").symlink_to(tmp_path / "one.sqlite3")
    for target in ("one.sqlite3", "link.sqlite3"):
        with pytest.raises(OSError, match="itself"):
            await database.backup(tmp_path / target)
    await database.write(put, 1)
    await database.close()
    again = await Database.open(tmp_path / "one.sqlite3", migrations=[NUMBERS])
    assert await again.read(all_numbers) == [1]
    await again.close()


def test_a_backup_that_fails_keeps_the_older_one(tmp_path: Path) -> None:
    (tmp_path / "bad.sqlite3").write_bytes(b"nothing of the kind" * 300)
    (tmp_path / "copy.sqlite3").write_bytes(b"last week's")
    with pytest.raises(sqlite3.DatabaseError):
        backup(tmp_path / "bad.sqlite3", tmp_path / "copy.sqlite3")
    assert (tmp_path / "copy.sqlite3").read_bytes() == b"last week's"
    assert {one.name for one in tmp_path.iterdir()} == {"bad.sqlite3", "copy.sqlite3"}


# --- migrations -----------------------------------------------------------------------------

PARENTS = Migration(
    1,
    "0001_parents.sql",
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT) STRICT;\n"
    "CREATE TABLE children (parent_id INTEGER NOT NULL REFERENCES parents (id)"
    " ON DELETE CASCADE) STRICT;\n",
)


def of_file(path: Path, *queries: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return [connection.execute(query).fetchall() for query in queries]
    finally:
        connection.close()


@pytest.mark.parametrize(
    "bad",
    [
        "CREATE TABLE half (n INTEGER) STRICT;\nINSERT INTO nowhere VALUES (1);",
        "CREATE TABLE half (n INTEGER) STRICT;\nCREATE TABLE unfinished (n INTEGER",
        "CREATE TABLE half (n INTEGER) STRICT; CREATE TABLE on_one_line (n INTEGER);",
        "CREATE TABLE half (n INTEGER) STRICT;\nINSERT INTO children VALUES (77);",
    ],
    ids=["fails", "does not end", "two on a line", "reference to nothing"],
)
async def test_a_failing_migration_leaves_nothing(tmp_path: Path, bad: str) -> None:
    path = await made(tmp_path / "one.sqlite3", PARENTS)
    schema = "SELECT name FROM sqlite_schema ORDER BY name"
    before = of_file(path, schema, "PRAGMA user_version", "SELECT * FROM migrations")
    with pytest.raises(DatabaseUnusable):
        await Database.open(path, migrations=[PARENTS, Migration(2, "0002_bad.sql", bad)])
    assert of_file(path, schema, "PRAGMA user_version", "SELECT * FROM migrations") == before
    database = await Database.open(path, migrations=[PARENTS])
    await database.close()


async def test_an_edited_migration_is_noticed(tmp_path: Path) -> None:
    path = await made(tmp_path / "one.sqlite3", PARENTS)
    edited = Migration(1, PARENTS.name, PARENTS.sql + "-- harmless, surely\n")
    assert "0001_parents.sql" in await refusal(path, [edited])


async def test_making_a_table_anew_keeps_what_refers_to_it(tmp_path: Path) -> None:
    path = await made(tmp_path / "one.sqlite3", PARENTS)
    connection = sqlite3.connect(path)
    connection.executescript("INSERT INTO parents VALUES (1, 'a'); INSERT INTO children VALUES(1);")
    connection.close()
    anew = Migration(
        2,
        "0002_anew.sql",
        "CREATE TABLE fresh (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;\n"
        "INSERT INTO fresh SELECT * FROM parents;\n"
        "DROP TABLE parents;\n"
        "ALTER TABLE fresh RENAME TO parents;\n",
    )
    database = await Database.open(path, migrations=[PARENTS, anew])
    try:
        assert (
            await database.read(lambda c: c.execute("SELECT count(*) FROM children").fetchone()[0])
            == 1
        )
        with pytest.raises(sqlite3.IntegrityError):
            await database.write(lambda tx: tx.execute("INSERT INTO children VALUES (2)"))
    finally:
        await database.close()


async def test_several_may_open_and_migrate_a_new_one_at_once(tmp_path: Path) -> None:
    for number in range(8):
        path = tmp_path / f"{number}.sqlite3"
        await asyncio.gather(*(made(path) for _ in range(6)))
        assert of_file(path, "SELECT count(*) FROM migrations")[0] == [(len(load_migrations()),)]


@pytest.mark.parametrize("version", range(len(load_migrations()) + 1))
async def test_data_of_each_earlier_version_comes_along(tmp_path: Path, version: int) -> None:
    shipped = load_migrations()
    path = tmp_path / "old.sqlite3"
    if version:
        await made(path, *shipped[:version])
        connection = sqlite3.connect(path)
        connection.executescript(
            "INSERT INTO sessions (guild_id, channel_id, title, started_at, active_at)"
            " VALUES (1, 2, 'Old talk', 5, 5);"
            "INSERT INTO questions (guild_id, session_id, number, state, body, source, channel_id,"
            " asked_at) VALUES (1, 1, 1, 'open', 'Old question', 'message', 2, 6);"
        )
        connection.close()
    database = await Database.open(path)
    try:
        found = await database.read(
            lambda c: [
                tuple(row)
                for row in c.execute(
                    "SELECT s.title, q.body FROM sessions s JOIN questions q ON q.session_id = s.id"
                )
            ]
        )
        assert found == ([("Old talk", "Old question")] if version else [])
    finally:
        await database.close()


def test_shipped_migrations_are_numbered_without_gaps() -> None:
    assert [one.version for one in load_migrations()] == [
        number + 1 for number in range(len(load_migrations()))
    ]


def test_a_day_has_its_microseconds() -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    assert to_micros(day + timedelta(days=1)) - to_micros(day) == 86_400_000_000
