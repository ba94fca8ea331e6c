"""What may be run inside a container, and how."""

from typing import Any

from bot.engine_proxy import names
from bot.engine_proxy.schema import Check, flag, integer, items, record, text


def check_execution(value: Any) -> dict[str, Any]:
    """Check what is to be run inside a container: never with more rights than it has.

    Raises:
        Refused: something in it is not for the lab.
    """
    body = record(_EXECUTION)(value, "")
    body.pop("Container", None)
    return body


def check_start(value: Any) -> dict[str, Any]:
    """Check how it is started."""
    return record(_START)(value, "")


_EXECUTION: dict[str, Check] = {
    "Cmd": items(text()),
    "Env": items(text()),
    "User": text(r"[\w.-]{0,64}(?::[\w.-]{1,64})?"),
    "WorkingDir": text(r"(?:/[^\0]{0,4000})?"),
    "Tty": flag,
    "AttachStdout": flag,
    "AttachStderr": flag,
    # docker-py's own addition; the engine goes by the path.
    "Container": text(names.IDENTIFIER),
}
_START: dict[str, Check] = {
    "Detach": flag,
    "Tty": flag,
    "ConsoleSize": items(integer(0, 10_000), 2),
}
