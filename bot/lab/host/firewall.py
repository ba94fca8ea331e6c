"""Lay the rules, look whether they stand, take them away. As root, on the host itself."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.lab.host.guest_rules import (
    FORGED_CHAIN,
    MASQUERADE_CHAIN,
    PORTS_CHAIN,
    TO_GUESTS_CHAIN,
    Table,
)
from bot.lab.host.programs import run
from bot.lab.host.rules import (
    ENGINE_CHAIN,
    FORWARD_CHAIN,
    INPUT_CHAIN,
    Family,
    Fence,
    expected_tables,
)

_OURS = (
    *(FORWARD_CHAIN, INPUT_CHAIN),
    *(TO_GUESTS_CHAIN, PORTS_CHAIN, MASQUERADE_CHAIN, FORGED_CHAIN),
)
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


def stands(family: Family, fence: Fence) -> bool:
    """Say whether every rule stands where it must."""
    return not any(_changes(family, fence).values())


def lay(family: Family, fence: Fence) -> bool:
    """Lay what is missing, each table all at once or not at all; say whether anything was.

    Raises:
        FirewallRefused: the program is missing, or says no.
    """
    return _commit(family, _changes(family, fence))


def take_away(family: Family) -> bool:
    """Take all of ours away and nothing else; say whether there was anything."""
    standing = _read_all(family, ())
    none = Table("", {}, {})
    return _commit(
        family, {name: _table_changes(chains, none) for name, chains in standing.items()}
    )


def _changes(family: Family, fence: Fence) -> dict[str, list[str]]:
    """Return by table what leads from the rules that stand to those that should."""
    entry = ENGINE_CHAIN if ENGINE_CHAIN in _read(family, "filter") else "FORWARD"
    sees_bridged = _SWITCHES[family].exists()
    wanted = {
        table.name: table
        for table in expected_tables(family, fence, entry=entry, sees_bridged=sees_bridged)
    }
    return {
        name: _table_changes(chains, wanted.get(name, Table(name, {}, {})))
        for name, chains in _read_all(family, wanted).items()
    }


def _table_changes(chains: Chains, wanted: Table) -> list[str]:
    changes: list[str] = []
    for chain, rules in wanted.chains.items():
        if tuple(chains.get(chain, ())) != rules or chain not in chains:
            # Naming a chain of one's own empties it.
            changes.append(f":{chain} - [0:0]")
            changes += [f"-A {chain} {rule}" for rule in rules]
    for hook in (*chains, *(name for name in wanted.jumps if name not in chains)):
        there, ours = chains.get(hook, ()), wanted.jumps.get(hook, ())
        # First of all rules: whatever stands before could let something through. Translating
        # addresses lets nothing through, and an engine puts each new network's rule in front.
        is_first = wanted.name == "nat" or tuple(there[: len(ours)]) == ours
        if tuple(_jumps(there)) == ours and is_first:
            continue
        changes += _jumps_out(hook, there)
        changes += [f"-I {hook} {place} {rule}" for place, rule in enumerate(ours, 1)]
    stale = [chain for chain in _OURS if chain in chains and chain not in wanted.chains]
    return changes + [f"-F {chain}" for chain in stale] + [f"-X {chain}" for chain in stale]


def _jumps(rules: Sequence[str]) -> list[str]:
    return [rule for rule in rules if rule.endswith(tuple(f"-j {chain}" for chain in _OURS))]


def _jumps_out(hook: str, rules: Sequence[str]) -> list[str]:
    return [f"-D {hook} {rule}" for rule in _jumps(rules)]


def _read_all(family: Family, needed: Collection[str]) -> dict[str, Chains]:
    """Return the tables where something of ours may be; one that isn't there holds nothing."""
    found: dict[str, Chains] = {}
    for name in ("filter", "nat", "raw") if family is Family.IPV4 else ("filter",):
        try:
            found[name] = _read(family, name)
        except FirewallRefused:
            if name == "filter" or name in needed:
                raise
    return found


def _read(family: Family, table: str) -> dict[str, list[str]]:
    """Return every chain of a table with its rules, in order."""
    listed = run([family, "-w", "5", "-t", table, "-S"])
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


def _commit(family: Family, changes: Mapping[str, Sequence[str]]) -> bool:
    text = "".join(
        "\n".join([f"*{table}", *lines, "COMMIT", ""]) for table, lines in changes.items() if lines
    )
    if not text:
        return False
    done = run([f"{family}-restore", "-w", "5", "--noflush"], text)
    if not done.is_good:
        raise FirewallRefused(why=done.complaint)
    return True
