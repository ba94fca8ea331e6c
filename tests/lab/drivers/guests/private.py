"""A libvirtd of one's own, to be killed and stopped: nothing else notices.

It lives in its own network, mount and process namespaces, and ends with them.
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
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bot.lab.drivers import connect_guests
from bot.lab.errors import LabError
from bot.lab.model import HostSettings
from tests.lab.namespaces import namespaces

NEEDED = ("libvirtd", "qemu-system-x86_64", "tini", "unshare", "nsenter", "setpriv", "ip", "mount")
START = """\
set -e
ip link set lo up
hostname {name}
echo "127.0.0.1 localhost {name}" > {folder}/hosts
: > {folder}/resolv.conf
mount --bind {folder}/hosts /etc/hosts
mount --bind {folder}/resolv.conf /etc/resolv.conf
# Bridges of the namespace are set up through its own /sys; control groups stay the machine's.
mount --rbind /sys/fs/cgroup {folder}/groups
mount -t sysfs sysfs /sys
mount --rbind {folder}/groups /sys/fs/cgroup
mkdir -p /run/libvirt /var/cache/libvirt /var/log/libvirt
mount --bind {folder}/run /run/libvirt
# Consoles are locked by process number, which means another process outside.
mount --bind {folder}/lock "$(readlink -f /var/lock)"
mount --bind {folder}/lib /var/lib/libvirt
mount --bind {folder}/cache /var/cache/libvirt
mount --bind {folder}/log /var/log/libvirt
mount --bind {folder}/etc /etc/libvirt
exec tini -- sleep infinity
"""
CONFIGURED = """\
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
listen_tcp = 0
listen_tls = 0
"""


class PrivateLibvirt:
    """One that runs: `uri` for clients here."""

    def __init__(self, folder: Path, init: int) -> None:
        self.folder = folder
        self.init = init
        self.uri = f"qemu+unix:///system?socket={folder}/run/libvirt-sock"
        self._starter: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> psutil.Process:
        """The daemon itself."""
        assert self._starter is not None
        return next(
            one
            for one in psutil.Process(self._starter.pid).children(recursive=True)
            if one.name() == "libvirtd"
        )

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        inside = ("nsenter", "-t", str(self.init), "--net", "--mount", "--pid", "--uts", "--")
        with (self.folder / "libvirtd.log").open("ab") as log:
            self._starter = subprocess.Popen(
                (*inside, "tini", "-s", "--", "libvirtd", "-p", f"{self.folder}/libvirtd.pid"),
                stdout=log,
                stderr=log,
            )
        driver = connect_guests(HostSettings("private", None, libvirt=self.uri))
        until = time.monotonic() + 40
        try:
            while time.monotonic() < until and self._starter.poll() is None:
                with contextlib.suppress(LabError):
                    driver.ping()
                    return
                time.sleep(0.1)
        finally:
            driver.close()
        pytest.skip(f"no libvirtd of one's own: {(self.folder / 'libvirtd.log').read_text()}")

    def gone(self) -> None:
        """Take note that it ended with its namespaces."""
        if self._starter is not None:
            self._starter.wait(10)

    def kill(self) -> None:
        """End the daemon without a word; its guests stay."""
        assert self._starter is not None
        self.process.kill()
        self._starter.wait(10)

    def hang(self) -> None:
        """Stop the daemon in its tracks: it takes connections and doesn't answer."""
        process = self.process
        process.send_signal(signal.SIGSTOP)
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def private_libvirt() -> Iterator[PrivateLibvirt]:
    """Start a libvirtd of one's own, and take it away after."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"a libvirtd of one's own needs root and {', '.join(missing) or 'no more'}")
    name = f"study-test-{secrets.token_hex(4)}"
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/var/tmp"))
    folder.chmod(0o755)
    for part in ("run", "lib", "cache", "log", "lock", "groups"):
        (folder / part).mkdir()
    shutil.copytree("/etc/libvirt", folder / "etc", symlinks=True)
    for pattern in ("qemu/*.xml", "qemu/networks/*.xml", "qemu/*/autostart", "storage/*.xml"):
        for file in (folder / "etc").glob(pattern):
            file.unlink() if file.is_file() else shutil.rmtree(file)
    with (folder / "etc" / "qemu.conf").open("a") as file:
        file.write('\nstdio_handler = "file"\n')  # there is no virtlogd of one's own
    uuid = Path("/proc/sys/kernel/random/uuid").read_text().strip()
    (folder / "etc" / "libvirtd.conf").write_text(CONFIGURED.format(uuid=uuid))
    script = folder / "start.sh"
    script.write_text(START.format(folder=folder, name=name))
    own: PrivateLibvirt | None = None
    try:
        with namespaces(script, folder / "init.log", "--uts") as init:
            own = PrivateLibvirt(folder, init)
            own.start()
            yield own
    finally:
        if own is not None:
            own.gone()
        until = time.monotonic() + 10
        while folder.exists() and time.monotonic() < until:
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(0.1)
