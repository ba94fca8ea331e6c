"""The lab's set-up on machines unlike this one; the engine there is played by a socket."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.lab import processes
from tests.unit.test_setup_files import ROOT, Machine

# The virtual environment's Python: the lab's own steps are real, `study-bot` writes down its calls.
PYTHON = """#!/bin/sh
if [ "$2" = bot ]; then echo "$*" >>{home}/bot; exit {status}; fi
exec {python} "$@"
"""
DOCKERD = """#!{python}
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.unit.test_setup_lab import engine
print(*sys.argv[1:], flush=True)
with engine({socket!r}):
    signal.pause()
"""


class LabMachine(Machine):
    """A machine with the lab's set-up on it, whose engine is where DOCKER_HOST says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        shutil.copytree(
            ROOT / "scripts" / "lab",
            self.project / "scripts" / "lab",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (self.project / "scripts" / "__init__.py").touch()
        # Not the libvirt that may run here.
        hypervisor = self.project / "scripts" / "lab" / "hypervisor.py"
        hypervisor.write_text(hypervisor.read_text().replace("/run/libvirt", f"{folder}/libvirt"))
        self.socket = folder / "docker.sock"
        self.variables = {"DOCKER_HOST": f"unix://{self.socket}"}
        self.bot()

    def bot(self, status: int = 0) -> None:
        """Have `study-bot` end with a status."""
        python = self.project / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(PYTHON.format(home=self.home, status=status, python=sys.executable))
        python.chmod(0o755)

    @property
    def bot_calls(self) -> list[str]:
        calls = self.home / "bot"
        return calls.read_text().splitlines() if calls.exists() else []

    @property
    def lab_file(self) -> str:
        path = self.project / "build" / "lab" / "lab.toml"
        return path.read_text() if path.exists() else ""

    def lab(self, *parts: str, **variables: str) -> str:
        """Run the lab's set-up; it must never stop anything else from going on."""
        done = self.setup(*(parts or ("lab",)), **variables)
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> LabMachine:
    return LabMachine(tmp_path)


