"""The counters of the machine this program runs on."""

import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import psutil

from bot.lab.drivers import Counters

_BLOCKS = Path("/sys/block")
_INTERFACES = Path("/sys/class/net")


def read() -> Counters:
    """Read all four resources of this machine.

    Processor time is what isn't idle; memory is what can't be had any more, cache told apart.
    Disks and network cards count once, whatever is laid over them.
    """
    times = psutil.cpu_times()
    memory = psutil.virtual_memory()
    disks = psutil.disk_io_counters(perdisk=True, nowrap=False)
    cards = psutil.net_io_counters(pernic=True, nowrap=False)
    used_disks = [disks[name] for name in _real_disks(tuple(disks))]
    used_cards = [cards[name] for name in _real_cards(tuple(cards))]
    # A guest's time is in the user's already.
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return Counters(
        at=time.monotonic(),
        cpu_seconds=sum(times) - idle - guests,
        memory_bytes=memory.total - memory.available,
        memory_cache_bytes=getattr(memory, "cached", None),
        memory_limit_bytes=memory.total,
        disk_read_bytes=_sum(one.read_bytes for one in used_disks),
        disk_written_bytes=_sum(one.write_bytes for one in used_disks),
        network_received_bytes=_sum(one.bytes_recv for one in used_cards),
        network_sent_bytes=_sum(one.bytes_sent for one in used_cards),
        processes=len(psutil.pids()),
        disk_read_operations=_sum(one.read_count for one in used_disks),
        disk_write_operations=_sum(one.write_count for one in used_disks),
        network_received_packets=_sum(one.packets_recv for one in used_cards),
        network_sent_packets=_sum(one.packets_sent for one in used_cards),
    )


@lru_cache(maxsize=4)
def _real_disks(names: tuple[str, ...]) -> list[str]:
    """Choose whole disks that are there themselves: no partitions, no loops, no mapped ones."""
    real = [name for name in names if (_BLOCKS / name / "device").exists()]
    return real or [name for name in names if (_BLOCKS / name).exists()]


@lru_cache(maxsize=4)
def _real_cards(names: tuple[str, ...]) -> list[str]:
    """Choose cards; where there are none, as within a container, what leads out of it."""
    cards = [name for name in names if name != "lo"]
    real = [name for name in cards if (_INTERFACES / name / "device").exists()]
    return real or [
        name
        for name in cards
        if not any((_INTERFACES / name / what).exists() for what in ("bridge", "master"))
    ]


def _sum(values: Iterable[int]) -> int | None:
    found = list(values)
    return sum(found) if found else None
