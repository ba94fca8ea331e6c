"""Guests on a host's hypervisor: files, launch, clearing, and what people do with them."""

from bot.lab.guests.clearing import Clearing
from bot.lab.guests.downloads import Downloads
from bot.lab.guests.files import Files
from bot.lab.guests.service import Guests
from bot.lab.guests.steps import GuestSteps
from bot.lab.guests.works import GuestWorks

__all__ = [
    "Clearing",
    "Downloads",
    "Files",
    "GuestSteps",
    "GuestWorks",
    "Guests",
]
