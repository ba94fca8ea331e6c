"""The steps of one launch: image, container, start, answer; and undoing them all on a failure."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.database import Transaction
from bot.errors import N_, StudyBotError
from bot.lab import events, reasons, store
from bot.lab.answering import wait_until_it_answers
from bot.lab.drivers import ContainerState, Image, PullProgress
from bot.lab.errors import (
    EngineRefused,
    ImageNotFound,
    LabError,
    PortTaken,
    PullCancelled,
    WrongArchitecture,
)
from bot.lab.hosts import WORK_SECONDS, Host
from bot.lab.images import Images
from bot.lab.leases import first_end, latest
from bot.lab.model import Instance, Port, Stage, State, Template
from bot.lab.networks import Networks
from bot.lab.progress import ProgressBoard
from bot.lab.spec import container_spec
from bot.sessions import get_session
from bot.timeline import Timeline

log = structlog.get_logger(__name__)

_PORT_TRIES = 8
_ANSWER_SECONDS = 10.0
_STILL_SECONDS = 50.0

OtherPorts = Callable[[Instance, Host, int], Awaitable[Instance]]


class Cancelled(LabError):
    """Whoever asked for it took it back."""

    message = N_("This was cancelled.")


class Steps:
    """Takes one instance from its row to something that answers."""

    def __init__(
        self,
        timeline: Timeline,
        installation: str,
        images: Images,
        networks: Networks,
        progress: ProgressBoard,
        grace: timedelta,
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._installation = installation
        self._images = images
        self._networks = networks
        self._progress = progress
        self._grace = grace
        self._cancelled: dict[int, threading.Event] = {}
        # What launches under way have made on their hosts, to be undone if they fail.
        self._made: dict[int, str] = {}
        self._afterwards: set[asyncio.Task[None]] = set()
        # Those whose answer this process waited for, or still does.
        self._watched: set[int] = set()

    def cancel(self, instance_id: int) -> bool:
        """Have a launch that is under way end; say whether there is one."""
        flag = self._cancelled.get(instance_id)
        if flag is not None:
            flag.set()
        return flag is not None

    async def launch(
        self, instance: Instance, template: Template | None, host: Host, other_ports: OtherPorts
    ) -> None:
        """Start it; whatever fails on the way is undone and written down."""
        flag = self._cancelled[instance.id] = threading.Event()
        try:
            try:
                instance = await self._start(instance, template, host, other_ports, flag)
            finally:
                del self._cancelled[instance.id]
        except StudyBotError as error:
            log.info("launch failed", instance_id=instance.id, why=str(error))
            await self.fail(instance, error, host)
            return
        self._made.pop(instance.id, None)
        self._watched.add(instance.id)
        self._progress.stage(instance.id, Stage.ANSWERING)
        await self._until_it_answers(instance, host)
        self._progress.end(instance.id)

    def watch(self, instance: Instance, host: Host) -> None:
        """Wait in the background for the answer of one that runs, once in this process."""
        if instance.id not in self._watched:
            self._watched.add(instance.id)
            self._in_background(self._until_it_answers(instance, host))

    async def fail(
        self, instance: Instance, error: StudyBotError, host: Host | None = None
    ) -> None:
        """Undo what there is of it on its host, and say why in its row.

        A host that doesn't answer now is cleaned when it is back: what carries our label and
        the name of an ended row goes.
        """
        engine_id = self._made.pop(instance.id, None)
        if host is not None and engine_id is not None:
            try:
                await host.work(WORK_SECONDS, host.driver.remove, engine_id)
            except LabError as problem:
                log.warning("could not undo a launch", instance_id=instance.id, why=str(problem))
        at = self._timeline.clock()
        was_cancelled = isinstance(error, Cancelled | PullCancelled)
        state = State.REMOVED if was_cancelled else State.FAILED
        reason = reasons.CANCELLED if was_cancelled else reasons.of_error(error)

        def work(tx: Transaction) -> None:
            current = store.get(tx, instance.id)
            if current is None or not current.is_alive:
                return
            ended = store.end(tx, instance.id, state, at, reason)
            kind = events.REMOVED if was_cancelled else events.FAILED
            why = type(error).__name__
            self._timeline.append(tx, events.event(kind, ended, why=why), at)

        await self._database.write(work)
        self._progress.end(instance.id, error)

    async def _start(
        self,
        instance: Instance,
        template: Template | None,
        host: Host,
        other_ports: OtherPorts,
        flag: threading.Event,
    ) -> Instance:
        image = await self._image(instance, host, flag)
        for _try in range(_PORT_TRIES):
            _check(flag)
            self._progress.stage(instance.id, Stage.CREATING)
            network = await self._networks.of(instance, host)
            spec = container_spec(self._installation, instance, template, host, network, image)
            try:
                engine_id = await host.work(WORK_SECONDS, host.driver.create, spec)
            except ImageNotFound:
                # Somebody removed it since it was seen.
                self._images.forget(host, instance.image)
                image = await self._image(instance, host, flag)
                continue
            except EngineRefused:
                if not self._networks.forget(host):
                    raise
                continue
            self._made[instance.id] = engine_id
            try:
                _check(flag)
                await host.work(WORK_SECONDS, host.driver.start, engine_id)
            except PortTaken as error:
                await host.work(WORK_SECONDS, host.driver.remove, engine_id)
                instance = await other_ports(instance, host, int(str(error.params["port"])))
                continue
            except EngineRefused:
                await host.work(WORK_SECONDS, host.driver.remove, engine_id)
                if not self._networks.forget(host):
                    raise
                continue
            return await self._started(instance, engine_id, image)
        raise PortTaken(port=instance.ports[0].host if instance.ports else 0)

    async def _image(self, instance: Instance, host: Host, flag: threading.Event) -> Image:
        """Return its image, pulled when it isn't there."""
        image = await self._images.known(host, instance.image)
        if image is None:
            self._progress.stage(instance.id, Stage.PULLING)
            loop = asyncio.get_running_loop()

            def show(pull: PullProgress) -> None:
                loop.call_soon_threadsafe(self._progress.pulled, instance.id, pull)

            image = await self._images.fetch(host, instance.image, show, flag)
        facts = host.facts
        if facts is not None and image.architecture not in ("", facts.architecture):
            raise WrongArchitecture(
                image=instance.image, theirs=image.architecture, ours=facts.architecture
            )
        self._images.check_size(instance.image, image)
        return image

    async def _started(self, instance: Instance, engine_id: str, image: Image) -> Instance:
        at = self._timeline.clock()

        def work(tx: Transaction) -> Instance:
            current = store.get(tx, instance.id)
            if current is None or current.state is not State.LAUNCHING:
                # Somebody cleared the lab meanwhile.
                raise Cancelled
            session = get_session(tx, current.session_id, current.guild_id)
            started = store.update(
                tx,
                instance.id,
                state=State.RUNNING,
                stage=Stage.STARTED,
                engine_id=engine_id,
                digest=digest_of(image),
                started_at=at,
                deadline=latest(first_end(at, current.lifetime), session, self._grace),
            )
            self._timeline.append(tx, events.event(events.STARTED, started), at)
            return started

        started = await self._database.write(work)
        self._progress.stage(instance.id, Stage.STARTED)
        return started

    async def _until_it_answers(self, instance: Instance, host: Host) -> None:
        """Wait for its port; after ten seconds say what it waits for and go on looking a while."""
        state = await self._look(instance, host)
        if state is not None and not state.is_running:
            await self._database.write(self._note_end, instance.id, state)
            return
        port = next((port for port in instance.ports if port.protocol == "tcp"), None)
        address = host.settings.answering_address
        if port is None or await wait_until_it_answers(address, port.host, _ANSWER_SECONDS):
            await self._ready(instance, state)
        else:
            self._progress.waits_for(instance.id, port.container)
            self._in_background(self._answers_later(instance, address, port, state))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def _answers_later(
        self, instance: Instance, address: str, port: Port, state: ContainerState | None
    ) -> None:
        if await wait_until_it_answers(address, port.host, _STILL_SECONDS):
            await self._ready(instance, state)

    async def _look(self, instance: Instance, host: Host) -> ContainerState | None:
        try:
            return await host.call(host.driver.inspect, instance.engine_id or "")
        except StudyBotError:
            return None

    async def _ready(self, instance: Instance, state: ContainerState | None) -> None:
        at = self._timeline.clock()
        await self._database.write(self._note_ready, instance.id, state, at)

    def _note_ready(
        self, tx: Transaction, instance_id: int, state: ContainerState | None, at: datetime
    ) -> None:
        current = store.get(tx, instance_id)
        if current is None or current.state is not State.RUNNING or current.ready_at is not None:
            return
        pid = state.process_id if state else None
        ready = store.update(tx, instance_id, stage=Stage.ANSWERING, ready_at=at, process_id=pid)
        self._timeline.append(tx, events.event(events.READY, ready), at)

    def _note_end(self, tx: Transaction, instance_id: int, state: ContainerState) -> None:
        """Its command came to its end at once: what it printed is in its log."""
        current = store.get(tx, instance_id)
        if current is None or current.state is not State.RUNNING:
            return
        ended = store.update(
            tx,
            instance_id,
            state=State.STOPPED,
            exit_code=state.exit_code,
            out_of_memory=state.out_of_memory,
        )
        self._timeline.append(tx, events.event(events.DIED, ended))


def digest_of(image: Image) -> str:
    """Return the digest its registry gave it, else the engine's own id."""
    return next((one.partition("@")[2] for one in image.digests), image.id)


def _check(flag: threading.Event) -> None:
    if flag.is_set():
        raise Cancelled
