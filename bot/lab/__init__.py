"""Containers on a community's lab hosts: catalogue, instances, leases, limits."""

from bot.lab import errors, events, reasons
from bot.lab.audit import Entry
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import (
    ExecResult,
    FoundImage,
    Image,
    Layer,
    LayerState,
    Process,
    PullProgress,
)
from bot.lab.figures import Figures
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
from bot.lab.lab import Lab, open_lab
from bot.lab.launching import Launcher, LaunchRequest
from bot.lab.model import (
    ALIVE,
    STATE_NAMES,
    HostSettings,
    Instance,
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
from bot.lab.store import forget_owners_before, forget_person, of_person, of_session

__all__ = [
    "ALIVE",
    "STATE_NAMES",
    "Catalogue",
    "Entry",
    "ExecResult",
    "Figures",
    "FoundImage",
    "HostSettings",
    "HostStanding",
    "Image",
    "Images",
    "Instance",
    "Instances",
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
]
