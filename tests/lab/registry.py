"""A real registry on the loopback, with images of ours in it."""

from __future__ import annotations

import contextlib
import dataclasses
import select
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import docker
import pytest

from tests.lab import images

# The lab's set-up unpacks one, and installs nothing.
SET_UP = Path(__file__).resolve().parents[2] / "build" / "lab" / "bin"
CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{folder}"}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    """One that runs; `address` is the beginning of its images' names."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    def offer(self, engine: str, recipe: images.Recipe, name: str) -> str:
        """Put an image into it under a name, leave nothing on the engine; return its reference."""
        reference = f"{self.address}/{name}"
        client = docker.DockerClient(engine)
        made = images.archive(dataclasses.replace(recipe, reference=reference))
        try:
            client.images.load(made)
            for line in client.images.push(reference, stream=True, decode=True):
                assert "error" not in line, line
            client.images.remove(reference)
        finally:
            client.close()
        return reference


@contextmanager
def registry(
    folder: Path, *, prefix: Sequence[str] = (), host: str = "127.0.0.1"
) -> Iterator[Registry]:
    """Run one on a free port. `prefix` runs it elsewhere: in a network namespace."""
    program = shutil.which("docker-registry") or shutil.which("docker-registry", path=SET_UP)
    if program is None:
        pytest.skip("no registry here: sudo apt-get install docker-registry")
    address = f"{host}:{free_port()}"
    storage = folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    config = folder / "registry.yml"
    config.write_text(CONFIG.format(folder=storage, address=address))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([*prefix, program, "serve", config], stdout=log, stderr=log)
    try:
        _wait_for(process, address, prefix)
        yield Registry(address, storage)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], address: str, prefix: Sequence[str]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None, "the registry ended at once"
        if prefix:  # it can't be reached from here
            time.sleep(0.5)
            return
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/v2/"):
            return
        time.sleep(0.05)
    pytest.fail("the registry doesn't answer")


class SlowLine:
    """Passes bytes on to a registry, at most so many a second: a pull that takes its time."""

    def __init__(self, target: str, bytes_per_second: int) -> None:
        host, _, port = target.partition(":")
        self._target = (host, int(port))
        self._pace = bytes_per_second
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.passed = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return sum(thread.is_alive() for thread in self._threads[1:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(near,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far, contextlib.suppress(OSError):
            ends = {near: far, far: near}
            while True:
                readable, _, _ = select.select(list(ends), [], [], 0.2)
                if not readable and self._listener.fileno() < 0:
                    return
                for source in readable:
                    data = source.recv(16 * 1024)
                    if not data:
                        return
                    ends[source].sendall(data)
                    if source is far:
                        self.passed += len(data)
                        time.sleep(len(data) / self._pace)
