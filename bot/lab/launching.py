"""Starting instances: rules, a fair queue, and the way from a row to something that answers."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.database import Transaction
from bot.errors import Conflict, StudyBotError
from bot.guilds import Person, saw_person
from bot.lab import events, reasons, store
from bot.lab.access import Access
from bot.lab.admission import check_person, room
from bot.lab.catalogue import Catalogue
from bot.lab.errors import (
    GuildFull,
    HostUnreachable,
    ImageNotAllowed,
    LabError,
    LabNotProven,
    NameTaken,
    NoPortFree,
    NoSuchTemplate,
    QueueFull,
    SessionFull,
    TemplatesOnly,
    TooLargeForHost,
)
from bot.lab.hosts import Host, Hosts
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
    Template,
)
from bot.lab.names import check_name, friendly_name
from bot.lab.progress import ProgressBoard
from bot.lab.references import ImageReference
from bot.lab.sizes import spoken_cpus, spoken_size
from bot.lab.steps import Cancelled, Steps
from bot.sessions import Session, SessionEnded, get_session
from bot.timeline import NewEvent, Timeline

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0
# So many taken ports in a row are chance; more are a range that somebody else gives out.
_CHANCE = 2


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person asks for. `what` is a template's name or an image; None: the default."""

    session: Session
    channel_id: int
    by: Person
    what: str
    name: str | None = None
    ports: tuple[Port, ...] | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    cpus: float | None = None
    memory_bytes: int | None = None
    lifetime: timedelta | None = None


