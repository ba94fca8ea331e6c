"""Take away everything an installation has on a host: for one that is over for good."""

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from bot.lab.drivers import (
    LABEL_INSTALLATION,
    LABEL_INSTANCE,
    ContainerDriver,
    GuestDriver,
    connect,
    connect_guests,
)
from bot.lab.drivers.guests import NETWORK_CLOSED, NETWORK_OPEN
from bot.lab.guest_errors import NoLibvirt
from bot.lab.guests.spec import disk_name, instance_id_of, seed_name
from bot.lab.host import owner_of_probes, probe_label
from bot.lab.lab import INSTALLATION_FACT
from bot.lab.model import HostSettings, Kind
from bot.lab.spec import network_id_of

_TRIES = 10
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an installation's database says that it made.

    `guests`: which of the instances are. `volumes`: the catalogue's files that it brought.
    """

    installation: str
    instances: frozenset[str]
    guests: frozenset[int] = frozenset()
    volumes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, database: Path) -> "Holdings | None":
        """Read them; None where there is no database or it never had a lab."""
        if not database.is_file():
            return None
        try:
            with contextlib.closing(
                sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
            ) as db:
                query = "SELECT value FROM installation WHERE key = ?"
                row = db.execute(query, (INSTALLATION_FACT,)).fetchone()
                rows = db.execute("SELECT id, kind FROM instances").fetchall()
                volumes = frozenset(name for (name,) in db.execute("SELECT name FROM lab_volumes"))
        except sqlite3.Error:  # half made, or of a version without a lab
            return None
        if row is None:
            return None
        guests = frozenset(each for each, kind in rows if kind == Kind.GUEST)
        return cls(row[0], frozenset(str(each) for each, _ in rows), guests, volumes)


def sweep_host(host: HostSettings, held: Holdings) -> tuple[int, int]:
    """Remove all of an installation's on a host; return how many containers and guests that were.

    Raises:
        HostUnreachable: an engine or hypervisor doesn't answer.
        NoLibvirt: there may be guests, and no library to speak with their host.
    """
    containers = guests = 0
    if host.docker is not None:
        driver = connect(host)
        try:
            containers = sweep(driver, held)
        finally:
            driver.close()
    if host.libvirt is not None:
        try:
            hypervisor = connect_guests(host)
        except NoLibvirt:
            if held.guests:
                raise
            return containers, guests
        try:
            guests = sweep_guests(hypervisor, held)
        finally:
            hypervisor.close()
    return containers, guests


def sweep(driver: ContainerDriver, held: Holdings) -> int:
    """Remove its containers and networks; return how many containers there were.

    Ours is only what carries the installation's id and has a row.

    Raises:
        HostUnreachable.
    """
    probes = probe_label(held.installation)
    removed: set[str] = set()
    for _ in range(_TRIES):
        own = [
            one.engine_id
            for one in driver.owned(held.installation)
            if one.labels.get(LABEL_INSTANCE) in held.instances
        ]
        networks = [one.name for one in driver.networks(probes)]
        networks += [
            one.name
            for one in driver.networks(held.installation)
            if network_id_of(held.installation, one.name) is not None
        ]
        containers = [*own, *(one.engine_id for one in driver.owned(probes))]
        for engine_id in containers:
            driver.remove(engine_id)
        for name in networks:
            driver.remove_network(name)
        removed.update(own)
        if not containers and not networks:
            break
        # What a killed program had asked for appears, or lets go of its network, a moment later.
        time.sleep(_PAUSE_SECONDS)
    return len(removed)


def sweep_guests(driver: GuestDriver, held: Holdings) -> int:
    """Remove its guests with disks and addresses, and what they started from; return how many.

    Raises:
        HostUnreachable.
    """
    probes = owner_of_probes(held.installation)
    ids = {str(each) for each in held.guests}
    own = [
        one.engine_id
        for one in driver.owned(held.installation)
        if one.labels.get(LABEL_INSTALLATION) == held.installation
        and one.labels.get(LABEL_INSTANCE) in ids
    ]
    for engine_id in [*own, *(one.engine_id for one in driver.owned(probes))]:
        driver.remove(engine_id)
    for network in (NETWORK_CLOSED, NETWORK_OPEN):
        for name in driver.reservations(network, held.installation):
            if instance_id_of(held.installation, name) in held.guests:
                driver.release(network, name)
        for name in driver.reservations(network, probes):
            driver.release(network, name)
    # Disks before what they build on.
    disks = {
        name
        for each in held.guests
        for name in (disk_name(held.installation, each), seed_name(held.installation, each))
    }
    there = [one.name for one in driver.volumes(held.installation)]
    for ours in (disks, held.volumes):
        for name in there:
            if name in ours:
                driver.delete_volume(name)
    for volume in driver.volumes(probes):
        driver.delete_volume(volume.name)
    return len(own)
