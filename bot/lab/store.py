"""SQL of instances, their ports and networks, and of what the lab remembers beside them."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.database import Transaction, from_micros, from_micros_or_none, to_micros
from bot.lab.model import (
    Instance,
    Kind,
    LabRole,
    NewInstance,
    Port,
    Resources,
    Stage,
    State,
)
from bot.timeline import Event, event_of

Reader = sqlite3.Connection | Transaction

_TIMES = frozenset({"started_at", "ready_at", "deadline", "warned_at", "ended_at"})
_COLUMNS = frozenset(
    {
        *_TIMES,
        "host",
        "name",
        "digest",
        "ports",
        "environment",
        "public",
        "state",
        "stage",
        "engine_id",
        "process_id",
        "extensions",
        "frozen_by",
        "exit_code",
        "out_of_memory",
        "reason",
        "owner_id",
    }
)


def _to_ports(text: str) -> tuple[Port, ...]:
    return tuple(Port(*port) for port in json.loads(text))


def _from_ports(ports: Iterable[Port]) -> str:
    return json.dumps([[one.container, one.host, one.protocol, one.wished] for one in ports])


def instance_of(row: sqlite3.Row) -> Instance:
    """Map a row of `instances`."""
    lifetime = row["lifetime"]
    return Instance(
        id=row["id"],
        guild_id=row["guild_id"],
        session_id=row["session_id"],
        channel_id=row["channel_id"],
        owner_id=row["owner_id"],
        role=LabRole(row["role"]),
        kind=Kind(row["kind"]),
        host=row["host"],
        name=row["name"],
        template=row["template"],
        image=row["image"],
        digest=row["digest"],
        command=tuple(json.loads(row["command"])),
        environment=json.loads(row["environment"]),
        ports=_to_ports(row["ports"]),
        resources=Resources(row["cpus"], row["memory_bytes"], row["disk_bytes"], row["processes"]),
        outward=bool(row["outward"]),
        public=bool(row["public"]),
        lifetime=None if lifetime is None else timedelta(seconds=lifetime),
        state=State(row["state"]),
        stage=Stage(row["stage"]),
        engine_id=row["engine_id"],
        process_id=row["process_id"],
        requested_at=from_micros(row["requested_at"]),
        started_at=from_micros_or_none(row["started_at"]),
        ready_at=from_micros_or_none(row["ready_at"]),
        deadline=from_micros_or_none(row["deadline"]),
        extensions=row["extensions"],
        warned_at=from_micros_or_none(row["warned_at"]),
        frozen_by=row["frozen_by"],
        exit_code=row["exit_code"],
        out_of_memory=bool(row["out_of_memory"]),
        ended_at=from_micros_or_none(row["ended_at"]),
        reason=row["reason"],
    )


def insert(tx: Transaction, new: NewInstance, at: datetime) -> Instance:
    """Put a queued instance there and return it."""
    lifetime = None if new.lifetime is None else int(new.lifetime.total_seconds())
    row = tx.execute(
        "INSERT INTO instances (guild_id, session_id, channel_id, owner_id, role, kind, name,"
        " template, image, command, environment, ports, cpus, memory_bytes, disk_bytes,"
        " processes, outward, public, lifetime, state, stage, requested_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (
            new.guild_id,
            new.session_id,
            new.channel_id,
            new.owner_id,
            new.role,
            new.kind,
            new.name,
            new.template,
            new.image,
            json.dumps(new.command),
            json.dumps(dict(new.environment)),
            _from_ports(new.ports),
            new.resources.cpus,
            new.resources.memory_bytes,
            new.resources.disk_bytes,
            new.resources.processes,
            new.outward,
            new.public,
            lifetime,
            State.QUEUED,
            Stage.QUEUED,
            to_micros(at),
        ),
    ).fetchone()
    return instance_of(row)


def update(tx: Transaction, instance_id: int, **values: Any) -> Instance:
    """Change some columns and return the row as it is then."""
    if unknown := values.keys() - _COLUMNS:
        raise KeyError(*unknown)
    changes = ", ".join(f"{column} = ?" for column in values)
    row = tx.execute(
        f"UPDATE instances SET {changes} WHERE id = ? RETURNING *",  # noqa: S608 - from _COLUMNS
        (*(_stored(column, value) for column, value in values.items()), instance_id),
    ).fetchone()
    return instance_of(row)


def _stored(column: str, value: Any) -> Any:
    if column == "ports":
        return _from_ports(value)
    if column == "environment":
        return json.dumps(value)
    return to_micros(value) if column in _TIMES and value is not None else value


def end(tx: Transaction, instance_id: int, state: State, at: datetime, reason: str) -> Instance:
    """End an instance: its ports are free, its environment is forgotten."""
    tx.execute("DELETE FROM instance_ports WHERE instance_id = ?", (instance_id,))
    return update(
        tx, instance_id, state=state, ended_at=at, reason=reason, environment={}, process_id=None
    )


def get(connection: Reader, instance_id: int) -> Instance | None:
    """Return one instance."""
    row = connection.execute("SELECT * FROM instances WHERE id = ?", (instance_id,)).fetchone()
    return instance_of(row) if row else None


def named(connection: Reader, guild_id: int, name: str) -> Instance | None:
    """Return a guild's instance of that name that hasn't ended."""
    row = connection.execute(
        "SELECT * FROM instances WHERE guild_id = ? AND name = ? AND ended_at IS NULL",
        (guild_id, name),
    ).fetchone()
    return instance_of(row) if row else None


def names(connection: Reader, guild_id: int) -> set[str]:
    """Return the names taken in a guild."""
    rows = connection.execute(
        "SELECT name FROM instances WHERE guild_id = ? AND ended_at IS NULL", (guild_id,)
    )
    return {row[0] for row in rows}


def alive(connection: Reader, **where: Any) -> list[Instance]:
    """Return instances that haven't ended, oldest first, with these columns equal."""
    unknown = where.keys() - {"guild_id", "session_id", "owner_id", "host", "state"}
    if unknown:
        raise KeyError(*unknown)
    also = "".join(f" AND {column} = ?" for column in where)
    rows = connection.execute(
        f"SELECT * FROM instances WHERE ended_at IS NULL{also} ORDER BY id",  # noqa: S608
        tuple(where.values()),
    )
    return [instance_of(row) for row in rows]


