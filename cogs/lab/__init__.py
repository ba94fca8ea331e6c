"""`/image`, `/container`, `/vm`, `/iso`, `/ssh-key`, `/lab`: what Discord sees of the lab."""

from cogs.lab import presses, vm_presses
from cogs.lab.cards import LabCards
from cogs.lab.containers import ContainersCog
from cogs.lab.images import ImagesCog
from cogs.lab.lab import LabCog
from cogs.lab.letters import LabLetters
from cogs.lab.ssh_keys import SshKeysCog
from cogs.lab.vm import VmCog

__all__ = [
    "ContainersCog",
    "ImagesCog",
    "LabCards",
    "LabCog",
    "LabLetters",
    "SshKeysCog",
    "VmCog",
    "presses",
    "vm_presses",
]
