"""`lab check-host`: does the host's protection hold? Tried from inside, not read off a list.

Needs nothing but the engine's API, so the unprivileged bot does it by itself: at its start,
after the engine's restart, and now and again.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bot.errors import OperatorError, StudyBotError
from bot.lab.drivers.base import ContainerDriver, HostFacts
from bot.lab.host import cgroups, firewall, verdict
from bot.lab.host.hypervisor import LOCAL_URI
from bot.lab.host.probe import LISTENS_ON, PROBE_IMAGE, Laid, Target
from bot.lab.host.rules import Fence
from bot.lab.host.surroundings import is_lasting, own_addresses
from bot.lab.host.trial import Trial, is_here
from bot.lab.host.verdict import SET_UP, Finding, Proof
from bot.lab.model import HostSettings

METADATA = "169.254.169.254"
# Nobody's in particular; on a home or company network something of this kind often answers.
PRIVATE = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "192.168.1.1", "100.64.0.1")
# Public name servers answer everybody: the way out that a closed network must not have.
INTERNET = ("1.1.1.1", "9.9.9.9")
_HOST_PORTS = (22, 80, 0)
_NEIGHBOUR_PORTS = (53, 80)
_MOST_ADDRESSES = 6


def check_host(driver: ContainerDriver, settings: HostSettings, installation: str) -> Proof:
    """Prove that the host's rules hold. Blocks for some five seconds, at most about fifteen."""
    try:
        if driver.image(PROBE_IMAGE) is None:
            return _unproven(f"This host was not set up for the lab. {SET_UP}")
        facts = driver.facts()
        trial = Trial(driver, settings, facts, installation)
        result = trial.run(partial(_targets, settings))
    except StudyBotError as error:
        return _unproven(f"The probes could not be run, so nothing is known: {error}")
    findings = verdict.judge(result, settings, facts, _seen_limit(settings, facts))
    return Proof((*findings, *rules_stand(settings)))


def _unproven(text: str) -> Proof:
    return Proof((Finding("proof", False, text),))


def _targets(settings: HostSettings, laid: Laid | None, theirs: Sequence[str]) -> list[Target]:
    known = {settings.bind_address, *(laid.addresses if laid else ())}
    if is_here(settings):
        known |= set(own_addresses())
    addresses = sorted(filter(is_lasting, known))[:_MOST_ADDRESSES]
    host = ["gateway", "gateway6", *addresses]
    found = [Target("host", address, port) for address in host for port in _HOST_PORTS]
    found.append(Target("metadata", METADATA, 80))
    found += [Target("private", address, 80) for address in PRIVATE]
    found += [Target("internet", address, 53) for address in INTERNET]
    found += [
        Target("neighbour", address, port)
        for address in (laid.neighbours if laid else ())
        for port in _NEIGHBOUR_PORTS
    ]
    found += [Target("owner", address, LISTENS_ON) for address in theirs]
    return found


def _seen_limit(settings: HostSettings, facts: HostFacts) -> int | None:
    if not is_here(settings):
        return None
    return cgroups.laid_limit(facts.cgroup_driver, facts.cgroup_version)


def rules_stand(settings: HostSettings) -> list[Finding]:
    """Look at the rules themselves as well, where that is possible."""
    if os.geteuid() != 0 or not is_here(settings):
        return []
    fences = [Fence.of(settings)]
    if settings.libvirt is None:
        # Rules for another lab's guests on this machine hold back nothing less.
        fences.append(Fence.of(replace(settings, libvirt=LOCAL_URI)))
    try:
        missing = [
            family
            for family in firewall.families()
            if not any(firewall.stands(family, fence) for fence in fences)
        ]
    except OperatorError as error:
        return [Finding("rules", False, str(error))]
    if missing:
        text = f"Not every rule of the lab stands in {', '.join(missing)}. {SET_UP}"
        return [Finding("rules", False, text)]
    return [Finding("rules", True, "every one stands where it was laid")]
