"""What libvirt says when it refuses, as errors of ours."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from bot.errors import N_, StudyBotError, Term
from bot.lab.drivers.libvirt.library import libvirt
from bot.lab.drivers.refusals import is_disk_full, one_line
from bot.lab.errors import (
    ContainerGone,
    DiskFull,
    EngineRefused,
    HostUnreachable,
    NameTaken,
    NotRunning,
)
from bot.lab.guest_errors import NetworkInactive, NoSuchSnapshot, NotSupported, PoolInactive

_NOT_SUPPORTED = {
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
}
# Said where our own connection is what failed; that of libvirtd to others fails in other words.
_AWAY = (
    "client socket is closed",
    "end of file while reading data",
    "cannot recv data",
    "cannot write data",
    "received hangup",
    "connection closed due to keepalive timeout",
    "broken pipe",
    "connection reset",
)
_CLOSED = "client socket is closed"
_NO_NETWORK = re.compile(r"network '([^']+)' is not active|no network with matching name '([^']+)'")
_TAKEN = ("already exists", "already in use")
_SHORT_OF_SPACE = ("not enough space", "not enough free space", "no space left")

THAT = Term(N_("what was asked of it"))


@contextmanager
def translated(hypervisor: str, *, what: Term = THAT, name: str = "") -> Generator[None]:
    """Turn what libvirt raises into errors of ours; `name` is what was asked for."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise refusal(error, hypervisor, what=what, name=name) from error


def refusal(error: Exception, hypervisor: str, *, what: Term, name: str) -> StudyBotError:
    """Say what an error of libvirt's means."""
    code, said = code_of(error), str(error)
    lowered = said.lower()
    if is_away(error):
        return HostUnreachable()
    if is_disk_full(lowered) or any(sign in lowered for sign in _SHORT_OF_SPACE):
        return DiskFull()
    if code in _NOT_SUPPORTED:
        return NotSupported(hypervisor=hypervisor, what=what)
    if network := _NO_NETWORK.search(said):
        return NetworkInactive(name=network[1] or network[2])
    simple: dict[int, StudyBotError] = {
        libvirt.VIR_ERR_NO_DOMAIN: ContainerGone(),
        libvirt.VIR_ERR_NO_NETWORK: NetworkInactive(name=name),
        libvirt.VIR_ERR_NO_STORAGE_POOL: PoolInactive(name=name),
        libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: NoSuchSnapshot(name=name),
        libvirt.VIR_ERR_STORAGE_VOL_EXIST: NameTaken(name=name),
        libvirt.VIR_ERR_DOM_EXIST: NameTaken(name=name),
    }
    if code in simple:
        return simple[code]
    if code == libvirt.VIR_ERR_OPERATION_INVALID and "is not running" in lowered:
        return NotRunning(name=name)
    if any(sign in lowered for sign in _TAKEN):
        return NameTaken(name=name)
    return EngineRefused(why=one_line(said))


def code_of(error: Exception) -> int:
    """Return libvirt's number of an error, 0 where it has none."""
    ask: Any = getattr(error, "get_error_code", None)
    return int(ask() or 0) if ask is not None else 0


def is_not_supported(error: Exception) -> bool:
    """Whether the hypervisor can't, whatever is asked."""
    return code_of(error) in _NOT_SUPPORTED


def is_away(error: Exception) -> bool:
    """Whether the hypervisor itself is what failed to answer."""
    if code_of(error) == libvirt.VIR_ERR_RPC:
        return True
    ask: Any = getattr(error, "get_error_domain", None)
    lowered = str(error).lower()
    return (
        ask is not None and ask() == libvirt.VIR_FROM_RPC and any(sign in lowered for sign in _AWAY)
    )


def was_closed(error: Exception) -> bool:
    """Whether nothing was sent at all, since the connection had been closed before."""
    return _CLOSED in str(error).lower()


def is_busy(error: Exception) -> bool:
    """Whether a pool refused since files are being brought into it."""
    return "asynchronous jobs running" in str(error).lower()
