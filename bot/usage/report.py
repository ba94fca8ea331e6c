"""What a session's instances used in all: for a post, a table, a spreadsheet, a program. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from bot.lab import Instance
from bot.sessions import Session
from bot.usage.model import Amounts, Totals

_GB = 1024**3
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Line:
    """One instance, or several together. What nobody told is None.

    `lifetime_seconds` is from its start to its end, or until the report; rates and memory are
    known for `observed_seconds` of it. Means are over the lifetime, but the memory's, which is
    over the time observed. `cpus_mean` and `cpus_peak` are in CPUs. `gb_hours`: gigabytes
    (1024³ bytes) of memory held, times hours, over the time observed. `disk_is_partial`: more
    may have been written than was counted.
    """

    name: str
    kind: str = ""
    host: str = ""
    image: str = ""
    instances: int = 1
    started_at: datetime | None = None
    ended_at: datetime | None = None
    lifetime_seconds: float = 0.0
    observed_seconds: float = 0.0
    cpu_seconds: float | None = None
    cpus_mean: float | None = None
    cpus_peak: float | None = None
    cpus_limit: float | None = None
    memory_mean_bytes: float | None = None
    memory_peak_bytes: float | None = None
    memory_limit_bytes: float | None = None
    gb_hours: float | None = None
    disk_read_bytes: float | None = None
    disk_read_mean_bytes_per_s: float | None = None
    disk_read_peak_bytes_per_s: float | None = None
    disk_written_bytes: float | None = None
    disk_written_mean_bytes_per_s: float | None = None
    disk_written_peak_bytes_per_s: float | None = None
    disk_is_partial: bool = False
    disk_read_operations: float | None = None
    disk_write_operations: float | None = None
    network_received_bytes: float | None = None
    network_received_mean_bytes_per_s: float | None = None
    network_received_peak_bytes_per_s: float | None = None
    network_sent_bytes: float | None = None
    network_sent_mean_bytes_per_s: float | None = None
    network_sent_peak_bytes_per_s: float | None = None
    network_received_packets: float | None = None
    network_sent_packets: float | None = None
    # For who makes a post of it; in no file.
    instance_id: int | None = None
    owner_id: int | None = None
    is_public: bool = True


_INTERNAL = ("instance_id", "owner_id", "is_public")
COLUMNS = tuple(field.name for field in fields(Line) if field.name not in _INTERNAL)
_ADDED = (
    *("cpu_seconds", "gb_hours"),
    *("disk_read_bytes", "disk_written_bytes", "disk_read_operations", "disk_write_operations"),
    *("network_received_bytes", "network_sent_bytes"),
    *("network_received_packets", "network_sent_packets"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """A session's usage: a line an instance that ever ran, and all of them together."""

    session_id: int
    title: str
    at: datetime
    started_at: datetime
    ended_at: datetime | None
    lines: tuple[Line, ...]
    total: Line


def report_of(
    session: Session, instances: Iterable[Instance], totals: dict[int, Totals], at: datetime
) -> Report:
    """Put a session's report together."""
    lines = tuple(
        _line(instance, totals.get(instance.id), at)
        for instance in instances
        if instance.started_at is not None
    )
    return Report(
        session.id,
        session.title,
        at,
        session.started_at,
        session.ended_at,
        lines,
        together(lines, ""),
    )


def for_everybody(report: Report, name: str) -> Report:
    """Leave out what is private: attendees' own instances become one line of that name."""
    public = tuple(line for line in report.lines if line.is_public)
    private = [line for line in report.lines if not line.is_public]
    if not private:
        return report
    return replace(report, lines=(*public, together(private, name)))


def together(lines: Sequence[Line], name: str) -> Line:
    """Add lines up; what they had most of at different times isn't added."""
    sums: dict[str, float | None] = {
        column: _sum(getattr(line, column) for line in lines) for column in _ADDED
    }
    begun = [line.started_at for line in lines if line.started_at is not None]
    whole = Line(
        name,
        instances=sum(line.instances for line in lines),
        started_at=min(begun, default=None),
        lifetime_seconds=sum(line.lifetime_seconds for line in lines),
        observed_seconds=sum(line.observed_seconds for line in lines),
        disk_is_partial=any(line.disk_is_partial for line in lines),
        is_public=all(line.is_public for line in lines),
    )
    return replace(whole, **sums)  # pyright: ignore[reportArgumentType] - numbers, all of them


