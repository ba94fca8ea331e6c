"""libvirt on this machine: is it there, and starting it where nothing else does."""

import os
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path

from scripts.lab import FOLDER, processes

URI = "qemu:///system"
RECORD = FOLDER / "started" / "libvirtd"
LOG_RECORD = FOLDER / "started" / "virtlogd"
UNIT_RECORD = FOLDER / "started" / "libvirtd.service"
LOG = FOLDER / "libvirtd.log"
# Why there are no virtual machines here, once that was tried; scripts/setup.sh writes it.
NOT_HERE = FOLDER.parent / "setup" / "no-guests"
_SETTINGS = FOLDER / "libvirtd.conf"
_RUN = Path("/run/libvirt")
_SOCKET = _RUN / "libvirt-sock"
_LOG_SOCKET = _RUN / "virtlogd-sock"
_PID_FILE = Path("/run/libvirtd.pid")
_KVM = Path("/dev/kvm")
_KVM_GROUP = "kvm"
_SECONDS = 10
_START_SECONDS = 40
_EMULATOR = "qemu-system-x86_64"


def state() -> str:
    """Say how libvirt stands, in a word.

    `answers`; `forbidden`: not for this person; `silent`: something is there that doesn't
    answer; `asleep`: installed; `absent`; `foreign`: on a machine whose guests can't be ours.
    """
    if os.uname().machine != "x86_64":
        return "foreign"
    try:
        _connect(_SOCKET)
    except PermissionError:
        return "forbidden"
    except (FileNotFoundError, ConnectionRefusedError):
        is_whole = all(map(shutil.which, ("libvirtd", "virtlogd", "dnsmasq", "virsh", _EMULATOR)))
        return "asleep" if is_whole else "absent"
    except OSError:
        return "silent"
    return _asked()


def start(group: str | None) -> str:
    """Start libvirt, as root: by systemd where it runs this machine, else by hand.

    `group` may use it then; None: the group libvirt. Return what went wrong, else nothing.
    """
    if Path("/run/systemd/system").is_dir():
        done = subprocess.run(
            ["systemctl", "start", "libvirtd"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"systemctl start libvirtd: {done.stderr.strip()}"
        UNIT_RECORD.parent.mkdir(parents=True, exist_ok=True)
        UNIT_RECORD.touch()
        return ""
    if state() == "answers":
        # Its package's own start script was quicker.
        if processes.running(RECORD) is None and _PID_FILE.exists():
            processes.remember(RECORD, int(_PID_FILE.read_text()))
        return ""
    _open_kvm()
    _SETTINGS.write_text(_settings(group or "libvirt"))
    _RUN.mkdir(mode=0o755, exist_ok=True)
    # QEMU's own output goes through virtlogd, which keeps it from filling the disk.
    started = [(LOG_RECORD, ["virtlogd"], _LOG_SOCKET)] if not _accepts(_LOG_SOCKET) else []
    started.append((RECORD, ["libvirtd", "--config", str(_SETTINGS)], _SOCKET))
    for record, command, path in started:
        # Without an init that collects what these leave behind, tini does: else libvirt waits
        # for its own probes of QEMU, over a minute each time.
        collected = [*([tini, "-s", "--"] if (tini := shutil.which("tini")) else []), *command]
        process = processes.start(record, collected, LOG)
        until = time.monotonic() + _START_SECONDS
        while not _accepts(path):
            if time.monotonic() > until or process.poll() is not None:
                stop()
                lines = LOG.read_text(errors="replace").strip().splitlines()
                said = lines[-1] if lines else "it said nothing"
                return f"{command[0]} did not come up: {said} (see {LOG})"
            time.sleep(0.05)
    return "" if _asked() == "answers" else f"libvirtd came up but doesn't answer (see {LOG})"


def stop() -> str:
    """Stop what `start` started; return what was stopped, else nothing. Guests aren't touched."""
    if UNIT_RECORD.exists():
        units = ["libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket", "libvirtd"]
        subprocess.run(["systemctl", "stop", *units], check=False)
        UNIT_RECORD.unlink()
        return "libvirt (libvirtd.service)"
    stopped = processes.stop(RECORD)
    processes.stop(LOG_RECORD)
    return "libvirt" if stopped else ""


def has_networks() -> bool:
    """Say whether the guests' networks are up: `study-bot lab setup-host` starts them."""
    command = ["virsh", "--quiet", "--connect", URI, "net-list", "--name"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return {"study-closed", "study-open"} <= set(done.stdout.split())


def _settings(group: str) -> str:
    """Return libvirtd's: reached by root and one group through its socket, never over a net."""
    return (
        f'unix_sock_group = "{group}"\n'
        'unix_sock_rw_perms = "0770"\n'
        'unix_sock_ro_perms = "0770"\n'
        'unix_sock_admin_perms = "0700"\n'
        'auth_unix_rw = "none"\n'
        'auth_unix_ro = "none"\n'
        "listen_tls = 0\n"
        "listen_tcp = 0\n"
    )


def _open_kvm() -> None:
    """Give /dev/kvm to the group of QEMU's user, as udev's rules do where they run.

    A device that only root can open has libvirt probe QEMU anew at every look-up.
    """
    try:
        found = _KVM.stat()
        if not stat.S_IMODE(found.st_mode) & 0o066:
            shutil.chown(_KVM, group=_KVM_GROUP)
            _KVM.chmod(0o660)
    except (OSError, LookupError):
        pass  # no such device or group: guests are emulated


def _asked() -> str:
    """Ask it whether it can run PCs; one that can't lacks QEMU's package."""
    for question, verdict in ((["domcapabilities"], "answers"), (["version"], "absent")):
        command = ["virsh", "--quiet", "--connect", URI, *question]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except FileNotFoundError:
            return "absent"
        except subprocess.TimeoutExpired:
            return "silent"
        if done.returncode == 0:
            return verdict
    return "silent"


def _accepts(path: Path) -> bool:
    try:
        _connect(path)
    except OSError:
        return False
    return True


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_SECONDS)
        probe.connect(str(path))
