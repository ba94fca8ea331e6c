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
from bot.lab.host import boot, cgroups, firewall
from bot.lab.host.engine import LocalEngine
from bot.lab.host.probe import (
    BUSYBOX_FILE,
    LABEL_LAID,
    PROBE_IMAGE,
    Laid,
    find_busybox,
    probe_archive,
)
from bot.lab.host.rules import Family
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
class Step:
    """What was looked at: whether anything had to change, and a sentence about it."""

    changed: bool
    text: str

    def __str__(self) -> str:
        return self.text


def set_up_host(
    settings: HostSettings, engine: LocalEngine, busybox: Path | None = None
) -> Iterator[Step]:
    """Lay all that the lab needs on this machine, one step after the other.

    Raises:
        NotRoot, RootlessEngine, NoEngineHere, EngineSaidNo, FirewallRefused, CgroupRefused,
        NoStaticBusybox.
    """
    _must_be_root()
    kind = engine.kind()
    if kind.is_rootless:
        raise RootlessEngine
    for family in firewall.families():
        changed = firewall.lay(family, settings.subnet)
        yield Step(changed, f"The {_FAMILIES[family]} firewall {_now(changed)} the lab's rules.")
    share = cgroups.Share.of(settings, memory_bytes=kind.memory_bytes, cpus=kind.cpus)
    changed = cgroups.lay(share, driver=kind.cgroup_driver, version=kind.cgroup_version)
    yield Step(
        changed,
        f"A parent cgroup {_now(changed, 'keeps')} all instances together within"
        f" {share.memory_bytes / 1024**3:.1f} GB of memory and {share.cpus:g} CPUs.",
    )
    changed = _put_probe(settings, engine, share, busybox)
    yield Step(changed, f"The engine {_now(changed)} the probe's image, {PROBE_IMAGE}.")
    if boot.has_systemd():
        changed = boot.lay(settings)
        yield Step(changed, f"At each boot {boot.UNIT} {_now(changed, 'lays')} all this anew.")
    else:
        yield Step(
            False,
            "Without systemd nothing lays this anew at boot: please run it again after one.",
        )


def remove_host(engine: LocalEngine) -> Iterator[Step]:
    """Take away all that `set_up_host` laid, and nothing else.

    Raises:
        NotRoot, FirewallRefused, CgroupRefused.
    """
    _must_be_root()
    if boot.take_away():
        yield Step(True, f"{boot.UNIT} is gone.")
    for family in firewall.families():
        changed = firewall.take_away(family)
        yield Step(changed, f"The {_FAMILIES[family]} firewall {_gone(changed)} rules of the lab.")
    kept = cgroups.take_away()
    yield Step(
        not kept,
        f"The parent cgroup stays, instances still run in it: {', '.join(kept)}."
        if kept
        else "The parent cgroup is gone.",
    )
    try:
        changed = engine.remove_image(PROBE_IMAGE)
    except OperatorError as error:
        yield Step(False, f"The probe's image could not be removed. {error}")
    else:
        yield Step(changed, f"The engine {_gone(changed)} image of the probe.")


def _must_be_root() -> None:
    if os.geteuid() != 0:
        raise NotRoot(command=" ".join(sys.argv))


def _now(changed: bool, verb: str = "has") -> str:
    return f"now {verb}" if changed else f"already {verb}"


def _gone(changed: bool) -> str:
    return "no longer has any" if changed else "had no"


def _put_probe(
    settings: HostSettings, engine: LocalEngine, share: cgroups.Share, preferred: Path | None
) -> bool:
    # At boot nobody says where one is: the one of last time does as well.
    busybox = find_busybox(preferred) or engine.image_file(PROBE_IMAGE, BUSYBOX_FILE)
    if busybox is None:
        raise NoStaticBusybox
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
