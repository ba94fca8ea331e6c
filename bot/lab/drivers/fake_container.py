"""A container that is only written down: what it runs, prints and counts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.lab.drivers.base import ContainerSpec, ContainerState, Counters
from bot.lab.errors import BadCommand

KILLED = 137
FOREVER = float("inf")
# What an idle server of a fake uses.
IDLE_CPU = 0.002
IDLE_MEMORY = 6 * 1024**2


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program comes to: what it prints, how long it runs, how it ends."""

    output: bytes = b""
    seconds: float = 0.0
    exit_code: int = 0


Program = Callable[[Sequence[str]], Ran]


def _sleep(arguments: Sequence[str]) -> Ran:
    return Ran(seconds=float(arguments[0]))


def _echo(arguments: Sequence[str]) -> Ran:
    return Ran(" ".join(arguments).encode() + b"\n")


def _yes(arguments: Sequence[str]) -> Ran:
    return Ran((" ".join(arguments) or "y").encode() + b"\n", FOREVER)


def programs() -> dict[str, Program]:
    """Return what every fake image has; "server" is what one runs by itself."""
    return {
        "server": lambda _arguments: Ran(seconds=FOREVER),
        "sleep": _sleep,
        "echo": _echo,
        "yes": _yes,
        "true": lambda _arguments: Ran(),
        "false": lambda _arguments: Ran(exit_code=1),
    }


def run(known: dict[str, Program], command: Sequence[str]) -> Ran:
    """Look a command up. Raises `BadCommand`."""
    program = known.get(command[0]) if command else None
    if program is None:
        why = f"{command[0]}: executable file not found in $PATH" if command else "no command"
        raise BadCommand(why=why)
    return program(command[1:])


@dataclass(slots=True)
class FakeContainer:
    """One container, from created to removed."""

    engine_id: str
    spec: ContainerSpec
    command: tuple[str, ...]
    process_id: int
    is_running: bool = False
    is_paused: bool = False
    exit_code: int | None = None
    out_of_memory: bool = False
    error: str = ""
    started_at: datetime | None = None
    printed: list[tuple[datetime, bytes]] = field(default_factory=list[tuple[datetime, bytes]])
    _began: float = 0.0
    _ran: Ran = field(default_factory=Ran)

    def start(self, ran: Ran) -> None:
        """Begin to run."""
        self.is_running, self.is_paused, self.exit_code = True, False, None
        self.started_at, self._began, self._ran = datetime.now(UTC), time.monotonic(), ran
        self.printed += [(self.started_at, line) for line in ran.output.splitlines(keepends=True)]

    def end(self, exit_code: int = KILLED) -> None:
        """Stop running, now."""
        if self.is_running:
            self.is_running = self.is_paused = False
            self.exit_code = exit_code

    def settle(self) -> None:
        """End it if what it runs has ended meanwhile."""
        is_over = time.monotonic() >= self._began + self._ran.seconds
        if self.is_running and not self.is_paused and is_over:
            self.end(self._ran.exit_code)

    def state(self, *, is_whole: bool) -> ContainerState:
        """Describe it; a list leaves out what takes a look at each."""
        return ContainerState(
            engine_id=self.engine_id,
            name=self.spec.name,
            labels=dict(self.spec.labels),
            image=self.spec.image,
            is_running=self.is_running,
            is_paused=self.is_paused,
            exit_code=self.exit_code if is_whole else None,
            out_of_memory=self.out_of_memory if is_whole else False,
            process_id=self.process_id if is_whole and self.is_running else None,
            error=self.error if is_whole else "",
            started_at=self.started_at if is_whole else None,
        )

    def counters(self, *, with_size: bool) -> Counters:
        """Count as an idle server would."""
        now = time.monotonic()
        has_network = self.spec.network is not None
        return Counters(
            at=now,
            cpu_seconds=(now - self._began) * IDLE_CPU,
            memory_bytes=IDLE_MEMORY,
            memory_cache_bytes=0,
            memory_limit_bytes=self.spec.resources.memory_bytes,
            disk_read_bytes=0,
            disk_written_bytes=0,
            network_received_bytes=0 if has_network else None,
            network_sent_bytes=0 if has_network else None,
            processes=1,
            disk_used_bytes=0 if with_size else None,
        )
