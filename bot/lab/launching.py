"""Starting instances: rules, a fair queue, and the way from a row to something that answers."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, cast

import structlog

from bot.database import Transaction
from bot.errors import Conflict, StudyBotError
from bot.guilds import Person, saw_person
from bot.lab import events, holdings, reasons, store
from bot.lab.access import Access
from bot.lab.admission import check_person, room
from bot.lab.catalogue import Catalogue
from bot.lab.errors import (
    GuildFull,
    HostUnreachable,
    LabError,
    LabNotProven,
    NameTaken,
    NoPortFree,
    QueueFull,
    SessionFull,
    TooLargeForHost,
)
from bot.lab.guest_errors import NoGuests
from bot.lab.hosts import AnyHost, Hosts
from bot.lab.launches import Launches
from bot.lab.model import (
    Instance,
    Kind,
    LabRole,
    NewInstance,
    Port,
    Resources,
    RoleLimits,
    Stage,
    State,
)
from bot.lab.names import check_name, friendly_name
from bot.lab.sizes import spoken_cpus, spoken_size
from bot.lab.wishes import LaunchRequest, lifetime_of
from bot.lab.works import AnyWorks, Cancelled
from bot.sessions import Session, SessionEnded, get_session
from bot.timeline import NewEvent, Timeline

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0
# So many taken ports in a row are chance; more are a range that somebody else gives out.
_CHANCE = 2


class Launcher:
    """Takes requests, lets them in one after the other, and starts them."""

    def __init__(
        self,
        timeline: Timeline,
        access: Access,
        catalogue: Catalogue,
        works: AnyWorks,
        launches: Launches,
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._access = access
        self._catalogue = catalogue
        self._works = works
        self._launches = launches
        self.progress = launches.progress
        self._wake = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        # From before the row says "launching" until after it no longer does.
        self._busy: set[int] = set()
        # Ports that turned out to be taken by something that isn't ours.
        self._avoided: dict[str, set[int]] = {}

    @property
    def busy(self) -> frozenset[int]:
        """The instances this process is starting right now."""
        return frozenset(self._busy)

    def watch(self, instance: Instance, host: AnyHost) -> None:
        """Look whether one answers that runs, unless this process already did."""
        self._works[instance.kind].watch(instance, host)

    async def request(self, request: LaunchRequest) -> Instance:
        """Take a launch; it waits in the queue from then on.

        Raises:
            NotAllowed and its kinds: who asks may not. LimitReached and its kinds: a limit of
            the person, session, server or host. HostUnreachable: no host answers. NoGuests:
            none has a hypervisor. ImageNotAllowed, TemplatesOnly, NoSuchGuestTemplate, BadName,
            NameTaken: what was asked for.
        """
        try:
            return await self._take(request)
        except StudyBotError as error:
            await self._note_refusal(request, error)
            raise

    async def _take(self, request: LaunchRequest) -> Instance:
        session, by = request.session, request.by
        role = self._access.check(by, session)
        limits = self._catalogue.limits[role]
        works = self._works[request.kind]
        if request.kind is Kind.GUEST and not len(works.hosts):
            raise NoGuests
        wish = works.wish(request, limits, role)
        usable = _usable(works.hosts, role)
        name = check_name(request.name) if request.name else None
        at = self._timeline.clock()

        def work(tx: Transaction) -> Instance:
            self._check_open(tx, session)
            # What one's own limits forbid is said as that, not as a lack of the hosts.
            self._check_counts(tx, session, by, limits, wish.resources, request.kind)
            _check_size(usable, wish.resources, role)
            saw_person(tx, session.guild_id, by.id, by.name)
            taken = store.names(tx, session.guild_id)
            if name in taken:
                raise NameTaken(name=name)
            new = NewInstance(
                guild_id=session.guild_id,
                session_id=session.id,
                channel_id=request.channel_id,
                owner_id=by.id,
                role=role,
                kind=request.kind,
                name=name or friendly_name(taken, random.SystemRandom()),
                template=wish.template,
                image=wish.image,
                command=wish.command,
                environment=wish.environment,
                ports=wish.ports,
                resources=wish.resources,
                outward=limits.outward,
                public=role.is_lead,
                lifetime=lifetime_of(request.lifetime, limits),
                iso=wish.iso,
            )
            instance = store.insert(tx, new, at)
            self._timeline.append(tx, events.event(events.REQUESTED, instance, by.id), at)
            return instance

        instance = await self._database.write(work)
        self.progress.begin(instance.id)
        self._wake.set()
        return instance

    async def cancel(self, instance: Instance, by: Person) -> None:
        """Take a launch back while it waits or starts.

        Raises:
            Conflict: it is up already.
        """
        at = self._timeline.clock()

        def work(tx: Transaction) -> bool:
            current = store.get(tx, instance.id)
            if current is None or current.state is not State.QUEUED:
                return False
            ended = store.end(tx, instance.id, State.REMOVED, at, reasons.CANCELLED)
            self._timeline.append(tx, events.event(events.REMOVED, ended, by.id), at)
            return True

        if await self._database.write(work):
            self.progress.end(instance.id, Cancelled())
        elif not self._launches.cancel(instance.id):
            raise Conflict

    def wake(self) -> None:
        """Have the queue looked at: something became free."""
        self._wake.set()

    async def run(self) -> None:
        """Let launches in until cancelled."""
        try:
            while True:
                self._wake.clear()
                await self._admit()
                try:
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _admit(self) -> None:
        """Give hosts to those who wait, in their order; whoever doesn't fit holds the rest up.

        So a large launch can't be overtaken for ever by small ones. Containers and guests wait
        in lines of their own: one kind's engine may be away.
        """
        waiting = await self._database.read(store.waiting)
        if not waiting:
            return
        there = [one for one in await self._database.read(store.alive) if one.host]
        for kind in self._works:
            await self._admit_some([one for one in waiting if one.kind is kind], there)

    async def _admit_some(self, waiting: Sequence[Instance], there: list[Instance]) -> None:
        for index, instance in enumerate(waiting):
            host = self._host_for(instance, there)
            if host is None:
                cut_off = not self._works[instance.kind].hosts.up
                for place, other in enumerate(waiting[index:]):
                    self.progress.position(other.id, place + 1, is_cut_off=cut_off)
                return
            self._busy.add(instance.id)
            claimed = await self._claim(instance, host)
            if claimed is None:
                self._busy.discard(instance.id)
            else:
                there.append(claimed)
                self._begin(claimed, host)

    def _host_for(self, instance: Instance, there: list[Instance]) -> AnyHost | None:
        """Return the host with the most free memory that can take it now."""
        best: tuple[int, AnyHost] | None = None
        lead = instance.role.is_lead
        hosts: Hosts[Any] = self._works[instance.kind].hosts
        for host in cast("list[AnyHost]", hosts.up):
            if host.facts is None or (not lead and not host.is_proven):
                continue
            own = [one for one in there if one.host == host.name]
            starting = sum(one.kind is instance.kind and self._is_starting(one) for one in own)
            left = room(host.settings, host.facts, own, is_lead=lead, kind=instance.kind)
            if starting < host.launches_at_once and left.fits(instance.resources):
                best = max(best or (-1, host), (left.memory_bytes, host), key=lambda one: one[0])
        return best[1] if best else None

    def _is_starting(self, instance: Instance) -> bool:
        """Whether it still takes what a launch takes: a guest until it has booted, too."""
        if instance.state is State.LAUNCHING:
            return True
        return instance.kind is Kind.GUEST and instance.id in self._busy

    async def _claim(self, instance: Instance, host: AnyHost) -> Instance | None:
        """Give it its host, ports and deadline; None when it was cancelled, or can't have them."""
        at = self._timeline.clock()
        avoided = frozenset(self._avoided.get(host.key, ()))
        span = host.ports(outward=instance.outward)

        def work(tx: Transaction) -> Instance | None:
            current = store.get(tx, instance.id)
            if current is None or current.state is not State.QUEUED:
                return None
            ports = assign(current.ports, holdings.taken_ports(tx, host.name), avoided, span)
            holdings.hold_ports(tx, host.name, instance.id, ports)
            deadline = None if current.lifetime is None else at + current.lifetime
            claimed = store.update(
                tx,
                instance.id,
                host=host.name,
                state=State.LAUNCHING,
                stage=Stage.CREATING,
                ports=ports,
                deadline=deadline,
            )
            self._timeline.append(tx, events.event(events.LAUNCHING, claimed), at)
            return claimed

        try:
            return await self._database.write(work)
        except NoPortFree as error:
            if self._avoided.pop(host.key, None):
                return None  # What others had may be free by now: tried again in a moment.
            await self._works[instance.kind].fail(instance, error)
            return None

    def _begin(self, instance: Instance, host: AnyHost) -> None:
        self._tasks[instance.id] = task = asyncio.create_task(
            self._launch(instance, host), name=f"launch:{instance.id}"
        )
        task.add_done_callback(lambda _task: self._ended(instance.id))

    def _ended(self, instance_id: int) -> None:
        self._tasks.pop(instance_id, None)
        self._busy.discard(instance_id)
        self._wake.set()

    async def _launch(self, instance: Instance, host: AnyHost) -> None:
        works = self._works[instance.kind]
        try:
            await works.launch(instance, host, self._other_ports)
        except Exception:
            log.exception("launch failed unexpectedly", instance_id=instance.id)
            await works.fail(instance, LabError(), host)

    async def _other_ports(self, instance: Instance, host: AnyHost, port: int) -> Instance:
        """Give an instance other ports: something that isn't ours listens on one of them."""
        self._avoided.setdefault(host.key, set()).add(port)
        avoided = frozenset(self._avoided[host.key])
        span = host.ports(outward=instance.outward)
        first = span.start
        if len(avoided) > _CHANCE:
            first = random.SystemRandom().choice(span)

        def work(tx: Transaction) -> Instance:
            own = {(one.host, one.protocol) for one in instance.ports}
            taken = holdings.taken_ports(tx, host.name) - own
            ports = assign(instance.ports, taken, avoided, span, first=first)
            holdings.hold_ports(tx, host.name, instance.id, ports)
            return store.update(tx, instance.id, ports=ports)

        return await self._database.write(work)

    # --- the rules ---

    def _check_counts(
        self,
        tx: Transaction,
        session: Session,
        by: Person,
        limits: RoleLimits,
        wanted: Resources,
        kind: Kind,
    ) -> None:
        of_guild = store.alive(tx, guild_id=session.guild_id)
        own = [one for one in of_guild if one.owner_id == by.id]
        check_person(limits, own, wanted, kind)
        of_session = [one for one in of_guild if one.session_id == session.id]
        if len(of_session) >= self._catalogue.most_per_session:
            raise SessionFull(n=len(of_session), most=self._catalogue.most_per_session)
        if len(of_guild) >= self._catalogue.most_per_guild:
            raise GuildFull(n=len(of_guild), most=self._catalogue.most_per_guild)
        waiting = sum(one.state is State.QUEUED for one in of_guild)
        if waiting >= self._catalogue.queue_limit:
            raise QueueFull(n=waiting)

    def _check_open(self, tx: Transaction, session: Session) -> None:
        current = get_session(tx, session.id, session.guild_id)
        if current is None or not current.is_open:
            raise SessionEnded

    async def _note_refusal(self, request: LaunchRequest, error: StudyBotError) -> None:
        session = request.session
        event = NewEvent(
            events.REFUSED,
            session.guild_id,
            session.id,
            request.channel_id,
            request.by.id,
            {"why": type(error).__name__},
        )

        def work(tx: Transaction) -> None:
            self._timeline.append(tx, event)

        await self._database.write(work)


