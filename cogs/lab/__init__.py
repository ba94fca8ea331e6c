"""`/image`, `/container`, `/lab`: what Discord sees of the lab."""

from cogs.lab import presses
from cogs.lab.cards import LabCards
from cogs.lab.containers import ContainersCog
from cogs.lab.images import ImagesCog
from cogs.lab.lab import LabCog
from cogs.lab.letters import LabLetters

__all__ = ["ContainersCog", "ImagesCog", "LabCards", "LabCog", "LabLetters", "presses"]
