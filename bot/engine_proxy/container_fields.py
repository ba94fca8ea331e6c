"""Each field that a container may be given, and what it may say. What isn't here can't be set."""

import posixpath
import re
from typing import Any

from bot.engine_proxy import names
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.schema import (
    Check,
    flag,
    integer,
    is_default,
    items,
    mapping,
    one_of,
    record,
    text,
)

# What a template can ask for (bot/lab/capabilities.py says why each), and no more: each acts
# inside the container or on its owner's own bridge. Never those that reach the host's kernel,
# make devices or get around a limit.
CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_SIZE_MOST = 2**50
_LOG_BYTES_MOST = 100 * 1024**2
_PROCESSES_MOST = 4096
_FILES_MOST = 1_048_576
_NO_NEW_PRIVILEGES = ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")
_SIZE = r"[0-9]{1,15}[bkmgtBKMGT]?"
_PORT = r"[0-9]{1,5}/(?:tcp|udp)"
_UNITS = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def _capability(value: Any, where: str) -> str:
    name = text(r"[A-Za-z_]{1,40}")(value, where).upper().removeprefix("CAP_")
    if name not in CAPABILITIES:
        raise Refused(f"{where} may not contain {name}")
    return name


def _dropped(value: Any, where: str) -> str:
    return text(r"[A-Za-z_]{1,40}")(value, where).upper()


def _log_size(value: Any, where: str) -> str:
    size = text(_SIZE)(value, where)
    if not 0 < _bytes(size) <= _LOG_BYTES_MOST:
        raise Refused(f"{where} must be at most {_LOG_BYTES_MOST} bytes")
    return size


def _bytes(size: str) -> int:
    unit = size[-1].lower()
    return int(size.rstrip("bkmgtBKMGT")) * _UNITS.get(unit, 1)


def _folder(value: Any, where: str) -> str:
    path = text(r"/[^\0:]{1,4000}")(value, where)
    normal = posixpath.normpath(path)
    if (
        ".." in path.split("/")
        or re.match(r"/+(proc|sys|dev)(/|$)", normal)
        or not normal.strip("/")
    ):
        raise Refused(f"{where} may not be at {normal}")
    return path


def _tmpfs_options(value: Any, where: str) -> str:
    options = text(_TMPFS_OPTIONS)(value, where)
    if not re.search(r"(^|,)size=[1-9]", options):
        raise Refused(f"{where} must have a size")
    return options


_TMPFS_OPTION = (
    rf"rw|noexec|exec|nosuid|nodev|noatime|size={_SIZE}|mode=[0-7]{{3,4}}|[ug]id=[0-9]{{1,9}}"
)
_TMPFS_OPTIONS = rf"(?:{_TMPFS_OPTION})(?:,(?:{_TMPFS_OPTION}))*"


def _none(value: Any, where: str) -> Any:
    if not is_default(value):
        raise Refused(f"{where} may not be set")
    return value


_name = text(r"(?:[A-Za-z0-9][A-Za-z0-9_.-]{0,62})?")
_words: Check = items(text())
_labels = mapping(text(most=200), text(most=4000))
_address = text(r"[0-9A-Fa-f.:]{0,45}")

_BINDING = record({"HostIp": _address, "HostPort": text(r"[0-9]{0,5}")})
_ULIMIT = record(
    {
        "Name": one_of("nofile", "nproc", "core", "fsize", "stack"),
        "Soft": integer(0, _FILES_MOST),
        "Hard": integer(0, _FILES_MOST),
    }
)
_ENDPOINT = record(
    {
        "IPAMConfig": record({"IPv4Address": _address, "IPv6Address": _address}),
        "Aliases": items(_name, 16),
    }
)
_HOST: dict[str, Check] = {
    "Memory": integer(4 * 2**20, _SIZE_MOST),
    "MemorySwap": integer(4 * 2**20, _SIZE_MOST),
    "MemoryReservation": integer(0, _SIZE_MOST),
    "MemorySwappiness": integer(-1, 100),
    "NanoCpus": integer(1, 1024 * 10**9),
    "CpuQuota": integer(1000, 10**9),
    "CpuPeriod": integer(1000, 1_000_000),
    "CpuShares": integer(0, 262_144),
    "PidsLimit": integer(1, _PROCESSES_MOST),
    "OomScoreAdj": integer(0, 1000),
    "BlkioWeight": integer(0, 1000),
    "ShmSize": integer(0, _SIZE_MOST),
    "Ulimits": items(_ULIMIT, 16),
    "CapDrop": items(_dropped, 64),
    "CapAdd": items(_capability, 64),
    "SecurityOpt": items(one_of(*_NO_NEW_PRIVILEGES), 4),
    "ReadonlyRootfs": flag,
    "StorageOpt": mapping(one_of("size"), text(_SIZE)),
    "Tmpfs": mapping(_folder, _tmpfs_options),
    "Init": flag,
    "Runtime": text(r"[\w.-]{0,64}"),
    # Laid by `study-bot lab setup-host`; the engine's own where it hasn't been.
    "CgroupParent": text(r"(?:/study-lab(?:/[A-Za-z0-9_-]+)*|studylab(?:-[a-z0-9_]+)*\.slice)?"),
    "CgroupnsMode": one_of("", "private"),
    "IpcMode": one_of("", "private", "none"),
    "NetworkMode": text(rf"{names.IDENTIFIER}|"),
    "PortBindings": mapping(text(_PORT), items(_BINDING, 4)),
    "Dns": items(_address, 8),
    "DnsOptions": items(text(r"[a-z0-9:-]{1,32}"), 8),
    "DnsSearch": items(text(r"[A-Za-z0-9.-]{1,253}"), 8),
    "RestartPolicy": record({"Name": one_of("", "no"), "MaximumRetryCount": _none}),
    "LogConfig": record(
        {
            "Type": one_of("json-file"),
            "Config": record(
                {
                    "max-size": _log_size,
                    "max-file": text(r"[1-9]|10"),
                    "compress": one_of("true", "false"),
                    "mode": one_of("blocking", "non-blocking"),
                    "max-buffer-size": text(_SIZE),
                }
            ),
        }
    ),
}
CONTAINER: dict[str, Check] = {
    "Image": text(names.IMAGE, 400),
    "Cmd": _words,
    "Entrypoint": _words,
    "Env": items(text(r"[^\0=]+=[^\0]*|[^\0=]+")),
    "Labels": _labels,
    "Hostname": _name,
    "User": text(r"[\w.-]{0,64}(?::[\w.-]{1,64})?"),
    "WorkingDir": text(r"(?:/[^\0]{0,4000})?"),
    "Tty": flag,
    "OpenStdin": flag,
    "StdinOnce": flag,
    "AttachStdin": flag,
    "AttachStdout": flag,
    "AttachStderr": flag,
    "NetworkDisabled": flag,
    "StopSignal": text(r"[A-Z0-9+-]{0,16}"),
    "StopTimeout": integer(0, 600),
    "ExposedPorts": mapping(text(_PORT), record({})),
    # Only to switch an image's own off.
    "Healthcheck": record({"Test": items(one_of("NONE"), 1)}),
    "HostConfig": record(_HOST),
    "NetworkingConfig": record({"EndpointsConfig": mapping(text(names.IDENTIFIER), _ENDPOINT)}),
}
