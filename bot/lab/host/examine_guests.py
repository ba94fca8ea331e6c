"""What `study-bot doctor` says of a host's hypervisor: a sentence each, and what to do."""

from collections.abc import Iterator

from bot.errors import StudyBotError
from bot.lab.drivers.guests import Ability, Accelerator, GuestDriver, GuestHostFacts
from bot.lab.guest_addresses import networks_of
from bot.lab.host.guest_check import check_guest_host
from bot.lab.host.verdict import SET_UP, Finding
from bot.lab.model import HostSettings

_GB = 1024**3
_WHOSE = "doctor"


def examine_guest_host(driver: GuestDriver, settings: HostSettings) -> list[Finding]:
    """Look at everything guests need. Blocks for some ten seconds."""
    try:
        driver.ping()
        facts = driver.facts()
    except StudyBotError as error:
        text = f"{settings.libvirt} doesn't answer ({error}) Is libvirt running, and yours to use?"
        return [Finding("hypervisor", False, text)]
    missing = [*_missing(facts, settings)]
    found = [_hypervisor(facts), _accelerator(facts), _security(facts), *_disk(facts, settings)]
    if missing:
        return [*found, *missing]
    proof = check_guest_host(driver, settings, _WHOSE)
    if proof.holds:
        return [*found, Finding("guests' protection", True, "proven with probe guests")]
    return [*found, *(each for each in proof.findings if not each.is_good)]


def _hypervisor(facts: GuestHostFacts) -> Finding:
    text = (
        f"{facts.hypervisor} by libvirt {facts.version}, machine {facts.machine}, kernel"
        f" {facts.kernel}, {facts.cpus} CPUs ({facts.cpu_model})"
    )
    return Finding("hypervisor", True, text)


def _accelerator(facts: GuestHostFacts) -> Finding:
    if facts.accelerator is Accelerator.KVM:
        return Finding("virtualization", True, "guests run on the processor itself (KVM)")
    text = "guests are emulated, some ten times slower than with KVM"
    if facts.has_virtualization is False:
        text += ": this processor offers none to the host"
    return Finding("virtualization", True, text)


def _security(facts: GuestHostFacts) -> Finding:
    if not facts.security:
        text = "nothing confines the hypervisor's processes; see seccomp_sandbox in qemu.conf."
        return Finding("hypervisor's confinement", False, text)
    return Finding("hypervisor's confinement", True, ", ".join(facts.security))


def _disk(facts: GuestHostFacts, settings: HostSettings) -> Iterator[Finding]:
    if facts.disk_free_bytes is None or not facts.disk_total_bytes:
        return
    free, total = facts.disk_free_bytes, facts.disk_total_bytes
    text = f"{free / _GB:.1f} GB of {total / _GB:.1f} GB are free"
    is_good = free >= total * settings.reserve_disk_share
    if not is_good:
        text += f", less than the {settings.reserve_disk_share:.0%} that the host keeps."
    yield Finding(f"pool {settings.pool}", is_good, text)


def _missing(facts: GuestHostFacts, settings: HostSettings) -> Iterator[Finding]:
    if Ability.POOL in facts.abilities and not facts.pool_is_active:
        text = f"the storage pool {settings.pool} isn't there or isn't active. {SET_UP}"
        yield Finding(f"pool {settings.pool}", False, text)
    for network in networks_of(settings):
        if network.name not in facts.active_networks:
            text = f"isn't up, so nothing starts in it. {SET_UP}"
            yield Finding(f"network {network.name}", False, text)
