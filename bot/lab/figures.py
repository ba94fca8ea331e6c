"""From the kernel's counters to what people read: four resources and what they are a share of."""

from dataclasses import dataclass

from bot.lab.drivers import Counters


@dataclass(frozen=True, slots=True)
class Figures:
    """What an instance uses. None where the platform doesn't say; sizes in bytes.

    `cpu_share` is in CPUs (1.0: one whole CPU) over the time between two readings.
    `memory_bytes` is what counts against the limit, without what the kernel can take back.
    Disk and network are totals since the start. `disk_used_bytes`: what it wrote on its disk.
    """

    cpu_share: float | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    disk_read_bytes: int | None
    disk_written_bytes: int | None
    disk_used_bytes: int | None
    network_received_bytes: int | None
    network_sent_bytes: int | None
    processes: int | None


def figures(before: Counters | None, now: Counters) -> Figures:
    """Make figures of two readings; without an earlier one there is no CPU share."""
    return Figures(
        cpu_share=_cpu_share(before, now),
        memory_bytes=now.memory_bytes,
        memory_limit_bytes=now.memory_limit_bytes,
        disk_read_bytes=now.disk_read_bytes,
        disk_written_bytes=now.disk_written_bytes,
        disk_used_bytes=now.disk_used_bytes,
        network_received_bytes=now.network_received_bytes,
        network_sent_bytes=now.network_sent_bytes,
        processes=now.processes,
    )


def _cpu_share(before: Counters | None, now: Counters) -> float | None:
    if before is None or before.cpu_seconds is None or now.cpu_seconds is None:
        return None
    passed, used = now.at - before.at, now.cpu_seconds - before.cpu_seconds
    # A restart begins the counter anew: that pair says nothing.
    return used / passed if passed > 0 and used >= 0 else None
