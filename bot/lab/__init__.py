"""Containers on a community's lab hosts: catalogue, instances, leases, limits."""

from bot.lab import errors, events, reasons
from bot.lab.audit import Entry
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import (
    ExecResult,
    FoundImage,
    GuestHostFacts,
    Image,
    Layer,
    LayerState,
    Process,
    PullProgress,
    Snapshot,
)
from bot.lab.figures import Figures
from bot.lab.forgetting import forget_person
from bot.lab.images import Images
from bot.lab.inputs import (
    parse_command,
    parse_cpus,
    parse_duration,
    parse_environment,
    parse_ports,
    parse_size,
)
from bot.lab.instances import Instances
from bot.lab.key_store import SshKey
from bot.lab.key_store import of_person as ssh_keys_of
from bot.lab.lab import Lab, open_lab
from bot.lab.launching import Launcher
from bot.lab.model import (
    ALIVE,
    STATE_NAMES,
    GuestTemplate,
    HostSettings,
    Instance,
    IsoImage,
    Kind,
    LabRole,
    Port,
    Resources,
    Stage,
    State,
    Template,
)
from bot.lab.progress import Progress
from bot.lab.reasons import explain
from bot.lab.secrets import masked, masked_command
from bot.lab.sizes import spoken_cpus, spoken_seconds, spoken_size
from bot.lab.standing import HostStanding, Standing
from bot.lab.store import forget_owners_before, of_person, of_session
from bot.lab.wishes import LaunchRequest

__all__ = [
    "ALIVE",
    "STATE_NAMES",
    "Catalogue",
    "Entry",
    "ExecResult",
    "Figures",
    "FoundImage",
    "GuestHostFacts",
    "GuestTemplate",
    "HostSettings",
    "HostStanding",
    "Image",
    "Images",
    "Instance",
    "Instances",
    "IsoImage",
    "Kind",
    "Lab",
    "LabRole",
    "LaunchRequest",
    "Launcher",
    "Layer",
    "LayerState",
    "Port",
    "Process",
    "Progress",
    "PullProgress",
    "Resources",
    "Snapshot",
    "SshKey",
    "Stage",
    "Standing",
    "State",
    "Template",
    "errors",
    "events",
    "explain",
    "forget_owners_before",
    "forget_person",
    "masked",
    "masked_command",
    "of_person",
    "of_session",
    "open_lab",
    "parse_command",
    "parse_cpus",
    "parse_duration",
    "parse_environment",
    "parse_ports",
    "parse_size",
    "reasons",
    "spoken_cpus",
    "spoken_seconds",
    "spoken_size",
    "ssh_keys_of",
]
