"""`lab check-host` for guests: does the host's protection hold? Tried from inside two guests.

Needs nothing but the hypervisor's API, so the unprivileged bot does it by itself.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.errors import StudyBotError
from bot.lab.drivers.guests import GuestDriver, GuestHostFacts
from bot.lab.guest_addresses import GuestNetwork, networks_of
from bot.lab.host import verdict
from bot.lab.host.check import INTERNET, METADATA, PRIVATE, rules_stand
from bot.lab.host.guest_probe import LINE
from bot.lab.host.guest_trial import GuestResult, GuestTrial
from bot.lab.host.hypervisor import bridge_of
from bot.lab.host.probe import LISTENS_ON, Heard, Target
from bot.lab.host.trial import is_here
from bot.lab.host.verdict import AGAIN, SET_UP, Finding, Proof
from bot.lab.model import HostSettings

_BRIDGES = Path("/sys/class/net")


def check_guest_host(driver: GuestDriver, settings: HostSettings, installation: str) -> Proof:
    """Prove that the rules hold for guests. Blocks some ten seconds, at most two minutes."""
    try:
        facts = driver.facts()
        if not _is_set_up(settings, facts):
            return Proof((Finding("guests", False, f"This host isn't ready for guests. {SET_UP}"),))
        trial = GuestTrial(driver, settings, facts, installation)
        result = trial.run(_targets)
    except StudyBotError as error:
        text = f"The guests' probes could not be run, so nothing is known: {error}"
        return Proof((Finding("guests' probes", False, text),))
    return Proof((*_judge(result, settings), *_isolated(settings), *rules_stand(settings)))


def _is_set_up(settings: HostSettings, facts: GuestHostFacts) -> bool:
    return facts.pool_is_active and all(
        network.name in facts.active_networks for network in networks_of(settings)
    )


def _targets(others: Sequence[str]) -> list[Target]:
    """Return what the probes try beside the addresses that the set-up noted."""
    return [
        *(Target("host", "gateway", port) for port in (22, 0)),
        Target("metadata", METADATA, 80),
        *(Target("private", address, 80) for address in PRIVATE),
        *(Target("internet", address, 53) for address in INTERNET),
        # An echo shows more than a port that nothing listens on.
        *(Target("owner", address, port) for address in others for port in (LISTENS_ON, 0)),
    ]


def _judge(result: GuestResult, settings: HostSettings) -> Iterator[Finding]:
    closed, opened = result.closed, result.opened
    if not (closed.finished and opened.finished):
        yield Finding("guests' probes", False, f"They did not come to an end in time. {AGAIN}")
        return
    for name, each in (("closed", closed), ("open", opened)):
        if each.address is None or not each.line_works:
            text = (
                f"A guest in the {name} network gets no address from the host, so silence"
                f" elsewhere proves nothing. {SET_UP}"
            )
            yield Finding("guests' network", False, text)
            return
    laid = closed.heard.laid
    if laid is None or laid.subnet != settings.guest_subnet:
        text = f"Guests' subnet is {settings.guest_subnet}, but the host was set up for another."
        yield Finding("guests' network", False, f"{text} {SET_UP}")
        return
    yield Finding("guests' network", True, "guests get their addresses from the host")
    both = (closed.heard, opened.heard)
    tried = {
        ("host from guests", "The host itself"): _reached(both, "host"),
        ("metadata from guests", "The metadata address"): _reached(both, "metadata"),
        ("other guests", "Another guest"): _reached(both, "owner", LINE),
        ("private addresses from guests", "A machine of the private network"): [
            *_reached(both, "private"),
            *closed.heard.reached("neighbour"),
            *verdict.near(opened.heard),
        ],
        ("way out of closed guests", "The internet"): closed.heard.reached("internet"),
    }
    for (what, spoken), reached in tried.items():
        yield verdict.dropped(what, spoken, reached)


def _reached(both: Sequence[Heard], *keys: str) -> list[Target]:
    return [target for heard in both for target in heard.reached(*keys)]


def _isolated(settings: HostSettings) -> list[Finding]:
    """Look at each guest's end of its line as well, where the bridges are this machine's."""
    if not is_here(settings):
        return []
    loose = [
        port.name
        for network in networks_of(settings)
        for port in _ports(network)
        if (_BRIDGES / port.name / "brport" / "isolated").read_text().strip() != "1"
    ]
    if loose:
        text = f"Guests on one bridge can reach each other ({', '.join(loose)}). {SET_UP}"
        return [Finding("guests' bridges", False, text)]
    return [Finding("guests' bridges", True, "every guest on them is kept to itself")]


def _ports(network: GuestNetwork) -> list[Path]:
    folder = _BRIDGES / bridge_of(network) / "brif"
    return list(folder.iterdir()) if folder.is_dir() else []
