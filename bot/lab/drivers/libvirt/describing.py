"""What a hypervisor is and can do, as far as libvirt tells."""

import contextlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from bot.lab.drivers.guests import (
    NETWORK_CLOSED,
    NETWORK_OPEN,
    Ability,
    Accelerator,
    GuestHostFacts,
)
from bot.lab.drivers.libvirt import refusals, traffic
from bot.lab.drivers.libvirt.domain import FILTER
from bot.lab.drivers.libvirt.library import Connection, libvirt
from bot.lab.model import HostSettings

MIB = 1024**2
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CPU_INFO = Path("/proc/cpuinfo")
_PCI = Path("/sys/bus/pci/devices")
_VIRTUALIZATION = {"vmx", "svm"}

# What libvirt's drivers can do with a guest; there is no harmless way to ask. The rest is asked.
_WITH_GUESTS = {
    "QEMU": {
        Ability.LIMITS,
        Ability.CONSOLE,
        Ability.SCREEN,
        Ability.KEYS,
        Ability.SNAPSHOTS,
        Ability.PAUSE,
        Ability.AGENT,
        Ability.KERNEL,
    },
    "Xen": {Ability.CONSOLE, Ability.PAUSE, Ability.KERNEL},
    "VBOX": {Ability.SCREEN, Ability.KEYS, Ability.SNAPSHOTS, Ability.PAUSE},
    "ESX": {Ability.SCREEN, Ability.SNAPSHOTS, Ability.PAUSE},
    "Hyper-V": {Ability.SCREEN, Ability.KEYS, Ability.PAUSE},
    "VMware": {Ability.PAUSE},
    "BHYVE": {Ability.CONSOLE},
    "TEST": {Ability.SCREEN, Ability.SNAPSHOTS, Ability.PAUSE, Ability.KERNEL},
}
_KINDS = {
    "QEMU": "qemu",
    "Xen": "xen",
    "VBOX": "vbox",
    "ESX": "vmware",
    "Hyper-V": "hyperv",
    "VMware": "vmware",
    "BHYVE": "bhyve",
    "TEST": "test",
}


@dataclass(frozen=True, slots=True)
class Nature:
    """What stays as it is while a connection lasts.

    `kind`: libvirt's word in a guest's description. `cpu`: what capabilities say of it.
    """

    kind: str
    hypervisor: str
    version: str
    architecture: str
    abilities: frozenset[Ability]
    offers_kvm: bool
    machine: str
    has_efi: bool
    has_virtualization: bool | None
    bounds_speed: bool
    security: tuple[str, ...]


def is_here(uri: str) -> bool:
    """Whether a connection leads to this very machine: no host stands in it."""
    return ":///" in uri


def nature_of(connection: Connection, uri: str) -> Nature:
    """Ask what a hypervisor is."""
    kind = str(connection.getType())
    capabilities = _parsed(connection.getCapabilities())
    guest = capabilities.find("guest[os_type='hvm']/arch[@name='x86_64']")
    if guest is None:
        guest = capabilities.find("guest/arch")
    machine = "" if guest is None else _machine(guest)
    domains = [] if guest is None else [one.get("type") for one in guest.iter("domain")]
    is_qemu = kind == "QEMU"
    return Nature(
        kind=_KINDS.get(kind, kind.lower()),
        hypervisor=f"{kind} {_version(connection.getVersion())}",
        version=_version(connection.getLibVersion()),
        architecture=capabilities.findtext("host/cpu/arch", platform.machine()),
        abilities=abilities_of(connection, kind),
        offers_kvm="kvm" in domains,
        machine=machine,
        has_efi=is_qemu and _has_efi(connection),
        has_virtualization=_has_virtualization(capabilities, uri),
        bounds_speed=not is_here(uri) or traffic.bounds_speed(traffic.configuration()),
        security=_security(connection, capabilities, is_qemu=is_qemu),
    )


def accelerator_of(nature: Nature, wish: str) -> Accelerator:
    """Choose what runs guests: KVM only where it is offered and the processor really has it.

    A KVM device alone doesn't prove that: it may be there and unable to run a guest.
    """
    if wish == "emulation" or nature.kind != "qemu":
        return Accelerator.EMULATION if nature.kind == "qemu" else Accelerator.KVM
    if wish == "kvm":
        return Accelerator.KVM
    has = nature.offers_kvm and nature.has_virtualization is True
    return Accelerator.KVM if has else Accelerator.EMULATION


def abilities_of(connection: Connection, kind: str) -> frozenset[Ability]:
    """Find out what a hypervisor can do: what can be asked for without a guest, is."""
    asked: dict[Ability, Callable[[], Any]] = {
        Ability.POOL: connection.numOfStoragePools,
        Ability.NETWORK: connection.numOfNetworks,
        Ability.FILTER: lambda: connection.nwfilterLookupByName(FILTER),
        Ability.COUNTERS: lambda: connection.getAllDomainStats(
            libvirt.VIR_DOMAIN_STATS_BALLOON,
            libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
            | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS,
        ),
    }
    return frozenset({one for one, ask in asked.items() if _answers(ask)}) | frozenset(
        _WITH_GUESTS.get(kind, ())
    )


