"""Hosts, instances and limits for tests of pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.lab import Instance, Kind, LabRole, Resources, Stage, State
from bot.lab.drivers import HostFacts
from bot.lab.model import HostSettings

MB = 1024**2
GB = 1024**3

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

SETTINGS = HostSettings("lab", "unix:///nowhere")

FACTS = HostFacts(
    version="20.10",
    api_version="1.41",
    operating_system="Debian",
    kernel="6.1",
    architecture="amd64",
    cpus=4,
    memory_bytes=10 * GB,
    disk_total_bytes=100 * GB,
    disk_free_bytes=80 * GB,
    cgroup_version="2",
    cgroup_driver="systemd",
    storage_driver="overlay2",
    can_limit_disk=False,
    runtimes=("runc",),
    security_options=("seccomp",),
    user_namespaces=False,
    reads_cgroups=True,
)

SMALL = Resources(0.5, 256 * MB, GB)

_INSTANCE = Instance(
    id=1,
    guild_id=1,
    session_id=1,
    channel_id=10,
    owner_id=201,
    role=LabRole.ATTENDEE,
    kind=Kind.CONTAINER,
    host="lab",
    name="web-1",
    template="nginx",
    image="nginx:latest",
    digest=None,
    command=(),
    environment={},
    ports=(),
    resources=SMALL,
    outward=False,
    public=False,
    lifetime=None,
    state=State.RUNNING,
    stage=Stage.ANSWERING,
    engine_id="abc",
    process_id=100,
    requested_at=NOW,
    started_at=NOW,
    ready_at=NOW,
    deadline=None,
    extensions=0,
    warned_at=None,
    frozen_by=None,
    exit_code=None,
    out_of_memory=False,
    ended_at=None,
    reason=None,
)


def instance(**changes: Any) -> Instance:
    """Make one that runs."""
    return replace(_INSTANCE, **changes)


def facts(**changes: Any) -> HostFacts:
    """Describe a machine of four CPUs and 10 GB."""
    return replace(FACTS, **changes)


def settings(**changes: Any) -> HostSettings:
    """Describe what the operator wants of it."""
    return replace(SETTINGS, **changes)


def environment(**values: str) -> Mapping[str, str]:
    """Write an environment."""
    return values
