"""The Docker Engine of this machine: is there one, and starting it where nothing else does."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from scripts.lab import FOLDER, processes

RECORD = FOLDER / "started" / "dockerd"
UNIT_RECORD = FOLDER / "started" / "docker.service"
LOG = FOLDER / "dockerd.log"
_PID_FILE = Path("/var/run/docker.pid")
_SOCKET = "unix:///var/run/docker.sock"
_LOCAL = "unix://"
_SECONDS = 5
_START_SECONDS = 40
_STOP_SECONDS = 60  # it stops its containers first


def endpoint() -> str:
    """Return where the engine is to be found."""
    return os.environ.get("DOCKER_HOST") or _SOCKET


def state() -> str:
    """Say how the engine stands, in a word.

    `answers`; `elsewhere`: on another machine; `rootless`; `forbidden`: not for this person;
    `silent`: something is there that doesn't answer; `asleep`: installed; `absent`.
    """
    if not endpoint().startswith(_LOCAL):
        return "elsewhere"
    try:
        info = _info(Path(endpoint().removeprefix(_LOCAL)))
    except PermissionError:
        return "forbidden"
    except (FileNotFoundError, ConnectionRefusedError):
        return "asleep" if shutil.which("dockerd") else "absent"
    except (OSError, ValueError, http.client.HTTPException):
        return "silent"
    options = info.get("SecurityOptions") or ()
    return "rootless" if any("rootless" in each for each in options) else "answers"


def start(group: str | None) -> str:
    """Start the engine, as root: by systemd where it runs this machine, else by hand.

    `group` may use it then; None: the group docker. Return what went wrong, else nothing.
    """
    if Path("/run/systemd/system").is_dir():
        done = subprocess.run(
            ["systemctl", "start", "docker"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"systemctl start docker: {done.stderr.strip()}"
        UNIT_RECORD.parent.mkdir(parents=True, exist_ok=True)
        UNIT_RECORD.touch()
        return ""
    if state() == "answers" and _PID_FILE.exists():
        # Its package's own start script was quicker.
        processes.remember(RECORD, int(_PID_FILE.read_text()))
        return ""
    command = ["dockerd", "--host", endpoint(), *(["--group", group] if group else [])]
    # Without an init that collects what dockerd's children leave behind, tini does.
    if tini := shutil.which("tini"):
        command = [tini, "-s", "--", *command]
    process = processes.start(RECORD, command, LOG)
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if state() == "answers":
            return ""
        time.sleep(0.1)
    processes.stop(RECORD)
    lines = LOG.read_text(errors="replace").strip().splitlines()
    return f"dockerd did not come up: {lines[-1] if lines else 'it said nothing'} (see {LOG})"


def stop() -> str:
    """Stop what `start` started; return what was stopped, else nothing."""
    if UNIT_RECORD.exists():
        subprocess.run(["systemctl", "stop", "docker.socket", "docker"], check=False)
        UNIT_RECORD.unlink()
        return "the Docker Engine (docker.service)"
    return "the Docker Engine" if processes.stop(RECORD, _STOP_SECONDS) else ""


def _info(path: Path) -> dict[str, object]:
    connection = http.client.HTTPConnection("localhost", timeout=_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(_SECONDS)
        connection.sock.connect(str(path))
        connection.request("GET", "/info")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
