"""A guest that is only written down: how it boots, what it prints, shows and counts."""

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from bot.lab.drivers.base import Counters
from bot.lab.drivers.guests import (
    NETWORK_CLOSED,
    NETWORK_OPEN,
    Ability,
    Accelerator,
    GuestHostFacts,
    GuestSpec,
    GuestState,
    GuestSystem,
    Signs,
    Snapshot,
)

GIB = 1024**3
GUEST_FACTS = GuestHostFacts(
    version="9.0.0",
    hypervisor="QEMU 7.2.22",
    uri="fake:///system",
    kernel="6.1.0",
    architecture="amd64",
    cpus=8,
    memory_bytes=16 * GIB,
    cpu_model="A fake processor",
    accelerator=Accelerator.EMULATION,
    has_virtualization=False,
    machine="pc",
    virtual_functions={},
    disk_total_bytes=100 * GIB,
    disk_free_bytes=60 * GIB,
    pool_is_active=True,
    active_networks=frozenset({NETWORK_CLOSED, NETWORK_OPEN}),
    abilities=frozenset(Ability),
    security=("seccomp",),
)
BY_ITSELF = "shut down by itself"
CRASHED = "crashed"
SYSTEM = GuestSystem("Fake GNU/Linux 1", "6.1.0-fake")
_SCREEN = (640, 400)
_SCREEN_LINES = 24


@dataclass(slots=True)
class FakeGuest:
    """One guest, from written down to forgotten. Its clock stands still while it is paused."""

    engine_id: str
    spec: GuestSpec
    process_id: int
    boot_seconds: float = 0.0
    is_running: bool = False
    is_paused: bool = False
    has_agent: bool = True
    error: str = ""
    pressed: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    typed: str = ""
    snapshots: dict[str, tuple[Snapshot, float]] = field(
        default_factory=dict[str, tuple[Snapshot, float]]
    )
    current: str | None = None
    _printed: bytes = b""
    _began: float = 0.0
    _paused_at: float = 0.0
    _ends_at: float | None = None

    @property
    def up_seconds(self) -> float:
        """How long it has run since it was started, without pauses."""
        if not self.is_running:
            return 0.0
        return (self._paused_at if self.is_paused else monotonic()) - self._began

    @property
    def is_booted(self) -> bool:
        """Whether its system is up."""
        return self.is_running and self.up_seconds >= self.boot_seconds

    def start(self, boot_seconds: float, up_seconds: float = 0.0) -> None:
        """Switch it on, or let it go on from a moment that was kept."""
        self.is_running, self.is_paused, self.error = True, False, ""
        self.boot_seconds, self._ends_at = boot_seconds, None
        self._began = monotonic() - up_seconds
        self._printed = b""

    def end(self, error: str = "") -> None:
        """Stop running, now."""
        if self.is_running:
            self._printed = self.console()
            self.is_running = self.is_paused = False
            self.error = error

    def end_in(self, seconds: float) -> None:
        """Shut down, which takes a while."""
        if self.is_running:
            self._ends_at = monotonic() + seconds

    def settle(self) -> None:
        """End it if it has shut down meanwhile."""
        if self._ends_at is not None and monotonic() >= self._ends_at and not self.is_paused:
            self._ends_at = None
            self.end(BY_ITSELF)

    def pause(self) -> None:
        """Stop its clock."""
        if self.is_running and not self.is_paused:
            self.is_paused, self._paused_at = True, monotonic()

    def resume(self) -> None:
        """Let its clock go on."""
        if self.is_paused:
            self._began += monotonic() - self._paused_at
            self.is_paused = False

    def state(self) -> GuestState:
        """Describe it."""
        return GuestState(
            engine_id=self.engine_id,
            name=self.spec.name,
            labels=dict(self.spec.labels),
            is_running=self.is_running,
            is_paused=self.is_paused,
            process_id=self.process_id if self.is_running else None,
            error=self.error,
            vcpus=max(1, -int(-self.spec.resources.cpus // 1)),
            machine="pc",
            accelerator=self.spec.accelerator,
        )

    def signs(self) -> Signs:
        """Tell how far it is inside."""
        booted = self.is_booted
        return Signs(
            printed_bytes=len(self.console()),
            agent=booted and self.has_agent,
            address=self.spec.address if booted else None,
        )

    def console(self) -> bytes:
        """Return all it has printed since its start."""
        if not self.is_running:
            return self._printed
        lines = ["Booting a fake kernel"]
        if self.is_booted:
            lines += [f"network: {self.spec.address}", f"{self.spec.name} login: {self.typed}"]
        return "\r\n".join(lines).encode() + (b"" if self.is_booted else b"\r\n")

    def picture(self) -> bytes:
        """Draw its screen, a PNG."""
        # Here and not above: nobody but the one who looks at a fake screen waits for it.
        from PIL import Image, ImageDraw

        image = Image.new("RGB", _SCREEN, "black")
        lines = self.console().decode().splitlines()[-_SCREEN_LINES:]
        ImageDraw.Draw(image).text((8, 8), "\n".join(lines), fill="white")
        drawn = io.BytesIO()
        image.save(drawn, "PNG")
        return drawn.getvalue()

    def keep(self, name: str) -> Snapshot:
        """Keep this moment."""
        made = Snapshot(name, datetime.now(UTC), is_running=self.is_running, is_current=True)
        self.snapshots[name] = (made, self.up_seconds)
        self.current = name
        return made

    def go_back(self, name: str) -> None:
        """Be again as it was."""
        kept, up_seconds = self.snapshots[name]
        self.end()
        self.current, self.typed = name, ""
        if kept.is_running:
            self.start(self.boot_seconds, up_seconds)

    def counters(self) -> Counters:
        """Count as an idle guest would."""
        return Counters(
            at=monotonic(),
            cpu_seconds=self.up_seconds * 0.02,
            memory_bytes=60 * 1024**2,
            memory_cache_bytes=None,
            memory_limit_bytes=self.spec.resources.memory_bytes,
            disk_read_bytes=1024,
            disk_written_bytes=0,
            network_received_bytes=2048,
            network_sent_bytes=1024,
            processes=None,
        )
