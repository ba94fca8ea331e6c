"""SQL of instances, and of who may have none: `bot.lab.holdings` has what they hold."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from bot.database import Transaction
from bot.lab.model import (
    GuestFacts,
    Instance,
    Kind,
    LabRole,
    NewInstance,
    Port,
    Resources,
    Stage,
    State,
)
from bot.moments import from_micros, from_micros_or_none, to_micros
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
        "guest",
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
        iso=row["iso"],
        guest=GuestFacts(**json.loads(row["guest"])),
    )


def insert(tx: Transaction, new: NewInstance, at: datetime) -> Instance:
    """Put a queued instance there and return it."""
    lifetime = None if new.lifetime is None else int(new.lifetime.total_seconds())
    row = tx.execute(
        "INSERT INTO instances (guild_id, session_id, channel_id, owner_id, role, kind, name,"
        " template, image, command, environment, ports, cpus, memory_bytes, disk_bytes,"
        " processes, outward, public, lifetime, state, stage, requested_at, iso)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
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
            new.iso,
        ),
    ).fetchone()
    return instance_of(row)


def update(tx: Transaction, instance_id: int, **values: Any) -> Instance:
    """Change some columns and return the row as it is then."""
    if unknown := values.keys() - _COLUMNS:
        raise KeyError(*unknown)
    changes = ", ".join(f"{column} = ?" for column in values)
    row = tx.execute(
        f"UPDATE instances SET {changes} WHERE id = ? RETURNING *",
        (*(_stored(column, value) for column, value in values.items()), instance_id),
    ).fetchone()
    return instance_of(row)


def _stored(column: str, value: Any) -> Any:
    if column == "ports":
        return _from_ports(value)
    if column == "environment":
        return json.dumps(value)
    if column == "guest":
        return json.dumps(asdict(value))
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
    unknown = where.keys() - {"guild_id", "session_id", "owner_id", "host", "state", "kind"}
    if unknown:
        raise KeyError(*unknown)
    also = "".join(f" AND {column} = ?" for column in where)
    rows = connection.execute(
        f"SELECT * FROM instances WHERE ended_at IS NULL{also} ORDER BY id",
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


# --- closings and bans ---


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
        "SELECT e.* FROM events e WHERE e.guild_id = :guild AND e.kind GLOB 'lab.*'"
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


def forget_owners_before(tx: Transaction, before: datetime) -> int:
    """Forget whose instances were, with ports and addresses, that ended before then."""
    return tx.execute(
        "UPDATE instances SET owner_id = NULL, ports = '[]', command = '[]', guest = '{}'"
        " WHERE ended_at < ? AND owner_id IS NOT NULL",
        (to_micros(before),),
    ).rowcount
