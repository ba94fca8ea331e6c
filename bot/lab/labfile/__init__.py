"""lab.toml, the operator's file: its keys and defaults, and what is wrong with one."""

from bot.lab.labfile.reading import read
from bot.lab.labfile.tables import (
    UNTIL_END,
    AttendeeTable,
    GuestTable,
    HostTable,
    IsoTable,
    LabFile,
    LeadTable,
    TemplateTable,
)

__all__ = [
    "UNTIL_END",
    "AttendeeTable",
    "GuestTable",
    "HostTable",
    "IsoTable",
    "LabFile",
    "LeadTable",
    "TemplateTable",
    "read",
]
