"""The set-up's part for virtual machines, on machines unlike this one; libvirt is played."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.test_setup_files import ROOT
from tests.unit.test_setup_lab import LabMachine, engine

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="guests are PCs")

ASKED = "domcapabilities"
MADE = """
import json
from scripts.lab import guests
guests.MODULES.mkdir(parents=True)
for path in (guests.KERNEL, guests.INITRD, *guests.ISOS.values()):
    path.touch()
guests._RECORD.write_text(json.dumps({"inputs": guests._inputs(), "kernel": "1"}))
"""


@pytest.fixture
def machine(tmp_path: Path) -> LabMachine:
    made = LabMachine(tmp_path)
    writer = Path("bot") / "lab" / "host" / "initramfs.py"
    (made.project / writer).parent.mkdir(parents=True)
    shutil.copy(ROOT / writer, made.project / writer)
    return made


@contextmanager
def libvirt(machine: LabMachine, *, says: str = "exit 0") -> Iterator[None]:
    """Play one that is reached through its socket; `says`: what virsh comes to."""
    folder = machine.project.parent / "libvirt"
    folder.mkdir()
    machine.program("virsh", says)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "libvirt-sock"))
        listening.listen(50)
        yield


def have_guests(machine: LabMachine) -> None:
    """Have what virtual machines start from be made already."""
    subprocess.run([sys.executable, "-c", MADE], cwd=machine.project, check=True)


def test_without_libvirt_one_sentence_says_so_and_containers_work(machine: LabMachine):
    with engine(machine.socket):
        said = machine.lab()
        assert "no libvirt is here" in said
        assert "containers work" in said
        assert "docker = " in machine.lab_file
        assert "libvirt = " not in machine.lab_file
        assert "[[guests]]" not in machine.lab_file


def test_what_could_not_be_installed_is_not_tried_again_until_asked_for(machine: LabMachine):
    machine.apt_get("exit 100")
    with engine(machine.socket):
        machine.lab(LAB="on")
        tried = len(machine.apt_calls)
        assert any("libvirt-daemon-system" in call for call in machine.apt_calls)
        assert "virtual machines" in machine.lab()
        assert not [call for call in machine.apt_calls[tried:] if "libvirt" in call]
        machine.lab(LAB="on")
    assert [call for call in machine.apt_calls[tried:] if "libvirt-daemon-system" in call]


def test_the_one_question_names_libvirt_too(machine: LabMachine):
    said = machine.setup_on_terminal("n", "lab")
    assert said.count("[Y/n]") == 1
    assert "docker.io" in said
    assert "libvirt-daemon-system" in said
    assert "qemu-system-x86" in said


def test_a_libvirt_that_answers_is_used_and_its_guests_are_offered(machine: LabMachine):
    pytest.importorskip("libvirt")
    have_guests(machine)
    with engine(machine.socket), libvirt(machine):
        said = machine.lab()
    assert "virtual machines" not in said
    assert 'libvirt = "qemu:///system"' in machine.lab_file
    for name in ("tiny", "debian-12", "ipxe", "memtest86"):
        assert f'name = "{name}"' in machine.lab_file
    (call,) = machine.bot_calls
    assert f"--guest-kernel {machine.project}/build/lab/guests/tiny.kernel" in call
    assert not (machine.project / "build" / "lab" / "started" / "libvirtd").exists()


def test_a_libvirt_without_qemu_gets_it(machine: LabMachine):
    machine.apt_get("exit 100")
    with (
        engine(machine.socket),
        libvirt(machine, says=f'case "$*" in *{ASKED}*) exit 1;; esac; exit 0'),
    ):
        machine.lab()
    assert any("qemu-system-x86" in call for call in machine.apt_calls)


def test_a_libvirt_that_does_not_answer_is_left_alone(machine: LabMachine):
    machine.apt_get("exit 100")
    with engine(machine.socket), libvirt(machine, says="exit 1"):
        said = machine.lab()
    assert "libvirt is there, but doesn't answer" in said
    assert "containers work" in said
    assert not [call for call in machine.apt_calls if "libvirt" in call]


def test_a_small_machine_that_cannot_be_made_is_said(machine: LabMachine):
    pytest.importorskip("libvirt")
    machine.program("apt-get", "exit 100")
    with engine(machine.socket), libvirt(machine):
        said = machine.lab()
    assert "small virtual machine can't be made" in said
    assert "containers work" in said
    assert "[[guests]]" not in machine.lab_file
