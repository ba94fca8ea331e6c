"""`study-bot lab setup-host` and `remove-host`: root's part, once per lab host.

Everything is idempotent: what stands stays, what is missing is laid, and each step says in a
sentence what it did.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.lab.host import boot, cgroups, disks, firewall
from bot.lab.host.engine import EngineKind, LocalEngine
from bot.lab.host.guest_probe import ProbeSystem
from bot.lab.host.guest_setup import lay_guests, take_guests_away
from bot.lab.host.hypervisor import LocalHypervisor
from bot.lab.host.probe import (
    BUSYBOX_FILE,
    LABEL_LAID,
    PROBE_IMAGE,
    Laid,
    find_busybox,
    probe_archive,
)
from bot.lab.host.rules import Family, Fence
from bot.lab.host.steps import Step, gone, now
from bot.lab.host.surroundings import boot_id, neighbours, own_addresses
from bot.lab.model import HostSettings

_FAMILIES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


class NotRoot(OperatorError):
    """The host's firewall and cgroups are root's."""

    message = N_(
        "This changes the host's firewall and cgroups, so root has to run it: sudo {command}"
    )


class RootlessEngine(OperatorError):
    """Nothing on this host fences a rootless engine's containers."""

    message = N_(
        "This engine runs without root, in a network of its own where the host's firewall sees"
        " nothing. The lab needs an ordinary Docker Engine."
    )


class NoStaticBusybox(OperatorError):
    """Nothing to make the probe of."""

    message = N_(
        "A statically linked busybox is needed for the probe; please install it (Debian and"
        " Ubuntu: apt-get install busybox-static) and run this again."
    )


@dataclass(frozen=True, slots=True)
class Machine:
    """What is on this machine to set up: an engine, a hypervisor, or both.

    `busybox`: one to make probes of where none is installed. `system`: what the guests' probe
    starts with, instead of this host's own kernel.
    """

    engine: LocalEngine | None
    hypervisor: LocalHypervisor | None = None
    busybox: Path | None = None
    system: ProbeSystem | None = None


def set_up_host(settings: HostSettings, machine: Machine) -> Iterator[Step]:
    """Lay all that the lab needs on this machine, one step after the other.

    Raises:
        NotRoot, RootlessEngine, NoEngineHere, EngineSaidNo, FirewallRefused, CgroupRefused,
        NoStaticBusybox, and what `lay_guests` raises.
    """
    _must_be_root()
    kind = machine.engine.kind() if machine.engine is not None else None
    if kind is not None and kind.is_rootless:
        raise RootlessEngine
    fence = Fence.of(settings)
    for family in firewall.families():
        changed = firewall.lay(family, fence)
        yield Step(changed, f"The {_FAMILIES[family]} firewall {now(changed)} the lab's rules.")
    busybox = find_busybox(machine.busybox)
    if machine.engine is not None and kind is not None:
        yield from _set_up_engine(settings, machine.engine, kind, busybox)
        # At boot nobody says where one is: the one of last time does as well.
        busybox = busybox or machine.engine.image_file(PROBE_IMAGE, BUSYBOX_FILE)
    if machine.hypervisor is not None:
        if busybox is None:
            raise NoStaticBusybox
        system = machine.system or ProbeSystem.of_this_host()
        yield from lay_guests(settings, machine.hypervisor, busybox, system)
    if boot.has_systemd():
        changed = boot.lay(settings, machine.system)
        yield Step(changed, f"At each boot {boot.UNIT} {now(changed, 'lays')} all this anew.")
    else:
        yield Step(
            False,
            "Without systemd nothing lays this anew at boot: please run it again after one.",
        )


def _set_up_engine(
    settings: HostSettings, engine: LocalEngine, kind: EngineKind, busybox: bytes | None
) -> Iterator[Step]:
    share = cgroups.Share.of(settings, memory_bytes=kind.memory_bytes, cpus=kind.cpus)
    changed = cgroups.lay(share, driver=kind.cgroup_driver, version=kind.cgroup_version)
    yield Step(
        changed,
        f"A parent cgroup {now(changed, 'keeps')} all containers together within"
        f" {share.memory_bytes / 1024**3:.1f} GB of memory and {share.cpus:g} CPUs.",
    )
    counted = disks.count(kind.data_folder)
    if counted is not None:
        yield Step(counted, f"The kernel {now(counted, 'counts')} what goes to the engine's disk.")
    busybox = busybox or engine.image_file(PROBE_IMAGE, BUSYBOX_FILE)
    if busybox is None:
        raise NoStaticBusybox
    changed = _put_probe(settings, engine, share, busybox)
    yield Step(changed, f"The engine {now(changed)} the probe's image, {PROBE_IMAGE}.")


def remove_host(settings: HostSettings, machine: Machine) -> Iterator[Step]:
    """Take away all that `set_up_host` laid, and nothing else.

    Guests' networks go before the rules that fence them.

    Raises:
        NotRoot, FirewallRefused, CgroupRefused.
    """
    _must_be_root()
    if boot.take_away():
        yield Step(True, f"{boot.UNIT} is gone.")
    if machine.hypervisor is not None:
        try:
            yield from take_guests_away(settings, machine.hypervisor)
        except OperatorError as error:
            yield Step(False, f"The guests' part could not be removed. {error}")
    for family in firewall.families():
        changed = firewall.take_away(family)
        yield Step(changed, f"The {_FAMILIES[family]} firewall {gone(changed)} rules of the lab.")
    kept = cgroups.take_away()
    yield Step(
        not kept,
        f"The parent cgroup stays, instances still run in it: {', '.join(kept)}."
        if kept
        else "The parent cgroup is gone.",
    )
    if machine.engine is None:
        return
    try:
        changed = machine.engine.remove_image(PROBE_IMAGE)
    except OperatorError as error:
        yield Step(False, f"The probe's image could not be removed. {error}")
    else:
        yield Step(changed, f"The engine {gone(changed)} image of the probe.")


def _must_be_root() -> None:
    if os.geteuid() != 0:
        raise NotRoot(command=" ".join(sys.argv))


def _put_probe(
    settings: HostSettings, engine: LocalEngine, share: cgroups.Share, busybox: bytes
) -> bool:
    laid = Laid(
        boot_id=boot_id(),
        subnet=settings.subnet,
        memory_bytes=share.memory_bytes,
        addresses=own_addresses(),
        neighbours=neighbours(),
    )
    archive, digest = probe_archive(busybox, laid)
    if (engine.image_labels(PROBE_IMAGE) or {}).get(LABEL_LAID) == digest:
        return False
    engine.import_image(PROBE_IMAGE.partition(":")[0], archive, {LABEL_LAID: digest})
    return True