def facts_of(connection: Connection, nature: Nature, settings: HostSettings) -> GuestHostFacts:
    """Describe a host as it is right now."""
    uri = settings.libvirt or ""
    here = is_here(uri) and nature.kind == "qemu"
    model, memory_mib, cpus, *_rest = connection.getInfo()
    total, free, is_active = _pool(connection, settings.pool)
    return GuestHostFacts(
        version=nature.version,
        hypervisor=nature.hypervisor,
        uri=uri,
        kernel=os.uname().release if here else "",
        architecture=ARCHITECTURES.get(nature.architecture, nature.architecture),
        cpus=cpus,
        memory_bytes=_memory(connection) or memory_mib * MIB,
        cpu_model=(_cpu_field("model name") if here else "") or str(model),
        accelerator=accelerator_of(nature, settings.accelerator),
        has_virtualization=nature.has_virtualization,
        machine=nature.machine,
        virtual_functions=virtual_functions() if here else {},
        disk_total_bytes=total,
        disk_free_bytes=free,
        pool_is_active=is_active,
        active_networks=frozenset(
            name for name in (NETWORK_CLOSED, NETWORK_OPEN) if _network_is_up(connection, name)
        ),
        abilities=nature.abilities,
        security=nature.security,
    )


def _memory(connection: Connection) -> int | None:
    """Return how much memory the machine has.

    What `getInfo` says is another figure on some machines, less than half of it here.
    """
    try:
        stats = connection.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS, 0)
    except libvirt.libvirtError:
        return None  # Not every hypervisor counts it.
    total = stats.get("total")
    return None if total is None else int(total) * 1024


def virtual_functions(devices: Path = _PCI) -> dict[str, int]:
    """Count what SR-IOV could make of this machine's devices, by PCI address."""
    found: dict[str, int] = {}
    for file in sorted(devices.glob("*/sriov_totalvfs")):
        with contextlib.suppress(OSError, ValueError):
            if count := int(file.read_text()):
                found[file.parent.name] = count
    return found


def _pool(connection: Connection, name: str) -> tuple[int | None, int | None, bool]:
    try:
        pool = connection.storagePoolLookupByName(name)
        if not pool.isActive():
            return None, None, False
        _state, total, _used, free = pool.info()
    except libvirt.libvirtError as error:
        if refusals.is_away(error):
            raise
        return None, None, False
    return total, free, True


def _network_is_up(connection: Connection, name: str) -> bool:
    try:
        return bool(connection.networkLookupByName(name).isActive())
    except libvirt.libvirtError as error:
        if refusals.is_away(error):
            raise
        return False


def _answers(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except libvirt.libvirtError as error:
        if refusals.is_away(error):
            raise
        return False
    return True


def _machine(guest: ET.Element) -> str:
    """Return what "pc" stands for, or whichever board comes first."""
    machines = guest.findall("machine")
    for one in machines:
        if one.text == "pc":
            return one.get("canonical", "pc")
    return (machines[0].text or "") if machines else ""


def _has_efi(connection: Connection) -> bool:
    """Ask for the firmware of the newer board, which is what has it."""
    try:
        said = connection.getDomainCapabilities(None, "x86_64", "q35", "qemu", 0)
    except libvirt.libvirtError:
        return False
    return _parsed(said).find("os/enum[@name='firmware']/value[.='efi']") is not None


def _has_virtualization(capabilities: ET.Element, uri: str) -> bool | None:
    if is_here(uri) and (flags := _cpu_field("flags")):
        return bool(_VIRTUALIZATION & set(flags.split()))
    features = {one.get("name") for one in capabilities.iterfind("host/cpu/feature")}
    return bool(_VIRTUALIZATION & features) if features else None


def _security(
    connection: Connection, capabilities: ET.Element, *, is_qemu: bool
) -> tuple[str, ...]:
    """Name what confines the hypervisor's processes: "seccomp", "apparmor" or "unprivileged"."""
    found: list[str] = []
    for model in capabilities.iterfind("host/secmodel"):
        name = model.findtext("model", "")
        if name == "dac":
            label = model.findtext("baselabel", "")
            if label and not label.startswith("+0:"):
                found.append("unprivileged")
        elif name and name != "none":
            found.append(name)
    if is_qemu:
        # What QEMU would be called with is how libvirt tells whether its sandbox is on.
        probe = (
            "<domain type='qemu'><name>study-probe</name><memory>1024</memory>"
            "<os><type arch='x86_64'>hvm</type></os></domain>"
        )
        with contextlib.suppress(libvirt.libvirtError):
            if "-sandbox on" in connection.domainXMLToNative("qemu-argv", probe, 0):
                found.append("seccomp")
    return tuple(sorted(found))


def _cpu_field(name: str) -> str:
    try:
        for line in _CPU_INFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    except OSError:
        return ""
    return ""


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - libvirt's own words