def as_csv(report: Report) -> str:
    """Write it for a spreadsheet: a heading, a line an instance; what isn't known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in report.lines:
        writer.writerow([_cell(getattr(line, column)) for column in COLUMNS])
    return text.getvalue()


def as_json(report: Report) -> str:
    """Write it for a program: the same names, what isn't known is null."""
    written = {
        "session": {
            "title": report.title,
            "started_at": report.started_at.isoformat(),
            "ended_at": report.ended_at.isoformat() if report.ended_at else None,
        },
        "at": report.at.isoformat(),
        "instances": [_values(line) for line in report.lines],
        "total": {
            column: value
            for column, value in _values(report.total).items()
            if column in (*_ADDED, "instances", "lifetime_seconds", "observed_seconds")
        },
    }
    return json.dumps(written, ensure_ascii=False, indent=2) + "\n"


def _line(instance: Instance, totals: Totals | None, at: datetime) -> Line:
    begun = instance.started_at or at
    lifetime = max((instance.ended_at or at) - begun, timedelta(0)).total_seconds()
    amounts = totals.amounts if totals is not None else Amounts()
    peaks = totals.peaks if totals is not None else {}
    mean_memory = totals.mean_memory_bytes if totals is not None else None

    def by_second(amount: float | None) -> float | None:
        return amount / lifetime if amount is not None and lifetime else None

    def peak(name: str, mean: float | None) -> float | None:
        """Return the most that was seen; of what nobody saw, at least the mean was reached."""
        known = [value for value in (peaks.get(name), mean) if value is not None]
        return max(known, default=None)

    held = totals is not None and totals.memory_seconds > 0
    return Line(
        name=instance.name,
        kind=str(instance.kind),
        host=instance.host,
        image=instance.template or instance.image,
        started_at=instance.started_at,
        ended_at=instance.ended_at,
        lifetime_seconds=lifetime,
        observed_seconds=totals.observed_seconds if totals is not None else 0.0,
        cpu_seconds=amounts.cpu_seconds,
        cpus_mean=by_second(amounts.cpu_seconds),
        cpus_peak=peak("cpus", by_second(amounts.cpu_seconds)),
        cpus_limit=instance.resources.cpus,
        memory_mean_bytes=mean_memory,
        memory_peak_bytes=peaks.get("memory_bytes"),
        memory_limit_bytes=instance.resources.memory_bytes,
        gb_hours=totals.memory_byte_seconds / _GB / _HOUR if totals is not None and held else None,
        disk_read_bytes=amounts.disk_read_bytes,
        disk_read_mean_bytes_per_s=by_second(amounts.disk_read_bytes),
        disk_read_peak_bytes_per_s=peak(
            "disk_read_bytes_per_s", by_second(amounts.disk_read_bytes)
        ),
        disk_written_bytes=amounts.disk_written_bytes,
        disk_written_mean_bytes_per_s=by_second(amounts.disk_written_bytes),
        disk_written_peak_bytes_per_s=peak(
            "disk_written_bytes_per_s", by_second(amounts.disk_written_bytes)
        ),
        disk_is_partial=totals.disk_is_partial if totals is not None else False,
        disk_read_operations=amounts.disk_read_operations,
        disk_write_operations=amounts.disk_write_operations,
        network_received_bytes=amounts.network_received_bytes,
        network_received_mean_bytes_per_s=by_second(amounts.network_received_bytes),
        network_received_peak_bytes_per_s=peak(
            "network_received_bytes_per_s", by_second(amounts.network_received_bytes)
        ),
        network_sent_bytes=amounts.network_sent_bytes,
        network_sent_mean_bytes_per_s=by_second(amounts.network_sent_bytes),
        network_sent_peak_bytes_per_s=peak(
            "network_sent_bytes_per_s", by_second(amounts.network_sent_bytes)
        ),
        network_received_packets=amounts.network_received_packets,
        network_sent_packets=amounts.network_sent_packets,
        instance_id=instance.id,
        owner_id=instance.owner_id,
        is_public=instance.public,
    )


def _values(line: Line) -> dict[str, Any]:
    values = {column: getattr(line, column) for column in COLUMNS}
    return {
        column: value.isoformat() if isinstance(value, datetime) else _rounded(value)
        for column, value in values.items()
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(_rounded(value)).lower() if isinstance(value, bool) else str(_rounded(value))


def _rounded(value: Any) -> Any:
    """Write no more digits than are known."""
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else round(value, 6)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
