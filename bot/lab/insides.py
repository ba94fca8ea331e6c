"""What is inside a container: what it printed, its processes, a command run in it."""

from datetime import timedelta

from bot.guilds import Person
from bot.lab import events
from bot.lab.container_works import place
from bot.lab.drivers import ExecResult, Process
from bot.lab.errors import Frozen, NotRunning
from bot.lab.guest_errors import NotAContainer
from bot.lab.hosts import WORK_SECONDS, Host, Hosts
from bot.lab.model import Instance, Kind, State
from bot.timeline import Timeline

_EXEC_SECONDS = 20.0
_EXEC_BYTES = 256 * 1024
_LOG_BYTES = 1024 * 1024


class Insides:
    """Looking into containers; whoever got the instance may."""

    def __init__(self, timeline: Timeline, hosts: Hosts[Host]) -> None:
        self._timeline = timeline
        self._hosts = hosts

    async def logs(
        self, instance: Instance, by: Person, *, lines: int, since: timedelta | None = None
    ) -> bytes:
        """Return the last lines it printed.

        Raises:
            NotAContainer, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        start = self._timeline.clock() - since if since is not None else None
        printed = await host.work(
            WORK_SECONDS,
            host.driver.logs,
            engine_id,
            lines=lines,
            since=start,
            most_bytes=_LOG_BYTES,
        )
        await self._note(events.LOGS_READ, instance, by)
        return printed

    async def processes(self, instance: Instance) -> list[Process]:
        """List its processes with their ids on the host.

        Raises:
            NotAContainer, NotRunning, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        _require_running(instance)
        return await host.work(WORK_SECONDS, host.driver.processes, engine_id)

    async def execute(self, instance: Instance, by: Person, command: tuple[str, ...]) -> ExecResult:
        """Run a command inside, for twenty seconds at most.

        Raises:
            NotAContainer, NotRunning, Frozen, BadCommand, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        _require_running(instance)
        result = await host.work(
            _EXEC_SECONDS + WORK_SECONDS,
            host.driver.execute,
            engine_id,
            command,
            seconds=_EXEC_SECONDS,
            most_bytes=_EXEC_BYTES,
        )
        await self._note(events.EXECUTED, instance, by, exit_code=result.exit_code)
        return result

    def _place(self, instance: Instance) -> tuple[Host, str]:
        if instance.kind is not Kind.CONTAINER:
            raise NotAContainer(name=instance.name)
        return place(self._hosts, instance)

    async def _note(self, kind: str, instance: Instance, by: Person, **data: object) -> None:
        event = events.event(kind, instance, by.id, **data)
        await self._timeline.write(event)


def _require_running(instance: Instance) -> None:
    if instance.state is State.FROZEN:
        raise Frozen(name=instance.name)
    if instance.state is not State.RUNNING:
        raise NotRunning(name=instance.name)
