"""What holds for every guest, whoever starts it: the one document that makes it.

Guests belong to strangers, who are root inside. Everything here is decided by us; `GuestSpec`
has no field that could undo it. In short: no graphics server, no device or folder of the host,
no virtualisation inside the guest, its own address or none, no word with its neighbours, and a
bound on CPU, memory, disk and network. The hypervisor's own sandbox and user stay as they are.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bot.errors import N_, Term
from bot.lab.drivers.guests import Ability, Accelerator, Devices, Firmware, GuestSpec
from bot.lab.drivers.libvirt import labels
from bot.lab.guest_errors import NotSupported

MIB = 1024**2
PERIOD = 100_000  # microseconds
LEAST_QUOTA = 1_000  # the kernel's own floor
AGENT = "org.qemu.guest_agent.0"
FILTER = "clean-traffic"

# What QEMU itself may take beside the guest's memory: its own, the screen's, what it has under
# way; and a little for each page of the guest.
_OWN_BYTES = 256 * MIB
_OWN_SHARE = 32
# Emulation keeps what it translated; without a bound that is up to a gigabyte a guest.
_TRANSLATED_BYTES = 128 * MIB
_DISK_BYTES_PER_SECOND = 100 * MIB
_DISK_OPERATIONS_PER_SECOND = 2_000
# In KiB a second, as libvirt counts: 100 Mbit/s, and twice that for a moment.
_NETWORK_AVERAGE = 12_500
_NETWORK_PEAK = 25_000
_NETWORK_BURST = 2_048
# A guest gets good random numbers, but can't have the host do nothing else.
_RANDOM_BYTES_PER_SECOND = 64 * 1024

_NOT_INSIDE = ("vmx", "svm")
# Pages in five levels, translated without svm, make programs inside abort (QEMU 7.2).
_NOT_EMULATED = (*_NOT_INSIDE, "la57")

UEFI = Term(N_("starting by UEFI"))
OTHER_PROCESSORS = Term(N_("guests of this processor"))


@dataclass(frozen=True, slots=True)
class Maker:
    """What the hypervisor is, as far as a guest's description goes by it.

    `kind`: libvirt's word for it ("qemu", "test"). `path`: where a volume is on the host.
    `network_speed`: whether the host can bound it; `has_efi`: whether it has the firmware.
    """

    kind: str
    hypervisor: str
    architecture: str
    abilities: frozenset[Ability]
    path: Callable[[str], str]
    has_efi: bool = False
    network_speed: bool = True

    @property
    def is_qemu(self) -> bool:
        """Whether it is QEMU, which has a name for all there is."""
        return self.kind in ("qemu", "kvm")


def described(spec: GuestSpec, maker: Maker) -> str:
    """Describe a guest to libvirt.

    Raises:
        NotSupported: this hypervisor can't be told to do that.
    """
    if maker.is_qemu and maker.architecture != "x86_64":
        raise NotSupported(hypervisor=maker.hypervisor, what=OTHER_PROCESSORS)
    root = ET.Element("domain", type=_kind(spec, maker))
    _text(root, "name", spec.name)
    ET.SubElement(root, "metadata").append(labels.written(spec.labels))
    kib = spec.resources.memory_bytes // 1024
    _text(root, "memory", str(kib), unit="KiB")
    _text(root, "currentMemory", str(kib), unit="KiB")
    _text(root, "vcpu", str(vcpus_of(spec)))
    if Ability.LIMITS in maker.abilities:
        _bounds(root, spec)
    _start(root, spec, maker)
    if maker.is_qemu:
        _machine(root, spec)
    ET.SubElement(root, "clock", offset="utc")
    # Whatever ends it, it ends: only we start it again.
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _text(root, f"on_{event}", action)
    _devices(root, spec, maker)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def vcpus_of(spec: GuestSpec) -> int:
    """Return how many processors a guest sees."""
    return max(1, math.ceil(spec.resources.cpus))


def machine_of(spec: GuestSpec) -> str:
    """Return the board that fits: PCI alone for speed, the newer one for what needs it."""
    needs_newer = spec.firmware is Firmware.EFI or spec.devices is Devices.PLAIN
    return "q35" if needs_newer else "pc"


def hard_limit_of(memory_bytes: int) -> int:
    """Return what the hypervisor's process may take on the host, the guest's memory included.

    It isn't in the document: there it would also let the process lock as much in memory, which
    needs a privilege that libvirt may not have. It is set before the guest's first instruction.
    """
    return memory_bytes + memory_bytes // _OWN_SHARE + _OWN_BYTES + _TRANSLATED_BYTES


def _kind(spec: GuestSpec, maker: Maker) -> str:
    if not maker.is_qemu:
        return maker.kind
    return "kvm" if spec.accelerator is Accelerator.KVM else "qemu"


def _bounds(root: ET.Element, spec: GuestSpec) -> None:
    tune = ET.SubElement(root, "cputune")
    _text(tune, "shares", str(spec.cpu_shares))
    # For all of it together, QEMU's own threads included: not for each processor.
    _text(tune, "global_period", str(PERIOD))
    _text(tune, "global_quota", str(max(LEAST_QUOTA, int(spec.resources.cpus * PERIOD))))


def _start(root: ET.Element, spec: GuestSpec, maker: Maker) -> None:
    system = ET.SubElement(root, "os")
    kind = ET.SubElement(system, "type")
    kind.text = "hvm"
    if maker.is_qemu:
        kind.attrib |= {"arch": maker.architecture, "machine": machine_of(spec)}
    if spec.firmware is Firmware.EFI:
        if not maker.has_efi:
            raise NotSupported(hypervisor=maker.hypervisor, what=UEFI)
        system.set("firmware", "efi")
        firmware = ET.SubElement(system, "firmware")
        ET.SubElement(firmware, "feature", enabled="no", name="secure-boot")
    if spec.kernel is not None:
        _text(system, "kernel", maker.path(spec.kernel))
        if spec.initrd is not None:
            _text(system, "initrd", maker.path(spec.initrd))
        if spec.command_line:
            _text(system, "cmdline", spec.command_line)


def _machine(root: ET.Element, spec: GuestSpec) -> None:
    features = ET.SubElement(root, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    is_emulated = spec.accelerator is Accelerator.EMULATION
    if is_emulated:
        translated = ET.SubElement(features, "tcg")
        _text(translated, "tb-cache", str(_TRANSLATED_BYTES // MIB), unit="MiB")
    # No guests inside guests: that is the part of a processor with the most holes.
    cpu = ET.SubElement(root, "cpu", mode="maximum" if is_emulated else "host-model", check="none")
    for feature in _NOT_EMULATED if is_emulated else _NOT_INSIDE:
        ET.SubElement(cpu, "feature", policy="disable", name=feature)


def _devices(root: ET.Element, spec: GuestSpec, maker: Maker) -> None:
    devices = ET.SubElement(root, "devices")
    if maker.is_qemu:
        ET.SubElement(devices, "controller", type="usb", model="none")
    _disks(devices, spec, maker)
    if Ability.NETWORK in maker.abilities:
        _interface(devices, spec, maker)
    if Ability.CONSOLE in maker.abilities:
        # A port of its own for the console: what is printed before drivers are there comes too.
        serial = ET.SubElement(devices, "serial", type="pty")
        ET.SubElement(serial, "target", port="0")
        console = ET.SubElement(devices, "console", type="pty")
        ET.SubElement(console, "target", type="serial", port="0")
    if Ability.AGENT in maker.abilities:
        channel = ET.SubElement(devices, "channel", type="unix")
        ET.SubElement(channel, "target", type="virtio", name=AGENT)
    if maker.is_qemu:
        # A screen that nobody is served: pictures of it come through libvirt alone.
        video = ET.SubElement(devices, "video")
        ET.SubElement(video, "model", type="vga", vram="16384", heads="1")
        ET.SubElement(devices, "audio", id="1", type="none")
        balloon = ET.SubElement(devices, "memballoon", model="virtio")
        ET.SubElement(balloon, "stats", period="1")
        random = ET.SubElement(devices, "rng", model="virtio")
        ET.SubElement(random, "rate", bytes=str(_RANDOM_BYTES_PER_SECOND), period="1000")
        _text(random, "backend", "/dev/urandom", model="random")


def _disks(devices: ET.Element, spec: GuestSpec, maker: Maker) -> None:
    is_virtio = spec.devices is Devices.VIRTIO
    drive_bus = "sata" if machine_of(spec) == "q35" else "ide"
    names = _names(is_virtio=is_virtio, drive_bus=drive_bus)
    order = 1
    disk = _disk(devices, spec.disk, "qcow2", maker)
    target, bus = next(names.disks)
    ET.SubElement(disk, "target", dev=target, bus=bus)
    if spec.kernel is None:
        # The disk first: an installer's own restart must not begin it again.
        ET.SubElement(disk, "boot", order=str(order))
        order += 1
    if spec.iso is not None:
        drive = _disk(devices, spec.iso, "raw", maker, device="cdrom")
        target, bus = next(names.drives)
        ET.SubElement(drive, "target", dev=target, bus=bus)
        ET.SubElement(drive, "readonly")
        if spec.kernel is None:
            ET.SubElement(drive, "boot", order=str(order))
    if spec.seed is not None:
        # As a disk where that is what the system knows: cloud kernels have no other drivers.
        seed = _disk(devices, spec.seed, "raw", maker, device="disk" if is_virtio else "cdrom")
        target, bus = next(names.disks if is_virtio else names.drives)
        ET.SubElement(seed, "target", dev=target, bus=bus)
        ET.SubElement(seed, "readonly")


@dataclass(frozen=True, slots=True)
class _Names:
    disks: Iterator[tuple[str, str]]
    drives: Iterator[tuple[str, str]]


def _names(*, is_virtio: bool, drive_bus: str) -> _Names:
    """Give out device names: disks and drives of one bus share its letters."""
    letter = {"sata": "sd", "ide": "hd"}[drive_bus]
    drives = ((f"{letter}{mark}", drive_bus) for mark in "abcdef")
    if not is_virtio:
        return _Names(drives, drives)
    return _Names(((f"vd{mark}", "virtio") for mark in "abcdef"), drives)


def _disk(
    devices: ET.Element, volume: str, form: str, maker: Maker, *, device: str = "disk"
) -> ET.Element:
    disk = ET.SubElement(devices, "disk", type="file", device=device)
    if maker.is_qemu:
        driver = ET.SubElement(disk, "driver", name="qemu", type=form)
        if form == "qcow2":
            # What a guest frees is free on the host again.
            driver.set("discard", "unmap")
            # Its flushes end in the host's memory: passed on, they would have the host's whole
            # file system wait as often as a stranger likes, and a guest's shutdown wait a minute
            # for what others write. A power cut of the host may damage the disk; a guest is there
            # for hours.
            driver.set("cache", "unsafe")
    ET.SubElement(disk, "source", file=maker.path(volume))
    if Ability.LIMITS in maker.abilities:
        tune = ET.SubElement(disk, "iotune")
        _text(tune, "total_bytes_sec", str(_DISK_BYTES_PER_SECOND))
        _text(tune, "total_iops_sec", str(_DISK_OPERATIONS_PER_SECOND))
    return disk


def _interface(devices: ET.Element, spec: GuestSpec, maker: Maker) -> None:
    interface = ET.SubElement(devices, "interface", type="network")
    ET.SubElement(interface, "mac", address=spec.mac)
    ET.SubElement(interface, "source", network=spec.network)
    if maker.is_qemu:
        model = "virtio" if spec.devices is Devices.VIRTIO else "e1000"
        ET.SubElement(interface, "model", type=model)
        ET.SubElement(interface, "port", isolated="yes")
    if Ability.FILTER in maker.abilities:
        filtered = ET.SubElement(interface, "filterref", filter=FILTER)
        ET.SubElement(filtered, "parameter", name="IP", value=spec.address)
    if Ability.LIMITS in maker.abilities and maker.network_speed:
        bandwidth = ET.SubElement(interface, "bandwidth")
        for way in ("inbound", "outbound"):
            ET.SubElement(
                bandwidth,
                way,
                average=str(_NETWORK_AVERAGE),
                peak=str(_NETWORK_PEAK),
                burst=str(_NETWORK_BURST),
            )


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element
