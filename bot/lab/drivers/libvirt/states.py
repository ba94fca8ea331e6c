"""How guests stand, and what is known of each from its description."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from bot.lab.drivers.guests import Accelerator, GuestState
from bot.lab.drivers.libvirt import labels
from bot.lab.drivers.libvirt.domain import AGENT
from bot.lab.drivers.libvirt.library import Domain, libvirt

_STOPPED = {
    libvirt.VIR_DOMAIN_SHUTOFF,
    libvirt.VIR_DOMAIN_CRASHED,
    libvirt.VIR_DOMAIN_NOSTATE,
}
_WHY_STOPPED = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: "shut down by itself",
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "could not be started",
}
_WHY_PAUSED = {
    libvirt.VIR_DOMAIN_PAUSED_IOERROR: "its disk can't be written",
    libvirt.VIR_DOMAIN_PAUSED_CRASHED: "crashed",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What doesn't change about a guest once it is written down."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    vcpus: int = 0
    machine: str = ""
    accelerator: Accelerator | None = None
    network: str = ""
    mac: str = ""


def known_of(domain: Domain) -> Known:
    """Read a guest's description."""
    root = described(domain)
    metadata = root.find("metadata")
    kind = root.find("os/type")
    source, mac = root.find("devices/interface/source"), root.find("devices/interface/mac")
    accelerators = {"kvm": Accelerator.KVM, "qemu": Accelerator.EMULATION}
    return Known(
        name=root.findtext("name", ""),
        labels={} if metadata is None else labels.read(ET.tostring(metadata, encoding="unicode")),
        vcpus=int(root.findtext("vcpu", "0")),
        machine="" if kind is None else kind.get("machine", ""),
        accelerator=accelerators.get(root.get("type", "")),
        network="" if source is None else source.get("network", ""),
        mac="" if mac is None else mac.get("address", ""),
    )


def described(domain: Domain) -> ET.Element:
    """Return a guest's description as it is right now."""
    return ET.fromstring(domain.XMLDesc(0))  # noqa: S314 - libvirt's own words


def has_agent(root: ET.Element) -> bool:
    """Whether the guest agent of a description is connected."""
    return root.find(f"devices/channel/target[@name='{AGENT}'][@state='connected']") is not None


def state_of(
    engine_id: str, known: Known, state: int, reason: int, process_id: int | None = None
) -> GuestState:
    """Say how a guest stands in our words."""
    is_running = state not in _STOPPED
    is_starting = reason == libvirt.VIR_DOMAIN_PAUSED_STARTING_UP
    is_paused = state == libvirt.VIR_DOMAIN_PAUSED and not is_starting
    error = ""
    if state == libvirt.VIR_DOMAIN_SHUTOFF:
        error = _WHY_STOPPED.get(reason, "")
    elif state == libvirt.VIR_DOMAIN_CRASHED:
        error = "crashed"
    elif is_paused:
        error = _WHY_PAUSED.get(reason, "")
    return GuestState(
        engine_id=engine_id,
        name=known.name,
        labels=known.labels,
        is_running=is_running,
        is_paused=is_paused,
        process_id=process_id,
        error=error,
        vcpus=known.vcpus,
        machine=known.machine,
        accelerator=known.accelerator,
    )
