"""Whether there is room: for a person, on a host. Pure rules over what is there already."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.errors import N_, Term
from bot.lab.errors import OneLaunchAtATime, TooManyInstances, TooMuch
from bot.lab.hosts import Facts
from bot.lab.model import HostSettings, Instance, Kind, Resources, RoleLimits, State
from bot.lab.sizes import spoken_cpus, spoken_size


@dataclass(frozen=True, slots=True)
class Room:
    """What a host can still promise. Sizes in bytes; `disk_bytes` None where nothing limits it."""

    memory_bytes: int
    cpus: float
    disk_bytes: int | None

    def fits(self, wanted: Resources) -> bool:
        """Whether an instance of this size can be promised what it is allowed to use."""
        return (
            wanted.memory_bytes <= self.memory_bytes
            and wanted.cpus <= self.cpus
            and (self.disk_bytes is None or wanted.disk_bytes <= self.disk_bytes)
        )


def room(
    settings: HostSettings,
    facts: Facts,
    others: Iterable[Instance],
    *,
    is_lead: bool,
    kind: Kind = Kind.CONTAINER,
) -> Room:
    """Return what a machine has left for one more of a kind beside `others` of both.

    Memory is never promised twice. CPUs are, `cpu_overcommit` times: weights share them
    fairly, and hardly anybody computes all the time. Attendees leave a share to those who
    run the talk, so that the demo finds room whatever they started.
    """
    memory = facts.memory_bytes * (1 - settings.reserve_memory_share)
    cpus = max(0.5, facts.cpus - settings.reserve_cpus) * settings.cpu_overcommit
    disk = None
    if facts.can_limit_disk and facts.disk_total_bytes is not None:
        disk = facts.disk_total_bytes * (1 - settings.reserve_disk_share)
    used_memory, used_cpus, used_disk = 0, 0.0, 0
    attendees_memory, attendees_cpus = 0, 0.0
    for other in others:
        used_memory += other.resources.memory_bytes
        used_cpus += other.resources.cpus
        if other.kind is kind:  # Containers and guests have their disks in different places.
            used_disk += other.resources.disk_bytes
        if not other.role.is_lead:
            attendees_memory += other.resources.memory_bytes
            attendees_cpus += other.resources.cpus
    free_memory, free_cpus = memory - used_memory, cpus - used_cpus
    if not is_lead:
        theirs = 1 - settings.reserve_lead_share
        free_memory = min(free_memory, memory * theirs - attendees_memory)
        free_cpus = min(free_cpus, cpus * theirs - attendees_cpus)
    return Room(int(free_memory), free_cpus, None if disk is None else int(disk - used_disk))


def check_person(
    limits: RoleLimits,
    own: Sequence[Instance],
    wanted: Resources,
    kind: Kind = Kind.CONTAINER,
) -> None:
    """Let a person start one more of a kind beside their `own` of both.

    Raises:
        OneLaunchAtATime: one of theirs waits or starts already.
        TooManyInstances, TooMuch: a limit of their role.
    """
    for other in own:
        if other.state in (State.QUEUED, State.LAUNCHING):
            raise OneLaunchAtATime(name=other.name)
    same = sum(other.kind is kind for other in own)
    most = limits.instances if kind is Kind.CONTAINER else limits.guests
    if same >= most:
        raise TooManyInstances(n=same, most=most)
    if len(own) >= limits.in_all:
        raise TooManyInstances(n=len(own), most=limits.in_all)
    if not own:
        _compare(N_("CPUs"), wanted.cpus, limits.cpus, spoken_cpus)
        _compare(N_("Memory"), wanted.memory_bytes, limits.memory_bytes, spoken_size)
        _compare(N_("Disk"), wanted.disk_bytes, limits.disk_bytes, spoken_size)
    cpus = wanted.cpus + sum(other.resources.cpus for other in own)
    memory = wanted.memory_bytes + sum(other.resources.memory_bytes for other in own)
    disk = wanted.disk_bytes + sum(other.resources.disk_bytes for other in own)
    _compare(N_("CPUs, all of yours together"), cpus, limits.cpus, spoken_cpus)
    _compare(N_("Memory, all of yours together"), memory, limits.memory_bytes, spoken_size)
    _compare(N_("Disk, all of yours together"), disk, limits.disk_bytes, spoken_size)


def _compare(what: str, wanted: float, most: float, spoken: Callable[[float], str]) -> None:
    if wanted > most:
        raise TooMuch(what=Term(what), wanted=spoken(wanted), most=spoken(most))
