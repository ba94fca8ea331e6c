"""Whether this machine's kernel can bound the speed of a network card, as libvirt does it."""

import gzip
import os
from pathlib import Path

# Of tc: classes for what comes, with fair queues in them; a limit for what goes.
_NEEDED = ("NET_SCH_HTB", "NET_SCH_SFQ", "NET_SCH_INGRESS", "NET_CLS_U32", "NET_ACT_POLICE")


def bounds_speed(configured: str | None) -> bool:
    """Tell by a kernel's configuration; one that can't be read is believed to have all."""
    if configured is None:
        return True
    lines = set(configured.splitlines())
    return all(f"CONFIG_{option}=y" in lines or f"CONFIG_{option}=m" in lines for option in _NEEDED)


def configuration() -> str | None:
    """Return this kernel's configuration, None where it isn't kept."""
    try:
        return gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    except OSError:
        pass
    try:
        return Path(f"/boot/config-{os.uname().release}").read_text()
    except OSError:
        return None
