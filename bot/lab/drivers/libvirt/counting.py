"""From libvirt's statistics to counters; what a hypervisor doesn't tell stays None."""

import time
from collections.abc import Mapping
from typing import Any

from bot.lab.drivers.base import Counters
from bot.lab.drivers.libvirt.library import Connection, libvirt

KIB = 1024
_WANTED = (
    libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)


def read_all(connection: Connection) -> dict[str, Counters]:
    """Read the counters of all that run, in one call, by engine id.

    One that is busy tells what can be told without asking it.
    """
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
    flags |= libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    began = time.monotonic()
    found = connection.getAllDomainStats(_WANTED, flags)
    # Where the host is busy that takes a while, and nobody tells when in it something was counted.
    at = (began + time.monotonic()) / 2
    return {domain.UUIDString(): counters_of(stats, at) for domain, stats in found}


def counters_of(stats: Mapping[str, Any], at: float) -> Counters:
    """Make counters of one guest's statistics.

    Memory is what the guest's own kernel couldn't take back, as `free` shows it there, where its
    driver tells; else what its process has on the host, which has a little of its own too. Disk
    and network are counted as the guest sees them: a packet may be 64 KB, for others to divide.
    """
    memory, cache = _memory(stats)
    return Counters(
        at=at,
        cpu_seconds=_seconds(stats.get("cpu.time")),
        memory_bytes=memory,
        memory_cache_bytes=cache,
        memory_limit_bytes=_kib(stats.get("balloon.maximum")),
        disk_read_bytes=_sum(stats, "block", "rd.bytes"),
        disk_written_bytes=_sum(stats, "block", "wr.bytes"),
        network_received_bytes=_sum(stats, "net", "rx.bytes"),
        network_sent_bytes=_sum(stats, "net", "tx.bytes"),
        processes=None,
        # The first disk is the guest's own; what else there is, is read only.
        disk_used_bytes=stats.get("block.0.physical"),
        disk_read_operations=_sum(stats, "block", "rd.reqs"),
        disk_write_operations=_sum(stats, "block", "wr.reqs"),
        network_received_packets=_sum(stats, "net", "rx.pkts"),
        network_sent_packets=_sum(stats, "net", "tx.pkts"),
        memory_on_host_bytes=_kib(stats.get("balloon.rss")),
    )


def _memory(stats: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return what is used, and what more is taken but would be given back."""
    available, unused = stats.get("balloon.available"), stats.get("balloon.unused")
    if available is None or unused is None:
        on_host, most = _kib(stats.get("balloon.rss")), _kib(stats.get("balloon.maximum"))
        return on_host if on_host is None or most is None else min(on_host, most), None
    usable = stats.get("balloon.usable")
    if usable is not None:
        # Not by its caches: what is in memory file systems, or shared, is among those too.
        return max(0, available - usable) * KIB, max(0, usable - unused) * KIB
    cache = stats.get("balloon.disk_caches")
    return max(0, available - unused - (cache or 0)) * KIB, _kib(cache)


def _sum(stats: Mapping[str, Any], group: str, figure: str) -> int | None:
    values = [stats.get(f"{group}.{n}.{figure}") for n in range(stats.get(f"{group}.count", 0))]
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


def _kib(value: int | None) -> int | None:
    return None if value is None else value * KIB
