"""Engines, each behind one edge: the library of an engine is known in here alone."""

from bot.lab.drivers.base import (
    BRIDGE_CLOSED,
    BRIDGE_OPEN,
    LABEL_DEADLINE,
    LABEL_GUILD,
    LABEL_INSTALLATION,
    LABEL_INSTANCE,
    LABEL_OWNER,
    LABEL_SESSION,
    ContainerDriver,
    ContainerSpec,
    ContainerState,
    Counters,
    ExecResult,
    FoundImage,
    HostFacts,
    Image,
    Layer,
    LayerState,
    Network,
    Process,
    PullProgress,
    bridge_name,
)
from bot.lab.drivers.fake import FakeDriver, Offered
from bot.lab.model import HostSettings

__all__ = [
    "BRIDGE_CLOSED",
    "BRIDGE_OPEN",
    "LABEL_DEADLINE",
    "LABEL_GUILD",
    "LABEL_INSTALLATION",
    "LABEL_INSTANCE",
    "LABEL_OWNER",
    "LABEL_SESSION",
    "ContainerDriver",
    "ContainerSpec",
    "ContainerState",
    "Counters",
    "ExecResult",
    "FakeDriver",
    "FoundImage",
    "HostFacts",
    "Image",
    "Layer",
    "LayerState",
    "Network",
    "Offered",
    "Process",
    "PullProgress",
    "bridge_name",
    "connect",
]


def connect(settings: HostSettings) -> ContainerDriver:
    """Return the driver of a host's container engine; it connects when it is first asked."""
    # Here and not above: docker-py takes a sixth of a second to import, wherever it is used.
    from bot.lab.drivers.docker import DockerDriver

    return DockerDriver(settings)
