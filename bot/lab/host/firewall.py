"""Lay the rules, look whether they stand, take them away. As root, on the host itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.lab.host.programs import run
from bot.lab.host.rules import (
    ENGINE_CHAIN,
    FORWARD_CHAIN,
    INPUT_CHAIN,
    Family,
    expected_rules,
    jump,
)

_OURS = (FORWARD_CHAIN, INPUT_CHAIN)
# The kernel's switch exists only while it shows bridged packets to the firewall at all.
_SWITCHES = {
    Family.IPV4: Path("/proc/sys/net/bridge/bridge-nf-call-iptables"),
    Family.IPV6: Path("/proc/sys/net/bridge/bridge-nf-call-ip6tables"),
}
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")

Chains = Mapping[str, Sequence[str]]


class FirewallRefused(OperatorError):
    """The rules could not be laid or read."""

    message = N_("The firewall could not be changed: {why}")


def families() -> list[Family]:
    """Return the firewalls this machine needs; without any IPv6 the first alone."""
    return [Family.IPV4, Family.IPV6] if _IPV6_ADDRESSES.exists() else [Family.IPV4]


def stands(family: Family, subnet: str) -> bool:
    """Say whether every rule stands where it must."""
    return not _changes(family, _read(family), subnet)


def lay(family: Family, subnet: str) -> bool:
    """Lay what is missing, all at once or nothing; say whether anything was.

    Raises:
        FirewallRefused: the program is missing, or says no.
    """
    changes = _changes(family, _read(family), subnet)
    if not changes:
        return False
    _commit(family, changes)
    return True


def take_away(family: Family) -> bool:
    """Take all of ours away and nothing else; say whether there was anything."""
    chains = _read(family)
    changes = [line for hook, rules in chains.items() for line in _jumps_out(hook, rules)]
    ours = [chain for chain in _OURS if chain in chains]
    changes += [f"-F {chain}" for chain in ours] + [f"-X {chain}" for chain in ours]
    if not changes:
        return False
    _commit(family, changes)
    return True


def _changes(family: Family, chains: Chains, subnet: str) -> list[str]:
    """Return what leads from the rules that stand to those that should, as restore reads it."""
    changes: list[str] = []
    wanted = expected_rules(family, subnet, sees_bridged=_SWITCHES[family].exists())
    for chain, rules in wanted.items():
        if tuple(chains.get(chain, ())) != rules:
            # Naming a chain of one's own empties it.
            changes.append(f":{chain} - [0:0]")
            changes += [f"-A {chain} {rule}" for rule in rules]
    # First of all rules: whatever stands before could let something through.
    entry = ENGINE_CHAIN if ENGINE_CHAIN in chains else "FORWARD"
    places = {entry: jump(FORWARD_CHAIN), "INPUT": jump(INPUT_CHAIN)}
    for hook, rules in chains.items():
        if hook in places and list(_jumps(rules)) == [places[hook]] == list(rules[:1]):
            del places[hook]
        else:
            changes += _jumps_out(hook, rules)
    changes += [f"-I {hook} 1 {rule}" for hook, rule in places.items()]
    return changes


def _jumps(rules: Sequence[str]) -> list[str]:
    return [rule for rule in rules if rule.endswith(tuple(f"-j {chain}" for chain in _OURS))]


def _jumps_out(hook: str, rules: Sequence[str]) -> list[str]:
    return [f"-D {hook} {rule}" for rule in _jumps(rules)]


def _read(family: Family) -> dict[str, list[str]]:
    """Return every chain of the filter table with its rules, in order."""
    listed = run([family, "-w", "5", "-S"])
    if not listed.is_good:
        raise FirewallRefused(why=listed.complaint)
    chains: dict[str, list[str]] = {}
    for line in listed.output.splitlines():
        kind, _, rest = line.partition(" ")
        name, _, rule = rest.partition(" ")
        if kind in ("-P", "-N"):
            chains[name] = []
        elif kind == "-A":
            chains[name].append(rule)
    return chains


def _commit(family: Family, changes: Sequence[str]) -> None:
    text = "\n".join(["*filter", *changes, "COMMIT", ""])
    done = run([f"{family}-restore", "-w", "5", "--noflush"], text)
    if not done.is_good:
        raise FirewallRefused(why=done.complaint)
