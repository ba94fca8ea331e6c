"""SQL of what instances hold on their hosts: ports, networks, images, volumes; and of hosts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.database import Transaction
from bot.lab.model import Port
from bot.lab.store import Reader
from bot.moments import from_micros, to_micros

# --- ports and networks ---


def taken_ports(connection: Reader, host: str) -> set[tuple[int, str]]:
    """Return the ports of a host that belong to an instance."""
    rows = connection.execute("SELECT port, protocol FROM instance_ports WHERE host = ?", (host,))
    return {(row[0], row[1]) for row in rows}


def hold_ports(tx: Transaction, host: str, instance_id: int, ports: Iterable[Port]) -> None:
    """Have these ports belong to an instance, and no others."""
    tx.execute("DELETE FROM instance_ports WHERE instance_id = ?", (instance_id,))
    tx.executemany(
        "INSERT INTO instance_ports (host, port, protocol, instance_id) VALUES (?, ?, ?, ?)",
        [(host, port.host, port.protocol, instance_id) for port in ports],
    )


_IDLE = (
    "WHERE n.host = ? AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.ended_at IS NULL"
    " AND i.host IN (n.host, '') AND i.session_id = n.session_id"
    " AND coalesce(i.owner_id, 0) = n.owner_id)"
)


def network_place(
    tx: Transaction,
    host: str,
    session_id: int,
    owner_id: int,
    *,
    outward: bool,
    places: Sequence[int],
) -> tuple[int, int] | None:
    """Return (id, place) of an owner's network, made when new; None when all are used up.

    A new one gets the first of `places` that is free.
    """
    row = tx.execute(
        "SELECT id, place FROM lab_networks"
        " WHERE host = ? AND session_id = ? AND owner_id = ? AND outward = ?",
        (host, session_id, owner_id, outward),
    ).fetchone()
    if row is not None:
        return row[0], row[1]
    used = {row[0] for row in tx.execute("SELECT place FROM lab_networks WHERE host = ?", (host,))}
    place = next((place for place in places if place not in used), None)
    if place is None:
        return None
    made = tx.execute(
        "INSERT INTO lab_networks (host, session_id, owner_id, outward, place)"
        " VALUES (?, ?, ?, ?, ?) RETURNING id",
        (host, session_id, owner_id, outward, place),
    ).fetchone()
    return made[0], place


def has_idle_networks(connection: Reader, host: str) -> bool:
    """Whether a host has networks whose owner has, and waits for, nothing there any more."""
    found = connection.execute(f"SELECT 1 FROM lab_networks n {_IDLE}", (host,))  # noqa: S608 - a constant
    return found.fetchone() is not None


def drop_idle_networks(tx: Transaction, host: str) -> None:
    """Forget those networks. What was forgotten goes from the host next."""
    tx.execute(f"DELETE FROM lab_networks AS n {_IDLE}", (host,))  # noqa: S608 - a constant


def network_ids(connection: Reader, host: str) -> tuple[set[int], int]:
    """Return the ids of a host's networks, and the last id that any was ever given."""
    rows = connection.execute("SELECT id FROM lab_networks WHERE host = ?", (host,)).fetchall()
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'lab_networks'")
    return {row[0] for row in rows}, next((row[0] for row in last), 0)


def drop_network(tx: Transaction, network_id: int) -> None:
    """Forget a network that is gone from its host."""
    tx.execute("DELETE FROM lab_networks WHERE id = ?", (network_id,))


# --- hosts ---


def seen_at(connection: Reader, host: str) -> datetime | None:
    """Return when a host answered last."""
    row = connection.execute("SELECT seen_at FROM lab_hosts WHERE name = ?", (host,)).fetchone()
    return from_micros(row[0]) if row else None


def saw_host(tx: Transaction, host: str, at: datetime) -> None:
    """Note that a host answers."""
    tx.execute(
        "INSERT INTO lab_hosts (name, seen_at) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at",
        (host, to_micros(at)),
    )


# --- images ---


def used_image(tx: Transaction, host: str, reference: str, at: datetime) -> None:
    """Note that an image this installation pulled was pulled, or used, now."""
    tx.execute(
        "INSERT INTO lab_images (host, reference, used_at) VALUES (?, ?, ?)"
        " ON CONFLICT (host, reference) DO UPDATE SET used_at = excluded.used_at",
        (host, reference, to_micros(at)),
    )


def touch_image(tx: Transaction, host: str, reference: str, at: datetime) -> None:
    """Note that an image was used, if this installation pulled it."""
    tx.execute(
        "UPDATE lab_images SET used_at = ? WHERE host = ? AND reference = ?",
        (to_micros(at), host, reference),
    )


def pulled_images(connection: Reader, host: str) -> list[str]:
    """Return the images this installation pulled to a host, the longest unused first."""
    rows = connection.execute(
        "SELECT reference FROM lab_images WHERE host = ? ORDER BY used_at", (host,)
    )
    return [row[0] for row in rows]


def drop_image(tx: Transaction, host: str, reference: str) -> None:
    """Forget an image that was removed."""
    tx.execute("DELETE FROM lab_images WHERE host = ? AND reference = ?", (host, reference))


# --- volumes that guests start from ---


@dataclass(frozen=True, slots=True)
class KeptVolume:
    """A file of the catalogue as this installation brought it into a host's pool."""

    name: str
    place: str
    sha512: str


def kept_volumes(connection: Reader, host: str) -> list[KeptVolume]:
    """Return the volumes this installation brought to a host, the longest unused first."""
    rows = connection.execute(
        "SELECT name, place, sha512 FROM lab_volumes WHERE host = ? ORDER BY used_at", (host,)
    )
    return [KeptVolume(*row) for row in rows]


def superseded_volumes(
    connection: Reader, host: str, places: Collection[str], before: datetime
) -> list[str]:
    """Return those unused since then that the catalogue has no more, or has a newer one of."""
    newest = {one.place: one.name for one in kept_volumes(connection, host)}
    rows = connection.execute(
        "SELECT name, place FROM lab_volumes WHERE host = ? AND used_at < ?",
        (host, to_micros(before)),
    )
    return [name for name, place in rows if place not in places or newest[place] != name]


def keep_volume(tx: Transaction, host: str, volume: KeptVolume, at: datetime) -> None:
    """Note that a volume is about to be brought, or is used, now."""
    tx.execute(
        "INSERT INTO lab_volumes (host, name, place, sha512, used_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (host, name) DO UPDATE SET used_at = excluded.used_at,"
        " place = excluded.place",
        (host, volume.name, volume.place, volume.sha512, to_micros(at)),
    )


def drop_volume(tx: Transaction, host: str, name: str) -> None:
    """Forget a volume that is gone."""
    tx.execute("DELETE FROM lab_volumes WHERE host = ? AND name = ?", (host, name))