def waiting(connection: Reader) -> list[Instance]:
    """Return what waits for a host, in the order it gets one: those who lead first."""
    rows = connection.execute(
        "SELECT * FROM instances WHERE ended_at IS NULL AND state = 'queued'"
        " ORDER BY role = 'attendee', id"
    )
    return [instance_of(row) for row in rows]


def of_session(connection: Reader, session_id: int) -> list[Instance]:
    """Return all instances of a session, ended ones too, in order."""
    rows = connection.execute(
        "SELECT * FROM instances WHERE session_id = ? ORDER BY id", (session_id,)
    )
    return [instance_of(row) for row in rows]


def of_person(connection: Reader, guild_id: int, user_id: int, limit: int) -> list[Instance]:
    """Return a person's latest instances in a guild, ended ones too, newest first."""
    rows = connection.execute(
        "SELECT * FROM instances WHERE guild_id = ? AND owner_id = ? ORDER BY id DESC LIMIT ?",
        (guild_id, user_id, limit),
    )
    return [instance_of(row) for row in rows]


def some(connection: Reader, ids: Sequence[int]) -> list[Instance]:
    """Return some instances by id."""
    found = (get(connection, one) for one in ids)
    return [one for one in found if one is not None]


def counts(connection: Reader, session_id: int) -> tuple[int, int]:
    """Return how many of a session's instances are up, and how many wait or start."""
    row = connection.execute(
        "SELECT coalesce(sum(state IN ('running', 'stopped', 'frozen', 'removing')), 0),"
        " coalesce(sum(state IN ('queued', 'launching')), 0)"
        " FROM instances WHERE session_id = ? AND ended_at IS NULL",
        (session_id,),
    ).fetchone()
    return row[0], row[1]


def due(connection: Reader, before: datetime) -> list[Instance]:
    """Return what is on a host and whose time runs out before then, soonest first."""
    rows = connection.execute(
        "SELECT * FROM instances WHERE ended_at IS NULL AND deadline < ?"
        " AND state NOT IN ('queued', 'launching') ORDER BY deadline",
        (to_micros(before),),
    )
    return [instance_of(row) for row in rows]


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
    found = connection.execute(f"SELECT 1 FROM lab_networks n {_IDLE}", (host,))  # noqa: S608
    return found.fetchone() is not None


def drop_idle_networks(tx: Transaction, host: str) -> None:
    """Forget those networks. What was forgotten goes from the host next."""
    tx.execute(f"DELETE FROM lab_networks AS n {_IDLE}", (host,))  # noqa: S608


