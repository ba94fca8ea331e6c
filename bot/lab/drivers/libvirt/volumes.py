"""Disks and files in a storage pool."""

import contextlib
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from bot.errors import N_, Term
from bot.lab.drivers.guests import Upload, Volume
from bot.lab.drivers.libvirt import refusals
from bot.lab.drivers.libvirt.library import Connection, Pool, Stream, libvirt
from bot.lab.drivers.libvirt.library import Volume as LibvirtVolume
from bot.lab.drivers.libvirt.link import Link
from bot.lab.errors import DiskFull, EngineRefused, NameTaken, PullCancelled
from bot.lab.guest_errors import PoolInactive

DISKS = Term(N_("keeping disks"))

QCOW2 = b"QFI\xfb"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
# A volume beside another, whose upload isn't over: without it a broken one would look whole.
_UNFINISHED = ".part"
_CHUNK = 256 * 1024
_END = 64 * 1024
_HEADER_BYTES = 104
_REFRESH_SECONDS = 3.0
_PAUSE_SECONDS = 0.05
_REFERS = "the image refers to another file"


class Volumes:
    """A host's storage pool."""

    def __init__(self, link: Link, pool: str) -> None:
        self._link = link
        self._pool = pool
        self._uploading: set[str] = set()

    def listed(self, prefix: str) -> list[Volume]:
        """List volumes whose names begin so.

        One that broke off is listed as what it is, "….part": deleting that deletes both.
        """
        return self._link.run(lambda one: self._list(one, prefix), what=DISKS, name=self._pool)

    def create(self, name: str, capacity_bytes: int, backing: str | None) -> Volume:
        """Make a qcow2 disk."""

        def work(connection: Connection) -> Volume:
            pool = self.pool(connection)
            under = None if backing is None else described(pool.storageVolLookupByName(backing))
            made = pool.createXML(_disk_xml(_checked(name), capacity_bytes, under), 0)
            return Volume(name, made.path(), "qcow2", capacity_bytes, 0)

        return self._link.run(work, what=DISKS, name=name)

    def upload(
        self,
        name: str,
        source: Path,
        progress: Callable[[Upload], None],
        cancelled: threading.Event | None,
    ) -> Volume:
        """Bring a file into the pool; what broke off before is begun anew."""
        _check(cancelled)
        form, capacity = format_of(source)
        self._uploading.add(name)
        try:
            work = self._make_room
            self._link.run(lambda one: work(one, name, source), what=DISKS, name=name)
            try:
                path = self._link.run(
                    lambda one: self._send(one, name, source, progress, cancelled),
                    what=DISKS,
                    name=name,
                )
            except BaseException:
                with contextlib.suppress(Exception):  # what is wrong is known already
                    self.delete(name)
                raise
        finally:
            self._uploading.discard(name)
        return Volume(name, path, form, capacity, source.stat().st_size)

    def delete(self, name: str) -> None:
        """Delete a volume; already gone is fine."""
        whole = name.removesuffix(_UNFINISHED)

        def work(connection: Connection) -> None:
            pool = self.pool(connection)
            _delete(pool, whole)
            _delete(pool, whole + _UNFINISHED)

        self._link.run(work, what=DISKS, name=self._pool)

    def path(self, connection: Connection, name: str) -> str:
        """Return where a volume is on the host."""
        return str(self.pool(connection).storageVolLookupByName(name).path())

    def pool(self, connection: Connection) -> Pool:
        """Return the pool.

        Raises:
            PoolInactive: it isn't there, or isn't active.
        """
        try:
            pool = connection.storagePoolLookupByName(self._pool)
        except libvirt.libvirtError as error:
            if refusals.code_of(error) == libvirt.VIR_ERR_NO_STORAGE_POOL:
                raise PoolInactive(name=self._pool) from error
            raise
        if not pool.isActive():
            raise PoolInactive(name=self._pool)
        return pool

    def _list(self, connection: Connection, prefix: str) -> list[Volume]:
        pool = self.pool(connection)
        names = {name: name for name in pool.listVolumes() if name.startswith(prefix)}
        broken = {name for name in names if name + _UNFINISHED in names}
        under_way = {name + _UNFINISHED for name in self._uploading}
        found: list[Volume] = []
        for name in sorted(names.keys() - broken - under_way):
            with contextlib.suppress(libvirt.libvirtError):  # gone since
                found.append(described(pool.storageVolLookupByName(name)))
        return found

    def _make_room(self, connection: Connection, name: str, source: Path) -> None:
        pool = self.pool(connection)
        names = set(pool.listVolumes())
        mark = _checked(name) + _UNFINISHED
        if name in names and mark not in names:
            raise NameTaken(name=name)
        _delete(pool, name)
        size = source.stat().st_size
        _refresh(pool)
        if size > pool.info()[3]:
            raise DiskFull
        if mark not in names:
            pool.createXML(_raw_xml(mark, 0), 0)
        pool.createXML(_raw_xml(name, size), 0)

    def _send(
        self,
        connection: Connection,
        name: str,
        source: Path,
        progress: Callable[[Upload], None],
        cancelled: threading.Event | None,
    ) -> str:
        pool = self.pool(connection)
        volume = pool.storageVolLookupByName(name)
        size = source.stat().st_size
        stream = connection.newStream(0)
        volume.upload(stream, 0, size, 0)
        try:
            sent = 0
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    _check(cancelled)
                    _send_all(stream, chunk)
                    sent += len(chunk)
                    progress(Upload(sent, size))
        except BaseException:
            with contextlib.suppress(libvirt.libvirtError):
                stream.abort()
            raise
        stream.finish()
        if not _has_arrived(connection, volume, source):
            raise DiskFull
        _delete(pool, name + _UNFINISHED)
        return str(volume.path())


