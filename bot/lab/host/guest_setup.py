"""The guests' part of `study-bot lab setup-host` and `remove-host`: pool, networks, probe."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.lab.drivers.guests import NETWORK_CLOSED, NETWORK_OPEN
from bot.lab.guest_addresses import networks_of
from bot.lab.host.guest_probe import INITRD_VOLUME, KERNEL_VOLUME, ProbeSystem, probe_initrd
from bot.lab.host.hypervisor import LocalHypervisor
from bot.lab.host.probe import Laid
from bot.lab.host.steps import Step, gone, now
from bot.lab.host.surroundings import boot_id, neighbours, own_addresses
from bot.lab.model import HostSettings


class NoKernelForProbe(OperatorError):
    """Nothing to start the guests' probe with."""

    message = N_(
        "A kernel is needed for the guests' probe, and {path} isn't there. Please install this"
        " machine's kernel package, or name one: --guest-kernel FILE --guest-modules FOLDER."
    )


def lay_guests(
    settings: HostSettings, hypervisor: LocalHypervisor, busybox: bytes, system: ProbeSystem
) -> Iterator[Step]:
    """Lay what guests need, networks last: nothing starts before the rules stand.

    Raises:
        NoHypervisorHere, HypervisorSaidNo, NotTheLabs, GuestsInTheWay, NoKernelForProbe.
    """
    hypervisor.answers()
    changed = hypervisor.lay_pool(settings.pool, settings.pool_folder)
    pool = f"libvirt {now(changed)} the storage pool {settings.pool} in {settings.pool_folder}."
    yield Step(changed, pool)
    changed = _put_probe(settings, hypervisor, busybox, system)
    yield Step(changed, f"The pool {now(changed)} the guests' probe.")
    for network in networks_of(settings):
        changed = hypervisor.lay_network(network)
        text = f"The network {network.name} {now(changed, 'is up')}: {network.subnet}."
        yield Step(changed, text)


def take_guests_away(settings: HostSettings, hypervisor: LocalHypervisor) -> Iterator[Step]:
    """Take all of it away; guests that run lose their network, their disks stay.

    Raises:
        NoHypervisorHere, HypervisorSaidNo.
    """
    hypervisor.answers()
    for name in (NETWORK_CLOSED, NETWORK_OPEN):
        done = hypervisor.remove_network(name)
        cut = f" {done.kept} guests that run have none now." if done.kept else ""
        yield Step(done.changed, f"libvirt {gone(done.changed)} network {name}.{cut}")
    for name in (KERNEL_VOLUME, INITRD_VOLUME):
        hypervisor.delete_volume(settings.pool, name)
    done = hypervisor.remove_pool(settings.pool, settings.pool_folder)
    if done.kept:
        text = f"The storage pool {settings.pool} stays, {done.kept} files of guests are in it."
    else:
        text = f"libvirt {gone(done.changed)} storage pool {settings.pool}."
    yield Step(done.changed, text)


def _put_probe(
    settings: HostSettings, hypervisor: LocalHypervisor, busybox: bytes, system: ProbeSystem
) -> bool:
    if not system.is_there:
        raise NoKernelForProbe(path=system.kernel)
    laid = Laid(
        boot_id=boot_id(),
        subnet=settings.guest_subnet,
        memory_bytes=0,
        addresses=own_addresses(),
        neighbours=neighbours(),
    )
    initrd = probe_initrd(system, busybox, laid)
    with tempfile.NamedTemporaryFile() as file:
        file.write(initrd)
        file.flush()
        changed = hypervisor.put_volume(settings.pool, INITRD_VOLUME, initrd, Path(file.name))
    kernel = system.kernel.read_bytes()
    return hypervisor.put_volume(settings.pool, KERNEL_VOLUME, kernel, system.kernel) or changed