def network_ids(connection: Reader, host: str) -> tuple[set[int], int]:
    """Return the ids of a host's networks, and the last id that any was ever given."""
    rows = connection.execute("SELECT id FROM lab_networks WHERE host = ?", (host,)).fetchall()
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'lab_networks'")
    return {row[0] for row in rows}, next((row[0] for row in last), 0)


def drop_network(tx: Transaction, network_id: int) -> None:
    """Forget a network that is gone from its host."""
    tx.execute("DELETE FROM lab_networks WHERE id = ?", (network_id,))


# --- hosts, closings, bans ---


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


def closed_guilds(connection: Reader) -> set[int]:
    """Return the guilds whose lab is closed."""
    return {row[0] for row in connection.execute("SELECT guild_id FROM lab_closings")}


def set_closed(
    tx: Transaction, guild_id: int, by_id: int | None, at: datetime, *, closed: bool
) -> bool:
    """Close or open a guild's lab; say whether that changed anything."""
    if closed:
        return bool(
            tx.execute(
                "INSERT OR IGNORE INTO lab_closings (guild_id, at, by_id) VALUES (?, ?, ?)",
                (guild_id, to_micros(at), by_id),
            ).rowcount
        )
    return bool(tx.execute("DELETE FROM lab_closings WHERE guild_id = ?", (guild_id,)).rowcount)


def bans(connection: Reader) -> set[tuple[int, int]]:
    """Return who is banned from which guild's lab."""
    return {
        (row[0], row[1]) for row in connection.execute("SELECT guild_id, user_id FROM lab_bans")
    }


def set_banned(
    tx: Transaction, guild_id: int, user_id: int, by_id: int | None, at: datetime, *, banned: bool
) -> bool:
    """Ban somebody from a guild's lab, or let them in again; say whether that changed it."""
    if banned:
        return bool(
            tx.execute(
                "INSERT OR IGNORE INTO lab_bans (guild_id, user_id, at, by_id) VALUES (?, ?, ?, ?)",
                (guild_id, user_id, to_micros(at), by_id),
            ).rowcount
        )
    return bool(
        tx.execute(
            "DELETE FROM lab_bans WHERE guild_id = ? AND user_id = ?", (guild_id, user_id)
        ).rowcount
    )


# --- audit ---


def audited(
    connection: Reader, guild_id: int, kinds: Sequence[str], *, about: int | None, limit: int
) -> list[tuple[Event, Instance | None]]:
    """Return a guild's latest events of some kinds, newest first, each with its instance.

    `about`: only what this person did, and what happened to them and to theirs.
    """
    whose = (
        " AND (e.actor_id = :about OR json_extract(e.data, '$.user_id') = :about"
        " OR json_extract(e.data, '$.instance_id') IN (SELECT id FROM instances"
        " WHERE guild_id = :guild AND owner_id = :about))"
    )
    names = ",".join(f":kind{number}" for number in range(len(kinds)))
    # Said twice, so that the index of the lab's events serves.
    rows = connection.execute(
        "SELECT e.* FROM events e WHERE e.guild_id = :guild AND e.kind GLOB 'lab.*'"  # noqa: S608
        f" AND e.kind IN ({names}){whose if about is not None else ''}"
        " ORDER BY e.id DESC LIMIT :limit",
        {
            "guild": guild_id,
            "about": about,
            "limit": limit,
            **{f"kind{number}": kind for number, kind in enumerate(kinds)},
        },
    )
    found = [event_of(row) for row in rows]
    return [(event, get(connection, event.data.get("instance_id", 0))) for event in found]


# --- forgetting ---


def forget_person(tx: Transaction, guild_id: int, user_id: int) -> None:
    """Take a person out of instances that have ended; those alive keep their owner."""
    tx.execute(
        "UPDATE instances SET owner_id = NULL, name = 'erased-' || id, command = '[]',"
        " environment = '{}' WHERE guild_id = ? AND owner_id = ? AND ended_at IS NOT NULL",
        (guild_id, user_id),
    )


def forget_owners_before(tx: Transaction, before: datetime) -> int:
    """Forget whose instances were, with ports and addresses, that ended before then."""
    return tx.execute(
        "UPDATE instances SET owner_id = NULL, ports = '[]', command = '[]' WHERE ended_at < ?"
        " AND owner_id IS NOT NULL",
        (to_micros(before),),
    ).rowcount


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
