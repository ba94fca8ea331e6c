"""What `study-bot doctor` says of a lab host: a sentence each, and what to do where need be."""

import ipaddress
from collections.abc import Iterator

import psutil

from bot.errors import StudyBotError
from bot.lab.drivers.base import ContainerDriver, HostFacts
from bot.lab.host.cgroups import Share
from bot.lab.host.check import check_host
from bot.lab.host.trial import is_here
from bot.lab.host.verdict import Finding
from bot.lab.model import HostSettings

_LEAST_VERSION = (20, 10)
_GB = 1024**3
_LEAST_MEMORY_BYTES = 512 * 1024**2
_WHOSE = "doctor"


def examine_host(driver: ContainerDriver, settings: HostSettings) -> list[Finding]:
    """Look at everything a host of the lab needs. Blocks for some seconds."""
    try:
        driver.ping()
        facts = driver.facts()
    except StudyBotError as error:
        text = (
            f"{settings.docker} doesn't answer ({error}) Is the engine running, and yours to use?"
        )
        return [Finding("engine", False, text)]
    proof = check_host(driver, settings, _WHOSE)
    return [
        _engine(facts),
        _cgroups(facts),
        _memory(facts, settings),
        *_disk(facts, settings),
        _disk_limits(facts),
        _runtimes(facts),
        *_isolation(facts),
        _ports(settings),
        *(
            [Finding("protection", True, "proven with probe containers")]
            if proof.holds
            else [each for each in proof.findings if not each.is_good]
        ),
    ]


def _engine(facts: HostFacts) -> Finding:
    text = (
        f"Docker {facts.version} (API {facts.api_version}) on {facts.operating_system}, kernel"
        f" {facts.kernel}, {facts.architecture}, {facts.cpus} CPUs"
    )
    numbers = [int(part) for part in facts.version.split(".")[:2] if part.isdigit()]
    if tuple(numbers) < _LEAST_VERSION:
        return Finding("engine", False, f"{text}; 20.10 or newer is needed.")
    return Finding("engine", True, text)


def _cgroups(facts: HostFacts) -> Finding:
    text = f"version {facts.cgroup_version}, driver {facts.cgroup_driver}"
    if facts.cgroup_driver not in ("cgroupfs", "systemd"):
        return Finding("cgroups", False, f"{text}: without them no limit holds.")
    how = "read from the kernel" if facts.reads_cgroups else "asked from the engine"
    return Finding("cgroups", True, f"{text}; figures are {how}")


def _memory(facts: HostFacts, settings: HostSettings) -> Finding:
    share = Share.of(settings, memory_bytes=facts.memory_bytes, cpus=facts.cpus)
    text = f"{_gb(facts.memory_bytes)}, of which the lab may use {_gb(share.memory_bytes)}"
    if not is_here(settings):
        return Finding("memory", True, text)
    free = psutil.virtual_memory().available
    text += f"; {_gb(free)} are free now"
    if free < _LEAST_MEMORY_BYTES:
        return Finding("memory", False, f"{text}, which is hardly enough for one instance.")
    return Finding("memory", True, text)


def _disk(facts: HostFacts, settings: HostSettings) -> Iterator[Finding]:
    if facts.disk_free_bytes is None or not facts.disk_total_bytes:
        yield Finding("disk", True, "how much is free can't be seen from here")
        return
    text = f"{_gb(facts.disk_free_bytes)} of {_gb(facts.disk_total_bytes)} are free"
    if facts.disk_free_bytes < facts.disk_total_bytes * settings.reserve_disk_share:
        text += (
            f", less than the {settings.reserve_disk_share:.0%} that the host keeps; free some, or"
            " nothing can be pulled."
        )
        yield Finding("disk", False, text)
    else:
        yield Finding("disk", True, text)


def _disk_limits(facts: HostFacts) -> Finding:
    if facts.can_limit_disk:
        return Finding("disk limits", True, f"the storage driver {facts.storage_driver} has them")
    return Finding(
        "disk limits",
        True,
        f"the storage driver {facts.storage_driver} has none here, so instances get a read-only"
        " root and write into memory, up to their limit",
    )


def _runtimes(facts: HostFacts) -> Finding:
    return Finding("runtimes", True, ", ".join(facts.runtimes) or "only the engine's own")


def _isolation(facts: HostFacts) -> Iterator[Finding]:
    options = {option.partition(",")[0].removeprefix("name=") for option in facts.security_options}
    if "seccomp" in options:
        yield Finding("isolation", True, ", ".join(sorted(options)))
    else:
        yield Finding(
            "isolation",
            False,
            "The engine has no seccomp, so instances may make any system call. Give it a kernel"
            " and a build with seccomp.",
        )
    yield Finding(
        "user namespaces",
        True,
        "on: root inside is nobody outside"
        if facts.user_namespaces
        else "off: root inside is root to the kernel, with its capabilities dropped (userns-remap"
        " of the engine changes that)",
    )


def _ports(settings: HostSettings) -> Finding:
    text = f"{settings.port_first}-{settings.port_last} on {settings.bind_address}"
    address = ipaddress.ip_address(settings.bind_address)
    if address.is_loopback:
        return Finding("ports", True, f"{text}: for this machine alone")
    text += f", shown to people as {settings.public_name}"
    if address.is_private or address.is_unspecified:
        text += (
            ". Behind a home line, everybody who sees a card learns that line's address, and its"
            " router must pass the ports on"
        )
    return Finding("ports", True, text)


def _gb(size: int) -> str:
    return f"{size / _GB:.1f} GB"
