"""libvirt's event loop, once for the whole program, in a thread of its own.

It must be there before the first connection is opened. It reads what consoles print and
notices connections that have died; whatever it calls must return at once.
"""

import threading
from collections.abc import Callable

from bot.lab.drivers.libvirt.library import libvirt

_lock = threading.Lock()
_running: list[threading.Thread] = []


def ensure() -> None:
    """Have the loop run."""
    with _lock:
        if _running:
            return
        # It would print each error that we turn into a sentence.
        libvirt.registerErrorHandler(_say_nothing, None)
        libvirt.virEventRegisterDefaultImpl()
        # Wakes the loop now and then, so that it never waits for nothing at all.
        libvirt.virEventAddTimeout(1000, _tick, None)
        thread = threading.Thread(target=_run, name="libvirt events", daemon=True)
        thread.start()
        _running.append(thread)


class Alarm:
    """Calls something in the loop's thread, once a while after it was set."""

    def __init__(self, milliseconds: int, called: Callable[[], None]) -> None:
        ensure()
        self._milliseconds = milliseconds
        self._called = called
        self._timer: int = libvirt.virEventAddTimeout(-1, self._ring, None)

    def set(self) -> None:
        """Let it ring in a while; being set already, it begins to wait again."""
        libvirt.virEventUpdateTimeout(self._timer, self._milliseconds)

    def drop(self) -> None:
        """Let it never ring again."""
        libvirt.virEventRemoveTimeout(self._timer)

    def _ring(self, timer: int, _opaque: object) -> None:
        libvirt.virEventUpdateTimeout(timer, -1)
        self._called()


def _run() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def _tick(_timer: int, _opaque: object) -> None:
    """Do nothing."""


def _say_nothing(_context: object, _error: object) -> None:
    """Say nothing."""
