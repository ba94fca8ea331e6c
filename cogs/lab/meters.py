"""How what an instance uses reads: four resources, each of its limit. What isn't known is "–"."""

from datetime import datetime

import discord

from bot.lab import Figures, Instance, spoken_cpus, spoken_size
from bot.localization import Words
from cogs.text import one_line

UNKNOWN = "–"
_CELLS = 10


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
    """Write the four resources and the processes, a line each."""
    limits = instance.resources
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
    return "\n".join(
        (
            _(
                "**CPU** {used} of {limit}",
                used=_of_limit(cpu, limits.cpus),
                limit=spoken_cpus(limits.cpus),
            ),
            _(
                "**Memory** {used} of {limit}",
                used=_bar(memory, memory_limit) + size(memory),
                limit=size(memory_limit),
            ),
            _(
                "**Disk** read {read} · written {written} · size {size}",
                read=size(read),
                written=size(written),
                size=size(used),
            ),
            _(
                "**Network** in {received} · out {sent}",
                received=size(received),
                sent=size(sent),
            ),
            _(
                "**Processes** {n} of {limit}",
                n=UNKNOWN if processes is None else processes,
                limit=limits.processes,
            ),
        )
    )


def _of_limit(used: float | None, limit: float) -> str:
    if used is None:
        return UNKNOWN
    return f"{bar(used / limit)} {percent(used / limit)}"


def _bar(used: int | None, limit: int) -> str:
    if used is None or not limit:
        return ""
    return f"{bar(used / limit)} {percent(used / limit)}, "


def exact(instance: Instance, figures: Figures, at: datetime, _: Words) -> str:
    """Write one reading on its own."""
    head = _(
        "**{name}** at {time}", name=one_line(instance.name), time=discord.utils.format_dt(at, "T")
    )
    return f"{head}\n{meters(instance, figures, _)}"
