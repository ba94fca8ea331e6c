"""A lab machine's protection: laid once by root, proven again and again by the bot."""

from bot.lab.host.cgroups import ATTENDEE_SHARES, LEAD_SHARES, cgroup_parent
from bot.lab.host.check import check_host
from bot.lab.host.engine import DEFAULT_SOCKET, LocalEngine
from bot.lab.host.examine import examine_host
from bot.lab.host.examine_guests import examine_guest_host
from bot.lab.host.guest_check import check_guest_host
from bot.lab.host.guest_probe import ProbeSystem
from bot.lab.host.guest_trial import owner_of_probes
from bot.lab.host.hypervisor import LOCAL_URI, LocalHypervisor
from bot.lab.host.probe import PROBE_IMAGE
from bot.lab.host.rules import Family, Fence, expected_tables
from bot.lab.host.setup_host import Machine, remove_host, set_up_host
from bot.lab.host.steps import Step
from bot.lab.host.trial import probe_label
from bot.lab.host.verdict import Finding, Proof

__all__ = [
    "ATTENDEE_SHARES",
    "DEFAULT_SOCKET",
    "LEAD_SHARES",
    "LOCAL_URI",
    "PROBE_IMAGE",
    "Family",
    "Fence",
    "Finding",
    "LocalEngine",
    "LocalHypervisor",
    "Machine",
    "ProbeSystem",
    "Proof",
    "Step",
    "cgroup_parent",
    "check_guest_host",
    "check_host",
    "examine_guest_host",
    "examine_host",
    "expected_tables",
    "owner_of_probes",
    "probe_label",
    "remove_host",
    "set_up_host",
]
