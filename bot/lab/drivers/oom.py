"""Whether the kernel killed a container for memory where the engine took no note of it.

The engine learns by two ways that a process ended and that the kernel killed one for memory. Where
the first is faster, the container's state says nothing of memory for ever; but the engine still
tells of it as an event.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from bot.lab.drivers.readings import Json, parse_time
from bot.lab.drivers.refusals import Refused
from bot.lab.drivers.sweeping import lines
from bot.lab.drivers.wire import Wire
from bot.lab.errors import LabError

# How a process ends that was killed, by the kernel or by anybody.
_KILLED = 137
# Both are on the engine's own clock. The event may come a moment after the end.
_BEFORE = timedelta(seconds=2)
_AFTER = timedelta(seconds=0.5)


def was_told(wire: Wire, entry: Json) -> bool:
    """Say whether the engine told of it, of a container as inspected that ended just so.

    Takes half a second at most where it ended just now. An engine, or a proxy before it, that
    doesn't say is taken at its state's word.
    """
    state: Any = entry["State"]
    ended_at = parse_time(state.get("FinishedAt"))
    if state["Running"] or state["ExitCode"] != _KILLED or ended_at is None:
        return False
    query = {
        "since": f"{(ended_at - _BEFORE).timestamp():.6f}",
        "until": f"{(ended_at + _AFTER).timestamp():.6f}",
        "filters": f'{{"container": ["{entry["Id"]}"], "event": ["oom"]}}',
    }
    with suppress(LabError, Refused), wire.stream("GET", "/events", query=query) as stream:
        return any(line.strip() for line in lines(stream))
    return False
