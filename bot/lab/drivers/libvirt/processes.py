"""Which process on this machine a guest is: a guest is a process like any other."""

from pathlib import Path

_PID_FILES = Path("/run/libvirt/qemu")
_PROC = Path("/proc")


def process_of(name: str, uuid: str, known: int | None = None) -> int | None:
    """Find a guest's process; `known` is what it was when last looked.

    libvirt writes the number down; where that can't be read, all processes are looked at.
    """
    if known is not None and _is_guest(known, uuid):
        return known
    try:
        written = int((_PID_FILES / f"{name}.pid").read_text())
    except (OSError, ValueError):
        written = None
    if written is not None and _is_guest(written, uuid):
        return written
    for folder in _PROC.iterdir():
        if folder.name.isdecimal() and _is_guest(int(folder.name), uuid):
            return int(folder.name)
    return None


def _is_guest(process_id: int, uuid: str) -> bool:
    try:
        words = (_PROC / str(process_id) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    # As QEMU's own option, not just a word somewhere in another program's line.
    return b"-uuid" in words and words[words.index(b"-uuid") + 1 : words.index(b"-uuid") + 2] == [
        uuid.encode()
    ]
