"""Take away everything an installation has on a host: for one that is over for good."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from bot.lab.drivers import LABEL_INSTANCE, ContainerDriver
from bot.lab.host import probe_label
from bot.lab.lab import INSTALLATION_FACT
from bot.lab.spec import network_id_of


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
    for probe in driver.owned(probes):
        driver.remove(probe.engine_id)
    removed = 0
    for container in driver.owned(held.installation):
        if container.labels.get(LABEL_INSTANCE) in held.instances:
            driver.remove(container.engine_id)
            removed += 1
    for network in driver.networks(held.installation):
        if network_id_of(held.installation, network.name) is not None:
            driver.remove_network(network.name)
    for network in driver.networks(probes):
        driver.remove_network(network.name)
    return removed
