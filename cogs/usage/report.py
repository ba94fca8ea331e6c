"""A usage report as a post: what each used in all, on average, at most; a graph; the tables."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui

from bot.lab.sizes import spoken_seconds
from bot.localization import Words
from bot.usage import Line, Report, as_csv, as_json
from cogs.controls import Lasting
from cogs.courier import Attachment
from cogs.figures import UNKNOWN, added, rate, share, size
from cogs.live import with_time
from cogs.text import fenced, one_line

_GRAPH, _CSV, _JSON = "usage.png", "usage.csv", "usage.json"
# A message holds 4,000 characters; a phone shows 38 columns of a code block.
_TEXT = 3300
_LABEL = 6
_COLUMN = 10
_NAME = 40
_HOUR = 3600.0
# Less of its time than this was observed: that is said.
_NEARLY_ALL = 0.95


@dataclass(frozen=True, slots=True)
class Post:
    """A report as a message."""

    view: Lasting
    files: tuple[Attachment, ...]
    heading: str


def report_post(report: Report, graph: bytes | None, _: Words) -> Post:
    """Write it. Without a graph the tables stand alone."""
    heading = "### " + _("What the lab used in “{title}”", title=one_line(report.title))
    items: list[ui.Item[Any]] = [
        ui.TextDisplay(f"{heading}\n{_total(report, _)}"),
        *(ui.TextDisplay(text) for text in _lines(report.lines, _)),
    ]
    files = [
        Attachment(_CSV, as_csv(report).encode("utf-8-sig")),
        Attachment(_JSON, as_json(report).encode()),
    ]
    if graph is not None:
        shown = discord.MediaGalleryItem(f"attachment://{_GRAPH}")
        items.insert(1, ui.MediaGallery[Any](shown))
        files.insert(0, Attachment(_GRAPH, graph))
    items += [ui.File[Any](f"attachment://{name}") for name in (_CSV, _JSON)]
    return Post(Lasting(*items), tuple(files), heading)


def _total(report: Report, _: Words) -> str:
    total = report.total
    parts = [_.plural("{n} instance", "{n} instances", total.instances)]
    if total.cpu_seconds is not None:
        parts.append(_("{n} CPU-seconds", n=f"{total.cpu_seconds:,.0f}"))
    if total.gb_hours is not None:
        parts.append(_("{n} GB-hours of memory", n=_hundredths(total.gb_hours)))
    disk = added((total.disk_read_bytes, total.disk_written_bytes))
    network = added((total.network_received_bytes, total.network_sent_bytes))
    if disk is not None:
        mark = "≥ " if total.disk_is_partial else ""
        parts.append(_("{size} of disk traffic", size=mark + size(disk)))
    if network is not None:
        parts.append(_("{size} of network traffic", size=size(network)))
    small = [_("as of {time}", time=with_time(report.at, "f"))]
    observed = total.observed_seconds / total.lifetime_seconds if total.lifetime_seconds else 1.0
    if observed < _NEARLY_ALL:
        small.append(_("peaks and memory: measured {share} of the time", share=share(observed)))
    if total.disk_is_partial:
        small.append(_("≥: buffered writes aren't counted on this host"))
    return f"**{' · '.join(parts)}**\n-# " + " · ".join(small)


def _lines(lines: Sequence[Line], _: Words) -> Iterator[str]:
    """Write those that used most, as many as fit."""
    left = _TEXT
    ranked = sorted(lines, key=lambda line: line.cpu_seconds or 0.0, reverse=True)
    for number, line in enumerate(ranked):
        text = _one(line, _)
        if len(text) > left:
            yield "-# " + _("… and {n} more in the table.", n=len(ranked) - number)
            return
        left -= len(text)
        yield text


def _one(line: Line, _: Words) -> str:
    parts = [f"**{one_line(line.name, _NAME)}**"]
    if line.instances > 1:
        parts.append(_.plural("{n} instance", "{n} instances", line.instances))
    if line.image:
        parts.append(one_line(line.image, _NAME))
    parts.append(spoken_time(line.lifetime_seconds, _))
    return " · ".join(parts) + "\n" + fenced("\n".join(_table(line)))


def spoken_time(seconds: float, _: Words) -> str:
    """Write a lifetime: seconds, minutes, or hours."""
    if seconds < _HOUR:
        return spoken_seconds(seconds)
    hours, minutes = divmod(round(seconds / 60), 60)
    return _("{hours} h {minutes} min", hours=hours, minutes=minutes)


def _table(line: Line) -> Iterator[str]:
    yield _row("", ("total", "mean", "peak"))
    cpu = UNKNOWN if line.cpu_seconds is None else f"{line.cpu_seconds:,.0f} s"
    yield _row("CPU", (cpu, share(line.cpus_mean), share(line.cpus_peak)))
    yield _row(
        "MEM",
        (_gb_hours(line.gb_hours), size(line.memory_mean_bytes), size(line.memory_peak_bytes)),
    )
    written = size(line.disk_written_bytes)
    if line.disk_is_partial and line.disk_written_bytes is not None:
        written = f"≥{written}"
    for label, total, mean, peak in (
        (
            "READ",
            size(line.disk_read_bytes),
            line.disk_read_mean_bytes_per_s,
            line.disk_read_peak_bytes_per_s,
        ),
        (
            "WRITE",
            written,
            line.disk_written_mean_bytes_per_s,
            line.disk_written_peak_bytes_per_s,
        ),
        (
            "IN",
            size(line.network_received_bytes),
            line.network_received_mean_bytes_per_s,
            line.network_received_peak_bytes_per_s,
        ),
        (
            "OUT",
            size(line.network_sent_bytes),
            line.network_sent_mean_bytes_per_s,
            line.network_sent_peak_bytes_per_s,
        ),
    ):
        yield _row(label, (total, rate(mean), rate(peak)))


def _gb_hours(amount: float | None) -> str:
    if amount is None:
        return UNKNOWN
    return _hundredths(amount) + " GBh"


def _hundredths(amount: float) -> str:
    return "<0.01" if 0 < amount < 0.01 else f"{amount:.2f}"


def _row(label: str, cells: Iterable[str]) -> str:
    return label.ljust(_LABEL) + "".join(cell.rjust(_COLUMN) for cell in cells)
