"""Write the archive that a Linux kernel unpacks as its first file system.

The same files give the same bytes, wherever and whenever: everything is root's, of no date.
"""

import gzip
import lzma
import re
import stat
from collections.abc import Iterable
from pathlib import Path

_END = "TRAILER!!!"
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_OPENERS = {".ko": bytes, ".gz": gzip.decompress, ".xz": lzma.decompress}


class Initramfs:
    """Files, folders, links and devices, in the kernel's cpio format ("newc")."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes, tuple[int, int]]] = {}

    def data(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file."""
        self._add(name, stat.S_IFREG | mode, content)

    def file(self, name: str, source: Path) -> None:
        """Add a file of the disk; a link is followed."""
        self.data(name, source.read_bytes(), source.stat().st_mode & 0o755)

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Add an empty folder."""
        self._add(name, stat.S_IFDIR | mode)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int) -> None:
        """Add a character device."""
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def packed(self) -> bytes:
        """Return the archive, compressed so that even an emulated machine unpacks it quickly."""
        parts = [
            part
            for number, (name, (mode, content, device)) in enumerate(
                # A folder sorts before what is in it.
                sorted(self._entries.items()),
                1,
            )
            for part in _entry(name, number, mode, content, device)
        ]
        parts += _entry(_END, 0, 0, b"", (0, 0))
        return gzip.compress(b"".join(parts), compresslevel=9, mtime=0)

    def _add(
        self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        for parent in Path(name).parents:
            if parent.name:
                self._entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b"", (0, 0)))
        self._entries[name] = (mode, content, device)


def _entry(
    name: str, number: int, mode: int, content: bytes, device: tuple[int, int]
) -> Iterable[bytes]:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    yield head + b"\0" * (-len(head) % 4)
    yield content + b"\0" * (-len(content) % 4)


def modules(folder: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """Return kernel modules of a tree with all that they need, in the order to load them.

    What isn't there as a file is left out: it may be part of the kernel itself.
    """
    there = {
        _module_name(path.name): path
        for path in sorted(folder.rglob("*.ko*"))
        if path.suffix in _OPENERS
    }
    found: dict[str, bytes] = {}

    def take(name: str) -> None:
        path = there.get(_module_name(name))
        if path is None or _module_name(name) in found:
            return
        content = _OPENERS[path.suffix](path.read_bytes())
        needs = _DEPENDS.search(content)
        for each in needs[1].decode().split(",") if needs else ():
            take(each)
        found[_module_name(name)] = content

    for name in wanted:
        take(name)
    return found


def _module_name(name: str) -> str:
    return name.partition(".")[0].replace("-", "_")
