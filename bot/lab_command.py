"""`study-bot lab …`: an operator sets a lab host up, takes that back, has it checked or cleared."""

import argparse
import asyncio
import ipaddress
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bot.errors import N_, OperatorError, StudyBotError
from bot.lab import Catalogue, HostSettings
from bot.lab.drivers import connect, connect_guests
from bot.lab.guest_addresses import most_ports
from bot.lab.guest_errors import NoLibvirt
from bot.lab.host import (
    DEFAULT_SOCKET,
    Finding,
    LocalEngine,
    LocalHypervisor,
    Machine,
    ProbeSystem,
    Step,
    check_guest_host,
    check_host,
    remove_host,
    set_up_host,
)
from bot.lab.labfile.values import port_range
from bot.lab.sweep import Holdings, sweep_host
from bot.playground_data import sweep_leftovers
from bot.settings import Settings

_LOCAL = "unix://"
_WHOSE = "check-host"


class NoSuchHost(OperatorError):
    """lab.toml doesn't name it."""

    message = N_("lab.toml has no host “{name}”. It has: {names}.")


class WhichHost(OperatorError):
    """Several are there to choose from."""

    message = N_("lab.toml has several hosts. Say which one this is: --host NAME ({names}).")


class BadOption(OperatorError):
    """One of the command's own."""

    message = N_("An option can't be used: {why}.")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do it; return the exit status.

    Raises:
        OperatorError: it can't be done; what is missing.
    """
    if options.action == "sweep":
        return _sweep(settings, options)
    host = _host(settings, options)
    match options.action:
        case "setup-host":
            chosen = _with_options(host, options)
            return _say(set_up_host(chosen, _machine(chosen, options)), options)
        case "remove-host":
            return _say(remove_host(host, _machine(host)), options)
        case _:
            return _check(host, options)


def _say(steps: Iterable[Step], options: argparse.Namespace) -> int:
    record: Path | None = options.record if options.action == "setup-host" else None
    for step in steps:
        if step.changed and record is not None:
            record.touch()
        if step.changed or not options.quiet:
            print(step, flush=True)
    return 0


def _check(host: HostSettings, options: argparse.Namespace) -> int:
    findings: list[Finding] = []
    if host.docker is not None:
        driver = connect(host)
        try:
            findings += check_host(driver, host, _WHOSE).findings
        finally:
            driver.close()
    if host.libvirt is not None:
        findings += _guest_findings(host)
    for finding in findings:
        if not (options.quiet and finding.is_good):
            print(finding)
    return 0 if all(finding.is_good for finding in findings) else 1


def _guest_findings(host: HostSettings) -> Sequence[Finding]:
    try:
        driver = connect_guests(host)
    except NoLibvirt as error:
        return [Finding("guests", False, str(error))]
    try:
        return check_guest_host(driver, host, _WHOSE).findings
    finally:
        driver.close()


def _sweep(settings: Settings, options: argparse.Namespace) -> int:
    """Remove all that this installation has on its hosts."""
    path: Path = options.file or settings.study_bot_lab
    if not path.exists():
        return 0
    if options.abandoned:
        asyncio.run(sweep_leftovers(path))
        return 0
    held = Holdings.of(settings.database_path.absolute())
    if held is None:
        return 0
    status = 0
    for host in Catalogue.load(path).hosts:
        try:
            removed = sweep_host(host, held)
        except StudyBotError as error:
            print(f"{host.name}: {error}", file=sys.stderr)
            status = 1
        else:
            if any(removed) or not options.quiet:
                containers, guests = removed
                text = f"{containers} containers and {guests} guests were removed."
                print(f"{host.name}: {text}")
    return status


def _host(settings: Settings, options: argparse.Namespace) -> HostSettings:
    """Return the host that is meant; without any lab.toml this machine with every default."""
    path: Path = options.file or settings.study_bot_lab
    hosts = {host.name: host for host in Catalogue.load(path).hosts} if path.exists() else {}
    names = ", ".join(hosts)
    if options.host is not None:
        if options.host not in hosts:
            raise NoSuchHost(name=options.host, names=names or "—")
        return hosts[options.host]
    here = [host for host in hosts.values() if host.is_here]
    candidates = here if options.action != "check-host" and here else list(hosts.values())
    if len(candidates) > 1:
        raise WhichHost(names=names)
    if candidates:
        return candidates[0]
    return HostSettings("local", os.environ.get("DOCKER_HOST") or f"{_LOCAL}{DEFAULT_SOCKET}")


def _with_options(host: HostSettings, options: argparse.Namespace) -> HostSettings:
    first, last = None, None
    try:
        if options.guest_ports is not None:
            first, last = port_range(options.guest_ports)
        for network in filter(None, (options.subnet, options.guest_subnet)):
            ipaddress.IPv4Network(network)
        if options.address is not None:
            ipaddress.ip_address(options.address)
    except ValueError as error:
        raise BadOption(why=error) from error
    chosen = {
        "subnet": options.subnet,
        "reserve_memory_share": options.reserve_memory,
        "reserve_cpus": options.reserve_cpus,
        "libvirt": options.libvirt,
        "pool": options.pool,
        "pool_folder": options.pool_folder,
        "guest_port_first": first,
        "guest_port_last": last,
        "guest_subnet": options.guest_subnet,
        "bind_address": options.address,
    }
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if options.no_docker:
        chosen["docker"] = None
    found = replace(host, **chosen)
    most = most_ports(found.guest_subnet)
    if found.guest_port_last - found.guest_port_first >= most:
        raise BadOption(why=f"{found.guest_subnet} has addresses for {most} guest ports")
    return found


def _machine(host: HostSettings, options: argparse.Namespace | None = None) -> Machine:
    """Return what of a host is on this machine: it may be spoken to by ssh from elsewhere."""
    system = None
    if options is not None and options.guest_kernel is not None:
        system = ProbeSystem(options.guest_kernel, options.guest_modules or Path("/nowhere"))
    return Machine(
        engine=None if host.docker is None else _engine(host.docker),
        hypervisor=None if host.libvirt is None else LocalHypervisor(),
        busybox=options.busybox if options is not None else None,
        system=system,
    )


def _engine(docker: str) -> LocalEngine:
    address = docker if docker.startswith(_LOCAL) else os.environ.get("DOCKER_HOST", "")
    if address.startswith(_LOCAL):
        return LocalEngine(Path(address.removeprefix(_LOCAL)))
    return LocalEngine(DEFAULT_SOCKET)
