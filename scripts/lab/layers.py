"""Image layers and manifests, made without an engine and always the same of the same files."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_MEDIA = "application/vnd.docker"
MANIFEST = f"{_MEDIA}.distribution.manifest.v2+json"
_CONFIG = f"{_MEDIA}.container.image.v1+json"
_LAYER = f"{_MEDIA}.image.rootfs.diff.tar.gzip"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass(frozen=True)
class Blob:
    """A piece of an image, known by what it holds."""

    data: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """Its name everywhere."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, Any]:
        """How a manifest speaks of it."""
        return {"mediaType": self.media_type, "size": len(self.data), "digest": self.digest}


class Layer:
    """Files of one layer; each becomes root's, with the age of its source."""

    def __init__(self, why: str) -> None:
        self.why = why
        self._entries: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
        self.newest = 0
        self._packed: tuple[Blob, str] | None = None

    def text(self, name: str, content: str, mode: int = 0o644) -> None:
        """Add a file that has no source on disk."""
        self._add(name, content.encode(), mode, 0)

    def file(self, name: str, source: Path) -> None:
        """Add a file of the disk; a link is followed."""
        found = source.stat()
        self._add(name, source.read_bytes(), found.st_mode & 0o755, int(found.st_mtime))

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._folders(name)
        self._entries[name] = (entry, b"")

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Add an empty folder."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self._folders(name)
        self._entries[name] = (entry, b"")

    def _add(self, name: str, data: bytes, mode: int, at: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(data), mode, at
        self._folders(name)
        self._entries[name] = (entry, data)
        self.newest = max(self.newest, at)

    def _folders(self, name: str) -> None:
        for parent in list(Path(name).parents)[-2::-1]:
            if str(parent) not in self._entries:
                entry = tarfile.TarInfo(str(parent))
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                self._entries[str(parent)] = (entry, b"")

    def packed(self) -> tuple[Blob, str]:
        """Return the layer, and the digest of what it unpacks to."""
        if self._packed is None:
            self._packed = self._pack()
        return self._packed

    def _pack(self) -> tuple[Blob, str]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for _, (entry, data) in sorted(self._entries.items()):
                archive.addfile(entry, io.BytesIO(data))
        plain = buffer.getvalue()
        packed = gzip.compress(plain, 6, mtime=0)
        return Blob(packed, _LAYER), f"sha256:{hashlib.sha256(plain).hexdigest()}"


@dataclass(frozen=True)
class Image:
    """What an image is made of."""

    name: str
    tags: Sequence[str]
    layers: Sequence[Layer]
    command: Sequence[str]
    port: int = 80
    stop_signal: str = "SIGTERM"
    environment: Mapping[str, str] = field(default_factory=dict)

    def blobs(self) -> tuple[list[Blob], Blob]:
        """Return its pieces, and the manifest that holds them together."""
        packed = [layer.packed() for layer in self.layers]
        newest = max(layer.newest for layer in self.layers)
        created = datetime.fromtimestamp(newest, UTC).isoformat()
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        environment |= self.environment
        config = {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": created,
            "config": {
                "Cmd": list(self.command),
                "Env": [f"{name}={value}" for name, value in environment.items()],
                "ExposedPorts": {f"{self.port}/tcp": {}},
                "StopSignal": self.stop_signal,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in packed]},
            "history": [{"created": created, "comment": layer.why} for layer in self.layers],
        }
        described = Blob(json.dumps(config, sort_keys=True).encode(), _CONFIG)
        layers = [blob for blob, _ in packed]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described.descriptor,
            "layers": [blob.descriptor for blob in layers],
        }
        return [described, *layers], Blob(json.dumps(manifest).encode(), MANIFEST)
