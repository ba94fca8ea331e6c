"""What of the lab an export and a person's own data hold."""

from typing import Any

from bot.archive.record import LabRecord
from bot.archive.store import Reader
from bot.guilds import names
from bot.lab import Instance, events, of_person, of_session, ssh_keys_of
from bot.sessions import Session
from bot.timeline import events_of_session


def lab_records(
    connection: Reader, session: Session, *, show_names: bool, everything: bool
) -> tuple[LabRecord, ...]:
    """Return what happened in a session's lab, in order.

    What attendees start is private to them: only the operator's own export (`everything`)
    tells of it.
    """
    instances = {one.id: one for one in of_session(connection, session.id)}
    happened = events_of_session(connection, session.id, events.AUDITED)
    people = {event.actor_id for event in happened if event.actor_id is not None}
    known = names(connection, session.guild_id, people) if show_names else {}
    found: list[LabRecord] = []
    for event in happened:
        instance = instances.get(event.data.get("instance_id", 0))
        if not everything and (instance is None or not instance.public):
            continue
        outcome = event.data.get("why", event.data.get("reason", event.data.get("exit_code")))
        found.append(
            LabRecord(
                at=event.at,
                what=event.kind.removeprefix("lab."),
                by_name=known.get(event.actor_id or 0),
                instance=instance.name if instance else None,
                image=instance.image if instance else None,
                outcome=None if outcome is None else str(outcome),
            )
        )
    return tuple(found)


def instances_of(connection: Reader, guild_id: int, user_id: int) -> list[dict[str, Any]]:
    """Return what is kept of a person's instances, for their own eyes."""
    return [_of(one) for one in of_person(connection, guild_id, user_id, limit=-1)]


def keys_of(connection: Reader, guild_id: int, user_id: int) -> list[dict[str, Any]]:
    """Return a person's SSH keys, for their own eyes."""
    return [
        {"name": one.name, "key": one.key, "added_at": one.added_at.isoformat()}
        for one in ssh_keys_of(connection, guild_id, user_id)
    ]


def _of(instance: Instance) -> dict[str, Any]:
    return {
        "session_id": instance.session_id,
        "name": instance.name,
        "image": instance.image,
        "command": list(instance.command),
        "environment": dict(instance.environment),
        "ports": [str(port) for port in instance.ports],
        "state": str(instance.state),
        "requested_at": instance.requested_at.isoformat(),
        "ended_at": instance.ended_at.isoformat() if instance.ended_at else None,
    }
