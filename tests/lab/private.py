"""An engine of one's own, to be killed, stopped and filled up: nothing else notices.

It lives in its own network, mount and process namespaces. When the first process of those
ends, everything in them ends with it: daemons, containers, mounts; also if the tests are killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from bot.lab.drivers import connect
from bot.lab.errors import HostUnreachable
from bot.lab.model import HostSettings
from tests.lab import registry as registries
from tests.lab.namespaces import namespaces

NEEDED = ("dockerd", "containerd", "tini", "unshare", "nsenter", "setpriv", "ip", "mount")
START = """\
set -e
ip link set lo up
mkdir -p /run/docker
mount --bind {folder}/run /run/docker
{mount_data}
exec tini -- sleep infinity
"""


class PrivateEngine:
    """One that runs: `address` for clients here; `ip` is where its published ports are."""

    def __init__(self, folder: Path, name: str, ip: str, init: int) -> None:
        self.folder = folder
        self.name = name
        self.ip = ip
        self.address = f"unix://{folder}/docker.sock"
        self.init = init
        self._starter: subprocess.Popen[bytes] | None = None

    @property
    def inside(self) -> tuple[str, ...]:
        """What a command begins with to run in the engine's namespaces."""
        return ("nsenter", "-t", str(self.init), "--net", "--mount", "--pid", "--")

    @property
    def process(self) -> psutil.Process:
        """The daemon itself."""
        assert self._starter is not None
        return psutil.Process(self._starter.pid).children()[0]

    def start(self, *options: str) -> None:
        """Start the daemon and wait until it answers."""
        folder = self.folder
        command = (
            *self.inside,
            "dockerd",
            f"--data-root={folder}/data",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/docker.pid",
            f"--host={self.address}",
            f"--cgroup-parent=/{self.name}",
            "--log-level=warn",
            *options,
        )
        (folder / "docker.pid").unlink(missing_ok=True)
        with (folder / "dockerd.log").open("ab") as log:
            self._starter = subprocess.Popen(command, stdout=log, stderr=log)
        settings = HostSettings("private", self.address)
        until = time.monotonic() + 40
        while time.monotonic() < until:
            if self._starter.poll() is not None:
                break
            with contextlib.suppress(HostUnreachable), closing(connect(settings)) as driver:
                driver.ping()
                return
            time.sleep(0.1)
        pytest.fail(f"the private engine didn't start:\n{(folder / 'dockerd.log').read_text()}")

    def kill(self) -> None:
        """End the daemon without a word; its containers and containerd stay."""
        assert self._starter is not None
        self.process.kill()
        self._starter.wait(10)

    def restart(self, *options: str) -> None:
        """Stop the daemon politely and start it again, perhaps with other options."""
        assert self._starter is not None
        self.process.terminate()
        self._starter.wait(30)
        self.start(*options)

    def hang(self) -> None:
        """Stop the daemon in its tracks: it takes connections and doesn't answer."""
        self.process.send_signal(signal.SIGSTOP)
        # On a busy machine it may answer once more before it really stands still.
        while self.process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

    def resume(self) -> None:
        """Let it go on."""
        assert self._starter is not None
        self.process.send_signal(signal.SIGCONT)
        self._starter.send_signal(signal.SIGCONT)

    def gone(self) -> None:
        """Take note that it ended with its namespaces."""
        if self._starter is not None:
            self._starter.wait(10)

    @contextmanager
    def registry(self, storage: Path | None = None) -> Iterator[registries.Registry]:
        """Run a registry on the engine's own loopback, perhaps with another one's storage."""
        folder = self.folder / f"registry-{secrets.token_hex(3)}"
        folder.mkdir()
        if storage is not None:
            (folder / "storage").symlink_to(storage)
        with registries.registry(folder, prefix=self.inside) as running:
            yield running


@contextmanager
def private_engine(
    *options: str, data_bytes: int | None = None, disk: Path | None = None
) -> Iterator[PrivateEngine]:
    """Start an engine of one's own, and take it away after.

    `data_bytes`: how much room it has; `disk`: a file with a file system that it has for it.
    """
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"an engine of one's own needs root and {', '.join(missing) or 'nothing else'}")
    name = f"study-test-{secrets.token_hex(4)}"
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
    for part in ("data", "run", "exec"):
        (folder / part).mkdir()
    mount_data = ""
    if data_bytes:
        mount_data = f"mount -t tmpfs -o size={data_bytes} tmpfs {folder}/data"
    elif disk:
        mount_data = f"mount -o loop {disk} {folder}/data"
    script = folder / "start.sh"
    script.write_text(START.format(folder=folder, mount_data=mount_data))
    engine: PrivateEngine | None = None
    try:
        with namespaces(script, folder / "init.log") as init:
            engine = PrivateEngine(folder, name, _connect(name, init), init)
            engine.start(*options)
            yield engine
    finally:
        if engine is not None:
            engine.gone()
        _clean_up(folder, name)


def _connect(name: str, init: int) -> str:
    """Lay a line between the namespace and us; return the address inside."""
    near = f"st{name[-8:]}"
    number = secrets.randbelow(250 * 64)
    network = f"10.254.{number // 64}"
    first = number % 64 * 4
    ours, theirs = f"{network}.{first + 1}", f"{network}.{first + 2}"
    inside = ("nsenter", "-t", str(init), "--net", "--")
    for command in (
        ("ip", "link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", str(init)),
        ("ip", "addr", "add", f"{ours}/30", "dev", near),
        ("ip", "link", "set", near, "up"),
        (*inside, "ip", "addr", "add", f"{theirs}/30", "dev", "eth0"),
        (*inside, "ip", "link", "set", "eth0", "up"),
        (*inside, "ip", "route", "add", "default", "via", ours),
    ):
        subprocess.run(command, check=True, capture_output=True)
    return theirs


def _clean_up(folder: Path, name: str) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:  # what was killed lets go of its files a moment later
        shutil.rmtree(folder, ignore_errors=True)
        groups = [
            *Path("/sys/fs/cgroup").glob(f"{name}/**/"),
            *Path("/sys/fs/cgroup").glob(f"*/{name}/**/"),
        ]
        for group in sorted(groups, key=lambda one: len(one.parts), reverse=True):
            with contextlib.suppress(OSError):
                group.rmdir()
        if not folder.exists() and not any(group.exists() for group in groups):
            return
        time.sleep(0.1)