@contextmanager
def engine(path: str | Path, **info: object) -> Iterator[None]:
    """Play an engine, as far as it says what it is."""
    answer = json.dumps({"SecurityOptions": ["name=seccomp"], **info}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        def get_request(self) -> tuple[object, tuple[str, int]]:
            return super().get_request()[0], ("here", 0)

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            Path(path).unlink(missing_ok=True)


# --- no engine -----------------------------------------------------------------


def test_lab_off_says_and_does_nothing(machine: LabMachine):
    machine.apt_get("exit 100")
    assert machine.lab(LAB="off") == ""
    assert machine.apt_calls == []
    assert not (machine.project / "build" / "lab").exists()


def test_without_apt_one_line_says_what_is_missing(machine: LabMachine):
    (line,) = machine.lab().splitlines()
    assert "no apt-get" in line
    assert "no Docker Engine" in line
    assert "everything else works" in line


def test_no_is_remembered_until_it_is_switched_on(machine: LabMachine):
    machine.apt_get("exit 100")
    said = machine.setup_on_terminal("n", "lab")
    assert said.count("[Y/n]") == 1
    assert "docker.io" in said
    assert "firewall rules" in said
    again = machine.setup_on_terminal("y", "lab")
    assert "[Y/n]" not in again
    assert "LAB=on" in again
    assert machine.apt_calls == []
    machine.lab(LAB="on")
    assert machine.apt_calls


def test_where_nobody_can_answer_it_installs_and_says_when_that_fails(machine: LabMachine):
    machine.apt_get("exit 100")
    said = machine.lab(CI="true")
    assert "docker.io containerd runc iptables" in machine.apt_calls[1]
    assert "apt-get said" in said
    assert "everything else works" in said
    assert machine.lab_file == ""


def test_one_yes_is_for_installing_too(machine: LabMachine):
    machine.apt_get("exit 100")
    said = machine.setup_on_terminal("", "lab")
    assert said.count("[Y/n]") == 1
    assert len(machine.apt_calls) == 2
    assert "[Y/n]" not in machine.setup_on_terminal("", "lab")


# --- an engine that can't be used ------------------------------------------------


@pytest.mark.parametrize("address", ["ssh://lab@lab.example.org", "tcp://10.0.0.1:2376"])
def test_another_machines_engine_is_for_the_operators_own_file(machine: LabMachine, address: str):
    machine.apt_get("exit 100")
    machine.variables["DOCKER_HOST"] = address
    assert "lab.toml is for those" in machine.lab()
    assert machine.apt_calls == []


def test_a_rootless_engine_is_refused_with_the_reason(machine: LabMachine):
    with engine(machine.socket, SecurityOptions=["name=seccomp", "name=rootless"]):
        assert "can't be fenced off" in machine.lab()
    assert machine.bot_calls == []


def test_what_is_no_engine_is_left_alone(machine: LabMachine):
    class Garbage(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"SSH-2.0-nothing\r\n")

    with socketserver.UnixStreamServer(str(machine.socket), Garbage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        said = machine.lab()
        server.shutdown()
        thread.join()
    assert "doesn't answer" in said


# --- an engine that answers ------------------------------------------------------


def test_a_reachable_engine_is_used_as_it_is_and_its_host_set_up(machine: LabMachine):
    with engine(machine.socket):
        said = machine.lab()
    assert "public hub" in said  # no apt-get, no images of our own
    assert f'docker = "unix://{machine.socket}"' in machine.lab_file
    assert 'image = "nginx:latest"' in machine.lab_file
    (call,) = machine.bot_calls
    assert call.startswith("-m bot lab setup-host")
    assert not (machine.project / "build" / "lab" / "started" / "dockerd").exists()


def test_when_all_stands_nothing_is_done_or_said(machine: LabMachine):
    # The rules are root's to look at: that they stand is played, too.
    machine.program("iptables", "exit 0")
    with engine(machine.socket):
        machine.lab()
        assert machine.lab() == ""
    assert len(machine.bot_calls) == 1
    assert "no lab here" in machine.lab()  # the engine is gone, and so is what is offered
    assert machine.lab_file == ""


def test_rules_that_root_finds_missing_are_laid_again(machine: LabMachine):
    if os.geteuid() != 0:
        pytest.skip("only root can look")
    machine.program("iptables", "exit 1")
    with engine(machine.socket):
        machine.lab()
        machine.lab()
    assert len(machine.bot_calls) == 2


def test_a_host_that_cannot_be_set_up_costs_the_attendees_alone(machine: LabMachine):
    machine.bot(status=1)
    with engine(machine.socket):
        said = machine.lab()
        assert "attendees get no lab" in said
        assert machine.lab_file
        machine.lab()
    assert len(machine.bot_calls) == 2  # tried again


def test_images_that_cannot_be_made_come_from_the_hub(machine: LabMachine):
    machine.program("apt-get", "exit 100")
    with engine(machine.socket):
        said = machine.lab()
    assert "can't be downloaded" in said
    assert "public hub" in said
    assert 'image = "nginx:latest"' in machine.lab_file


# --- starting and stopping -------------------------------------------------------


@pytest.fixture
def dockerd(machine: LabMachine) -> Callable[[], str]:
    """Install an engine that nobody started; returns what it was started with."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd would start the real one")
    program = machine.path / "dockerd"
    program.write_text(
        DOCKERD.format(python=sys.executable, root=str(ROOT), socket=str(machine.socket))
    )
    program.chmod(0o755)
    return (machine.project / "build" / "lab" / "dockerd.log").read_text


def test_an_installed_engine_is_started_by_hand_and_stopped_again(
    machine: LabMachine, dockerd: Callable[[], str]
):
    record = machine.project / "build" / "lab" / "started" / "dockerd"
    try:
        assert "Starting the Docker Engine" in machine.lab()
        pid = processes.running(record)
        assert pid is not None
        assert f"--host unix://{machine.socket}" in dockerd()
        # Neither the terminal nor the set-up's lock is held by what goes on running.
        assert os.getsid(pid) == pid
        open_files = [each.readlink() for each in Path(f"/proc/{pid}/fd").iterdir()]
        assert not [each for each in open_files if each.name == "lock"]
    finally:
        said = machine.lab("lab-down")
    assert "the Docker Engine" in said
    assert processes.started(pid) is None
    assert machine.lab_file == ""
    assert "Nothing was started" in machine.lab("lab-down")


def test_an_engine_that_does_not_come_up_says_where_it_said_why(
    machine: LabMachine, dockerd: Callable[[], str]
):
    del dockerd
    machine.program("dockerd", "echo no cgroups here; exit 1")
    said = machine.lab()
    assert "no cgroups here" in said
    assert "dockerd.log" in said
    assert "everything else works" in said


def test_what_ran_before_is_not_stopped(machine: LabMachine):
    with engine(machine.socket):
        machine.lab()
        machine.lab("lab-down")
        assert machine.socket.exists()
    assert [call for call in machine.bot_calls if "remove-host" in call] == []


def test_the_hosts_rules_go_only_where_this_set_up_laid_them(machine: LabMachine):
    record = machine.project / "build" / "lab" / "started" / "host"
    with engine(machine.socket):
        machine.lab()
        record.parent.mkdir(exist_ok=True)
        record.touch()  # what setup-host --record does when it laid anything
        machine.lab("lab-down")
    assert "remove-host" in machine.bot_calls[-1]
    assert not record.exists()


def test_somebody_elses_process_under_a_recorded_id_is_never_stopped(tmp_path: Path):
    record = tmp_path / "record"
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            processes.remember(record, process.pid)
            assert processes.running(record) == process.pid
            older: Mapping[str, int] = json.loads(record.read_text())
            record.write_text(json.dumps({**older, "started": older["started"] - 1}))
            assert processes.running(record) is None
            assert not processes.stop(record)
            assert process.poll() is None
        finally:
            process.kill()
    assert not record.exists()
