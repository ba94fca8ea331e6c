"""SQL of what usage keeps: subjects, spans, totals."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from bot.database import Transaction
from bot.lab.drivers import Counters
from bot.moments import from_micros, to_micros
from bot.usage.model import AMOUNTS, Amounts, Point, Spread, Totals
from bot.usage.spans import MEANS, MINUTE, SPREAD, TEN_SECONDS, Row, together

Reader = sqlite3.Connection | Transaction
# An instance by its id, or a host by its name.
Subject = int | str

# Ten-second rows of a session may be asked for a while after its end: by its last report.
KEPT_AFTER_SESSION = timedelta(hours=1)
KEPT_MINUTES = timedelta(days=30)
# A row takes about a quarter of a kilobyte, so that these come to some 250 MB at the very most:
# more than two hundred instances through a five hours' session, fifty of them all month.
MOST_ROWS = {TEN_SECONDS: 400_000, MINUTE: 600_000}
_DROPPED_AT_ONCE = 20_000

_COLUMNS = (*(f"{name}{end}" for name in SPREAD for end in ("_least", "", "_most")), *MEANS)
_INSERT = (
    f"INSERT INTO usage_rows (subject_id, span, at, seconds, {', '.join(_COLUMNS)})"
    f" VALUES (?, ?, ?, ?{', ?' * len(_COLUMNS)}) ON CONFLICT DO NOTHING"
)
_UPDATE = (
    f"UPDATE usage_rows SET seconds = ?, {', '.join(f'{one} = ?' for one in _COLUMNS)}"
    " WHERE subject_id = ? AND span = ? AND at = ?"
)


def keep(
    tx: Transaction,
    rows: Iterable[tuple[Subject, Row]],
    totals: Iterable[tuple[int, Totals]],
) -> None:
    """Keep some spans, and how totals stand now. What is gone from the database is left out."""
    ids: dict[Subject, int | None] = {}

    def id_of(subject: Subject) -> int | None:
        if subject not in ids:
            ids[subject] = _subject(tx, subject)
        return ids[subject]

    for subject, row in rows:
        subject_id = id_of(subject)
        if subject_id is not None:
            _keep_row(tx, subject_id, row)
    for subject, each in totals:
        subject_id = id_of(subject)
        if subject_id is not None:
            _keep_totals(tx, subject_id, each)


def points(
    connection: Reader, subject: Subject, span: int, since: datetime, until: datetime
) -> list[Point]:
    """Return the spans that began in a time, in order."""
    subject_id = _known(connection, subject)
    found = connection.execute(
        "SELECT * FROM usage_rows WHERE subject_id = ? AND span = ? AND at >= ? AND at < ?"
        " ORDER BY at",
        (subject_id, span, int(since.timestamp()), int(until.timestamp()) + 1),
    )
    result: list[Point] = []
    last_at: int | None = None
    for row in found:
        read = _row_of(row)
        result.append(
            Point(
                at=datetime.fromtimestamp(read.at + span, UTC),
                seconds=float(span),
                figures=read.figures,
                after_hole=last_at is None or read.at - last_at > span,
            )
        )
        last_at = read.at
    return result


def totals_of(connection: Reader, instance_ids: Iterable[int]) -> dict[int, Totals]:
    """Return how the totals of some instances stand."""
    found: dict[int, Totals] = {}
    for instance_id in instance_ids:
        row = connection.execute(
            "SELECT * FROM usage_totals WHERE subject_id = ?", (_known(connection, instance_id),)
        ).fetchone()
        if row is not None:
            found[instance_id] = _totals_of(row)
    return found


def tidy(tx: Transaction, now: datetime) -> int:
    """Drop what is kept no longer, and the oldest of what is too much; return how many rows."""
    return (
        _drop_ten_seconds(tx, now)
        + _drop(tx, MINUTE, now - KEPT_MINUTES)
        + sum(_drop_too_many(tx, span, most) for span, most in MOST_ROWS.items())
    )


# --- inside ---


def _known(connection: Reader, subject: Subject) -> int | None:
    column = "host" if isinstance(subject, str) else "instance_id"
    row = connection.execute(
        f"SELECT id FROM usage_subjects WHERE {column} = ?",
        (subject,),
    ).fetchone()
    return row[0] if row else None


def _subject(tx: Transaction, subject: Subject) -> int | None:
    known = _known(tx, subject)
    if known is not None:
        return known
    if isinstance(subject, str):
        made = tx.execute("INSERT INTO usage_subjects (host) VALUES (?) RETURNING id", (subject,))
    else:
        made = tx.execute(
            "INSERT INTO usage_subjects (instance_id)"
            " SELECT id FROM instances WHERE id = ? RETURNING id",
            (subject,),
        )
    row = made.fetchone()
    return row[0] if row else None


def _keep_row(tx: Transaction, subject_id: int, row: Row) -> None:
    key = (subject_id, row.span, row.at)
    if tx.execute(_INSERT, (*key, row.seconds, *_values(row))).rowcount:
        return
    # The clock was set back, or the bot began anew within the span.
    there = tx.execute(
        "SELECT * FROM usage_rows WHERE subject_id = ? AND span = ? AND at = ?", key
    ).fetchone()
    whole = together(_row_of(there), row)
    tx.execute(_UPDATE, (whole.seconds, *_values(whole), *key))


def _values(row: Row) -> list[float | None]:
    values: list[float | None] = []
    for name in SPREAD:
        spread = row.figures.get(name)
        values += (
            [None] * 3
            if spread is None
            else [_short(name, one) for one in (spread.least, spread.mean, spread.most)]
        )
    for name in MEANS:
        spread = row.figures.get(name)
        values.append(None if spread is None else _short(name, spread.mean))
    return values


def _short(name: str, value: float) -> float:
    # Whole numbers take a few bytes only; nobody misses the fraction of a byte.
    return float(round(value)) if "bytes" in name else round(value, 6)


def _row_of(row: sqlite3.Row) -> Row:
    figures: dict[str, Spread] = {}
    for name in SPREAD:
        if row[name] is not None:
            figures[name] = Spread(row[f"{name}_least"], row[name], row[f"{name}_most"])
    for name in MEANS:
        if row[name] is not None:
            figures[name] = Spread(row[name], row[name], row[name])
    return Row(row["span"], row["at"], row["seconds"], figures)


def _keep_totals(tx: Transaction, subject_id: int, totals: Totals) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO usage_totals (subject_id, host, first_at, last_at,"
        f" observed_seconds, {', '.join(AMOUNTS)}, memory_byte_seconds, memory_seconds,"
        f" disk_is_partial, peaks, last) VALUES (?{', ?' * (9 + len(AMOUNTS))})",
        (
            subject_id,
            totals.host,
            to_micros(totals.first_at),
            to_micros(totals.last_at),
            totals.observed_seconds,
            *totals.amounts,
            totals.memory_byte_seconds,
            totals.memory_seconds,
            totals.disk_is_partial,
            json.dumps(totals.peaks),
            json.dumps(asdict(totals.last)),
        ),
    )


def _totals_of(row: sqlite3.Row) -> Totals:
    return Totals(
        first_at=from_micros(row["first_at"]),
        last_at=from_micros(row["last_at"]),
        observed_seconds=row["observed_seconds"],
        amounts=Amounts(*(row[name] for name in AMOUNTS)),
        memory_byte_seconds=row["memory_byte_seconds"],
        memory_seconds=row["memory_seconds"],
        peaks=json.loads(row["peaks"]),
        last=Counters(**json.loads(row["last"])),
        host=row["host"],
        disk_is_partial=bool(row["disk_is_partial"]),
    )


def _drop_ten_seconds(tx: Transaction, now: datetime) -> int:
    """Drop ten-second rows of sessions that are over, and hosts' from before any that isn't."""
    over = to_micros(now - KEPT_AFTER_SESSION)
    of_instances = tx.execute(
        "DELETE FROM usage_rows WHERE span = 10 AND subject_id IN ("
        "SELECT u.id FROM usage_subjects u JOIN instances i ON i.id = u.instance_id"
        " JOIN sessions s ON s.id = i.session_id WHERE s.ended_at < ?)",
        (over,),
    ).rowcount
    (first,) = tx.execute(
        "SELECT min(started_at) FROM sessions WHERE ended_at IS NULL OR ended_at >= ?", (over,)
    ).fetchone()
    before = min(over, first) if first is not None else over
    of_hosts = tx.execute(
        "DELETE FROM usage_rows WHERE span = 10 AND at < ? AND subject_id IN ("
        "SELECT id FROM usage_subjects WHERE host IS NOT NULL)",
        (int(from_micros(before).timestamp()),),
    ).rowcount
    return of_instances + of_hosts


def _drop(tx: Transaction, span: int, before: datetime) -> int:
    return tx.execute(
        "DELETE FROM usage_rows WHERE span = ? AND at < ?", (span, int(before.timestamp()))
    ).rowcount


def _drop_too_many(tx: Transaction, span: int, most: int) -> int:
    (there,) = tx.execute("SELECT count(*) FROM usage_rows WHERE span = ?", (span,)).fetchone()
    if there <= most:
        return 0
    # A piece at a time, so that the database is free for others in between.
    spare = min(there - most, _DROPPED_AT_ONCE)
    return tx.execute(
        "DELETE FROM usage_rows WHERE (subject_id, span, at) IN ("
        "SELECT subject_id, span, at FROM usage_rows WHERE span = ? ORDER BY at LIMIT ?)",
        (span, spare),
    ).rowcount
