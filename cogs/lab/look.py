"""What a card is drawn from: an instance, what it uses right now, how far its launch is."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import StudyBotError
from bot.lab import Figures, Instance, Progress, State
from cogs.kit import Services

# After that a card stands still until somebody asks for fresh figures.
_MOVES_FOR = timedelta(minutes=5)
_ANSWERS_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Look:
    """An instance at a moment.

    `address`: the name people reach its host by. `problem`: why there are no figures.
    """

    instance: Instance
    address: str
    at: datetime
    progress: Progress | None = None
    figures: Figures | None = None
    problem: StudyBotError | None = None

    @property
    def is_starting(self) -> bool:
        """Whether it waits or starts."""
        return self.instance.state in (State.QUEUED, State.LAUNCHING)

    @property
    def is_moving(self) -> bool:
        """Whether it looks different soon without anything happening."""
        if self.is_starting:
            return True
        return self.instance.state is State.RUNNING and not self.is_old

    @property
    def is_old(self) -> bool:
        """Whether it has been up for so long that its figures stand still."""
        started = self.instance.started_at
        return started is not None and self.at - started > _MOVES_FOR

    @property
    def waits_for(self) -> int | None:
        """The container's port that doesn't answer, though it had the time."""
        instance = self.instance
        if instance.state is not State.RUNNING or instance.ready_at is not None:
            return None
        if instance.started_at is None or self.at - instance.started_at < _ANSWERS_WITHIN:
            return None
        return next((port.container for port in instance.ports if port.protocol == "tcp"), None)


async def look_at(services: Services, instance: Instance, *, figures: bool = True) -> Look:
    """Look at an instance; what its host doesn't tell right now is left out, and why is said."""
    lab = services.lab
    look = Look(
        instance,
        addresses(services).get(instance.host, instance.host),
        services.clock(),
        lab.launcher.progress.get(instance.id),
    )
    if not figures or instance.state is not State.RUNNING:
        return look
    try:
        read = await lab.instances.figures(instance)
    except StudyBotError as error:
        now = await lab.instances.peek(instance.id, instance.guild_id)
        if now is not None and now.state is not State.RUNNING:
            return replace(look, instance=now)  # It was stopped while it was being looked at.
        return replace(look, problem=error)
    return replace(look, figures=read)


def addresses(services: Services) -> dict[str, str]:
    """Return the name people reach each host by."""
    return {host.name: host.public_name for host in services.lab.catalogue.hosts}
