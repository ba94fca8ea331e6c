"""Who sees what of the lab's machines: public ones and one's own, staff see all of the talk's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.guilds import Person
from bot.usage import Top, TopRow
from cogs.figures import CPU, DISK, MEMORY, NETWORK, of_sample
from cogs.kit import Services


class Sort(StrEnum):
    """What a list is sorted by. The values stand in selects: never rename them."""

    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    NETWORK = "network"
    NAME = "name"
    TIME = "time"

    @classmethod
    def of(cls, value: str) -> "Sort":
        """Read a select's value; one that is none of these means the usual order."""
        return next((one for one in cls if one.value == value), cls.CPU)


FIGURES: dict[Sort, tuple[str, ...]] = {
    Sort.CPU: CPU,
    Sort.MEMORY: MEMORY,
    Sort.DISK: DISK,
    Sort.NETWORK: NETWORK,
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees: the machines as a whole, and each instance that isn't hidden."""

    hosts: tuple[Top, ...]
    rows: tuple[TopRow, ...]
    hidden: tuple[TopRow, ...]

    def without_owners(self) -> "Sight":
        """Name nobody: for what stays as it is, also once somebody has had themselves erased."""
        nameless = tuple(
            replace(row, instance=replace(row.instance, owner_id=None)) for row in self.rows
        )
        return replace(self, rows=nameless)


async def sight(services: Services, guild_id: int, by: Person | None) -> Sight:
    """Look at all machines for a person, or for everybody (None).

    Of other guilds nothing is seen but that their share of a machine is in its figures.

    Raises:
        LabOff, NoLab.
    """
    services.lab.access.require_lab(guild_id)
    hosts = [await services.usage.top(host) for host in services.usage.hosts]
    rows = [row for host in hosts for row in host.rows if row.instance.guild_id == guild_id]
    known = {row.instance.id for row in rows if row.instance.public}
    if by is not None:
        known |= {one.id for one in await services.lab.instances.visible(guild_id, by)}
    return Sight(
        tuple(hosts),
        tuple(row for row in rows if row.instance.id in known),
        tuple(row for row in rows if row.instance.id not in known),
    )


def ordered(rows: Sequence[TopRow], sort: Sort) -> list[TopRow]:
    """Sort rows: the largest first, names from A, what ends soonest first."""
    by_name = sorted(rows, key=lambda row: row.instance.name)
    if sort is Sort.NAME:
        return by_name
    if sort is Sort.TIME:
        return sorted(by_name, key=_ends)
    names = FIGURES[sort]

    def used(row: TopRow) -> float:
        value = of_sample(row.reading.sample if row.reading else None, names)
        return -1.0 if value is None else value

    return sorted(by_name, key=used, reverse=True)


def _ends(row: TopRow) -> float:
    deadline = row.instance.deadline
    return float("inf") if deadline is None else deadline.timestamp()
