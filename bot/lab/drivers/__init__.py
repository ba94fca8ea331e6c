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
from bot.lab.drivers.fake_guests import FakeGuestDriver
from bot.lab.drivers.guests import (
    Ability,
    Accelerator,
    Devices,
    Firmware,
    GuestDriver,
    GuestHostFacts,
    GuestSpec,
    GuestState,
    GuestSystem,
    Signs,
    Snapshot,
    Upload,
    Volume,
)
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
    "Ability",
    "Accelerator",
    "ContainerDriver",
    "ContainerSpec",
    "ContainerState",
    "Counters",
    "Devices",
    "ExecResult",
    "FakeDriver",
    "FakeGuestDriver",
    "Firmware",
    "FoundImage",
    "GuestDriver",
    "GuestHostFacts",
    "GuestSpec",
    "GuestState",
    "GuestSystem",
    "HostFacts",
    "Image",
    "Layer",
    "LayerState",
    "Network",
    "Offered",
    "Process",
    "PullProgress",
    "Signs",
    "Snapshot",
    "Upload",
    "Volume",
    "bridge_name",
    "connect",
    "connect_guests",
]


def connect(settings: HostSettings) -> ContainerDriver:
    """Return the driver of a host's container engine; it connects when it is first asked."""
    # Here and not above: docker-py takes a sixth of a second to import, wherever it is used.
    from bot.lab.drivers.docker import DockerDriver

    return DockerDriver(settings)


def connect_guests(settings: HostSettings) -> GuestDriver:
    """Return the driver of a host's hypervisor; it connects when it is first asked.

    Raises:
        NoLibvirt: libvirt-python isn't installed.
    """
    try:
        from bot.lab.drivers.libvirt import LibvirtDriver
    except ImportError as error:
        from bot.lab.guest_errors import NoLibvirt

        raise NoLibvirt from error
    return LibvirtDriver(settings)
