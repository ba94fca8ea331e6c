"""How figures of usage read in columns: narrow, of one width, the same in both languages.

Like the tools people know: %CPU is of one CPU, sizes are in K, M and G of 1,024, `-` is what
nobody tells, `≥` stands before what may be more than was counted.
"""

from collections.abc import Iterable, Sequence

from bot.usage import Point, Sample

UNKNOWN = "-"
_STEP = 1024
_UNITS = ("", "K", "M", "G", "T")
_LEVELS = "▁▂▃▄▅▆▇█"

# What a list can be sorted by, and a history drawn of: several figures may belong together.
CPU = ("cpus",)
MEMORY = ("memory_bytes",)
DISK = ("disk_read_bytes_per_s", "disk_written_bytes_per_s")
NETWORK = ("network_received_bytes_per_s", "network_sent_bytes_per_s")


def added(values: Iterable[float | None]) -> float | None:
    """Add up what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def of_sample(sample: Sample | None, names: Sequence[str]) -> float | None:
    """Return one figure of a sample, or several that belong together."""
    return None if sample is None else added(getattr(sample, name) for name in names)


def size(size_bytes: float | None) -> str:
    """Write a size in four characters at most: "12M", "1.5G", "999K", "0"."""
    if size_bytes is None:
        return UNKNOWN
    amount, unit = max(0.0, size_bytes), _UNITS[0]
    for unit in _UNITS:
        # 999.6 would read "1000", which is a character too many.
        if amount < 999.5 or unit == _UNITS[-1]:
            break
        amount /= _STEP
    text = f"{amount:.1f}" if unit and amount < 9.95 else f"{amount:.0f}"
    return text + unit


def number(count: float) -> str:
    """Write a large number in four characters at most: "830K", "2.1M"."""
    amount, unit = count, ""
    for unit in _UNITS:
        if amount < 999.5 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return (f"{amount:.1f}" if amount < 9.95 else f"{amount:.0f}") + unit


def rate(bytes_per_s: float | None) -> str:
    """Write a rate in six characters at most: "1.2M/s"."""
    return UNKNOWN if bytes_per_s is None else size(bytes_per_s) + "/s"


def share(part: float | None) -> str:
    """Write a share of one: "0.4%", "12%", "180%"."""
    if part is None:
        return UNKNOWN
    number = max(0.0, part * 100)
    return f"{number:.1f}%" if 0.05 <= number < 0.95 else f"{number:.0f}%"


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return what share one is of the other, where both are known."""
    return part / whole if part is not None and whole else None


def gauge(part: float | None, cells: int = 20) -> str:
    """Draw a share of a whole as `htop` does: `[|||||       25%]`."""
    text = share(part)
    filled = 0 if part is None else min(cells, max(round(part * cells), 1 if part > 0.005 else 0))
    bar = ("|" * filled).ljust(cells)
    # The number stands on the bar's end.
    return f"[{bar[: cells - len(text)]}{text}]"


def history(
    points: Sequence[Point],
    names: Sequence[str],
    *,
    most: float | None = None,
    least_most: float = 0.0,
    cells: int = 15,
) -> str:
    """Draw a figure's last spans as small bars, the newest at the end.

    `most` is what fills a bar; without it the highest of them does, or `least_most` where all are
    small: what is hardly anything must not look like much. A span in which nothing is
    known stays empty.
    """
    latest = list(points)[-cells:]
    values = [added(point.mean(name) for name in names) for point in latest]
    highest = most or max([least_most, *(value for value in values if value is not None)])
    bars = ""
    for point, value in zip(latest, values, strict=True):
        if point.after_hole and bars:
            bars += " "
        bars += " " if value is None else _level(value, highest)
    return bars[-cells:]


def _level(value: float, most: float) -> str:
    if most <= 0 or value <= 0:
        return _LEVELS[0]
    return _LEVELS[min(len(_LEVELS) - 1, round(value / most * (len(_LEVELS) - 1)))]