def _usable(hosts: "Hosts[Any]", role: LabRole) -> list[AnyHost]:
    up = cast("list[AnyHost]", hosts.up)
    if not up:
        raise HostUnreachable
    # Who comes while the proof is being looked at waits for it in the queue.
    usable = [host for host in up if role.is_lead or host.is_proven or not host.is_judged]
    if not usable:
        raise LabNotProven
    return usable


def _check_size(hosts: Sequence[AnyHost], wanted: Resources, role: LabRole) -> None:
    """Let through what fits a host that has nothing else to do."""
    empty = [
        room(host.settings, host.facts, (), is_lead=role.is_lead, kind=host.kind)
        for host in hosts
        if host.facts is not None
    ]
    if not any(one.fits(wanted) for one in empty):
        raise TooLargeForHost(
            memory=spoken_size(wanted.memory_bytes), cpus=spoken_cpus(wanted.cpus)
        )


def assign(
    wanted: tuple[Port, ...],
    taken: set[tuple[int, str]],
    avoided: frozenset[int],
    span: range,
    *,
    first: int | None = None,
) -> tuple[Port, ...]:
    """Choose ports of a range: the wish where it is free, else the next from `first`.

    Raises:
        NoPortFree: the range is used up.
    """
    start = span.start if first is None else first
    order = (*range(start, span.stop), *range(span.start, start))
    busy = set(taken)
    given: list[Port] = []
    for port in wanted:
        wish = port.wished or port.host
        candidates = [wish, *order] if wish in span else order
        number = next(
            (
                number
                for number in candidates
                if (number, port.protocol) not in busy and number not in avoided
            ),
            None,
        )
        if number is None:
            raise NoPortFree
        busy.add((number, port.protocol))
        given.append(Port(port.container, number, port.protocol, port.wished))
    return tuple(given)
