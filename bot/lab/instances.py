"""What people do with instances that are there."""

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType

from bot.database import Transaction
from bot.errors import NotAllowed, StudyBotError
from bot.guilds import Person
from bot.lab import events, reasons, store
from bot.lab.access import Access
from bot.lab.catalogue import Catalogue
from bot.lab.directory import alive_with_sessions
from bot.lab.errors import (
    ContainerGone,
    Frozen,
    NoDeadline,
    NoMoreExtensions,
    NoSuchInstance,
    NotRunning,
    NotYours,
)
from bot.lab.figures import Figures
from bot.lab.gauges import Gauges
from bot.lab.guest_errors import Paused
from bot.lab.model import OWNER, Instance, State
from bot.lab.works import AnyWorks
from bot.sessions import Session, get_session
from bot.timeline import Timeline

_LISTED = 15


class Instances:
    """Looking at instances and acting on them; owner and staff only."""

    def __init__(
        self,
        timeline: Timeline,
        access: Access,
        catalogue: Catalogue,
        works: AnyWorks,
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._access = access
        self._catalogue = catalogue
        self._works = works
        self._gauges = Gauges(works)
        # Those somebody is at right now: whoever compares rows with hosts leaves them alone.
        self._busy: Counter[int] = Counter()
        # Told of each instance that is gone: there is room, and nobody need wait for it.
        self.gone: Callable[[int], None] = lambda _instance_id: None

    @property
    def busy(self) -> frozenset[int]:
        """The instances that a command is changing right now."""
        return frozenset(+self._busy)

    @contextlib.contextmanager
    def at(self, instance: Instance) -> Generator[None]:
        """Have whoever compares rows with hosts leave it alone meanwhile."""
        self._busy[instance.id] += 1
        try:
            yield
        finally:
            self._busy[instance.id] -= 1

    # --- finding ---

    async def get(self, instance_id: int, guild_id: int, by: Person) -> Instance:
        """Return an instance of this guild that `by` may act on.

        Raises:
            NoSuchInstance: there is none that they may know of. NotYours: a public one of
            somebody else's.
        """
        found = await self._database.read(store.get, instance_id)
        if found is None or found.guild_id != guild_id:
            raise NoSuchInstance(name=f"#{instance_id}")
        return await self._allowed(found, by, f"#{instance_id}")

    async def named(self, guild_id: int, name: str, by: Person) -> Instance:
        """Return an instance that hasn't ended by its name, if `by` may act on it.

        Raises:
            LabOff, NoLab, NoSuchInstance, NotYours.
        """
        self._access.require_lab(guild_id)
        found = await self._database.read(store.named, guild_id, name.strip().casefold())
        if found is None:
            raise NoSuchInstance(name=name)
        return await self._allowed(found, by, name)

    async def peek(self, instance_id: int, guild_id: int) -> Instance | None:
        """Return an instance for drawing it, whoever looks; None when it isn't this guild's."""
        found = await self._database.read(store.get, instance_id)
        return found if found is not None and found.guild_id == guild_id else None

    async def mine(self, guild_id: int, user_id: int) -> list[Instance]:
        """Return a person's instances in a guild, newest first, some ended ones too."""
        return await self._database.read(store.of_person, guild_id, user_id, _LISTED)

    async def visible(self, guild_id: int, by: Person, *, theirs: bool = False) -> list[Instance]:
        """Return the instances that haven't ended which `by` may know of: public, own, or all.

        `theirs`: only those they may act on.

        Raises:
            LabOff, NoLab.
        """
        self._access.require_lab(guild_id)
        found = await self._database.read(alive_with_sessions, guild_id)
        return [
            instance
            for instance, session in found
            if (instance.public and not theirs)
            or instance.owner_id == by.id
            or self._access.is_staff(by, instance, session)
        ]

    async def shown_to_all(self) -> list[Instance]:
        """Return the public ones of all guilds that haven't ended."""
        return [one for one in await self._database.read(store.alive) if one.public]

    async def up(self) -> list[Instance]:
        """Return those of all guilds that are up on a host: what they use can be read."""
        return [
            one
            for one in await self._database.read(store.alive)
            if one.state in (State.RUNNING, State.FROZEN) and one.engine_id is not None
        ]

    async def roster(self, session: Session) -> tuple[int, int]:
        """Return how many of a session's instances are up, and how many wait or start."""
        return await self._database.read(store.counts, session.id)

    async def of_session(self, session_id: int) -> list[Instance]:
        """Return all instances of a session, ended ones too, in order."""
        return await self._database.read(store.of_session, session_id)

    async def figures(self, instance: Instance, *, exact: bool = False) -> Figures:
        """Read what it uses; `exact` takes half a second for it.

        Raises:
            NotRunning, ContainerGone, HostUnreachable.
        """
        try:
            return await self._gauges.read(instance, exact=exact)
        except NotRunning as error:
            # An engine knows it by another name than people do.
            raise NotRunning(name=instance.name) from error

    async def disk_used(self, instance: Instance) -> int | None:
        """Return how large its disk is, nearly as of now.

        Raises:
            NotRunning, ContainerGone, HostUnreachable.
        """
        return await self._gauges.disk_used(instance)

    # --- acting ---

    async def start(self, instance: Instance, by: Person) -> Instance:
        """Start a stopped one again.

        Raises:
            Frozen, PortTaken, NetworkInactive, ContainerGone, HostUnreachable.
        """
        require_thawed(instance)
        if instance.state is State.RUNNING:
            return instance
        with self.at(instance):
            process_id = await self._works[instance.kind].start(_present(instance))
            return await self._runs_again(instance, events.RESUMED, by, process_id)

    async def stop(self, instance: Instance, by: Person) -> Instance:
        """Stop it: politely, then by force. It stays, and its lease runs on.

        Raises:
            Frozen, ContainerGone, HostUnreachable.
        """
        require_thawed(instance)
        if instance.state is State.STOPPED:
            return instance
        with self.at(instance):
            forced = await self._works[instance.kind].stop(_present(instance))
            return await self.change(
                instance,
                events.STOPPED,
                by,
                {"forced": True} if forced else {},
                state=State.STOPPED,
                process_id=None,
            )

    async def restart(self, instance: Instance, by: Person) -> Instance:
        """Stop and start it.

        Raises:
            Frozen, PortTaken, ContainerGone, HostUnreachable.
        """
        require_thawed(instance)
        with self.at(instance):
            process_id = await self._works[instance.kind].restart(_present(instance))
            return await self._runs_again(instance, events.RESTARTED, by, process_id)

    async def extend(self, instance: Instance, by: Person) -> Instance:
        """Give it more time, as often as its owner's role may.

        Raises:
            NoDeadline, NoMoreExtensions.
        """
        limits = self._catalogue.limits[instance.role]
        at = self._timeline.clock()

        def work(tx: Transaction) -> Instance:
            current = _current(tx, instance)
            session = get_session(tx, current.session_id, current.guild_id)
            if current.deadline is None or (session is not None and not session.is_open):
                raise NoDeadline(name=current.name)
            if current.extensions >= limits.extensions:
                raise NoMoreExtensions(name=current.name, n=limits.extensions)
            extended = store.update(
                tx,
                current.id,
                deadline=max(current.deadline, at) + limits.extension,
                extensions=current.extensions + 1,
                warned_at=None,
            )
            self._timeline.append(tx, events.event(events.EXTENDED, extended, by.id), at)
            return extended

        return await self._database.write(work)

    async def extend_soon(self, guild_id: int, by: Person) -> list[Instance]:
        """Give more time to those of one's own that end soon; return them.

        Raises:
            NoMoreExtensions: one of them got as much as is allowed already.
        """
        soon = self._timeline.clock() + self._catalogue.warning
        own = await self._database.read(store.alive, guild_id=guild_id, owner_id=by.id)
        ending = [one for one in own if one.deadline is not None and one.deadline <= soon]
        return [await self.extend(one, by) for one in ending]

    async def publish(self, instance: Instance, by: Person, *, public: bool) -> Instance:
        """Show a private one to everybody, or not any more; for those who run the talk.

        Raises:
            NotAllowed.
        """
        await self.require_staff(instance, by)
        return await self.change(instance, events.PUBLISHED, by, public=public)

    async def require_staff(self, instance: Instance, by: Person) -> None:
        """Let those through who run the talk that an instance belongs to.

        Raises:
            NotAllowed.
        """
        session = await self._database.read(get_session, instance.session_id, instance.guild_id)
        if not self._access.is_staff(by, instance, session):
            raise NotAllowed

    async def remove(self, instance: Instance, by: Person | None, reason: str) -> Instance:
        """Remove it from its host with all it holds there.

        Raises:
            HostUnreachable: it is removed when the host is back.
        """
        with self.at(instance):
            marked = await self._database.write(_mark_removing, instance, reason)
            if marked is None:
                return instance
            await self._works[marked.kind].remove(marked)
            removed = await self._database.write(self._removed, marked, by, reason)
        self._gauges.forget(instance.id)
        self.gone(instance.id)
        return removed

    def _removed(
        self, tx: Transaction, instance: Instance, by: Person | None, reason: str
    ) -> Instance:
        current = store.get(tx, instance.id)
        if current is None or not current.is_alive:
            return current or instance
        at = self._timeline.clock()
        ended = store.end(tx, instance.id, State.REMOVED, at, reason)
        by_id = by.id if by is not None else None
        self._timeline.append(tx, events.event(events.REMOVED, ended, by_id, reason=reason), at)
        return ended

    async def freeze(self, instance: Instance, by: Person | None, why: str) -> Instance:
        """Freeze its processes where they are; only staff let them go on.

        Raises:
            NotAllowed: `by` (None: by itself) doesn't run the talk. HostUnreachable.
        """
        if by is not None:
            await self.require_staff(instance, by)
        if instance.state is State.FROZEN and instance.frozen_by == OWNER and why != OWNER:
            # It stands still already; from now on its owner can't let it go on.
            return await self.change(instance, events.FROZEN, by, frozen_by=why)
        if instance.state is not State.RUNNING:
            return instance
        with self.at(instance):
            await self._works[instance.kind].freeze(_present(instance))
            return await self.change(instance, events.FROZEN, by, state=State.FROZEN, frozen_by=why)

    async def thaw(self, instance: Instance, by: Person | None) -> Instance:
        """Let its processes go on.

        Raises:
            NotAllowed: `by` (None: by itself) doesn't run the talk. HostUnreachable.
        """
        if by is not None:
            await self.require_staff(instance, by)
        if instance.state is not State.FROZEN:
            return instance
        with self.at(instance):
            await self._works[instance.kind].thaw(_present(instance))
            return await self.change(
                instance, events.THAWED, by, state=State.RUNNING, frozen_by=None
            )

    async def freeze_owner(self, guild_id: int, user_id: int, why: str = "muted") -> int:
        """Freeze what somebody has who was timed out, kicked or banned; return how many.

        What only waits or starts is taken back.
        """
        frozen = 0
        for instance in await self._database.read(store.alive, guild_id=guild_id, owner_id=user_id):
            try:
                if instance.state in (State.QUEUED, State.LAUNCHING):
                    await self.remove(instance, None, reasons.KILLED)
                    continue
                frozen += (await self.freeze(instance, None, why)).state is State.FROZEN
            except StudyBotError:
                continue  # Its host is away: looked at again when it is back.
        return frozen

    # --- inside ---

    async def _allowed(self, instance: Instance, by: Person, asked: str) -> Instance:
        if instance.owner_id == by.id:
            return instance
        session = await self._database.read(get_session, instance.session_id, instance.guild_id)
        if self._access.is_staff(by, instance, session):
            return instance
        if instance.public and instance.is_alive:
            raise NotYours
        # Not a word more than of one that isn't there: others' are private.
        raise NoSuchInstance(name=asked)

    async def _runs_again(
        self, instance: Instance, kind: str, by: Person, process_id: int | None
    ) -> Instance:
        """Note that it runs, as which process, and that its last end is the past."""
        self._gauges.restarted(instance.id)
        return await self.change(
            instance,
            kind,
            by,
            state=State.RUNNING,
            process_id=process_id,
            exit_code=None,
            out_of_memory=False,
        )

    async def change(
        self,
        instance: Instance,
        kind: str,
        by: Person | None,
        data: Mapping[str, object] = MappingProxyType({}),
        /,
        **values: object,
    ) -> Instance:
        """Write down what was done to one that hasn't ended, with its event.

        Raises:
            ContainerGone: it has ended meanwhile.
        """
        at = self._timeline.clock()
        by_id = by.id if by is not None else None

        def work(tx: Transaction) -> Instance:
            _current(tx, instance)
            changed = store.update(tx, instance.id, **values) if values else instance
            self._timeline.append(tx, events.event(kind, changed, by_id, **data), at)
            return changed

        return await self._database.write(work)


def _current(tx: Transaction, instance: Instance) -> Instance:
    """Read an instance again.

    Raises:
        ContainerGone: it ended since it was read.
    """
    current = store.get(tx, instance.id)
    if current is None or not current.is_alive:
        raise ContainerGone
    return current


def _mark_removing(tx: Transaction, instance: Instance, reason: str) -> Instance | None:
    """Note that it is to go: if its host is away now, it goes when that is back."""
    current = store.get(tx, instance.id)
    if current is None or not current.is_alive:
        return None
    if current.state is State.REMOVING:
        return current
    return store.update(tx, instance.id, state=State.REMOVING, reason=reason)


def _present(instance: Instance) -> Instance:
    """Return it.

    Raises:
        ContainerGone: it isn't on a host (any more, or yet).
    """
    if instance.engine_id is None or not instance.is_alive:
        raise ContainerGone
    return instance


def require_thawed(instance: Instance) -> None:
    """Let through what staff didn't freeze and its owner didn't pause.

    Raises:
        Frozen, Paused.
    """
    if instance.state is State.FROZEN:
        if instance.frozen_by == OWNER:
            raise Paused(name=instance.name)
        raise Frozen(name=instance.name)
