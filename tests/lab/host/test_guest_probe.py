"""What the guests' probes say, and what is made of it; the hypervisor is one in memory."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import __main__ as program
from bot.lab.drivers import LABEL_DEADLINE, FakeGuestDriver
from bot.lab.drivers.fake_guests import GUEST_FACTS
from bot.lab.errors import EngineRefused
from bot.lab.guest_addresses import networks_of
from bot.lab.host import boot, check_guest_host, examine_guest_host, guest_trial, owner_of_probes
from bot.lab.host import guest_probe as probe
from bot.lab.host.initramfs import Initramfs, modules
from bot.lab.model import HostSettings
from tests.lab.images import BUSYBOX

SETTINGS = HostSettings("here", None, libvirt="qemu+ssh://lab@lab.example.org/system")
INSTALLATION = "0123456789abcdef"


class Probed(FakeGuestDriver):
    """A hypervisor whose guests are probes: what they reach is chosen."""

    def __init__(self, *reached: str) -> None:
        super().__init__(GUEST_FACTS)
        self.reached = reached
        self.has_address = True
        self.subnet = SETTINGS.guest_subnet
        self.broken = ""
        for name in (probe.KERNEL_VOLUME, probe.INITRD_VOLUME):
            self.upload(name, Path(__file__))

    def console(self, engine_id: str, *, lines: int) -> bytes:
        del lines
        spec = self.guest(engine_id).spec
        words = spec.command_line.partition("study.try=")[2].split(",")
        tries = [word.split("/") for word in words]
        address = f"addresses {spec.address}" if self.has_address else "addresses"
        said = ["laid boot b", f"laid subnet {self.subnet}", "laid memory 0"]
        said += ["laid addresses", "laid neighbours", "boot b", address]
        for key, place, port in tries:
            outcome = "reached" if key in self.reached else "silent"
            said.append(f"try {key} {place} {port} {outcome}")
        said += ["finished", *(["gateway seen"] if self.has_address else []), f"over {len(tries)}"]
        return (
            "\r\n".join(said).replace(*self.broken.split("|") if self.broken else ("", "")).encode()
        )


def problems(driver: FakeGuestDriver) -> dict[str, str]:
    """Check; whatever comes of it, no guest, disk or address stays."""
    proof = check_guest_host(driver, SETTINGS, INSTALLATION)
    owner = owner_of_probes(INSTALLATION)
    driver.is_down = False
    assert driver.owned(owner) == []
    assert driver.volumes(owner) == []
    assert not any(driver.reservations(each.name, owner) for each in networks_of(SETTINGS))
    found = {each.what: each.text for each in proof.findings if not each.is_good}
    assert proof.holds is (not found)
    return found


def test_when_everything_stays_silent_the_protection_is_proven():
    assert problems(Probed()) == {}
    # The internet is the open network's to reach, and only that one's.
    assert set(problems(Probed("internet"))) == {"way out of closed guests"}


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("host", "host from guests"),
        ("metadata", "metadata from guests"),
        ("owner", "other guests"),
        ("private", "private addresses from guests"),
    ],
)
def test_what_answers_is_told_with_what_to_run(key: str, what: str):
    found = problems(Probed(key))
    assert set(found) == {what}
    assert "study-bot lab setup-host" in found[what]


def test_a_guest_without_an_address_proves_nothing():
    driver = Probed()
    driver.has_address = False
    assert "proves nothing" in problems(driver)["guests' network"]


def test_another_subnet_than_the_one_that_was_set_up_is_noticed():
    driver = Probed()
    driver.subnet = "10.200.0.0/23"
    assert "10.214.0.0/23" in problems(driver)["guests' network"]


def test_a_line_that_the_kernel_broke_is_no_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guest_trial, "_TRIAL_SECONDS", 0.5)
    driver = Probed()
    driver.broken = "metadata 169.254.169.254 80 silent|metadata 169.254.[   9.1] random: crng"
    assert "in time" in problems(driver)["guests' probes"]


def test_a_host_without_networks_says_what_to_run_and_starts_nothing():
    driver = FakeGuestDriver(replace(GUEST_FACTS, active_networks=frozenset()))
    assert "study-bot lab setup-host" in problems(driver)["guests"]


def test_a_hypervisor_that_is_down_or_fails_is_a_sentence():
    driver = Probed()
    driver.is_down = True
    assert "nothing is known" in problems(driver)["guests' probes"]
    for call in ("create_volume", "define", "start"):
        driver.fail_next(call, EngineRefused(why="no"))
        assert "nothing is known" in problems(driver)["guests' probes"], call
    assert problems(driver) == {}


def test_two_checks_at_once_take_different_addresses():
    driver = Probed()
    for network in networks_of(SETTINGS):
        base = network.gateway.removesuffix(".1")
        driver.reserve(network.name, "study-pother01-1-x", "52:54:00:00:00:01", f"{base}.2")
    assert problems(driver) == {}


def test_what_a_killed_check_left_goes_with_the_next_one():
    driver = Probed()
    trial = guest_trial.GuestTrial(driver, SETTINGS, GUEST_FACTS, INSTALLATION)
    for network in networks_of(SETTINGS):
        trial._start(trial._place(network), [])
    owner = owner_of_probes(INSTALLATION)
    now = check_guest_host(driver, SETTINGS, INSTALLATION)
    assert now.holds
    # Another one at work, as far as anybody can tell.
    assert len(driver.owned(owner)) == len(driver.volumes(owner)) == 2
    later = datetime.now(UTC) + timedelta(hours=1)
    for state in driver.owned(owner):
        guest = driver.guest(state.engine_id)
        old = {**guest.spec.labels, LABEL_DEADLINE: (later - timedelta(hours=2)).isoformat()}
        guest.spec = replace(guest.spec, labels=old)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(guest_trial.time, "time", later.timestamp)
        assert problems(driver) == {}


# --- what the probe is made of ---------------------------------------------------


def test_the_same_files_make_the_same_archive_that_cpio_can_read():
    def made() -> bytes:
        archive = Initramfs()
        archive.data("init", b"#!/bin/sh\n", 0o755)
        archive.data("etc/deep/er", b"odd")
        archive.link("bin/sh", "busybox")
        archive.device("dev/console", 5, 1)
        return archive.packed()

    assert made() == made()
    listed = subprocess.run(
        [BUSYBOX, "cpio", "-tv"], input=gzip.decompress(made()), capture_output=True, check=True
    ).stdout.decode()
    assert "bin/sh -> busybox" in listed
    assert listed.index(" etc\n") < listed.index(" etc/deep\n") < listed.index(" etc/deep/er\n")
    (line,) = [each for each in listed.splitlines() if each.endswith("dev/console")]
    assert line.startswith("crw-------")


def test_modules_come_after_what_they_need(tmp_path: Path):
    def module(name: str, *needs: str) -> None:
        content = b"\x7fELF\0license=GPL\0depends=" + ",".join(needs).encode() + b"\0name=x\0"
        (tmp_path / name).write_bytes(content)

    module("net.ko", "failover", "virtio-ring", "built-in")
    module("failover.ko")
    (tmp_path / "virtio_ring.ko.gz").write_bytes(gzip.compress(b"\0depends=\0"))
    module("unwanted.ko")
    found = modules(tmp_path, ["net", "missing"])
    assert list(found) == ["failover", "virtio_ring", "net"]
    assert found["virtio_ring"] == b"\0depends=\0"


def test_more_targets_than_the_kernel_takes_are_left_out():
    many = [probe.Target("host", f"2001:db8::{number:x}", 80) for number in range(500)]
    assert len(probe.command_line(many)) < 2048


# --- the rest of the operator's commands -----------------------------------------


def test_the_unit_lays_guests_networks_anew_after_libvirt():
    settings = HostSettings("a", None, libvirt="qemu:///system", guest_subnet="10.9.0.0/24")
    system = probe.ProbeSystem(Path("/k"), Path("/m"))
    text = boot.unit(settings, "/opt/bot/bin/python", system)
    assert "\nAfter=libvirtd.service" in text
    assert "\nWantedBy=libvirtd.service\n" in text
    assert "docker.service" not in text
    (command,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    words = command.removeprefix("ExecStart=/opt/bot/bin/python -m bot ").split()
    options = program._parser().parse_args(words)
    assert options.no_docker
    assert (options.libvirt, options.guest_subnet) == ("qemu:///system", "10.9.0.0/24")
    assert (options.guest_kernel, options.guest_ports) == (Path("/k"), "31000-31199")
    both = boot.unit(replace(settings, docker="unix:///x"), "python")
    assert "\nAfter=docker.service libvirtd.service " in both


def findings(driver: FakeGuestDriver) -> Sequence[str]:
    return [str(each) for each in examine_guest_host(driver, SETTINGS)]


def test_the_doctor_says_how_a_hypervisor_stands():
    found = "\n".join(findings(Probed()))
    assert "PROBLEM" not in found
    assert "emulated" in found or "KVM" in found
    assert "proven with probe guests" in found
    down = Probed()
    down.is_down = True
    (line,) = findings(down)
    assert line.startswith("PROBLEM")
    assert "libvirt running" in line


def test_the_doctor_names_what_is_not_laid():
    facts = replace(GUEST_FACTS, active_networks=frozenset(), pool_is_active=False, security=())
    found = [line for line in findings(FakeGuestDriver(facts)) if line.startswith("PROBLEM")]
    assert len(found) == 4
    assert sum("study-bot lab setup-host" in line for line in found) == 3
