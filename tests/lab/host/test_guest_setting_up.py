"""`study-bot lab setup-host`, `check-host`, `remove-host` for guests, on a libvirt of one's own."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.drivers.guests.private import PrivateLibvirt, private_libvirt
from tests.lab.host.guest_ground import Bare, Inside
from tests.lab.host.machine import RENAMED, ROOT
from tests.lab.host.neighbourhood import surroundings
from tests.lab.images import BUSYBOX

pytestmark = pytest.mark.slow

GUESTS = ROOT / "build" / "lab" / "guests"
SYSTEM = (
    *("--guest-kernel", str(GUESTS / "tiny.kernel")),
    *("--guest-modules", str(GUESTS / "modules")),
    *("--busybox", str(BUSYBOX)),
)


@dataclass
class Host(Bare):
    """A machine with libvirt and no Docker."""

    lab_file: Path
    cgroup: str

    def bot(self, action: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run `study-bot lab …` there."""
        words = (*SYSTEM, *more) if action == "setup-host" else more
        command = (sys.executable, "-c", RENAMED, self.cgroup, "lab", action, *words)
        return self.inside(*command, "--file", str(self.lab_file), seconds=200)

    def virsh(self, *words: str) -> str:
        """Ask its libvirt; return what it said."""
        return self.did("virsh", "--quiet", "--connect", "qemu:///system", *words)

    def rules(self) -> list[str]:
        """Return all of its firewall."""
        return [
            self.did("iptables", "-t", "nat", "-S"),
            self.did("iptables", "-t", "raw", "-S"),
            self.did("iptables", "-S"),
            self.did("ip6tables", "-S"),
        ]

    def problems(self) -> dict[str, str]:
        """Return what check-host finds wrong: what it looked at, and the sentence."""
        done = self.bot("check-host")
        assert "Traceback" not in done.stderr
        found = dict(
            line.removeprefix("PROBLEM ").split(": ", 1)
            for line in done.stdout.splitlines()
            if line.startswith("PROBLEM ")
        )
        assert (done.returncode == 0) is (not found), done.stdout + done.stderr
        # It leaves nothing behind.
        assert self.virsh("list", "--all", "--name").split() == []
        assert "study-p" not in self.virsh("net-dumpxml", "study-open")
        return found


@pytest.fixture(scope="module")
def daemon() -> Iterator[PrivateLibvirt]:
    if not (GUESTS / "tiny.kernel").exists():
        pytest.skip("there is no kernel for guests here (LAB=on scripts/setup.sh lab makes it)")
    with private_libvirt() as own:
        yield own


@pytest.fixture(scope="module")
def host(daemon: PrivateLibvirt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    file = tmp_path_factory.mktemp("lab") / "lab.toml"
    file.write_text('[[hosts]]\nname = "here"\nlibvirt = "qemu:///system"\n')
    namespaces = ("--net", "--mount", "--pid", "--uts")
    inside = Inside(("nsenter", "-t", str(daemon.init), *namespaces, "--"))
    made = Host(inside, file, f"study-test-{secrets.token_hex(4)}-lab")
    with surroundings(made):  # type: ignore[arg-type]
        yield made
    made.bot("remove-host")


@pytest.fixture
def set_up(host: Host) -> Host:
    """The host as it is after setup-host, whatever a test did to it before."""
    done = host.bot("setup-host", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    return host


def test_what_is_laid_for_guests_is_said_stays_and_goes_again(host: Host):
    before = host.rules()
    laid = host.bot("setup-host")
    assert laid.returncode == 0, laid.stderr
    assert laid.stdout.count(" now ") == 6
    assert set(host.virsh("net-list", "--name").split()) == {"study-closed", "study-open"}
    assert host.virsh("net-list", "--name", "--autostart").split() == []
    assert host.virsh("pool-list", "--name").split() == ["study"]
    after = host.rules()

    again = host.bot("setup-host")
    assert (again.stdout.count(" now "), again.stdout.count(" already ")) == (0, 6)
    assert host.rules() == after
    assert host.bot("setup-host", "--quiet").stdout == ""

    gone = host.bot("remove-host")
    assert gone.returncode == 0, gone.stderr
    assert host.rules() == before
    assert host.virsh("net-list", "--name", "--all").split() == []
    assert host.virsh("pool-list", "--name", "--all").split() == []


def test_two_hundred_ports_take_no_time_to_lay(host: Host):
    host.bot("remove-host")
    few = host.bot("setup-host", "--guest-ports", "31000-31001")
    assert few.returncode == 0, few.stderr
    assert host.did("iptables", "-t", "nat", "-S").count("-j DNAT") == 2
    many = host.bot("setup-host", "--quiet")
    assert many.stdout.splitlines() == ["The IPv4 firewall now has the lab's rules."]
    assert host.did("iptables", "-t", "nat", "-S").count("-j DNAT") == 200


def test_on_a_host_that_was_set_up_the_protection_of_guests_is_proven(set_up: Host):
    assert set_up.problems() == {}


def test_rules_that_went_missing_are_noticed_from_inside_guests(set_up: Host):
    set_up.did("iptables", "-D", "INPUT", "-i", "sbl+", "-j", "STUDY-LAB-IN")
    set_up.did("iptables", "-D", "FORWARD", "-i", "sbl+", "-j", "STUDY-LAB-FWD")
    found = set_up.problems()
    assert {"host from guests", "metadata from guests", "way out of closed guests"} <= set(found)
    assert "study-bot lab setup-host" in found["host from guests"]
    assert "iptables" in found["rules"]


def test_a_network_that_is_down_is_noticed_and_started(set_up: Host):
    set_up.virsh("net-destroy", "study-open")
    assert "study-bot lab setup-host" in set_up.problems()["guests"]
    assert "The network study-open now is up" in set_up.bot("setup-host").stdout


def test_another_subnet_is_laid_anew(set_up: Host):
    done = set_up.bot("setup-host", "--guest-subnet", "10.215.0.0/23")
    assert done.returncode == 0, done.stderr
    assert "10.215.1.1" in set_up.virsh("net-dumpxml", "study-open")
    assert set_up.virsh("net-list", "--name").count("study") == 2


def test_a_network_or_pool_of_somebody_elses_is_left_alone(host: Host, tmp_path: Path):
    host.bot("remove-host")
    file = tmp_path / "net.xml"
    file.write_text("<network><name>study-open</name><bridge name='other0'/></network>")
    host.virsh("net-define", str(file))
    refused = host.bot("setup-host")
    assert refused.returncode != 0
    assert "study-open" in refused.stderr
    host.bot("remove-host")
    assert "other0" in host.virsh("net-dumpxml", "study-open")
    host.virsh("net-undefine", "study-open")

    host.virsh("pool-define-as", "study", "dir", "--target", str(tmp_path))
    refused = host.bot("setup-host")
    assert "storage pool “study”" in refused.stderr
    host.bot("remove-host")
    assert host.virsh("pool-list", "--all", "--name").split() == ["study"]
    host.virsh("pool-undefine", "study")


def test_a_pool_with_disks_in_it_stays(set_up: Host):
    set_up.virsh("vol-create-as", "study", "somebodys.qcow2", "1M", "--format", "qcow2")
    said = set_up.bot("remove-host").stdout
    assert "stays, 1 files" in said
    assert "somebodys.qcow2" in set_up.virsh("vol-list", "study")
    set_up.virsh("vol-delete", "somebodys.qcow2", "--pool", "study")
    assert "no longer has any storage pool" in set_up.bot("remove-host").stdout
