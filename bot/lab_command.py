"""`study-bot lab …`: an operator sets a lab host up, takes that back, has it checked or cleared."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bot.errors import N_, OperatorError, StudyBotError
from bot.lab import Catalogue, HostSettings
from bot.lab.drivers import connect
from bot.lab.host import (
    DEFAULT_SOCKET,
    LocalEngine,
    Step,
    check_host,
    remove_host,
    set_up_host,
)
from bot.lab.sweep import Holdings, sweep
from bot.playground_data import sweep_leftovers
from bot.settings import Settings

_LOCAL = "unix://"


class NoSuchHost(OperatorError):
    """lab.toml doesn't name it."""

    message = N_("lab.toml has no host “{name}”. It has: {names}.")


class WhichHost(OperatorError):
    """Several are there to choose from."""

    message = N_("lab.toml has several hosts. Say which one this is: --host NAME ({names}).")


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
            return _say(set_up_host(chosen, _engine(host), options.busybox), options)
        case "remove-host":
            return _say(remove_host(_engine(host)), options)
        case _:
            return _check(host, options)


def _say(steps: Iterable[Step], options: argparse.Namespace) -> int:
    record: Path | None = options.record if options.action == "setup-host" else None
    for step in steps:
        if step.changed and record is not None:
            record.touch()
        if step.changed or not options.quiet:
            print(step, flush=True)  # noqa: T201
    return 0


def _check(host: HostSettings, options: argparse.Namespace) -> int:
    driver = connect(host)
    try:
        proof = check_host(driver, host, "check-host")
    finally:
        driver.close()
    for finding in proof.findings:
        if not (options.quiet and finding.is_good):
            print(finding)  # noqa: T201
    return 0 if proof.holds else 1


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
        driver = connect(host)
        try:
            removed = sweep(driver, held)
        except StudyBotError as error:
            print(f"{host.name}: {error}", file=sys.stderr)  # noqa: T201
            status = 1
        else:
            if removed or not options.quiet:
                print(f"{host.name}: {removed} containers were removed.")  # noqa: T201
        finally:
            driver.close()
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
    here = [host for host in hosts.values() if host.docker.startswith(_LOCAL)]
    candidates = here if options.action != "check-host" and here else list(hosts.values())
    if len(candidates) > 1:
        raise WhichHost(names=names)
    if candidates:
        return candidates[0]
    return HostSettings("local", os.environ.get("DOCKER_HOST") or f"{_LOCAL}{DEFAULT_SOCKET}")


def _with_options(host: HostSettings, options: argparse.Namespace) -> HostSettings:
    chosen = {
        "subnet": options.subnet,
        "reserve_memory_share": options.reserve_memory,
        "reserve_cpus": options.reserve_cpus,
    }
    return replace(host, **{name: value for name, value in chosen.items() if value is not None})


def _engine(host: HostSettings) -> LocalEngine:
    """Return this machine's engine: its host may be spoken to by ssh from elsewhere."""
    address = host.docker if host.docker.startswith(_LOCAL) else os.environ.get("DOCKER_HOST", "")
    if address.startswith(_LOCAL):
        return LocalEngine(Path(address.removeprefix(_LOCAL)))
    return LocalEngine(DEFAULT_SOCKET)
