"""The steps of a guest's launch: volume, seed, address, domain, boot; undone on a failure."""

import asyncio
import re
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from bot.errors import StudyBotError
from bot.lab import events
from bot.lab.catalogue import Catalogue
from bot.lab.drivers import PullProgress
from bot.lab.errors import ContainerGone, EngineRefused, LabError, PortTaken
from bot.lab.guest_addresses import SSH_PORT, place_of
from bot.lab.guest_errors import AddressTaken, DiskTooSmall
from bot.lab.guests import ssh
from bot.lab.guests.clearing import Clearing
from bot.lab.guests.files import Files
from bot.lab.guests.seed import meta_data, network_config, user_data, write_seed
from bot.lab.guests.spec import Prepared, disk_name, guest_spec, seed_name
from bot.lab.hosts import WORK_SECONDS, GuestHost
from bot.lab.keys import SshKeys
from bot.lab.launches import Launches, require_wanted
from bot.lab.model import GuestFacts, GuestSource, GuestTemplate, Instance, Port, Stage
from bot.lab.sizes import spoken_size
from bot.lab.spec import engine_name
from bot.lab.works import OtherPorts

log = structlog.get_logger(__name__)

_ADDRESS_TRIES = 8
_LOOK_SECONDS = 0.25
_SLOW_LOOK_SECONDS = 1.0
# A launch is followed for so long; what boots more slowly (a cloud image under emulation, an
# installer that waits for somebody) is watched on in the background.
_FOLLOW_SECONDS = 60.0
_WATCH_SECONDS = 15 * 60.0
_SSH_SECONDS = 3.0
_KEY_SECONDS = 20.0
_TAIL_LINES = 30
# How a serial console looks when the system behind it is up.
_UP = re.compile(rb"(?:\blogin: ?$|^tiny .*: ready\b|Cloud-init v\. \S+ finished)", re.MULTILINE)


