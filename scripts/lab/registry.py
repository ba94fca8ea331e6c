"""A registry on loopback: written to only while the images are made, read from ever after."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

from scripts.lab import FOLDER, processes
from scripts.lab.layers import Blob, Image

PROGRAM = FOLDER / "bin" / "docker-registry"
STORAGE = FOLDER / "registry"
RECORD = FOLDER / "started" / "registry"
_PORT = FOLDER / "registry.port"
_LOG = FOLDER / "registry.log"
_PORTS = range(5000, 5100)
_SECONDS = 60
_START_SECONDS = 10


class RegistryFailed(Exception):
    """It doesn't do what it should, in words for the person at the terminal."""


def port() -> int | None:
    """Return the port it listens on, None when it doesn't run."""
    if processes.running(RECORD) is None or not _PORT.exists():
        return None
    found = int(_PORT.read_text())
    return found if _listens(found) else None


def serve() -> int:
    """Start it unless it runs, on the port it had before where that is free; return the port."""
    if (there := port()) is not None:
        return there
    processes.stop(RECORD)
    before = int(_PORT.read_text()) if _PORT.exists() else _PORTS[0]
    chosen = next((each for each in (before, *_PORTS) if not _listens(each)), None)
    if chosen is None:
        raise RegistryFailed(f"no port of {_PORTS[0]}-{_PORTS[-1]} is free for the registry")
    _start(STORAGE, chosen, read_only=True)
    _PORT.write_text(str(chosen))
    return chosen


def stop() -> None:
    """Stop it."""
    processes.stop(RECORD)


@contextlib.contextmanager
def filling() -> Generator["Registry"]:
    """Make its contents anew; what was there serves until it is whole."""
    fresh = STORAGE.with_name("registry.new")
    _remove(fresh)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        chosen = probe.getsockname()[1]
    processes.stop(RECORD)
    _start(fresh, chosen, read_only=False)
    try:
        yield Registry(chosen)
    finally:
        processes.stop(RECORD)
    _remove(STORAGE)
    fresh.rename(STORAGE)


def _start(storage: Path, chosen: int, *, read_only: bool) -> None:
    settings = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            # Whoever is on this machine could put something else under our images' names.
            "maintenance": {"readonly": {"enabled": read_only}},
        },
        "http": {"addr": f"127.0.0.1:{chosen}"},
    }
    path = FOLDER / "registry.yml"
    path.write_text(json.dumps(settings))
    process = processes.start(RECORD, [str(PROGRAM), "serve", str(path)], _LOG)
    until = time.monotonic() + _START_SECONDS
    while not _listens(chosen):
        if process.poll() is not None or time.monotonic() > until:
            processes.stop(RECORD)
            raise RegistryFailed(f"the registry did not come up (see {_LOG})")
        time.sleep(0.02)


def _listens(number: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", number)) == 0


def _remove(folder: Path) -> None:
    if folder.exists():
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


class Registry:
    """A registry's API, as far as a push needs it."""

    def __init__(self, number: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", number, timeout=_SECONDS)

    def push(self, repository: str, image: Image) -> None:
        """Put an image there under all its tags; pieces that are there aren't sent again."""
        pieces, manifest = image.blobs()
        for piece in pieces:
            self._upload(repository, piece)
        for tag in image.tags:
            path = f"/v2/{repository}/manifests/{tag}"
            self._ask("PUT", path, manifest.data, manifest.media_type)

    def _upload(self, repository: str, blob: Blob) -> None:
        if self._ask("HEAD", f"/v2/{repository}/blobs/{blob.digest}", fine=404)[0] == 200:
            return
        _, place = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        parts = urlsplit(place)
        path = f"{parts.path}?{parts.query}&digest={blob.digest}"
        self._ask("PUT", path, blob.data, "application/octet-stream")

    def _ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "", *, fine: int = 0
    ) -> tuple[int, str]:
        headers = {"Content-Type": kind} if kind else {}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400 and answer.status != fine:
            raise RegistryFailed(f"the registry said {answer.status} to {method} {path}: {text!r}")
        return answer.status, answer.getheader("Location") or ""