class Launcher:
    """Takes requests, lets them in one after the other, and starts them."""

    def __init__(
        self,
        timeline: Timeline,
        access: Access,
        catalogue: Catalogue,
        hosts: Hosts,
        steps: Steps,
        progress: ProgressBoard,
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._access = access
        self._catalogue = catalogue
        self._hosts = hosts
        self._steps = steps
        self.progress = progress
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

    def watch(self, instance: Instance, host: Host) -> None:
        """Look whether one answers that runs, unless this process already did."""
        self._steps.watch(instance, host)

    async def request(self, request: LaunchRequest) -> Instance:
        """Take a launch; it waits in the queue from then on.

        Raises:
            NotAllowed and its kinds: who asks may not. LimitReached and its kinds: a limit of
            the person, session, server or host. HostUnreachable: no host answers.
            ImageNotAllowed, TemplatesOnly, BadName, NameTaken: what was asked for.
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
        template, image = self._resolve(request.what, limits)
        wanted = _resources(request, template, limits)
        usable = self._usable_hosts(role)
        name = check_name(request.name) if request.name else None
        at = self._timeline.clock()

        def work(tx: Transaction) -> Instance:
            self._check_open(tx, session)
            # What one's own limits forbid is said as that, not as a lack of the hosts.
            self._check_counts(tx, session, by, limits, wanted)
            _check_size(usable, wanted, role)
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
                kind=Kind.CONTAINER,
                name=name or friendly_name(taken, random.SystemRandom()),
                template=template.name if template else None,
                image=image,
                command=request.command or (template.command if template else ()),
                environment={
                    **(template.environment if template else {}),
                    **(request.environment or {}),
                },
                ports=_ports(request, template),
                resources=wanted,
                outward=limits.outward,
                public=role.is_lead,
                lifetime=_lifetime(request.lifetime, limits),
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
        elif not self._steps.cancel(instance.id):
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

        So a large launch can't be overtaken for ever by small ones.
        """
        waiting = await self._database.read(store.waiting)
        if not waiting:
            return
        there = [one for one in await self._database.read(store.alive) if one.host]
        for index, instance in enumerate(waiting):
            host = self._host_for(instance, there)
            if host is None:
                for place, other in enumerate(waiting[index:]):
                    self.progress.position(other.id, place + 1)
                return
            self._busy.add(instance.id)
            claimed = await self._claim(instance, host)
            if claimed is None:
                self._busy.discard(instance.id)
            else:
                there.append(claimed)
                self._begin(claimed, host)

    def _host_for(self, instance: Instance, there: list[Instance]) -> Host | None:
        """Return the host with the most free memory that can take it now."""
        best: tuple[int, Host] | None = None
        lead = instance.role.is_lead
        for host in self._hosts.up:
            if host.facts is None or (not lead and not host.is_proven):
                continue
            own = [one for one in there if one.host == host.name]
            starting = sum(one.state is State.LAUNCHING for one in own)
            left = room(host.settings, host.facts, own, is_lead=lead)
            if starting < host.settings.launches_at_once and left.fits(instance.resources):
                best = max(best or (-1, host), (left.memory_bytes, host), key=lambda one: one[0])
        return best[1] if best else None

    async def _claim(self, instance: Instance, host: Host) -> Instance | None:
        """Give it its host, ports and deadline; None when it was cancelled, or can't have them."""
        at = self._timeline.clock()
        avoided = frozenset(self._avoided.get(host.name, ()))

        def work(tx: Transaction) -> Instance | None:
            current = store.get(tx, instance.id)
            if current is None or current.state is not State.QUEUED:
                return None
            ports = assign(current.ports, store.taken_ports(tx, host.name), avoided, host)
            store.hold_ports(tx, host.name, instance.id, ports)
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
            if self._avoided.pop(host.name, None):
                return None  # What others had may be free by now: tried again in a moment.
            await self._steps.fail(instance, error)
            return None

    def _begin(self, instance: Instance, host: Host) -> None:
        self._tasks[instance.id] = task = asyncio.create_task(
            self._launch(instance, host), name=f"launch:{instance.id}"
        )
        task.add_done_callback(lambda _task: self._ended(instance.id))

    def _ended(self, instance_id: int) -> None:
        self._tasks.pop(instance_id, None)
        self._busy.discard(instance_id)
        self._wake.set()

    async def _launch(self, instance: Instance, host: Host) -> None:
        template = self._catalogue.templates.get(instance.template or "")
        try:
            await self._steps.launch(instance, template, host, self._other_ports)
        except Exception:
            log.exception("launch failed unexpectedly", instance_id=instance.id)
            await self._steps.fail(instance, LabError(), host)

    async def _other_ports(self, instance: Instance, host: Host, port: int) -> Instance:
        """Give an instance other ports: something that isn't ours listens on one of them."""
        self._avoided.setdefault(host.name, set()).add(port)
        avoided = frozenset(self._avoided[host.name])
        settings = host.settings
        first = settings.port_first
        if len(avoided) > _CHANCE:
            first = random.SystemRandom().randint(first, settings.port_last)

        def work(tx: Transaction) -> Instance:
            own = {(one.host, one.protocol) for one in instance.ports}
            taken = store.taken_ports(tx, host.name) - own
            ports = assign(instance.ports, taken, avoided, host, first=first)
            store.hold_ports(tx, host.name, instance.id, ports)
            return store.update(tx, instance.id, ports=ports)

        return await self._database.write(work)

    # --- the rules ---

    def _resolve(self, what: str, limits: RoleLimits) -> tuple[Template | None, str]:
        """Return the template (they come first) and the image that `what` means."""
        name = what.strip()
        template = self._catalogue.templates.get(name.casefold())
        if template is not None:
            return template, ImageReference.parse(template.image).familiar
        known = ", ".join(self._catalogue.templates)
        if not limits.plain_images:
            raise TemplatesOnly(names=known)
        if not self._catalogue.images.allow:
            raise NoSuchTemplate(name=name, names=known)
        reference = ImageReference.parse(name)
        if not self._catalogue.allows_image(reference):
            raise ImageNotAllowed(image=reference.familiar)
        return None, reference.familiar

    def _usable_hosts(self, role: LabRole) -> list[Host]:
        up = self._hosts.up
        if not up:
            raise HostUnreachable
        # Who comes while the proof is being looked at waits for it in the queue.
        usable = [host for host in up if role.is_lead or host.is_proven or not host.is_judged]
        if not usable:
            raise LabNotProven
        return usable

    def _check_counts(
        self,
        tx: Transaction,
        session: Session,
        by: Person,
        limits: RoleLimits,
        wanted: Resources,
    ) -> None:
        of_guild = store.alive(tx, guild_id=session.guild_id)
        own = [one for one in of_guild if one.owner_id == by.id]
        check_person(limits, own, wanted)
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


def _check_size(hosts: Sequence[Host], wanted: Resources, role: LabRole) -> None:
    """Let through what fits a host that has nothing else to do."""
    empty = [
        room(host.settings, host.facts, (), is_lead=role.is_lead)
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
    host: Host,
    *,
    first: int | None = None,
) -> tuple[Port, ...]:
    """Choose ports of the host's range: the wish where it is free, else the next from `first`.

    Raises:
        NoPortFree: the range is used up.
    """
    settings = host.settings
    begin, end = settings.port_first, settings.port_last + 1
    start = begin if first is None else first
    span = (*range(start, end), *range(begin, start))
    busy = set(taken)
    given: list[Port] = []
    for port in wanted:
        wish = port.wished or port.host
        candidates = [wish, *span] if wish in span else span
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


def _resources(request: LaunchRequest, template: Template | None, limits: RoleLimits) -> Resources:
    """What was typed, else what the template says, else what the role's get each."""
    each = limits.each
    own = template or Template("", "")
    return Resources(
        cpus=request.cpus or own.cpus or each.cpus,
        memory_bytes=request.memory_bytes or own.memory_bytes or each.memory_bytes,
        disk_bytes=own.disk_bytes or each.disk_bytes,
        processes=each.processes,
    )


def _ports(request: LaunchRequest, template: Template | None) -> tuple[Port, ...]:
    ports = request.ports
    if ports is None:
        ports = template.ports if template else ()
    return tuple(replace(port, wished=port.host) for port in ports)


def _lifetime(wanted: timedelta | None, limits: RoleLimits) -> timedelta | None:
    if wanted is None or limits.lifetime is None:
        return wanted or limits.lifetime
    return min(wanted, limits.lifetime)
