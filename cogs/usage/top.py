"""`/lab top` as it reads: machines above, an instance a row below."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import discord
from discord import ui

from bot.errors import N_
from bot.lab import State
from bot.localization import Words
from bot.usage import Sample, Top, TopRow
from cogs.controls import Lasting, button, row, select
from cogs.figures import (
    DISK,
    NETWORK,
    added,
    gauge,
    of_sample,
    rate,
    ratio,
    share,
    size,
)
from cogs.lab.tables import clipped
from cogs.live import with_time
from cogs.text import fenced, one_line, plain_line
from cogs.usage.sight import Sight, Sort, ordered

SORT_NAMES = {
    Sort.CPU: N_("CPU"),
    Sort.MEMORY: N_("memory"),
    Sort.DISK: N_("disk"),
    Sort.NETWORK: N_("network"),
    Sort.NAME: N_("name"),
    Sort.TIME: N_("time left"),
}

# A phone shows 33 columns of a code block in a frame, and no more of a line of code.
_SIDE_BY_SIDE = 2
_COLUMN = 14
_LABEL = 5
_NAME = 24
# What stands above the columns of `cells`.
COLUMNS = "`  CPU    MEM   DSK/s   NET/s`"
# A message holds 4,000 characters.
_ROWS = 3000

_NONE = Sample(at=datetime.min, seconds=0.0)  # noqa: DTZ901 - nothing is known of it, nor when


def top_view(
    seen: Sight, _: Words, *, key: int, sort: Sort, until: datetime | None, at: datetime
) -> Lasting:
    """Draw the list. `until`: when it stops by itself; None where it has (at `at`)."""
    head = _("sorted by {what}", what=_(SORT_NAMES[sort]))
    if until is not None:
        head += " · " + _("live, stands still {when}", when=with_time(until))
    else:
        head += " · " + _("as of {time}", time=with_time(at, "T"))
    items: list[ui.Item[Any]] = [
        ui.TextDisplay("### " + _("The lab right now") + f"\n-# {head}"),
        ui.TextDisplay(_hosts(seen.hosts, _)),
        ui.Separator[Any](),
        ui.TextDisplay(_instances(seen, sort, _)),
    ]
    options = [
        discord.SelectOption(label=_(name), value=value, default=value is sort)
        for value, name in SORT_NAMES.items()
    ]
    items.append(row(select("lab_top_sort", key, _("Sort by…"), options)))
    if until is None:
        go_on = button("lab_top_go_on", key, _("Go on for 10 minutes"), emoji="▶️")
        items.append(row(go_on))
    return Lasting(ui.Container[Any](*items, accent_colour=discord.Colour(0x5865F2)))


def cells(sample: Sample | None) -> str:
    """Write the four resources in the columns of `COLUMNS`."""
    known = sample or _NONE
    disk = of_sample(known, DISK)
    mark = "≥" if known.disk_is_partial and disk is not None else ""
    return (
        f"{share(known.cpus):>5} {size(known.memory_bytes):>6}"
        f" {mark + size(disk):>7} {size(of_sample(known, NETWORK)):>7}"
    )


def together(rows: Sequence[TopRow]) -> Sample:
    """Add up what several use now."""
    samples = [row.reading.sample for row in rows if row.reading is not None]

    def whole(name: str) -> float | None:
        return added(getattr(one, name) for one in samples)

    return replace(
        _NONE,
        cpus=whole("cpus"),
        memory_bytes=whole("memory_bytes"),
        disk_read_bytes_per_s=whole("disk_read_bytes_per_s"),
        disk_written_bytes_per_s=whole("disk_written_bytes_per_s"),
        network_received_bytes_per_s=whole("network_received_bytes_per_s"),
        network_sent_bytes_per_s=whole("network_sent_bytes_per_s"),
        disk_is_partial=any(one.disk_is_partial for one in samples),
    )


def _hosts(hosts: Sequence[Top], _: Words) -> str:
    if len(hosts) == 1:
        return _one_host(hosts[0], _)
    blocks = [hosts[at : at + _SIDE_BY_SIDE] for at in range(0, len(hosts), _SIDE_BY_SIDE)]
    return "\n".join(fenced("\n".join(_beside(block))) for block in blocks)


def _one_host(host: Top, _: Words) -> str:
    name = f"**{one_line(host.host)}**"
    if not host.is_up:
        return f"🔴 {name} " + _("doesn't answer.")
    parts = [name]
    if host.cpus is not None:
        parts.append(_.plural("{n} CPU", "{n} CPUs", host.cpus))
    if host.memory_bytes is not None:
        parts.append(_("{size} of memory", size=size(host.memory_bytes)))
    if host.reading is None:
        # An engine elsewhere tells what its instances use, not what else the machine does.
        used = together(host.rows)
        parts.append(_("only what the lab's instances use"))
    else:
        used = host.reading.sample
    lines = [
        f"CPU {gauge(ratio(used.cpus, host.cpus))}",
        f"MEM {gauge(ratio(used.memory_bytes, host.memory_bytes))} {size(used.memory_bytes)}",
        f"DSK {_both(used, DISK, 'read', 'write')}",
        f"NET {_both(used, NETWORK, 'in', 'out')}",
    ]
    return " · ".join(parts) + "\n" + fenced("\n".join(lines))


def _both(used: Sample, names: Sequence[str], one: str, other: str) -> str:
    first, second = (of_sample(used, [name]) for name in names)
    return f"{one} {rate(first):<7} {other} {rate(second)}"


def _beside(hosts: Sequence[Top]) -> Iterator[str]:
    def line(label: str, texts: Sequence[str]) -> str:
        return label.ljust(_LABEL) + "".join(text.ljust(_COLUMN) for text in texts).rstrip()

    used = [host.reading.sample if host.reading else together(host.rows) for host in hosts]
    pairs = list(zip(hosts, used, strict=True))
    yield line("", [plain_line(host.host, _COLUMN - 1) for host in hosts])
    yield line("", ["" if host.is_up else "no answer" for host in hosts])
    yield line("CPU", [f"{share(ratio(one.cpus, host.cpus))} of {host.cpus}" if host.cpus else "-"
                       for host, one in pairs])  # fmt: skip
    yield line("MEM", [f"{size(one.memory_bytes)}/{size(host.memory_bytes)}"
                       for host, one in pairs])  # fmt: skip
    for label, names in (("DSK", DISK), ("NET", NETWORK)):
        yield line(label, [rate(of_sample(one, names)) for one in used])


def _instances(seen: Sight, sort: Sort, _: Words) -> str:
    if not seen.rows and not seen.hidden:
        return _("Nothing is up.")
    several = len(seen.hosts) > 1
    lines = [_row(one, _, with_host=several) for one in ordered(seen.rows, sort)]
    hidden = ""
    if seen.hidden:
        others = _("others' private: {n}", n=len(seen.hidden))
        hidden = f"🔒 {others}\n`{cells(together(seen.hidden))}`"
    text = clipped(COLUMNS, lines, _, _ROWS)
    return f"{text}\n{hidden}" if hidden else text


def _row(one: TopRow, _: Words, *, with_host: bool) -> str:
    instance = one.instance
    frozen = "🧊 " if instance.state is State.FROZEN else ""
    parts = [f"{frozen}**{one_line(instance.name, _NAME)}**"]
    if instance.owner_id is not None:
        parts.append(f"<@{instance.owner_id}>")
    if with_host:
        parts.append(one_line(instance.host, _NAME))
    if instance.process_id is not None:
        parts.append(f"pid {instance.process_id}")
    ends = _("until the end") if instance.deadline is None else with_time(instance.deadline)
    parts.append(f"⏱ {ends}")
    return " · ".join(parts) + f"\n`{cells(one.reading.sample if one.reading else None)}`"
