"""Lists of the lab: instances, processes, what an instance is in detail."""

from collections.abc import Iterable, Mapping, Sequence

from bot.lab import Instance, Kind, Process, masked, masked_command, spoken_cpus, spoken_seconds
from bot.localization import Words
from cogs.lab.card import address_of, how_it_ended, image_of, title
from cogs.lab.meters import size
from cogs.live import with_time
from cogs.text import coded, fenced, one_line, page, plain_line

_TEXT = 3600


def clipped(head: str, lines: Sequence[str], _: Words, length: int = _TEXT) -> str:
    """Write as many lines as fit, and how many more there are."""
    text = head
    for number, line in enumerate(lines):
        if len(text) + len(line) + 1 > length:
            return text + "\n-# " + _("… and {n} more", n=len(lines) - number)
        text += "\n" + line
    return text


def instance_line(instance: Instance, addresses: Mapping[str, str], _: Words) -> str:
    """Describe an instance in one line of a list."""
    parts = [f"**{title(instance, _)}**", coded(instance.template or instance.image)]
    address = addresses.get(instance.host, instance.host)
    if instance.host and instance.is_alive and instance.kind is Kind.CONTAINER:
        parts += [address_of(port, address, _) for port in instance.ports[:2]]
    if instance.owner_id is not None:
        parts.append(f"<@{instance.owner_id}>")
    if instance.deadline is not None and instance.is_alive:
        parts.append(with_time(instance.deadline))
    return "- " + " · ".join(parts)


def processes(instance: Instance, found: Sequence[Process], _: Words) -> str:
    """Write a table of processes with their ids on the host."""
    rows = [
        (
            str(one.host_pid),
            plain_line(one.user, 12),
            spoken_seconds(one.cpu_seconds),
            size(one.memory_bytes),
            plain_line(one.command, 60),
        )
        for one in found
    ]
    head = _(
        "**{name}** is these processes of the host: a container *is* a process, only fenced in.",
        name=one_line(instance.name),
    )
    text = table(("PID", "USER", "CPU", "MEM", "COMMAND"), rows)
    return head + "\n" + fenced(page(text, 3000))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set a table in columns; the last one is as wide as it is."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]
        )
        for line in lines
    )


def details(instance: Instance, address: str, _: Words) -> str:
    """Write what an instance is, readably; what looks like a secret is hidden."""
    limits = instance.resources
    environment = masked(instance.environment)
    rows = [
        (_("State"), title(instance, _)),
        (_("Made from"), image_of(instance)),
        (_("Digest"), coded(instance.digest or "–", 80)),
        (_("Command"), _list(masked_command(instance.command), _)),
        (_("Environment"), _list(environment, _)),
        (_("Ports"), ", ".join(address_of(one, address, _) for one in instance.ports)),
        (
            _("Limits"),
            _(
                "{cpus} CPUs · {memory} memory · {disk} disk · {n} processes",
                cpus=spoken_cpus(limits.cpus),
                memory=size(limits.memory_bytes),
                disk=size(limits.disk_bytes),
                n=limits.processes,
            ),
        ),
        (_("Internet"), _("reachable from inside") if instance.outward else _("cut off")),
        (_("Owner"), f"<@{instance.owner_id}>" if instance.owner_id is not None else ""),
        (_("Host"), one_line(instance.host)),
        (_("Engine's id"), coded(instance.engine_id[:12]) if instance.engine_id else ""),
        (_("Process on the host"), str(instance.process_id or "")),
        (_("Asked for"), with_time(instance.requested_at, "f")),
        (_("Started"), with_time(instance.started_at, "f") if instance.started_at else ""),
        (_("Time left"), _until(instance, _)),
        (_("Extended"), str(instance.extensions) if instance.extensions else ""),
        (_("Ended"), how_it_ended(instance, _)),
    ]
    return "\n".join(f"**{label}** {value or '–'}" for label, value in rows if value)


def _until(instance: Instance, _: Words) -> str:
    if not instance.is_alive:
        return ""
    if instance.deadline is None:
        return _("until the session's end")
    return with_time(instance.deadline)


def _list(words: Sequence[str], _: Words, most: int = 12) -> str:
    text = " ".join(coded(word, 80) for word in words[:most])
    return text + (" " + _("… and {n} more", n=len(words) - most) if len(words) > most else "")
