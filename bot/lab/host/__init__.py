"""A lab machine's protection: laid once by root, proven again and again by the bot."""

from bot.lab.host.cgroups import ATTENDEE_SHARES, LEAD_SHARES, cgroup_parent
from bot.lab.host.check import check_host
from bot.lab.host.engine import DEFAULT_SOCKET, LocalEngine
from bot.lab.host.examine import examine_host
from bot.lab.host.probe import PROBE_IMAGE
from bot.lab.host.rules import Family, expected_rules
from bot.lab.host.setup_host import Step, remove_host, set_up_host
from bot.lab.host.trial import probe_label
from bot.lab.host.verdict import Finding, Proof

__all__ = [
    "ATTENDEE_SHARES",
    "DEFAULT_SOCKET",
    "LEAD_SHARES",
    "PROBE_IMAGE",
    "Family",
    "Finding",
    "LocalEngine",
    "Proof",
    "Step",
    "cgroup_parent",
    "check_host",
    "examine_host",
    "expected_rules",
    "probe_label",
    "remove_host",
    "set_up_host",
]
