"""Addresses in a host's networks: who has which is libvirt's to keep, for all who share it."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bot.errors import N_, Term
from bot.lab.drivers.libvirt import refusals
from bot.lab.drivers.libvirt.library import Connection, libvirt
from bot.lab.drivers.libvirt.link import Link
from bot.lab.errors import EngineRefused
from bot.lab.guest_errors import AddressTaken, NetworkInactive

ADDRESSES = Term(N_("networks with addresses of their own"))


@dataclass(frozen=True, slots=True)
class Reservation:
    """An address that nobody else gets."""

    name: str
    mac: str
    address: str

    def xml(self) -> str:
        """Describe it to libvirt."""
        host = ET.Element("host", mac=self.mac, name=self.name, ip=self.address)
        return ET.tostring(host, encoding="unicode")


class Networks:
    """The reservations in a host's networks."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def reserve(self, network: str, wanted: Reservation) -> None:
        """Have an address be given to nobody else; the same again is fine."""

        def work(connection: Connection) -> None:
            found = connection.networkLookupByName(network)
            if not found.isActive():
                raise NetworkInactive(name=network)
            for there in _reserved(found):
                if there == wanted:
                    return
                if there.name == wanted.name:
                    _update(found, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, there)
            try:
                _update(found, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, wanted)
            except libvirt.libvirtError as error:
                taken = any(
                    one.address == wanted.address or one.mac == wanted.mac
                    for one in _reserved(found)
                )
                if taken:
                    raise AddressTaken(address=wanted.address) from error
                raise

        self._link.run(work, what=ADDRESSES, name=network)

    def release(self, network: str, name: str) -> None:
        """Give an address back; already gone, or no such network, is fine."""

        def work(connection: Connection) -> None:
            for found in _named(connection, network):
                for there in _reserved(found):
                    if there.name == name:
                        _update(found, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, there)

        self._link.run(work, what=ADDRESSES, name=network)

    def reservations(self, network: str, prefix: str) -> list[str]:
        """List names that begin so; no such network has none."""

        def work(connection: Connection) -> list[str]:
            return [
                one.name
                for found in _named(connection, network)
                for one in _reserved(found)
                if one.name.startswith(prefix)
            ]

        return self._link.run(work, what=ADDRESSES, name=network)


def _named(connection: Connection, network: str) -> list[Connection]:
    try:
        return [connection.networkLookupByName(network)]
    except libvirt.libvirtError as error:
        if refusals.code_of(error) == libvirt.VIR_ERR_NO_NETWORK:
            return []
        raise


def _reserved(network: Connection) -> list[Reservation]:
    """Read what a network has written down, running or not."""
    flags = libvirt.VIR_NETWORK_XML_INACTIVE if network.isPersistent() else 0
    root = ET.fromstring(network.XMLDesc(flags))  # noqa: S314 - libvirt's own words
    return [
        Reservation(one.get("name", ""), one.get("mac", "").lower(), one.get("ip", ""))
        for one in root.iterfind("ip/dhcp/host")
    ]


def _update(network: Connection, command: int, reservation: Reservation) -> None:
    section = libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST
    # Written down as well as in force: a guest that is off while the host restarts keeps it.
    flags = 0
    if network.isActive():
        flags |= libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
    if network.isPersistent():
        flags |= libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG
    if not flags:
        raise EngineRefused(why="the network is neither up nor written down")
    network.update(command, section, -1, reservation.xml(), flags)
