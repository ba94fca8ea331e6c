"""How sizes, shares and durations read."""

from datetime import timedelta

_STEP = 1024
_UNITS = ("B", "KB", "MB", "GB", "TB")


def spoken_size(size_bytes: float) -> str:
    """Write a size with three digits at most: "256 MB", "1.5 GB" (1 KB is 1,024 bytes)."""
    size, unit = float(size_bytes), _UNITS[0]
    for unit in _UNITS:
        if abs(size) < _STEP or unit == _UNITS[-1]:
            break
        size /= _STEP
    digits = 1 if size < 10 and unit != "B" else 0
    text = f"{size:.{digits}f}"
    return f"{text.removesuffix('.0')} {unit}"


def spoken_cpus(cpus: float) -> str:
    """Write a number of CPUs: "0.5", "2"."""
    return f"{cpus:g}"


def spoken_seconds(seconds: float) -> str:
    """Write a short time: "0.4 s", "12 s", "3 min 20 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def minutes(duration: timedelta) -> int:
    """Return a duration in whole minutes."""
    return round(duration.total_seconds() / 60)
