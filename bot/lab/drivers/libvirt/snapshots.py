"""Moments of a guest, kept inside its own disk: they go with it."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from bot.errors import N_, Term
from bot.lab.drivers.guests import Snapshot
from bot.lab.drivers.libvirt.library import Domain, libvirt
from bot.lab.errors import NameTaken

MOMENTS = Term(N_("snapshots"))


def all_of(domain: Domain) -> list[Snapshot]:
    """List a guest's snapshots, oldest first."""
    found = [_described(one) for one in domain.listAllSnapshots(0)]
    return sorted(found, key=lambda one: (one.created_at, one.name))


def create(domain: Domain, name: str) -> Snapshot:
    """Keep this moment, with the memory if it runs."""
    if name in domain.snapshotListNames(0):
        raise NameTaken(name=name)
    root = ET.Element("domainsnapshot")
    ET.SubElement(root, "name").text = name
    flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
    return _described(domain.snapshotCreateXML(ET.tostring(root, encoding="unicode"), flags))


def is_of_running(snapshot: Domain) -> bool:
    """Whether its memory was kept too."""
    return _described(snapshot).is_running


def _described(snapshot: Domain) -> Snapshot:
    root = ET.fromstring(snapshot.getXMLDesc(0))  # noqa: S314 - libvirt's own words
    return Snapshot(
        name=root.findtext("name", ""),
        created_at=datetime.fromtimestamp(int(root.findtext("creationTime", "0")), UTC),
        is_running=root.findtext("state", "") in ("running", "paused"),
        is_current=bool(snapshot.isCurrent(0)),
    )