class GuestSteps:
    """Takes one guest from its row to something that answers."""

    def __init__(
        self,
        installation: str,
        files: Files,
        clearing: Clearing,
        launches: Launches,
        catalogue: Catalogue,
        keys: SshKeys,
    ) -> None:
        self._installation = installation
        self._files = files
        self._clearing = clearing
        self._launches = launches
        self._progress = launches.progress
        self._catalogue = catalogue
        self._keys = keys

    async def launch(
        self, instance: Instance, host: GuestHost, other_ports: OtherPorts[GuestHost]
    ) -> None:
        """Start it; whatever fails on the way is undone and written down."""
        try:
            with self._launches.under_way(instance.id) as flag:
                instance = await self._start(instance, host, other_ports, flag)
        except StudyBotError as error:
            log.info("launch failed", instance_id=instance.id, why=str(error))
            await self.fail(instance, error, host)
            return
        if self._launches.follows(instance.id):
            boot = self._launches.in_background(self._boot(instance, host))
            await asyncio.wait({boot}, timeout=_FOLLOW_SECONDS)
        self._progress.end(instance.id)

    def watch(self, instance: Instance, host: GuestHost) -> None:
        """Follow the boot of one that runs, in the background, once in this process."""
        if self._launches.follows(instance.id):
            self._launches.in_background(self._boot(instance, host))

    async def fail(
        self, instance: Instance, error: StudyBotError, host: GuestHost | None = None
    ) -> None:
        """Undo what there is of it on its host, and say why in its row.

        A host that doesn't answer now is cleaned when it is back: what has the name of an ended
        row goes.
        """
        if host is not None:
            try:
                await self._clearing.clear(host, instance.id, None)
            except LabError as problem:
                log.warning("could not undo a launch", instance_id=instance.id, why=str(problem))
        await self._launches.failed(instance, error)

    # --- up to its start ---

    async def _start(
        self,
        instance: Instance,
        host: GuestHost,
        other_ports: OtherPorts[GuestHost],
        flag: threading.Event,
    ) -> Instance:
        template = self._catalogue.guest(instance.template or "")
        prepared = await self._prepare(instance, template, host, flag)
        self._progress.stage(instance.id, Stage.VOLUME)
        prepared = await self._make_disk(instance, template, host, prepared, flag)
        # Its card belongs to its address, and the seed tells which one that is.
        instance = await self._reserve(instance, host, other_ports)
        if template.seeded:
            require_wanted(flag)
            self._progress.stage(instance.id, Stage.SEED)
            await self._write_seed(instance, template, host)
        require_wanted(flag)
        self._progress.stage(instance.id, Stage.DEFINED)
        spec = guest_spec(self._installation, instance, template, host, prepared)
        engine_id = await host.work(WORK_SECONDS, host.driver.define, spec)
        require_wanted(flag)
        self._progress.stage(instance.id, Stage.STARTED)
        await host.work(WORK_SECONDS, host.driver.start, engine_id)
        return await self._started(instance, host, engine_id)

    async def _prepare(
        self,
        instance: Instance,
        template: GuestTemplate,
        host: GuestHost,
        flag: threading.Event,
    ) -> Prepared:
        """Return what it starts from, brought into the pool where it isn't there."""
        loop = asyncio.get_running_loop()
        shown = False

        def show(pull: PullProgress) -> None:
            loop.call_soon_threadsafe(pulling, pull)

        def pulling(pull: PullProgress) -> None:
            nonlocal shown
            if not shown:
                shown = True
                self._progress.stage(instance.id, Stage.PULLING)
            self._progress.pulled(instance.id, pull)

        return await self._files.prepare(host, template, instance.iso, show, flag)

    async def _make_disk(
        self,
        instance: Instance,
        template: GuestTemplate,
        host: GuestHost,
        prepared: Prepared,
        flag: threading.Event,
    ) -> Prepared:
        name = disk_name(self._installation, instance.id)
        size = instance.resources.disk_bytes
        if prepared.base is not None:
            await self._require_room(template, host, prepared.base, size)
        try:
            await host.work(
                WORK_SECONDS, host.driver.create_volume, name, size, backing=prepared.base
            )
        except EngineRefused:
            # Somebody removed what it starts from since it was seen.
            if not self._files.forget(host):
                raise
            prepared = await self._prepare(instance, template, host, flag)
            await host.work(
                WORK_SECONDS, host.driver.create_volume, name, size, backing=prepared.base
            )
        return prepared

    async def _require_room(
        self, template: GuestTemplate, host: GuestHost, base: str, size: int
    ) -> None:
        """Have a disk hold at least what it builds on: of a smaller one the end is cut off."""
        there = await host.work(WORK_SECONDS, host.driver.volumes, self._installation)
        least = next((one.capacity_bytes for one in there if one.name == base), 0)
        if size < least:
            raise DiskTooSmall(
                template=template.name, least=spoken_size(least), wanted=spoken_size(size)
            )

    async def _write_seed(
        self, instance: Instance, template: GuestTemplate, host: GuestHost
    ) -> None:
        keys = await self._keys.of(instance.guild_id, instance.owner_id or 0)
        name = engine_name(self._installation, instance.id)
        files = {
            "user-data": user_data(instance, template, [one.key for one in keys]),
            "meta-data": meta_data(instance, name),
            "network-config": network_config(place_of(host.settings, instance.ports[0].host).mac),
        }
        with tempfile.TemporaryDirectory(prefix="study-bot-seed-") as folder:
            path = Path(folder) / "seed.iso"
            await asyncio.to_thread(write_seed, path, files)
            volume = seed_name(self._installation, instance.id)
            await host.work(WORK_SECONDS, host.driver.upload, volume, path)

    async def _reserve(
        self, instance: Instance, host: GuestHost, other_ports: OtherPorts[GuestHost]
    ) -> Instance:
        """Have its address be its own, or another where somebody else on this host has it."""
        name = engine_name(self._installation, instance.id)
        for _try in range(_ADDRESS_TRIES):
            place = place_of(host.settings, instance.ports[0].host)
            try:
                await host.work(
                    WORK_SECONDS,
                    *(host.driver.reserve, place.network, name, place.mac, place.address),
                )
            except AddressTaken:
                instance = await other_ports(instance, host, place.port)
                continue
            return instance
        raise PortTaken(port=instance.ports[0].host)

    async def _started(self, instance: Instance, host: GuestHost, engine_id: str) -> Instance:
        state = await host.work(WORK_SECONDS, host.driver.inspect, engine_id)
        self._progress.stage(instance.id, Stage.BOOTED)
        place = place_of(host.settings, instance.ports[0].host)
        seconds = self._launches.seconds_since(instance)

        def values(current: Instance) -> dict[str, Any]:
            guest = replace(
                current.guest,
                address=place.address,
                machine=state.machine or None,
                accelerator=None if state.accelerator is None else str(state.accelerator),
                stages={str(Stage.STARTED): seconds},
            )
            return {"process_id": state.process_id, "guest": guest}

        return await self._launches.started(instance, engine_id, values)

    # --- from its start on ---

    async def _boot(self, instance: Instance, host: GuestHost) -> None:
        """Follow it until SSH answers; write down each sign as it comes."""
        began = time.monotonic()
        template = self._catalogue.guests.get(instance.template or "")
        installs = template is not None and template.source is GuestSource.ISO
        port = next((port for port in instance.ports if port.container == SSH_PORT), None)
        reached: set[Stage] = set()
        while (passed := time.monotonic() - began) < _WATCH_SECONDS:
            try:
                if await self._is_over(instance, host):
                    return
                await self._note_signs(instance, host, reached)
                # Nothing inside an installer says when it is ready: its screen is what it is for.
                if installs or port is None:
                    await self._reach(instance, Stage.ANSWERING)
                    return
                if Stage.ADDRESSED in reached and await self._ssh_answers(instance, host, port):
                    return
            except ContainerGone:
                return
            except StudyBotError as error:
                # A host that is away for a moment: the guest boots on meanwhile.
                log.info("guest not heard", instance_id=instance.id, why=str(error))
            await asyncio.sleep(_LOOK_SECONDS if passed < _FOLLOW_SECONDS else _SLOW_LOOK_SECONDS)

    async def _is_over(self, instance: Instance, host: GuestHost) -> bool:
        """Say whether it shut itself down, or broke; that is written down then."""
        state = await host.work(WORK_SECONDS, host.driver.inspect, instance.engine_id or "")
        if not state.is_running:
            await self._launches.died(instance, process_id=None)
        return not state.is_running

    async def _note_signs(self, instance: Instance, host: GuestHost, reached: set[Stage]) -> None:
        signs = await host.work(WORK_SECONDS, host.driver.signs, instance.engine_id or "")
        booted = signs.agent or (
            signs.printed_bytes > 0 and _UP.search(await self._tail(instance, host)) is not None
        )
        # An address is a sign of life as well: what asked for one has booted.
        if Stage.BOOTED not in reached and (booted or signs.address is not None):
            reached.add(Stage.BOOTED)
            self._progress.stage(instance.id, Stage.ADDRESSED)
            await self._reach(instance, Stage.BOOTED)
        if Stage.ADDRESSED not in reached and signs.address is not None:
            reached.add(Stage.ADDRESSED)
            self._progress.stage(instance.id, Stage.ANSWERING)
            await self._reach(instance, Stage.ADDRESSED, address=signs.address)

    async def _ssh_answers(self, instance: Instance, host: GuestHost, port: Port) -> bool:
        address = host.settings.answering_address
        if not await ssh.answers(address, port.host, _SSH_SECONDS):
            return False
        # Ready as of now: asking for its key takes a slow guest a while.
        await self._reach(instance, Stage.ANSWERING)
        key = await host.work(WORK_SECONDS, ssh.host_key, address, port.host, seconds=_KEY_SECONDS)
        system = await host.work(WORK_SECONDS, host.driver.system, instance.engine_id or "")
        await self._learn(instance, "known", host_key=key, system=system.name if system else None)
        return True

    async def _tail(self, instance: Instance, host: GuestHost) -> bytes:
        return await host.work(
            WORK_SECONDS, host.driver.console, instance.engine_id or "", lines=_TAIL_LINES
        )

    async def _reach(self, instance: Instance, stage: Stage, **facts: object) -> None:
        """Write down that it got so far, and when."""
        seconds = {str(stage): self._launches.seconds_since(instance)}

        def values(current: Instance) -> dict[str, Any]:
            return {"guest": _with(current.guest, seconds, facts)}

        if stage is Stage.ANSWERING:
            await self._launches.ready(instance, values)
        else:
            await self._launches.learned(
                instance,
                events.BOOTING,
                lambda current: {"stage": stage, **values(current)},
                stage=str(stage),
            )

    async def _learn(self, instance: Instance, what: str, **facts: object) -> None:
        await self._launches.learned(
            instance,
            events.BOOTING,
            lambda current: {"guest": _with(current.guest, {}, facts)},
            stage=what,
        )


def _with(guest: GuestFacts, stages: dict[str, float], facts: dict[str, Any]) -> GuestFacts:
    known = {name: value for name, value in facts.items() if value is not None}
    return replace(guest, stages={**guest.stages, **stages}, **known)
