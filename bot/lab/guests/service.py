"""What people do with guests alone: screen, keys, console, pause, snapshots."""

import contextlib
import re
from collections.abc import Generator

from bot.database import Transaction
from bot.errors import NotAllowed
from bot.guilds import Person
from bot.lab import events
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import ExecResult, GuestSystem, Snapshot
from bot.lab.errors import Frozen, NotRunning
from bot.lab.guest_errors import (
    BadSnapshotName,
    NoAgent,
    NotAGuest,
    NotPaused,
    TooManySnapshots,
)
from bot.lab.guests.works import GuestWorks, guest_place
from bot.lab.hosts import WORK_SECONDS, GuestHost
from bot.lab.instances import Instances, require_thawed
from bot.lab.model import OWNER, GuestTemplate, Instance, IsoImage, Kind, LabRole, State
from bot.lab.wishes import guests_for
from bot.timeline import NewEvent, Timeline

_MOST_SNAPSHOTS = 5
_SNAPSHOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)
_SNAPSHOT_SECONDS = 120.0
_MOST_TYPED = 500
_EXEC_SECONDS = 20.0
_EXEC_BYTES = 64 * 1024


class Guests:
    """Looking at guests and acting on them; whoever got the instance may."""

    def __init__(
        self, timeline: Timeline, catalogue: Catalogue, instances: Instances, works: GuestWorks
    ) -> None:
        self._timeline = timeline
        self._catalogue = catalogue
        self._instances = instances
        self._works = works

    def templates(self, role: LabRole) -> list[GuestTemplate]:
        """Return what somebody may create, in the operator's order."""
        return guests_for(self._catalogue, role)

    def isos(self) -> list[IsoImage]:
        """Return the operator's ISOs."""
        return list(self._catalogue.isos.values())

    # --- looking ---

    async def console(self, instance: Instance, by: Person, *, lines: int) -> bytes:
        """Return the last lines its serial console printed.

        Raises:
            NotAGuest, NotSupported, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        printed = await host.work(WORK_SECONDS, host.driver.console, engine_id, lines=lines)
        await self._note(events.LOGS_READ, instance, by)
        return printed

    async def screen(self, instance: Instance, by: Person | None) -> bytes:
        """Return a PNG of its screen; `by` None: for a card, which is no news.

        Raises:
            NotAGuest, NotRunning, NotSupported, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        _require_on(instance)
        with _named(instance):
            picture = await host.work(WORK_SECONDS, host.driver.screenshot, engine_id)
        if by is not None:
            await self._note(events.SCREEN_SEEN, instance, by)
        return picture

    async def system(self, instance: Instance) -> GuestSystem | None:
        """Ask its agent what runs inside; None where none answers.

        Raises:
            NotAGuest, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        return await host.work(WORK_SECONDS, host.driver.system, engine_id)

    async def execute(self, instance: Instance, by: Person, command: tuple[str, ...]) -> ExecResult:
        """Have its agent run a command inside, for twenty seconds at most.

        Raises:
            NotAGuest, NotRunning, Frozen, Paused, NoAgent, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        require_thawed(instance)
        _require_on(instance)
        with _named(instance):
            result = await host.work(
                _EXEC_SECONDS + WORK_SECONDS,
                host.driver.execute,
                engine_id,
                command,
                seconds=_EXEC_SECONDS,
                most_bytes=_EXEC_BYTES,
            )
        if result is None:
            raise NoAgent(name=instance.name)
        event = events.event(events.EXECUTED, instance, by.id, exit_code=result.exit_code)
        await self._timeline.write(event)
        return result

    # --- its keyboard ---

    async def press(self, instance: Instance, by: Person, keys: tuple[str, ...]) -> None:
        """Press keys at once and let go.

        Raises:
            NotAGuest, NotRunning, Frozen, Paused, NotSupported, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        require_thawed(instance)
        _require_on(instance)
        with _named(instance):
            await host.work(WORK_SECONDS, host.driver.send_keys, engine_id, keys)
        await self._note(events.KEYS_PRESSED, instance, by)

    async def type_text(self, instance: Instance, by: Person, text: str) -> None:
        """Type text on its keyboard; what was typed is written down nowhere.

        Raises:
            CantType, and what `press` raises.
        """
        host, engine_id = self._place(instance)
        require_thawed(instance)
        _require_on(instance)
        with _named(instance):
            await host.work(WORK_SECONDS, host.driver.type_text, engine_id, text[:_MOST_TYPED])
        await self._note(events.KEYS_PRESSED, instance, by)

    # --- its power ---

    async def stop(self, instance: Instance, by: Person) -> tuple[Instance, bool]:
        """Ask it to shut down, by force after its grace time; say whether that was needed.

        Raises:
            NotAGuest, Frozen, Paused, ContainerGone, HostUnreachable.
        """
        self._place(instance)
        require_thawed(instance)
        if instance.state is State.STOPPED:
            return instance, False
        with self._instances.at(instance):
            forced = await self._works.stop(instance)
            return await self._stopped(instance, by, forced=forced), forced

    async def force_stop(self, instance: Instance, by: Person) -> Instance:
        """Pull its plug, paused or not.

        Raises:
            NotAGuest, Frozen, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        if instance.state is State.FROZEN and instance.frozen_by != OWNER:
            raise Frozen(name=instance.name)
        with self._instances.at(instance):
            await host.work(WORK_SECONDS, host.driver.destroy, engine_id)
            return await self._stopped(instance, by, forced=True)

    async def reboot(self, instance: Instance, by: Person) -> Instance:
        """Have it start anew.

        Raises:
            NotAGuest, Frozen, Paused, ContainerGone, HostUnreachable.
        """
        self._place(instance)
        return await self._instances.restart(instance, by)

    async def pause(self, instance: Instance, by: Person) -> Instance:
        """Stop its processors; its owner and staff may let it go on.

        Raises:
            NotAGuest, NotRunning, ContainerGone, HostUnreachable.
        """
        self._place(instance)
        require_thawed(instance)
        _require_on(instance)
        paused = await self._instances.freeze(instance, None, OWNER)
        await self._note(events.PAUSED, paused, by)
        return paused

    async def resume(self, instance: Instance, by: Person) -> Instance:
        """Let its processors go on.

        Raises:
            NotAGuest, NotPaused, Frozen: staff froze it, and `by` isn't of them.
        """
        self._place(instance)
        if instance.state is not State.FROZEN:
            raise NotPaused(name=instance.name)
        if instance.frozen_by == OWNER:
            resumed = await self._instances.thaw(instance, None)
            await self._note(events.UNPAUSED, resumed, by)
            return resumed
        try:
            return await self._instances.thaw(instance, by)
        except NotAllowed as error:
            raise Frozen(name=instance.name) from error

    # --- snapshots ---

    async def snapshots(self, instance: Instance) -> list[Snapshot]:
        """List its snapshots, oldest first.

        Raises:
            NotAGuest, NotSupported, ContainerGone, HostUnreachable.
        """
        host, engine_id = self._place(instance)
        # Cards are drawn with it: they go without rather than wait.
        return await host.call(host.driver.snapshots, engine_id)

    async def create_snapshot(self, instance: Instance, by: Person, name: str) -> Snapshot:
        """Keep this moment.

        Raises:
            BadSnapshotName, NameTaken, TooManySnapshots, DiskFull, NotSupported, NotAGuest.
        """
        host, engine_id = self._place(instance)
        name = _checked(name)
        there = await host.work(WORK_SECONDS, host.driver.snapshots, engine_id)
        if len(there) >= _MOST_SNAPSHOTS:
            raise TooManySnapshots(name=instance.name, n=len(there), most=_MOST_SNAPSHOTS)
        with self._instances.at(instance):
            made = await host.work(_SNAPSHOT_SECONDS, host.driver.create_snapshot, engine_id, name)
        await self._note(events.SNAPSHOT_MADE, instance, by)
        return made

    async def revert(self, instance: Instance, by: Person, name: str) -> Instance:
        """Go back to a snapshot.

        Raises:
            NoSuchSnapshot, Frozen, Paused, NotSupported, NotAGuest.
        """
        host, engine_id = self._place(instance)
        require_thawed(instance)
        with self._instances.at(instance):
            await host.work(_SNAPSHOT_SECONDS, host.driver.revert, engine_id, name.strip())
            state = await host.work(WORK_SECONDS, host.driver.inspect, engine_id)
            return await self._instances.change(
                instance,
                events.REVERTED,
                by,
                state=State.RUNNING if state.is_running else State.STOPPED,
                process_id=state.process_id,
            )

    async def delete_snapshot(self, instance: Instance, by: Person, name: str) -> None:
        """Forget a snapshot.

        Raises:
            NoSuchSnapshot, NotSupported, NotAGuest.
        """
        host, engine_id = self._place(instance)
        with self._instances.at(instance):
            await host.work(_SNAPSHOT_SECONDS, host.driver.delete_snapshot, engine_id, name.strip())
        await self._note(events.SNAPSHOT_DELETED, instance, by)

    # --- inside ---

    async def _stopped(self, instance: Instance, by: Person, *, forced: bool) -> Instance:
        return await self._instances.change(
            instance,
            events.STOPPED,
            by,
            {"forced": True} if forced else {},
            state=State.STOPPED,
            process_id=None,
            frozen_by=None,
        )

    def _place(self, instance: Instance) -> tuple[GuestHost, str]:
        if instance.kind is not Kind.GUEST:
            raise NotAGuest(name=instance.name)
        return guest_place(self._works.hosts, instance)

    async def _note(self, kind: str, instance: Instance, by: Person) -> None:
        event: NewEvent = events.event(kind, instance, by.id)

        def work(tx: Transaction) -> None:
            self._timeline.append(tx, event)

        await self._timeline.database.write(work)


def _checked(name: str) -> str:
    name = name.strip()
    if _SNAPSHOT_NAME.fullmatch(name) is None:
        raise BadSnapshotName
    return name


@contextlib.contextmanager
def _named(instance: Instance) -> Generator[None]:
    """Tell people of an instance by its name: a driver knows only what its host calls it."""
    try:
        yield
    except NotRunning as error:
        raise NotRunning(name=instance.name) from error


def _require_on(instance: Instance) -> None:
    if instance.state not in (State.RUNNING, State.FROZEN):
        raise NotRunning(name=instance.name)
