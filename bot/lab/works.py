"""How instances of one kind are made, used and taken away: what containers and guests differ in.

Everything above goes by this face alone: queue, limits, leases, rows, and who may do what are the
same for both.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from bot.errors import N_, StudyBotError
from bot.lab.drivers import ContainerState, Counters, GuestState
from bot.lab.errors import LabError
from bot.lab.hosts import GuestHost, Host, Hosts
from bot.lab.model import Instance, Kind, LabRole, RoleLimits
from bot.lab.wishes import LaunchRequest, Wish

H = TypeVar("H", Host, GuestHost)

# Asked for when something that isn't ours has a port: another one, please.
OtherPorts = Callable[[Instance, H, int], Awaitable[Instance]]


class Cancelled(LabError):
    """Whoever asked for it took it back."""

    message = N_("This was cancelled.")


class Works(Protocol[H]):
    """One kind's works."""

    @property
    def hosts(self) -> Hosts[H]:
        """Return where they run."""
        ...

    def wish(self, request: LaunchRequest, limits: RoleLimits, role: LabRole) -> Wish:
        """Return what a request comes to.

        Raises:
            NotFound, NotAllowed, BadInput and their kinds: it can't be had, or not like that.
        """
        ...

    # --- a launch ---

    async def launch(self, instance: Instance, host: H, other_ports: OtherPorts[H]) -> None:
        """Start it; whatever fails on the way is undone and written down."""
        ...

    async def fail(self, instance: Instance, error: StudyBotError, host: H | None = None) -> None:
        """Undo what there is of it on its host, and say why in its row."""
        ...

    def watch(self, instance: Instance, host: H) -> None:
        """Wait in the background for the answer of one that runs, once in this process."""
        ...

    # --- what is there ---

    async def start(self, instance: Instance) -> int | None:
        """Start a stopped one; return its process on the host, where that is known."""
        ...

    async def stop(self, instance: Instance) -> bool:
        """Stop it: politely, then by force; say whether force was needed, where that is known."""
        ...

    async def restart(self, instance: Instance) -> int | None:
        """Stop and start it; return its process on the host, where that is known."""
        ...

    async def freeze(self, instance: Instance) -> None:
        """Freeze it where it is."""
        ...

    async def thaw(self, instance: Instance) -> None:
        """Let it go on."""
        ...

    async def remove(self, instance: Instance) -> None:
        """Remove it from its host with all it holds there."""
        ...

    async def counters(self, instance: Instance, *, with_size: bool) -> Counters:
        """Read its counters once."""
        ...

    # --- rows and hosts ---

    async def owned(self, host: H) -> "list[ContainerState] | list[GuestState]":
        """List what a host has of this installation."""
        ...

    async def exact(self, host: H, engine_id: str) -> "ContainerState | GuestState":
        """Look at one more closely."""
        ...

    async def digest(self, instance: Instance, host: H) -> str | None:
        """Return what it was made from, for one that is adopted."""
        ...

    async def clear(self, host: H, instance_id: int, engine_id: str | None) -> None:
        """Take away all a host has of an instance, whether or not it got as far as an engine id."""
        ...

    async def tidy(self, host: H) -> None:
        """Take away what instances that have ended left beside themselves."""
        ...


AnyWorks = Mapping[Kind, Works[Any]]
