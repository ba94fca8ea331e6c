"""From what the probes heard to what it means for the operator."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.lab.drivers.base import HostFacts
from bot.lab.host.probe import Heard, Target
from bot.lab.host.rules import NOT_THE_INTERNET
from bot.lab.host.trial import Result
from bot.lab.model import HostSettings

SET_UP = "Run as root on the lab host: study-bot lab setup-host"
AGAIN = "Is the host overloaded? Please try again: study-bot lab check-host"
_GB = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and how it stands."""

    what: str
    is_good: bool
    text: str

    def __str__(self) -> str:
        return f"{'OK     ' if self.is_good else 'PROBLEM'} {self.what}: {self.text}"


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether attendees may have a lab on the host."""

    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether everything that was tried is as it should be."""
        return bool(self.findings) and all(finding.is_good for finding in self.findings)

    @property
    def why_not(self) -> str:
        """What is wrong, for the operator; empty when it holds."""
        return " ".join(each.text for each in self.findings if not each.is_good)


def judge(
    result: Result, settings: HostSettings, facts: HostFacts, seen_limit_bytes: int | None
) -> Iterator[Finding]:
    """Say what each trial means. `seen_limit_bytes`: the parent cgroup's, where it can be read."""
    closed, opened = result.closed, result.opened
    if not (closed.finished and opened.finished):
        yield Finding("probes", False, f"The probes did not come to an end in time. {AGAIN}")
        return
    yield _laid(closed, settings)
    yield _control(result.beside)
    if result.published is not None:
        yield _published(settings, answers=result.published)
    tried = {
        ("host", "The host itself"): [*closed.reached("host"), *opened.reached("host")],
        ("metadata", "The metadata address"): [
            *closed.reached("metadata"),
            *opened.reached("metadata"),
        ],
        ("other owners", "Another owner's instance"): [
            *closed.reached("owner"),
            *opened.reached("owner"),
        ],
        ("private addresses", "A machine of the private network"): [
            *closed.reached("private", "neighbour"),
            *opened.reached("private"),
            *near(opened),
        ],
        ("way out", "The internet"): closed.reached("internet"),
    }
    for (what, spoken), reached in tried.items():
        yield dropped(what, spoken, reached)
    yield _ipv6(has_any=closed.has_ipv6 or opened.has_ipv6)
    yield _reserve(opened, seen_limit_bytes, facts)


def _laid(heard: Heard, settings: HostSettings) -> Finding:
    laid = heard.laid
    if laid is None:
        text = f"The probe's image says nothing of what was laid. {SET_UP}"
    elif laid.boot_id != heard.boot_id:
        text = f"The host was started anew since its set-up. {SET_UP}"
    elif laid.subnet != settings.subnet:
        text = (
            f"The lab's subnet is {settings.subnet}, but the host was set up for"
            f" {laid.subnet}. {SET_UP}"
        )
    else:
        return Finding("set-up", True, f"done since this boot, for {laid.subnet}")
    return Finding("set-up", False, text)


def _control(beside: Heard) -> Finding:
    if beside.reached("beside"):
        return Finding("same owner", True, "two instances of one owner reach each other")
    return Finding(
        "same owner",
        False,
        "Two instances of one owner don't reach each other, so silence elsewhere proves nothing."
        f" {SET_UP}",
    )


def _published(settings: HostSettings, *, answers: bool) -> Finding:
    where = settings.bind_address
    if answers:
        return Finding("published port", True, f"answers on {where}")
    return Finding(
        "published port",
        False,
        f"A published port doesn't answer on {where}. Is another firewall of this host in the way?",
    )


def dropped(what: str, spoken: str, reached: Sequence[Target]) -> Finding:
    """Say whether something was out of reach, as it should be."""
    if not reached:
        return Finding(what, True, "out of reach")
    places = sorted({_place(target) for target in reached})
    return Finding(
        what, False, f"{spoken} can be reached from an instance ({', '.join(places)}). {SET_UP}"
    )


def _place(target: Target) -> str:
    if not target.port:
        return f"ping {target.address}"
    address = f"[{target.address}]" if ":" in target.address else target.address
    return f"{address}:{target.port}"


def near(heard: Heard) -> list[Target]:
    """Return which machines next to the host were reached; one in the internet may be."""
    return [target for target in heard.reached("neighbour") if not _is_internet(target.address)]


def _is_internet(text: str) -> bool:
    address = ipaddress.ip_address(text)
    blocks = map(ipaddress.ip_network, NOT_THE_INTERNET)
    return address.version == 4 and not any(address in block for block in blocks)


def _ipv6(*, has_any: bool) -> Finding:
    if has_any:
        return Finding("IPv6", True, "instances have addresses; all that was tried is out of reach")
    return Finding("IPv6", True, "instances have no address, so there is no way")


def _reserve(heard: Heard, seen_limit_bytes: int | None, facts: HostFacts) -> Finding:
    limit = seen_limit_bytes or heard.memory_limit_bytes
    if facts.cgroup_version == "2" and limit is None and heard.laid is not None:
        # From inside, version 2 shows a container's own limit alone; what was laid since this
        # boot has to do.
        limit = heard.laid.memory_bytes
    if limit is None or limit >= facts.memory_bytes:
        return Finding(
            "reserve",
            False,
            f"Nothing keeps memory back for the host: the parent cgroup has no limit. {SET_UP}",
        )
    return Finding(
        "reserve",
        True,
        f"all instances together have {limit / _GB:.1f} of {facts.memory_bytes / _GB:.1f} GB",
    )
