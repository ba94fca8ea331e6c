"""A session's report as Markdown, for the one file that holds all of a talk."""

import sqlite3
from collections.abc import Iterator

from bot.lab import of_session
from bot.lab.sizes import spoken_seconds, spoken_size
from bot.localization import Words
from bot.sessions import Session
from bot.usage import store
from bot.usage.report import Line, for_everybody, report_of

_UNKNOWN = "–"
_PIPES = str.maketrans({"|": "\\|", "\n": " "})


def report_section(connection: sqlite3.Connection, session: Session, _: Words) -> str | None:
    """Return the report's heading and table; None where nothing ran.

    What attendees had is one line together: the file goes round.
    """
    instances = of_session(connection, session.id)
    at = session.ended_at or max(
        (one.ended_at or one.started_at for one in instances if one.started_at is not None),
        default=session.started_at,
    )
    totals = store.totals_of(connection, [one.id for one in instances])
    report = for_everybody(report_of(session, instances, totals, at), _("attendees' own"))
    if not report.lines:
        return None
    columns = [
        _("Name"),
        _("Made from"),
        _("Lifetime"),
        _("CPU-seconds"),
        _("Memory, at most"),
        _("Disk, read/written"),
        _("Network, in/out"),
    ]
    rows = [columns, ["---", "---", *["---:"] * (len(columns) - 2)]]
    rows += [
        list(_cells(line, _)) for line in (*report.lines, *_total(report.lines, report.total, _))
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    heading = _("What the lab used")
    return f"## {heading}\n\n{table}"


def _total(lines: tuple[Line, ...], total: Line, _: Words) -> Iterator[Line]:
    if len(lines) > 1:
        yield Line(
            _("Together"),
            instances=total.instances,
            lifetime_seconds=total.lifetime_seconds,
            cpu_seconds=total.cpu_seconds,
            disk_read_bytes=total.disk_read_bytes,
            disk_written_bytes=total.disk_written_bytes,
            network_received_bytes=total.network_received_bytes,
            network_sent_bytes=total.network_sent_bytes,
        )


def _cells(line: Line, _: Words) -> Iterator[str]:
    yield line.name.translate(_PIPES)
    yield line.image.translate(_PIPES) or _UNKNOWN
    yield spoken_seconds(line.lifetime_seconds)
    yield _UNKNOWN if line.cpu_seconds is None else f"{line.cpu_seconds:,.1f}"
    yield _size(line.memory_peak_bytes)
    yield f"{_size(line.disk_read_bytes)} / {_size(line.disk_written_bytes)}"
    yield f"{_size(line.network_received_bytes)} / {_size(line.network_sent_bytes)}"


def _size(value: float | None) -> str:
    return _UNKNOWN if value is None else spoken_size(round(value))
