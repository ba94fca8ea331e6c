"""Instances and questions as they come from the database, without one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.lab import Instance, Kind, LabRole, Resources, Stage, State

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def instance(**given: Any) -> Instance:
    """Make a container that has been up since `AT`."""
    values: dict[str, Any] = {
        "id": 1,
        "guild_id": 1,
        "session_id": 1,
        "channel_id": 10,
        "owner_id": 100,
        "role": LabRole.SPEAKER,
        "kind": Kind.CONTAINER,
        "host": "one",
        "name": "web-1",
        "template": "nginx",
        "image": "study/nginx",
        "digest": None,
        "command": (),
        "environment": {},
        "ports": (),
        "resources": Resources(1.0, 128 * 1024**2, 1024**3),
        "outward": False,
        "public": True,
        "lifetime": None,
        "state": State.RUNNING,
        "stage": Stage.ANSWERING,
        "engine_id": "abc",
        "process_id": 4242,
        "requested_at": AT,
        "started_at": AT,
        "ready_at": AT,
        "deadline": None,
        "extensions": 0,
        "warned_at": None,
        "frozen_by": None,
        "exit_code": None,
        "out_of_memory": False,
        "ended_at": None,
        "reason": None,
    }
    return Instance(**(values | given))
