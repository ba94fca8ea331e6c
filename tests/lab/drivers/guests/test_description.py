"""What libvirt is told of a guest: nothing of it is a guest's owner's to choose.

The files in `golden` are written anew with GOLDEN=write, to be read before they are kept.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bot.lab.drivers import (
    LABEL_INSTALLATION,
    Ability,
    Accelerator,
    Devices,
    Firmware,
    GuestSpec,
)
from bot.lab.guest_errors import NotSupported
from bot.lab.model import Resources

pytest.importorskip("libvirt")
from bot.lab.drivers.libvirt import domain

MIB = 1024**2
GOLDEN = Path(__file__).with_name("golden")
SPEC = GuestSpec(
    name="study-00112233-7",
    resources=Resources(1.5, 512 * MIB, 4096 * MIB),
    labels={LABEL_INSTALLATION: "00112233445566778899"},
    accelerator=Accelerator.EMULATION,
    disk="study-00112233-7-disk.qcow2",
    network="study-closed",
    mac="52:54:00:aa:bb:cc",
    address="10.214.0.16",
)
QEMU = domain.Maker(
    kind="qemu",
    hypervisor="QEMU 7.2.22",
    architecture="x86_64",
    abilities=frozenset(Ability),
    path=lambda name: f"/var/lib/libvirt/study/{name}",
    has_efi=True,
)
ISO = "study-00112233-base-123456789abc"
KERNEL: dict[str, Any] = {
    "kernel": "study-00112233-base-aaaaaaaaaaaa",
    "initrd": "study-00112233-base-bbbbbbbbbbbb",
    "command_line": "console=ttyS0 quiet",
}
SEED = "study-00112233-7-seed.iso"


def parsed(spec: GuestSpec = SPEC, maker: domain.Maker = QEMU) -> ET.Element:
    return ET.fromstring(domain.described(spec, maker))  # noqa: S314 - our own words


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("kernel", {**KERNEL, "seed": SEED}),
        ("cloud-image-kvm", {"accelerator": Accelerator.KVM, "seed": SEED}),
        ("installer", {"iso": ISO, "devices": Devices.PLAIN, "firmware": Firmware.EFI}),
        ("installer-bios", {"iso": ISO, "accelerator": Accelerator.KVM, "cpu_shares": 4096}),
    ],
)
def test_each_kind_of_guest_is_described_as_before(name: str, changes: dict[str, Any]):
    described = domain.described(replace(SPEC, **changes), QEMU) + "\n"
    golden = GOLDEN / f"{name}.xml"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(described)
    assert described == golden.read_text()


@pytest.mark.parametrize("accelerator", list(Accelerator))
@pytest.mark.parametrize("devices", list(Devices))
def test_what_always_holds(accelerator: Accelerator, devices: Devices):
    root = parsed(replace(SPEC, accelerator=accelerator, devices=devices, iso=ISO, seed=SEED))
    assert root.find("devices/graphics") is None
    for tag in ("hostdev", "filesystem", "redirdev", "shmem", "smartcard", "tpm", "input"):
        assert root.find(f"devices/{tag}") is None
    disabled = {one.get("name") for one in root.iterfind("cpu/feature[@policy='disable']")}
    assert {"vmx", "svm"} <= disabled
    assert root.find("devices/interface/port").get("isolated") == "yes"
    filtered = root.find("devices/interface/filterref")
    assert filtered.get("filter") == "clean-traffic"
    assert filtered.find("parameter[@name='IP']").get("value") == SPEC.address
    assert [root.findtext(f"on_{one}") for one in ("poweroff", "crash")] == ["destroy"] * 2
    assert all(one.find("iotune") is not None for one in root.iterfind("devices/disk"))
    writable = [one for one in root.iterfind("devices/disk") if one.find("readonly") is None]
    assert [one.find("source").get("file") for one in writable] == [QEMU.path(SPEC.disk)]


def test_all_processors_together_get_the_time_of_what_was_asked_for():
    root = parsed()
    assert root.findtext("vcpu") == "2"
    period, quota = root.findtext("cputune/global_period"), root.findtext("cputune/global_quota")
    assert int(quota) / int(period) == 1.5


def test_odd_labels_and_command_lines_stay_what_they_are():
    odd = "\"<x/>&' ö 日本"
    root = parsed(replace(SPEC, labels={odd: odd}, **{**KERNEL, "command_line": odd}))
    label = root.find("metadata/{*}labels/{*}label")
    assert (label.get("name"), label.get("value")) == (odd, odd)
    assert root.findtext("os/cmdline") == odd


def test_device_names_are_given_once():
    for devices in Devices:
        for firmware in Firmware:
            spec = replace(SPEC, devices=devices, firmware=firmware, iso=ISO, seed=SEED)
            targets = [one.get("dev") for one in parsed(spec).iterfind("devices/disk/target")]
            assert len(targets) == len(set(targets)) == 3


def test_the_disk_is_tried_before_the_installer():
    root = parsed(replace(SPEC, iso=ISO))
    orders = {
        one.get("device"): one.find("boot").get("order") for one in root.iterfind("devices/disk")
    }
    assert orders == {"disk": "1", "cdrom": "2"}


def test_what_the_hypervisor_has_not_is_said():
    with pytest.raises(NotSupported, match="QEMU"):
        parsed(replace(SPEC, firmware=Firmware.EFI), replace(QEMU, has_efi=False))
    with pytest.raises(NotSupported):
        parsed(maker=replace(QEMU, architecture="aarch64"))


def test_a_lesser_hypervisor_is_told_only_what_it_knows():
    maker = replace(QEMU, kind="test", hypervisor="Test 2.0", abilities=frozenset({Ability.POOL}))
    root = parsed(SPEC, maker)
    assert root.get("type") == "test"
    for path in ("cputune", "cpu", "features", "devices/interface", "devices/channel"):
        assert root.find(path) is None


def test_the_process_may_take_more_than_its_guest_but_not_much():
    small, large = domain.hard_limit_of(256 * MIB), domain.hard_limit_of(8192 * MIB)
    assert 256 * MIB < small < 1024 * MIB
    assert 8192 * MIB < large < 9216 * MIB
