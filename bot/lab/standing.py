"""How each machine of the lab stands: for those who wait, and for those who look after it."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.lab import store
from bot.lab.admission import Room, room
from bot.lab.hosts import AnyHost, GuestHost, Host, Hosts
from bot.lab.model import ON_HOST, Instance, Kind, State
from bot.timeline import Timeline


@dataclass(frozen=True, slots=True)
class HostStanding:
    """One engine of a machine. `room`: what attendees can be promised; None while it is away."""

    name: str
    kind: Kind
    is_up: bool
    is_proven: bool
    proof: str
    version: str
    instances: int
    starting: int
    room: Room | None


@dataclass(frozen=True, slots=True)
class Standing:
    """All machines; how many wait for one, and which of this guild, in their order."""

    hosts: tuple[HostStanding, ...]
    waiting: int
    queue: tuple[Instance, ...]


class Standings:
    """Tells how the lab stands, without asking any machine."""

    def __init__(
        self, timeline: Timeline, hosts: Hosts[Host], guest_hosts: Hosts[GuestHost]
    ) -> None:
        self._database = timeline.database
        self._hosts = hosts
        self._guest_hosts = guest_hosts

    async def now(self, guild_id: int) -> Standing:
        """Return how it stands for a guild."""
        alive = await self._database.read(store.alive)
        waiting = await self._database.read(store.waiting)
        return Standing(
            hosts=tuple(_of(host, alive) for host in (*self._hosts, *self._guest_hosts)),
            waiting=len(waiting),
            queue=tuple(one for one in waiting if one.guild_id == guild_id),
        )


def _of(host: AnyHost, alive: Iterable[Instance]) -> HostStanding:
    there = [one for one in alive if one.host == host.name and one.state in ON_HOST]
    own = [one for one in there if one.kind is host.kind]
    facts = host.facts
    left = None
    if facts is not None:
        left = room(host.settings, facts, there, is_lead=False, kind=host.kind)
    return HostStanding(
        name=host.name,
        kind=host.kind,
        is_up=host.is_up,
        is_proven=host.is_proven,
        proof=host.proof,
        version=facts.version if facts is not None else "",
        instances=len(own),
        starting=sum(one.state is State.LAUNCHING for one in own),
        room=left if host.is_up else None,
    )
