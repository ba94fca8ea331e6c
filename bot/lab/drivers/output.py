"""What containers print: logs, and commands run inside, bounded in bytes and in time."""

import secrets
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from bot.lab.drivers import kernel
from bot.lab.drivers.aside import Aside, Ended
from bot.lab.drivers.base import ExecResult
from bot.lab.drivers.refusals import Refused, bad_command, one_line
from bot.lab.drivers.wire import ORDINARY, Wire
from bot.lab.errors import BadCommand, ContainerGone, LabError, NotRunning

HEADER = 8
# No log of ours is larger (safety.LOG_BYTES and its framing); others' are not read to the end.
MOST_READ = 32 * 1024**2
LOG_SECONDS = 10.0
# Marks a command and all its children, so that they can be found and ended from inside.
MARK = "STUDY_BOT_EXEC"
_KILL = (
    'for one in /proc/[0-9]*; do grep -qs "$0" $one/environ && kill -9 ${one#/proc/}; done; true'
)
# How the shell, or the runtime itself, ends when there was no such program.
_NOT_RUN = (126, 127)


class Frames:
    """Takes the engine's framing off: 8 bytes (which stream, how long), then that much text."""

    def __init__(self) -> None:
        self._left = 0
        self._header = b""
        self._is_raw = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the text in `data`, both streams as they come."""
        while data:
            if self._is_raw:
                yield data
                return
            if self._left:
                text, data = data[: self._left], data[self._left :]
                self._left -= len(text)
                yield text
                continue
            missing = HEADER - len(self._header)
            self._header, data = self._header + data[:missing], data[missing:]
            if len(self._header) == HEADER:
                # The engine's own complaints come without a frame.
                if self._header[0] > 2 or any(self._header[1:4]):
                    self._is_raw = True
                    yield self._header
                self._left = int.from_bytes(self._header[4:], "big")
                self._header = b""


class Tail:
    """Keeps the last bytes of what it is fed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: deque[bytes] = deque()
        self._size = self._fed = 0

    def feed(self, part: bytes) -> None:
        """Take more, and forget what is too far back."""
        self._parts.append(part)
        self._size += len(part)
        self._fed += len(part)
        while self._parts and self._size - len(self._parts[0]) >= self._most:
            self._size -= len(self._parts.popleft())

    def text(self) -> bytes:
        """Return it, beginning with a whole line where it was cut."""
        whole = b"".join(self._parts)
        last = whole[-self._most :] if self._most > 0 else b""
        if self._fed > len(last):
            _, newline, rest = last.partition(b"\n")
            return rest if newline and rest else last
        return last


def logs(
    wire: Wire, engine_id: str, *, lines: int, since: datetime | None, most_bytes: int
) -> bytes:
    """Read the end of a container's log."""
    query: dict[str, str | int] = {"stdout": 1, "stderr": 1, "tail": lines}
    if since is not None:
        query["since"] = f"{since.timestamp():.6f}"
    frames, tail, read = Frames(), Tail(most_bytes), 0
    until = time.monotonic() + LOG_SECONDS
    try:
        with wire.stream("GET", f"/containers/{engine_id}/logs", query=query) as stream:
            for chunk in stream.chunks():
                for text in frames.feed(chunk):
                    tail.feed(text)
                read += len(chunk)
                if read > MOST_READ or time.monotonic() > until:
                    break
    except Refused as refused:
        raise (ContainerGone() if refused.status == 404 else refused) from refused
    return tail.text()


def execute(
    wire: Wire, engine_id: str, command: Sequence[str], *, seconds: float, most_bytes: int
) -> ExecResult:
    """Run a command inside a container and end it when it takes too long or prints too much."""
    mark = f"{MARK}={secrets.token_hex(8)}"
    exec_id = _prepare(wire, engine_id, command, mark)
    output, is_whole = bytearray(), False
    # Enough to recognise the engine's own words in, however little is asked for.
    most_read = max(most_bytes, 4096)
    started = time.monotonic()
    until = started + seconds
    with Aside(
        lambda: wire.stream(
            "POST",
            f"/exec/{exec_id}/start",
            body={"Detach": False, "Tty": False},
            seconds=seconds + ORDINARY,
        )
    ) as answer:
        frames = Frames()
        try:
            while len(output) <= most_read and (left := until - time.monotonic()) > 0:
                for text in frames.feed(answer.next(left) or b""):
                    output += text
        except Ended:
            is_whole = True
        except Refused as refused:
            raise (bad_command(refused.reason) or _of_exec(refused, engine_id)) from refused
    took = time.monotonic() - started
    exit_code = _exit_code(wire, exec_id, patience=1.0 if is_whole else 0.0)
    if exit_code is None:
        _end(wire, engine_id, exec_id, mark)
    if exit_code in _NOT_RUN and output.startswith(b"OCI runtime exec failed"):
        why = output.decode(errors="replace")
        raise bad_command(why) or BadCommand(why=one_line(why))
    return ExecResult(exit_code, bytes(output[:most_bytes]), len(output) > most_bytes, took)


def _prepare(wire: Wire, engine_id: str, command: Sequence[str], mark: str) -> str:
    body: dict[str, Any] = {
        "Cmd": list(command),
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": [mark],
    }
    try:
        return str(wire.call("POST", f"/containers/{engine_id}/exec", body=body)["Id"])
    except Refused as refused:
        raise _of_exec(refused, engine_id) from refused


def _of_exec(refused: Refused, engine_id: str) -> LabError | ContainerGone | NotRunning:
    if refused.status == 404:
        return ContainerGone()
    if refused.status == 409:
        return NotRunning(name=engine_id[:12])
    return refused


def _exit_code(wire: Wire, exec_id: str, *, patience: float) -> int | None:
    """Ask how it ended; that is known a moment after the last of its output."""
    until = time.monotonic() + patience
    while True:
        state = wire.call("GET", f"/exec/{exec_id}/json")
        if not state["Running"] and state["ExitCode"] is not None:
            return int(state["ExitCode"])
        if time.monotonic() >= until:
            return None
        time.sleep(0.02)


def _end(wire: Wire, engine_id: str, exec_id: str, mark: str) -> None:
    """End a command that was cut off.

    The engine has no call for that. From inside it takes a shell in the image; where there is
    none, the kernel of this machine does it, if this is the container's machine and we may.
    What neither reaches ends with its container.
    """
    with suppress(LabError, ContainerGone, NotRunning):
        killer = _prepare(wire, engine_id, ("sh", "-c", _KILL, mark), f"{MARK}=end")
        body = {"Detach": False, "Tty": False}
        with wire.stream("POST", f"/exec/{killer}/start", body=body) as stream:
            for _ in stream.chunks():
                pass
    with suppress(LabError):
        state = wire.call("GET", f"/exec/{exec_id}/json")
        if state["Running"]:
            kernel.kill(state["Pid"], engine_id)
