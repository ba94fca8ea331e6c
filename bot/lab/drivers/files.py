"""The kernel's small files, read again and again: to open one costs more than to read it."""

import os
import threading
from contextlib import suppress

READ_SIZE = 64 * 1024
# Of the files that this process may have open, so many are kept open here: the rest is for others.
_SHARE = 4


def read(path: str) -> str:
    """Read one of them with as few calls as there can be."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(number, READ_SIZE).decode(errors="replace")
    finally:
        os.close(number)


class Files:
    """Reads files that belong together, and keeps them open where that was asked for.

    Beyond what there is room for in all, they are opened each time. Several threads may read.
    """

    def __init__(self) -> None:
        self.are_kept = False
        self._open: dict[str, _Open] = {}

    def read(self, path: str) -> str:
        """Read what is in one now. Raises OSError."""
        kept = self._open.get(path)
        if kept is not None:
            with suppress(OSError):  # it is gone; there may be another in its place
                return kept.read()
            self._open.pop(path, None)
        if not self.are_kept or not _room.acquire(blocking=False):
            return read(path)
        try:
            kept = _Open(path)
        except OSError:
            _room.release()
            raise
        self._open[path] = kept
        return kept.read()

    def let_go(self) -> None:
        """Close what is open, and keep nothing so from now on."""
        self.are_kept = False
        self._open.clear()


class _Open:
    """Closed with the last who has it, so never while another thread reads."""

    def __init__(self, path: str) -> None:
        self._number = -1
        self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> str:
        return os.pread(self._number, READ_SIZE, 0).decode(errors="replace")

    def __del__(self) -> None:
        if self._number >= 0:
            os.close(self._number)
            _room.release()


_room = threading.Semaphore(os.sysconf("SC_OPEN_MAX") // _SHARE)
