"""How what an instance uses reads: four resources, each of its limit. What isn't known is "–"."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot.lab import Figures, Instance, Kind, Resources, spoken_cpus, spoken_size
from bot.localization import Words
from bot.usage import Point
from cogs.figures import CPU, DISK, MEMORY, NETWORK, added, history, rate, share
from cogs.figures import size as narrow_size
from cogs.text import one_line

UNKNOWN = "–"
_CELLS = 10
# Two seconds each.
_TREND_CELLS = 25
_TREND_FROM = 3
# Of disk and network there is no limit that would fill a bar: this much by the second does, or
# the most there was.
_TREND_LEAST = 64 * 1024.0


def bar(share: float, cells: int = _CELLS) -> str:
    """Draw a share of a whole, 0 to 1; what isn't nothing fills a cell."""
    filled = min(cells, max(round(share * cells), 1 if share > 0.005 else 0))
    return "▰" * filled + "▱" * (cells - filled)


def percent(share: float) -> str:
    """Write a share: "0.4 %", "12 %"."""
    number = share * 100
    return f"{number:.1f} %" if 0 < number < 1 else f"{number:.0f} %"


def size(size_bytes: int | None) -> str:
    """Write a size, or that it isn't known."""
    return UNKNOWN if size_bytes is None else spoken_size(size_bytes)


def meters(instance: Instance, figures: Figures | None, _: Words) -> str:
    """Write the four resources, a line each, and how many processes a container is."""
    limits = instance.resources
    is_guest = instance.kind is Kind.GUEST
    cpu = memory = read = written = used = received = sent = processes = None
    memory_limit = limits.memory_bytes
    if figures is not None:
        cpu, memory = figures.cpu_share, figures.memory_bytes
        memory_limit = figures.memory_limit_bytes or memory_limit
        read, written, used = (
            figures.disk_read_bytes,
            figures.disk_written_bytes,
            figures.disk_used_bytes,
        )
        received, sent = figures.network_received_bytes, figures.network_sent_bytes
        processes = figures.processes
    cpu_words = _("**vCPU** {used} of {limit}") if is_guest else _("**CPU** {used} of {limit}")
    disk_words = _("**Disk** read {read} · written {written} · size {size}")
    if is_guest:
        disk_words = _("**Disk** read {read} · written {written} · size {size} of {limit}")
    lines = [
        cpu_words.format(used=_of_limit(cpu, limits.cpus), limit=spoken_cpus(limits.cpus)),
        _(
            "**Memory** {used} of {limit}",
            used=_bar(memory, memory_limit) + size(memory),
            limit=size(memory_limit),
        ),
        disk_words.format(
            read=size(read),
            written=size(written),
            size=size(used),
            limit=size(limits.disk_bytes),
        ),
        _(
            "**Network** in {received} · out {sent}",
            received=size(received),
            sent=size(sent),
        ),
    ]
    if not is_guest:
        lines.append(
            _(
                "**Processes** {n} of {limit}",
                n=UNKNOWN if processes is None else processes,
                limit=limits.processes,
            )
        )
    return "\n".join(lines)


def _of_limit(used: float | None, limit: float) -> str:
    if used is None:
        return UNKNOWN
    return f"{bar(used / limit)} {percent(used / limit)}"


def _bar(used: int | None, limit: int) -> str:
    if used is None or not limit:
        return ""
    return f"{bar(used / limit)} {percent(used / limit)}, "


def trend(points: Sequence[Point], limits: Resources) -> str:
    """Draw the last minute in small bars, with what is used by the second now; empty at first."""
    if len(points) < _TREND_FROM:
        return ""
    latest = points[-1]

    def by_second(names: Sequence[str]) -> str:
        return rate(added(latest.mean(name) for name in names))

    def bars(names: Sequence[str], most: float | None) -> str:
        return history(points, names, most=most, least_most=_TREND_LEAST, cells=_TREND_CELLS)

    rows = (
        ("CPU", CPU, limits.cpus, share(latest.mean("cpus"))),
        ("MEM", MEMORY, limits.memory_bytes, narrow_size(latest.mean("memory_bytes"))),
        ("DSK", DISK, None, by_second(DISK)),
        ("NET", NETWORK, None, by_second(NETWORK)),
    )
    return "\n".join(
        f"{label} {bars(names, most):>{_TREND_CELLS}} {now}" for label, names, most, now in rows
    )


def exact(instance: Instance, figures: Figures, at: datetime, _: Words) -> str:
    """Write one reading on its own."""
    head = _(
        "**{name}** at {time}", name=one_line(instance.name), time=discord.utils.format_dt(at, "T")
    )
    return f"{head}\n{meters(instance, figures, _)}"
