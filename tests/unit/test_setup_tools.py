"""The set-up's part for what only tests need, on machines unlike this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_setup_files import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    script = made.project / "scripts" / "setup.sh"
    # Not what this machine has.
    script.write_text(script.read_text().replace(":/usr/sbin:/sbin", ""))
    made.apt_get("exit 0")
    return made


def have_a_lab(machine: Machine) -> None:
    file = machine.project / "build" / "lab" / "lab.toml"
    file.parent.mkdir(parents=True)
    file.touch()


def have_all(machine: Machine) -> None:
    for name in ("ffprobe", "debootstrap", "mkfs.btrfs", "docker-compose", "sshd"):
        machine.program(name, "exit 0")


def installed(machine: Machine) -> list[str]:
    calls = [call for call in machine.apt_calls if call.startswith("install")]
    return [word for call in calls for word in call.split()[1:] if not word.startswith("-")]


def test_where_all_is_there_nothing_is_done_or_said(machine: Machine):
    have_a_lab(machine)
    have_all(machine)
    done = machine.setup("tools")
    assert (done.returncode, done.stdout) == (0, "")
    assert machine.apt_calls == []


def test_what_is_missing_is_installed_together(machine: Machine):
    have_a_lab(machine)
    assert machine.setup("tools").returncode == 0
    names = installed(machine)
    assert {"ffmpeg", "debootstrap", "docker-compose"} <= set(names)
    assert len([call for call in machine.apt_calls if call.startswith("install")]) == 1


@pytest.mark.parametrize(("has_file", "lab"), [(False, "ask"), (True, "off")])
def test_without_a_lab_its_tools_are_not_asked_for(machine: Machine, has_file: bool, lab: str):
    if has_file:
        have_a_lab(machine)
    machine.setup("tools", LAB=lab)
    assert "ffmpeg" in installed(machine)
    assert "debootstrap" not in installed(machine)


def test_compose_as_a_plugin_is_as_good(machine: Machine):
    have_a_lab(machine)
    machine.program("docker", '[ "$*" = "compose version" ]')
    machine.setup("tools")
    assert "docker-compose" not in installed(machine)


def test_what_can_not_be_installed_stops_nothing(machine: Machine):
    machine.apt_get("exit 100")
    done = machine.setup("tools")
    assert done.returncode == 0
    assert "tests that need ffmpeg are skipped" in done.stdout


def test_a_no_is_remembered(machine: Machine):
    have_a_lab(machine)
    said = machine.setup_on_terminal("n", "tools")
    assert "debootstrap" in said
    assert "[Y/n]" in said
    assert "are skipped" in said
    again = machine.setup_on_terminal("y", "tools")
    assert "[Y/n]" not in again
    assert "You chose not to" in again
    assert machine.apt_calls == []
