"""Take away everything an installation has on a host: for one that is over for good."""

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from bot.lab.drivers import LABEL_INSTANCE, ContainerDriver
from bot.lab.host import probe_label
from bot.lab.lab import INSTALLATION_FACT
from bot.lab.spec import network_id_of

_TRIES = 10
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an installation's database says that it made."""

    installation: str
    instances: frozenset[str]

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
                ids = frozenset(str(each) for (each,) in db.execute("SELECT id FROM instances"))
        except sqlite3.Error:  # half made, or of a version without a lab
            return None
        return cls(row[0], ids) if row else None


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
