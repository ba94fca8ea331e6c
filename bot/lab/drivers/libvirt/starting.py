"""From written down to running, and back: what has to happen before a guest's first instruction."""

import contextlib
import random
import re
import time
from collections.abc import Callable
from xml.etree import ElementTree as ET

import structlog

from bot.lab.drivers.guests import Ability, Snapshot
from bot.lab.drivers.libvirt import refusals, snapshots
from bot.lab.drivers.libvirt.consoles import Consoles
from bot.lab.drivers.libvirt.describing import Nature
from bot.lab.drivers.libvirt.domain import hard_limit_of
from bot.lab.drivers.libvirt.library import Connection, Domain, libvirt
from bot.lab.drivers.libvirt.states import Known, known_of

log = structlog.get_logger(__name__)

KIB = 1024
# libvirt's word for no bound; its Python doesn't have it.
_UNBOUNDED = 2**53 - 1
# What libvirt says where the host's kernel can't bound a network card's speed.
_NO_SPEED = re.compile(r"\(tc (?:qdisc|class|filter) ")
# What it says when somebody else changed the host's firewall in the same moment, as the Docker
# Engine does for each container with a port: libvirt's tool looks at all rules and then writes,
# and fails where they are others by then.
_FIREWALL_MOVED = "failed to apply firewall rules"
FIREWALL_SECONDS = 20.0
_PAUSE_SECONDS = (0.1, 0.8)
_EVERYTHING = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)
# What lesser hypervisors keep.
_MUCH = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
# They say so where they don't know what is asked.
_NOT_KNOWN = {libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_NO_SUPPORT}


class Starting:
    """Starts guests: bounded and listened to before they run."""

    def __init__(self, consoles: Consoles) -> None:
        self._consoles = consoles
        # Whether the host can bound a card's speed; found out when it first doesn't.
        self.network_speed = True
        # When a guest's lease ran out at its start: the same again is from before.
        self._leases: dict[str, int | None] = {}

    def start(self, connection: Connection, one: Domain, nature: Nature) -> None:
        """Start a guest; running already is fine."""
        if one.isActive():
            return
        if nature.kind != "qemu":
            one.create()
            return
        self._leases[one.UUIDString()] = _lease(connection, one)
        self._create(connection, one)
        try:
            self._go(one, nature, afresh=True)
        except BaseException:
            # Without its bounds it must not run.
            with contextlib.suppress(libvirt.libvirtError):
                one.destroy()
            raise

    def keep(self, one: Domain, name: str, nature: Nature) -> Snapshot:
        """Make a snapshot.

        It keeps the guest's description as it is in force. A bound on memory in there would
        have libvirt ask for a privilege when it goes back (see `hard_limit_of`), so it is lifted
        for the moment, in which the guest stands still anyway.
        """
        bounded = nature.kind == "qemu" and Ability.LIMITS in nature.abilities and one.isActive()
        if bounded:
            _bound(one, _UNBOUNDED)
        try:
            return snapshots.create(one, name)
        finally:
            if bounded:
                _bound(one, hard_limit_of(one.maxMemory() * KIB) // KIB)

    def revert(self, one: Domain, snapshot: Domain, nature: Nature) -> None:
        """Go back to a snapshot; one that runs then may be another process than before."""
        if nature.kind != "qemu" or not snapshots.is_of_running(snapshot):
            one.revertToSnapshot(snapshot, 0)
            return
        paused = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED
        patiently(lambda: one.revertToSnapshot(snapshot, paused))
        self._go(one, nature, afresh=False)

    def address_of(self, connection: Connection, one: Domain, known: Known) -> str | None:
        """Return the address it took since it was started, None before."""
        before = self._leases.get(one.UUIDString())
        for lease in _leases(connection, known):
            if before is None or lease["expirytime"] != before:
                return str(lease["ipaddr"])
        return None

    def forget(self, engine_id: str) -> None:
        """Keep nothing of a guest any more."""
        self._leases.pop(engine_id, None)

    def _create(self, connection: Connection, one: Domain) -> None:
        try:
            patiently(lambda: one.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED))
        except libvirt.libvirtError as error:
            if not _NO_SPEED.search(str(error)):
                raise
        else:
            return
        if self.network_speed:
            log.warning("the lab host's kernel can't bound guests' network speed")
        self.network_speed = False
        again = connection.defineXML(_without_speed(one.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
        patiently(lambda: again.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED))

    def _go(self, one: Domain, nature: Nature, *, afresh: bool) -> None:
        if Ability.LIMITS in nature.abilities:
            _bound(one, hard_limit_of(one.maxMemory() * KIB) // KIB)
        if Ability.CONSOLE in nature.abilities:
            try:
                self._consoles.start(one.UUIDString(), afresh=afresh)
            except libvirt.libvirtError as error:
                log.warning("guest console not followed", guest=one.name(), error=str(error))
        if one.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
            one.resume()


def patiently(start: Callable[[], object]) -> None:
    """Start something, again where somebody else was at the firewall in the same moment."""
    began = time.monotonic()
    while True:
        try:
            start()
        except libvirt.libvirtError as error:
            is_late = time.monotonic() - began > FIREWALL_SECONDS
            if is_late or _FIREWALL_MOVED not in str(error).lower():
                raise
            log.info("the firewall moved while a guest was started", error=str(error))
        else:
            return
        # At random: whoever moved it may do so again and again.
        time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - nothing depends on it


def _bound(one: Domain, kib: int) -> None:
    one.setMemoryParameters({"hard_limit": kib}, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def ended(one: Domain) -> None:
    """Pull a guest's plug; not running is fine."""
    try:
        one.destroy()
    except libvirt.libvirtError as error:
        if refusals.code_of(error) != libvirt.VIR_ERR_OPERATION_INVALID:
            raise


def forgotten(one: Domain) -> None:
    """End a guest and forget it, with all that libvirt keeps of it."""
    ended(one)
    for flags in (_EVERYTHING, _MUCH):
        try:
            one.undefineFlags(flags)
        except libvirt.libvirtError as error:
            if refusals.code_of(error) not in _NOT_KNOWN:
                raise
        else:
            return
    one.undefine()


def _without_speed(described: str) -> str:
    root = ET.fromstring(described)  # noqa: S314 - libvirt's own words
    for interface in root.iterfind("devices/interface"):
        for bandwidth in interface.findall("bandwidth"):
            interface.remove(bandwidth)
    return ET.tostring(root, encoding="unicode")


def _lease(connection: Connection, one: Domain) -> int | None:
    return max((lease["expirytime"] for lease in _leases(connection, known_of(one))), default=None)


def _leases(connection: Connection, known: Known) -> list[dict[str, int]]:
    if not known.network or not known.mac:
        return []
    try:
        network = connection.networkLookupByName(known.network)
        return list(network.DHCPLeases(known.mac, 0))
    except libvirt.libvirtError:
        return []
