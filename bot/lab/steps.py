"""The steps of one launch: image, container, start, answer; and undoing them all on a failure."""

import asyncio
import threading

import structlog

from bot.errors import StudyBotError
from bot.lab.answering import wait_until_it_answers
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import ContainerState, Image, PullProgress
from bot.lab.errors import (
    EngineRefused,
    ImageNotFound,
    LabError,
    PortTaken,
    WrongArchitecture,
)
from bot.lab.hosts import WORK_SECONDS, Host
from bot.lab.images import Images
from bot.lab.launches import Launches, require_wanted
from bot.lab.model import Instance, Port, Stage
from bot.lab.networks import Networks
from bot.lab.spec import container_spec
from bot.lab.works import OtherPorts

log = structlog.get_logger(__name__)

_PORT_TRIES = 8
_ANSWER_SECONDS = 10.0
_STILL_SECONDS = 50.0


class Steps:
    """Takes one container from its row to something that answers."""

    def __init__(
        self,
        installation: str,
        images: Images,
        networks: Networks,
        launches: Launches,
        catalogue: Catalogue,
    ) -> None:
        self._installation = installation
        self._images = images
        self._networks = networks
        self._launches = launches
        self._progress = launches.progress
        self._catalogue = catalogue
        # What launches under way have made on their hosts, to be undone if they fail.
        self._made: dict[int, str] = {}

    async def launch(self, instance: Instance, host: Host, other_ports: OtherPorts[Host]) -> None:
        """Start it; whatever fails on the way is undone and written down."""
        try:
            with self._launches.under_way(instance.id) as flag:
                instance = await self._start(instance, host, other_ports, flag)
        except StudyBotError as error:
            log.info("launch failed", instance_id=instance.id, why=str(error))
            await self.fail(instance, error, host)
            return
        self._made.pop(instance.id, None)
        self._progress.stage(instance.id, Stage.ANSWERING)
        if self._launches.follows(instance.id):
            await self._until_it_answers(instance, host)
        self._progress.end(instance.id)

    def watch(self, instance: Instance, host: Host) -> None:
        """Wait in the background for the answer of one that runs, once in this process."""
        if self._launches.follows(instance.id):
            self._launches.in_background(self._until_it_answers(instance, host))

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
        await self._launches.failed(instance, error)

    async def _start(
        self,
        instance: Instance,
        host: Host,
        other_ports: OtherPorts[Host],
        flag: threading.Event,
    ) -> Instance:
        template = self._catalogue.templates.get(instance.template or "")
        image = await self._image(instance, host, flag)
        for _try in range(_PORT_TRIES):
            require_wanted(flag)
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
                require_wanted(flag)
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
        digest = digest_of(image)
        started = await self._launches.started(
            instance, engine_id, lambda _current: {"digest": digest}
        )
        self._progress.stage(instance.id, Stage.STARTED)
        return started

    async def _until_it_answers(self, instance: Instance, host: Host) -> None:
        """Wait for its port; after ten seconds say what it waits for and go on looking a while."""
        state = await self._look(instance, host)
        if state is not None and not state.is_running:
            # What it printed is in its log.
            await self._launches.died(
                instance, exit_code=state.exit_code, out_of_memory=state.out_of_memory
            )
            return
        port = next((port for port in instance.ports if port.protocol == "tcp"), None)
        address = host.settings.answering_address
        if port is None or await wait_until_it_answers(address, port.host, _ANSWER_SECONDS):
            await self._ready(instance, state)
        else:
            self._progress.waits_for(instance.id, port.container)
            self._launches.in_background(self._answers_later(instance, address, port, state))

    async def _answers_later(
        self, instance: Instance, address: str, port: Port, state: ContainerState | None
    ) -> None:
        if await wait_until_it_answers(address, port.host, _STILL_SECONDS):
            await self._ready(instance, state)

    async def _look(self, instance: Instance, host: Host) -> ContainerState | None:
        try:
            return await host.work(WORK_SECONDS, host.driver.inspect, instance.engine_id or "")
        except StudyBotError:
            return None

    async def _ready(self, instance: Instance, state: ContainerState | None) -> None:
        process_id = state.process_id if state else None
        await self._launches.ready(instance, lambda _current: {"process_id": process_id})


def digest_of(image: Image) -> str:
    """Return the digest its registry gave it, else the engine's own id."""
    return next((one.partition("@")[2] for one in image.digests), image.id)
