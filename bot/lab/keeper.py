"""Keeps rows and hosts in step: leases, what vanished, what a crash left behind."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from bot.database import Transaction
from bot.errors import Conflict, StudyBotError
from bot.guilds import Person, muted
from bot.lab import events, holdings, reasons, store
from bot.lab.access import Access
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import LABEL_INSTALLATION, LABEL_INSTANCE, ContainerState, GuestState
from bot.lab.errors import LabError
from bot.lab.hosts import AnyHost
from bot.lab.images import Images
from bot.lab.instances import Instances
from bot.lab.launching import Launcher
from bot.lab.leases import first_end, latest
from bot.lab.model import Instance, Stage, State
from bot.lab.spec import engine_name
from bot.lab.works import AnyWorks
from bot.sessions import ENDED, Session, get_session
from bot.timeline import Consumer, Delivery, NewEvent, Timeline

log = structlog.get_logger(__name__)

# A host that was away for longer than this had its leases stand still.
_AWAY = timedelta(seconds=60)
_LEFT_ON_RETURN = timedelta(minutes=15)
Found = ContainerState | GuestState

_GONE = frozenset({"channel_gone", "guild_gone"})


class Keeper:
    """Ends what is due, and brings rows and hosts together after whatever happened."""

    def __init__(
        self,
        timeline: Timeline,
        access: Access,
        catalogue: Catalogue,
        works: AnyWorks,
        instances: Instances,
        launcher: Launcher,
        images: Images,
        installation: str,
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._access = access
        self._catalogue = catalogue
        self._works = works
        self._instances = instances
        self._launcher = launcher
        self._images = images
        self._installation = installation
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # --- leases ---

    async def tick(self) -> None:
        """Warn those whose time runs out soon, and end what is due, on hosts that answer."""
        now = self._timeline.clock()
        warned: list[Instance] = []
        over: list[Instance] = []
        for instance in await self._database.read(store.due, now + self._catalogue.warning):
            up = self._works[instance.kind].hosts.up
            if instance.deadline is None or all(host.name != instance.host for host in up):
                continue
            if instance.deadline <= now:
                over.append(instance)
            elif instance.warned_at is None:
                warned.append(instance)
        await self._end(over)
        await self._warn(warned, now)
        await self._thaw_the_unmuted()
        await self._images.flush()

    async def _end(self, instances: Iterable[Instance]) -> None:
        """Remove what is due, so that those of a session are told of in one message."""
        groups: dict[str, list[Instance]] = defaultdict(list)
        for instance in instances:
            session = await self._database.read(get_session, instance.session_id, instance.guild_id)
            is_over = session is None or not session.is_open
            # What was to go already keeps its reason: its host was away then.
            known = instance.reason if instance.state is State.REMOVING else None
            groups[known or (reasons.SESSION_ENDED if is_over else reasons.EXPIRED)].append(
                instance
            )
        for reason, group in groups.items():
            await self.remove_all(group, reason)

    async def _warn(self, instances: Iterable[Instance], at: datetime) -> None:
        by_session: dict[int, list[Instance]] = defaultdict(list)
        for instance in instances:
            by_session[instance.session_id].append(instance)

        def work(tx: Transaction) -> None:
            for group in by_session.values():
                for instance in group:
                    store.update(tx, instance.id, warned_at=at)
                self._timeline.append(tx, _together(events.WARNED, group), at)

        if by_session:
            await self._database.write(work)

    async def take_away(self, instance: Instance, by: Person) -> None:
        """Remove an instance for somebody; a launch is taken back, another's owner is told.

        Raises:
            HostUnreachable: it is removed when the host is back. Conflict: it is up by now.
        """
        if instance.state in (State.QUEUED, State.LAUNCHING):
            await self._launcher.cancel(instance, by)
        elif instance.owner_id == by.id:
            await self._instances.remove(instance, by, reasons.REMOVED)
        else:
            await self.remove_all([instance], reasons.KILLED, by)

    async def kill(self, instance: Instance, by: Person) -> None:
        """Remove an instance at once and have its owner told that staff did.

        Raises:
            NotAllowed: `by` doesn't run the talk.
        """
        await self._instances.require_staff(instance, by)
        if not await self._took_back(instance, by):
            await self.remove_all([instance], reasons.KILLED, by)

    async def remove_all(
        self, instances: Iterable[Instance], reason: str, by: Person | None = None
    ) -> int:
        """Remove instances and have their owners told, in one message; return how many went.

        What its host doesn't let go of now goes when the host is back.
        """
        removed: list[Instance] = []
        for instance in instances:
            try:
                gone = await self._instances.remove(instance, by, reason)
            except StudyBotError as error:
                log.warning("could not remove", instance_id=instance.id, why=str(error))
                continue
            if gone.state is State.REMOVED:
                removed.append(gone)
        await self._tell_owners(removed)
        return len(removed)

    async def _tell_owners(self, ended: Iterable[Instance]) -> None:
        groups: dict[tuple[int, str | None], list[Instance]] = defaultdict(list)
        for instance in ended:
            groups[instance.session_id, instance.reason].append(instance)

        def work(tx: Transaction) -> None:
            for group in groups.values():
                self._timeline.append(tx, _together(events.ENDED_FOR_OWNERS, group))

        if groups:
            await self._database.write(work)

    async def _thaw_the_unmuted(self) -> None:
        frozen = await self._database.read(store.alive, state=State.FROZEN)
        by_guild: dict[int, list[Instance]] = defaultdict(list)
        for instance in frozen:
            if instance.frozen_by == "muted" and instance.owner_id is not None:
                by_guild[instance.guild_id].append(instance)
        for guild_id, group in by_guild.items():
            owners = {one.owner_id for one in group if one.owner_id is not None}
            still = await self._database.read(muted, guild_id, owners)
            for instance in group:
                if instance.owner_id not in still:
                    try:
                        await self._instances.thaw(instance, None)
                    except LabError as error:
                        log.warning("could not thaw", instance_id=instance.id, why=str(error))

    # --- a session's end ---

    def consumer(self) -> Consumer:
        """Return what acts on sessions that end."""
        return Consumer(
            name="lab_session_end",
            kinds=frozenset({ENDED}),
            lane=lambda event: event.session_id or 0,
            deliver=self._session_ended,
        )

    async def _session_ended(self, delivery: Delivery) -> int | None:
        """Cancel what waits; give the rest its grace time, or none where the place is gone."""
        event = delivery.event
        if event.session_id is None:
            return None
        there = await self._database.read(store.alive, session_id=event.session_id)
        session = await self._database.read(get_session, event.session_id, event.guild_id)
        if not there or session is None:
            return None
        if event.data.get("reason") in _GONE:
            await self.remove_all(there, reasons.PLACE_GONE)
            return None
        waiting = [one for one in there if one.state is State.QUEUED]
        await self.remove_all(waiting, reasons.SESSION_ENDED)
        await self._database.write(self._shorten, [one.id for one in there], session)
        return None

    def _shorten(self, tx: Transaction, ids: Iterable[int], session: Session) -> None:
        for instance_id in ids:
            current = store.get(tx, instance_id)
            if current is None or not current.is_alive:
                continue
            deadline = latest(current.deadline, session, self._catalogue.grace)
            if deadline != current.deadline:
                changed = store.update(tx, instance_id, deadline=deadline)
                self._timeline.append(tx, events.event(events.POSTPONED, changed))

    async def clear(self, session: Session, by: Person) -> int:
        """Remove all of a session's instances; return how many went.

        Raises:
            NotAllowed: `by` doesn't run the talk.
        """
        self._access.require_lead(by, session)
        there = await self._database.read(store.alive, session_id=session.id)
        event = NewEvent(events.CLEARED, session.guild_id, session.id, session.channel_id, by.id)
        await self._timeline.write(event)
        up = [one for one in there if not await self._took_back(one, by)]
        return len(there) - len(up) + await self.remove_all(up, reasons.CLEARED, by)

    async def _took_back(self, instance: Instance, by: Person) -> bool:
        if instance.state not in (State.QUEUED, State.LAUNCHING):
            return False
        try:
            await self._launcher.cancel(instance, by)
        except Conflict:
            return False  # It is up by now.
        return True

    # --- rows and hosts ---

    async def reconcile_all(self) -> None:
        """Bring rows and hosts in step, on every host that answers."""
        for works in self._works.values():
            for host in works.hosts.up:
                try:
                    await self.reconcile(host)
                except LabError as error:
                    log.warning("could not look after a host", host=host.key, why=str(error))

    async def reconcile(self, host: AnyHost) -> None:
        """Bring one host in step: adopt, remove and tell.

        Raises:
            HostUnreachable: it doesn't answer.
        """
        works = self._works[host.kind]
        async with self._locks[host.key]:
            await self._postpone(host)
            # The rows first: what is started after that is found without a row at most, and
            # then its row is read again. What somebody is at, before or after, is left alone.
            busy = self._busy()
            rows = await self._database.read(store.alive, host=host.name, kind=host.kind)
            found = await works.owned(host)
            busy |= self._busy()
            there = {state.name: state for state in found if self._may_be_ours(state)}
            known = {engine_name(self._installation, row.id): row for row in rows}
            idle = {name: row for name, row in known.items() if row.id not in busy}
            await self._look_after(host, idle, there)
            await self._remove_leftovers(host, known, there)
            await works.tidy(host)
            now = self._timeline.clock()
            await self._database.write(holdings.saw_host, host.key, now)

    def _busy(self) -> frozenset[int]:
        return self._launcher.busy | self._instances.busy

    def _may_be_ours(self, state: Found) -> bool:
        number = state.labels.get(LABEL_INSTANCE, "")
        return (
            state.labels.get(LABEL_INSTALLATION) == self._installation
            and number.isdecimal()
            and state.name == engine_name(self._installation, int(number))
        )

    async def _postpone(self, host: AnyHost) -> None:
        """While the host (or the bot) was away, leases stood still."""
        now = self._timeline.clock()
        seen = await self._database.read(holdings.seen_at, host.key)
        if seen is None or now - seen < _AWAY:
            return

        def work(tx: Transaction) -> None:
            for instance in store.alive(tx, host=host.name, kind=host.kind):
                if instance.deadline is None:
                    continue
                deadline = max(instance.deadline + (now - seen), now + _LEFT_ON_RETURN)
                changed = store.update(tx, instance.id, deadline=deadline, warned_at=None)
                self._timeline.append(tx, events.event(events.POSTPONED, changed), now)

        await self._database.write(work)

    async def _look_after(
        self, host: AnyHost, known: Mapping[str, Instance], there: Mapping[str, Found]
    ) -> None:
        recovered: list[Instance] = []
        lost: list[Instance] = []
        removing: list[Instance] = []
        for name, row in known.items():
            state = there.get(name)
            if row.state is State.REMOVING:
                removing.append(row)
            elif row.state is State.LAUNCHING:
                recovered += await self._take_up(host, row, state)
            elif state is None:
                lost.append(await self._lost(row))
            else:
                await self._follow(host, row, state)
        for row in removing:
            await self.remove_all([row], row.reason or reasons.REMOVED)
        await self._tell_owners(one for one in lost if one.state is State.LOST)
        await self._tell_recovered(recovered)

    async def _take_up(self, host: AnyHost, row: Instance, state: Found | None) -> list[Instance]:
        """Go on with a launch that a crash interrupted: adopt what runs, else begin again."""
        now = self._timeline.clock()
        current = await self._database.read(store.get, row.id)
        if current is None or current.state is not State.LAUNCHING:
            return []
        if state is not None and state.is_running:
            digest = await self._works[host.kind].digest(row, host)

            def adopt(tx: Transaction) -> Instance:
                session = get_session(tx, row.session_id, row.guild_id)
                ends = first_end(now, row.lifetime)
                changed = store.update(
                    tx,
                    row.id,
                    state=State.RUNNING,
                    stage=Stage.STARTED,
                    engine_id=state.engine_id,
                    digest=digest,
                    started_at=now,
                    deadline=latest(ends, session, self._catalogue.grace),
                )
                self._timeline.append(tx, events.event(events.STARTED, changed), now)
                return changed

            adopted = await self._database.write(adopt)
            self._launcher.watch(adopted, host)
            return [adopted]
        engine_id = state.engine_id if state is not None else None
        await self._works[host.kind].clear(host, row.id, engine_id)

        def begin_again(tx: Transaction) -> Instance:
            session = get_session(tx, row.session_id, row.guild_id)
            if session is None or not session.is_open:
                ended = store.end(tx, row.id, State.REMOVED, now, reasons.SESSION_ENDED)
                self._timeline.append(tx, events.event(events.REMOVED, ended), now)
                return ended
            holdings.hold_ports(tx, row.host, row.id, ())
            changed = store.update(tx, row.id, state=State.QUEUED, stage=Stage.QUEUED, host="")
            self._timeline.append(tx, events.event(events.REQUESTED, changed), now)
            return changed

        changed = await self._database.write(begin_again)
        if changed.state is State.QUEUED:
            self._launcher.progress.begin(changed.id)
        self._launcher.wake()
        return [changed]

    async def _lost(self, row: Instance) -> Instance:
        at = self._timeline.clock()

        def work(tx: Transaction) -> Instance:
            current = store.get(tx, row.id)
            if current is None or not current.is_alive or current.state != row.state:
                return current or row
            ended = store.end(tx, row.id, State.LOST, at, reasons.VANISHED)
            self._timeline.append(tx, events.event(events.LOST, ended), at)
            return ended

        lost = await self._database.write(work)
        self._launcher.wake()
        return lost

    async def _follow(self, host: AnyHost, row: Instance, state: Found) -> None:
        """Have the row say what the host says: somebody's process ended, or was started."""
        now = self._timeline.clock()
        wanted = State.STOPPED
        if state.is_paused:
            wanted = State.FROZEN
        elif state.is_running:
            wanted = State.RUNNING
        if wanted is row.state:
            if wanted is State.RUNNING and row.ready_at is None:
                # Whoever waited for its answer may have died with the process before this one.
                self._launcher.watch(row, host)
            return
        values: dict[str, object] = {"state": wanted}
        kind = events.RESUMED
        if wanted is State.STOPPED:
            kind = events.DIED
            exact = await self._works[host.kind].exact(host, state.engine_id)
            values |= {
                "process_id": None,
                "exit_code": exact.exit_code,
                "out_of_memory": exact.out_of_memory,
            }
        elif wanted is State.FROZEN:
            kind = events.FROZEN
            values["frozen_by"] = row.frozen_by or "staff"

        def work(tx: Transaction) -> None:
            current = store.get(tx, row.id)
            # A command may have changed both since they were read.
            if current is None or current.state is not row.state:
                return
            changed = store.update(tx, row.id, **values)
            self._timeline.append(tx, events.event(kind, changed), now)

        await self._database.write(work)

    async def _remove_leftovers(
        self, host: AnyHost, known: Mapping[str, Instance], there: Mapping[str, Found]
    ) -> None:
        """Remove what is there of rows that have ended. One without a row isn't ours: it stays."""
        for name, state in there.items():
            if name in known:
                continue
            row = await self._database.read(store.get, int(state.labels[LABEL_INSTANCE]))
            if row is not None and not row.is_alive:
                log.info("removing a leftover", instance_id=row.id, host=host.key)
                await self._works[host.kind].clear(host, row.id, state.engine_id)

    async def _tell_recovered(self, recovered: Iterable[Instance]) -> None:
        by_session: dict[int, list[Instance]] = defaultdict(list)
        for instance in recovered:
            by_session[instance.session_id].append(instance)

        def work(tx: Transaction) -> None:
            for group in by_session.values():
                self._timeline.append(tx, _together(events.RECOVERED, group))

        if by_session:
            await self._database.write(work)


def _together(kind: str, instances: list[Instance]) -> NewEvent:
    """Make one event about several instances of a session, so that one message tells of all."""
    first = instances[0]
    return NewEvent(
        kind,
        first.guild_id,
        first.session_id,
        first.channel_id,
        data={"instance_ids": [one.id for one in instances]},
    )