def format_of(source: Path) -> tuple[str, int]:
    """Return a file's format and how large a disk it is.

    Raises:
        EngineRefused: it would have the host read other files than itself.
    """
    with source.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header.startswith(QCOW2):
        return "raw", source.stat().st_size
    version = int.from_bytes(header[4:8], "big")
    backing_at = int.from_bytes(header[8:16], "big")
    # From version 3 on; the third bit: its data is in a file of its own.
    features = int.from_bytes(header[72:80], "big") if version >= 3 else 0
    if backing_at or features & 0b100:
        raise EngineRefused(why=_REFERS)
    return "qcow2", int.from_bytes(header[24:32], "big")


def _check(cancelled: threading.Event | None) -> None:
    if cancelled is not None and cancelled.is_set():
        raise PullCancelled


def _has_arrived(connection: Connection, volume: LibvirtVolume, source: Path) -> bool:
    """Look whether the end of a file is there.

    libvirt doesn't say when the disk was full: what didn't fit is nothing but zeros then.
    """
    end = _end_of(source)
    if end is None:
        return True
    offset, expected = end
    stream = connection.newStream(0)
    volume.download(stream, offset, len(expected), 0)
    found = bytearray()
    while chunk := stream.recv(_END):
        found += chunk
    stream.finish()
    return bytes(found) == expected


def _end_of(source: Path) -> tuple[int, bytes] | None:
    """Return the last piece of a file that isn't all zeros, and where it is."""
    with source.open("rb") as file:
        offset = source.stat().st_size
        while offset:
            length = min(_END, offset)
            offset -= length
            file.seek(offset)
            if any(piece := file.read(length)):
                return offset, piece
    return None


def _send_all(stream: Stream, data: bytes) -> None:
    while data:
        data = data[stream.send(data) :]


def _refresh(pool: Pool) -> None:
    """Have a pool look at its disk: else it says how much was free some time ago.

    It refuses while anybody brings a file into it. That is soon over, or large: then what it
    knows has to do, and what doesn't fit is noticed as it is brought.
    """
    deadline = time.monotonic() + _REFRESH_SECONDS
    while True:
        try:
            pool.refresh(0)
        except libvirt.libvirtError as error:
            if not refusals.is_busy(error):
                raise
            if time.monotonic() > deadline:
                return
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _delete(pool: Pool, name: str) -> None:
    try:
        pool.storageVolLookupByName(name).delete(0)
    except libvirt.libvirtError as error:
        if refusals.code_of(error) != libvirt.VIR_ERR_NO_STORAGE_VOL:
            raise


def described(volume: LibvirtVolume) -> Volume:
    """Read what libvirt says of a volume."""
    root = ET.fromstring(volume.XMLDesc(0))  # noqa: S314 - libvirt's own words
    form = root.find("target/format")
    return Volume(
        name=root.findtext("name", ""),
        path=root.findtext("target/path", ""),
        # An ISO too is taken as it is.
        format="qcow2" if form is not None and form.get("type") == "qcow2" else "raw",
        capacity_bytes=int(root.findtext("capacity", "0")),
        allocated_bytes=int(root.findtext("allocation", "0")),
    )


def _disk_xml(name: str, capacity_bytes: int, under: Volume | None) -> str:
    root = ET.Element("volume")
    ET.SubElement(root, "name").text = name
    ET.SubElement(root, "capacity", unit="bytes").text = str(capacity_bytes)
    ET.SubElement(root, "allocation").text = "0"
    target = ET.SubElement(root, "target")
    ET.SubElement(target, "format", type="qcow2")
    if under is not None:
        backing = ET.SubElement(root, "backingStore")
        ET.SubElement(backing, "path").text = under.path
        ET.SubElement(backing, "format", type=under.format)
    return ET.tostring(root, encoding="unicode")


def _raw_xml(name: str, size: int) -> str:
    root = ET.Element("volume")
    ET.SubElement(root, "name").text = name
    ET.SubElement(root, "capacity", unit="bytes").text = str(size)
    ET.SubElement(root, "allocation").text = "0"
    ET.SubElement(ET.SubElement(root, "target"), "format", type="raw")
    return ET.tostring(root, encoding="unicode")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or name.endswith(_UNFINISHED):
        raise EngineRefused(why=f"no name for a volume: {name}")
    return name
