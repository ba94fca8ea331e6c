"""A hypervisor, by libvirt.

Three connections: one for what people ask for, one for counters, and one for signs of life and
consoles; none waits behind another.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from bot.errors import N_, Term
from bot.lab.drivers.base import LABEL_INSTALLATION, Counters, ExecResult
from bot.lab.drivers.guests import (
    Ability,
    GuestHostFacts,
    GuestSpec,
    GuestState,
    GuestSystem,
    Signs,
    Snapshot,
    Upload,
    Volume,
)
from bot.lab.drivers.keyboard import checked_keys, strokes
from bot.lab.drivers.libvirt import (
    agent,
    counting,
    describing,
    domain,
    processes,
    refusals,
    screen,
    snapshots,
    starting,
    states,
)
from bot.lab.drivers.libvirt.consoles import Consoles
from bot.lab.drivers.libvirt.describing import Nature
from bot.lab.drivers.libvirt.library import Connection, Domain, libvirt
from bot.lab.drivers.libvirt.link import Link
from bot.lab.drivers.libvirt.networks import Networks, Reservation
from bot.lab.drivers.libvirt.ring import Ring
from bot.lab.drivers.libvirt.states import Known
from bot.lab.drivers.libvirt.volumes import Volumes
from bot.lab.errors import ContainerGone, HostUnreachable, NameTaken, NotRunning
from bot.lab.guest_errors import NotSupported
from bot.lab.model import HostSettings
from bot.lab.threads import Threads

T = TypeVar("T")

CONSOLES = Term(N_("reading consoles"))
FIGURES = Term(N_("counting what guests use"))
PAUSES = Term(N_("pausing guests"))

_PING_SECONDS = 2.0
_CLOSING_SECONDS = 0.5
# A key is held and let go for as long as it takes an emulated keyboard to notice.
_HOLD_MILLISECONDS = 20
_STROKE_SECONDS = 0.05


class LibvirtDriver:
    """Fulfils `GuestDriver` for one hypervisor; making one doesn't connect to it yet.

    One that was away is found again by the next call.
    """

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        uri = settings.libvirt or ""
        self._is_here = describing.is_here(uri)
        self._link = Link(uri)
        self._counting = Link(uri)
        self._watch = Link(uri)
        self._pinging = Threads(1, f"libvirt-ping:{settings.name}")
        self._asking = Threads(4, f"libvirt-ask:{settings.name}")
        self._consoles = Consoles(self._watch)
        self._volumes = Volumes(self._link, settings.pool)
        self._networks = Networks(self._link)
        self._starting = starting.Starting(self._consoles)
        self._nature: Nature | None = None
        self._known: dict[str, Known] = {}
        self._process_ids: dict[str, int] = {}

    # --- the hypervisor ---

    def ping(self) -> None:
        """Ask for a sign of life, within two seconds."""
        answer = self._pinging.submit(self._watch.run, lambda one: one.getLibVersion())
        try:
            answer.result(_PING_SECONDS)
        except TimeoutError as error:
            answer.cancel()
            raise HostUnreachable from error

    def facts(self) -> GuestHostFacts:
        """Describe the hypervisor and its machine."""

        def work(connection: Connection) -> GuestHostFacts:
            self._nature = describing.nature_of(connection, self._link.uri)
            return describing.facts_of(connection, self._nature, self._settings)

        return self._link.run(work)

    def close(self) -> None:
        """Let go of connections, consoles and threads."""
        for threads in (self._pinging, self._asking):
            threads.shutdown(wait=False, cancel_futures=True)
        # A hypervisor that hangs isn't waited for.
        closing = threading.Thread(target=self._consoles.close, name="consoles", daemon=True)
        closing.start()
        closing.join(_CLOSING_SECONDS)
        for link in (self._watch, self._counting, self._link):
            link.close()

    # --- the storage pool ---

    def volumes(self, installation: str) -> list[Volume]:
        """List the pool's volumes whose names begin as this installation's do."""
        return self._volumes.listed(_prefix(installation))

    def create_volume(
        self, name: str, capacity_bytes: int, *, backing: str | None = None
    ) -> Volume:
        """Make a qcow2 disk, empty or over another volume."""
        return self._volumes.create(name, capacity_bytes, backing)

    def upload(
        self,
        name: str,
        source: Path,
        *,
        progress: Callable[[Upload], None] = lambda _upload: None,
        cancelled: threading.Event | None = None,
    ) -> Volume:
        """Bring a file into the pool as it is."""
        return self._volumes.upload(name, source, progress, cancelled)

    def delete_volume(self, name: str) -> None:
        """Delete a volume; already gone is fine."""
        self._volumes.delete(name)

    # --- addresses ---

    def reserve(self, network: str, name: str, mac: str, address: str) -> None:
        """Have an address be given to nobody else than this card."""
        self._networks.reserve(network, Reservation(name, mac.lower(), address))

    def release(self, network: str, name: str) -> None:
        """Give an address back; already gone, or no such network, is fine."""
        self._networks.release(network, name)

    def reservations(self, network: str, installation: str) -> list[str]:
        """List the names of an installation's reservations in a network."""
        return self._networks.reservations(network, _prefix(installation))

    # --- guests ---

    def define(self, spec: GuestSpec) -> str:
        """Write a guest down; what is always decided by us stands in `domain`."""

        def work(connection: Connection) -> str:
            nature = self._natured(connection)
            written = domain.described(
                spec,
                domain.Maker(
                    kind=nature.kind,
                    hypervisor=nature.hypervisor,
                    architecture=nature.architecture,
                    abilities=nature.abilities,
                    path=lambda name: self._volumes.path(connection, name),
                    has_efi=nature.has_efi,
                    network_speed=nature.bounds_speed and self._starting.network_speed,
                ),
            )
            # Some hypervisors take it for a change of the one that is there.
            with contextlib.suppress(libvirt.libvirtError):
                connection.lookupByName(spec.name)
                raise NameTaken(name=spec.name)
            return str(connection.defineXML(written).UUIDString())

        return self._link.run(work, name=spec.name)

    def start(self, engine_id: str) -> None:
        """Start it, and follow its console from the first byte; running already is fine."""

        def work(connection: Connection, one: Domain) -> None:
            self._starting.start(connection, one, self._natured(connection))

        self._with(engine_id, work)

    def inspect(self, engine_id: str) -> GuestState:
        """Return one guest."""

        def work(_connection: Connection, one: Domain) -> GuestState:
            known, (state, reason) = self._known_of(one), one.state()
            return states.state_of(engine_id, known, state, reason, self._process(one, known))

        return self._with(engine_id, work)

    def owned(self, installation: str) -> list[GuestState]:
        """List what carries an installation's label, running or not, in one cheap call.

        `process_id` is left out.
        """
        found = {
            one.UUIDString(): (one, state, reason)
            for one, state, reason in self._link.run(_all_states)
        }
        for gone in self._known.keys() - found.keys():
            self._forget(gone)
        ours: list[GuestState] = []
        for engine_id, (one, state, reason) in found.items():
            try:
                known = self._link.run(lambda _, one=one: self._known_of(one))
            except ContainerGone:
                continue
            if known.labels.get(LABEL_INSTALLATION) == installation:
                ours.append(states.state_of(engine_id, known, state, reason))
        return ours

    def shut_down(self, engine_id: str) -> None:
        """Press its power button, and tell its agent where one is there; returns at once."""

        def work(_connection: Connection, one: Domain) -> None:
            if not one.isActive():
                return
            if states.has_agent(states.described(one)):
                # The agent answers when it is over, or never.
                self._asking.submit(agent.shut_down, one)
            one.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)

        self._with(engine_id, work)

    def destroy(self, engine_id: str) -> None:
        """Pull its plug; not running is fine."""
        self._with(engine_id, lambda _connection, one: starting.ended(one))

    def reboot(self, engine_id: str) -> None:
        """Ask its agent to reboot, or press the reset button where none is there."""

        def work(_connection: Connection, one: Domain) -> None:
            if states.has_agent(states.described(one)):
                self._asking.submit(agent.reboot, one)
            else:
                one.reset(0)

        self._with(engine_id, work, name=self._name(engine_id))

    def pause(self, engine_id: str) -> None:
        """Stop its processors; already paused or not running is fine."""

        def work(_connection: Connection, one: Domain) -> None:
            if one.state()[0] == libvirt.VIR_DOMAIN_RUNNING:
                one.suspend()

        self._with(engine_id, work, what=PAUSES)

    def resume(self, engine_id: str) -> None:
        """Let its processors go on; not paused is fine."""

        def work(_connection: Connection, one: Domain) -> None:
            if one.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
                one.resume()

        self._with(engine_id, work, what=PAUSES)

    def remove(self, engine_id: str) -> None:
        """End it and forget it with its snapshots; its volumes stay. Already gone is fine."""
        with contextlib.suppress(ContainerGone):
            self._with(engine_id, lambda _connection, one: starting.forgotten(one))
        self._forget(engine_id)

    # --- what is inside ---

    def signs(self, engine_id: str) -> Signs:
        """Look for signs of life from inside."""

        def work(connection: Connection, one: Domain) -> Signs:
            self._check_running(one)
            has_agent = states.has_agent(states.described(one))
            address = self._starting.address_of(connection, one, self._known_of(one))
            if address is None and has_agent:
                address = agent.address_of(one, self._known_of(one).mac)
            printed = 0
            if Ability.CONSOLE in self._natured(connection).abilities:
                printed = self._ring(connection, engine_id, is_running=True).printed_bytes
            return Signs(printed, has_agent, address)

        return self._with(engine_id, work)

    def system(self, engine_id: str) -> GuestSystem | None:
        """Ask its agent what runs inside; None where none answers within two seconds."""
        return self._with(engine_id, lambda _connection, one: agent.system_of(one))

    def execute(
        self, engine_id: str, command: Sequence[str], *, seconds: float, most_bytes: int
    ) -> ExecResult | None:
        """Have its agent run a command; None where none answers."""

        def work(_connection: Connection, one: Domain) -> ExecResult | None:
            self._check_running(one)
            return agent.execute(one, command, seconds=seconds, most_bytes=most_bytes)

        return self._with(engine_id, work)

    def console(self, engine_id: str, *, lines: int) -> bytes:
        """Return the last lines its serial console printed, as far as they were kept."""

        def work(connection: Connection, one: Domain) -> bytes:
            return self._ring(connection, engine_id, is_running=one.isActive()).last(lines)

        return self._with(engine_id, work)

    def screenshot(self, engine_id: str) -> bytes:
        """Return a PNG of its screen."""

        def work(connection: Connection, one: Domain) -> bytes:
            self._check_running(one)
            self._check(connection, Ability.SCREEN, screen.PICTURE)
            return screen.picture_of(connection, one)

        return self._with(engine_id, work, what=screen.PICTURE)

    def send_keys(self, engine_id: str, keys: Sequence[str]) -> None:
        """Press keys at once and let go."""
        codes = checked_keys(keys)

        def work(connection: Connection, one: Domain) -> None:
            self._check_running(one)
            self._check(connection, Ability.KEYS, screen.KEYS)
            _press(one, codes)

        self._with(engine_id, work, what=screen.KEYS)

    def type_text(self, engine_id: str, text: str) -> None:
        """Type on a US keyboard."""
        pressed = [checked_keys(keys) for keys in strokes(text)]

        def work(connection: Connection, one: Domain) -> None:
            self._check_running(one)
            self._check(connection, Ability.KEYS, screen.KEYS)
            for codes in pressed:
                _press(one, codes)
                time.sleep(_STROKE_SECONDS)

        self._with(engine_id, work, what=screen.KEYS)

    def counters(self) -> Mapping[str, Counters]:
        """Read the counters of all running guests in one call, by engine id."""
        return self._counting.run(counting.read_all, what=FIGURES)

    # --- snapshots ---

    def snapshots(self, engine_id: str) -> list[Snapshot]:
        """List its snapshots, oldest first."""
        return self._with(
            engine_id, lambda _connection, one: snapshots.all_of(one), what=snapshots.MOMENTS
        )

    def create_snapshot(self, engine_id: str, name: str) -> Snapshot:
        """Keep this moment."""

        def work(connection: Connection, one: Domain) -> Snapshot:
            return self._starting.keep(one, name, self._natured(connection))

        return self._with(engine_id, work, what=snapshots.MOMENTS, name=name)

    def revert(self, engine_id: str, name: str) -> None:
        """Go back to a snapshot."""

        def work(connection: Connection, one: Domain) -> None:
            snapshot = one.snapshotLookupByName(name, 0)
            self._starting.revert(one, snapshot, self._natured(connection))

        self._with(engine_id, work, what=snapshots.MOMENTS, name=name)

    def delete_snapshot(self, engine_id: str, name: str) -> None:
        """Forget a snapshot."""
        self._with(
            engine_id,
            lambda _connection, one: one.snapshotLookupByName(name, 0).delete(0),
            what=snapshots.MOMENTS,
            name=name,
        )

    def _with(
        self,
        engine_id: str,
        work: Callable[[Connection, Domain], T],
        *,
        what: Term = refusals.THAT,
        name: str = "",
    ) -> T:
        """Do something with a guest. Raises `ContainerGone`."""
        if not _ID.fullmatch(engine_id):
            raise ContainerGone
        return self._link.run(
            lambda connection: work(connection, connection.lookupByUUIDString(engine_id)),
            what=what,
            name=name or self._name(engine_id),
        )

    def _name(self, engine_id: str) -> str:
        known = self._known.get(engine_id)
        return known.name if known is not None else engine_id[:8]

    def _natured(self, connection: Connection) -> Nature:
        if self._nature is None:
            self._nature = describing.nature_of(connection, self._link.uri)
        return self._nature

    def _known_of(self, one: Domain) -> Known:
        engine_id = one.UUIDString()
        known = self._known.get(engine_id)
        if known is None:
            known = self._known[engine_id] = states.known_of(one)
        return known

    def _forget(self, engine_id: str) -> None:
        self._known.pop(engine_id, None)
        self._process_ids.pop(engine_id, None)
        self._starting.forget(engine_id)
        self._consoles.forget(engine_id)

    def _process(self, one: Domain, known: Known) -> int | None:
        engine_id = one.UUIDString()
        if not self._is_here or not one.isActive():
            return None
        found = processes.process_of(known.name, engine_id, self._process_ids.get(engine_id))
        if found is not None:
            self._process_ids[engine_id] = found
        return found

    def _ring(self, connection: Connection, engine_id: str, *, is_running: bool) -> Ring:
        self._check(connection, Ability.CONSOLE, CONSOLES)
        return self._consoles.ring(engine_id, is_running=is_running)

    def _check_running(self, one: Domain) -> None:
        if not one.isActive():
            raise NotRunning(name=one.name())

    def _check(self, connection: Connection, ability: Ability, what: Term) -> None:
        nature = self._natured(connection)
        if ability not in nature.abilities:
            raise NotSupported(hypervisor=nature.hypervisor, what=what)


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _prefix(installation: str) -> str:
    return f"study-{installation[:8]}-"


def _press(one: Domain, codes: list[int]) -> None:
    one.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, _HOLD_MILLISECONDS, codes, len(codes), 0)


def _all_states(connection: Connection) -> list[tuple[Domain, int, int]]:
    """Ask for all guests and how they stand, in one call where the hypervisor knows it."""
    try:
        found = connection.getAllDomainStats(
            libvirt.VIR_DOMAIN_STATS_STATE, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
        )
    except libvirt.libvirtError as error:
        if not refusals.is_not_supported(error):
            raise
        return [(one, *one.state()) for one in connection.listAllDomains(0)]
    return [(one, told["state.state"], told["state.reason"]) for one, told in found]
