"""What holds for every container, whoever starts it: the body of the one call that makes it.

Instances belong to strangers. Everything here is decided by us; `ContainerSpec` has no field
that could undo it. In short: no privileges, devices, mounts or host namespaces, every
capability dropped but a named few, no new privileges, and a bound on memory, CPU, processes,
open files, disk and logs. The engine's default seccomp and AppArmor profiles stay.
"""

import posixpath
from typing import Any

from bot.lab.drivers.base import ContainerSpec
from bot.lab.model import Port

CPU_PERIOD = 100_000  # microseconds
LEAST_CPU_QUOTA = 1_000  # the kernel's own floor: a hundredth of a CPU
OPEN_FILES = (1024, 4096)
LOG_CONFIG = {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}}
# The most that a container's printed lines take on the host's disk.
LOG_BYTES = 10 * 1024**2
# When the host itself runs short, the kernel looks here first.
OOM_SCORE = 500
LEAST_TMPFS = 64 * 1024


def create_body(spec: ContainerSpec) -> dict[str, Any]:
    """Describe a container to the engine."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "Hostname": spec.hostname,
        "Env": [f"{key}={value}" for key, value in spec.environment.items()],
        "Labels": dict(spec.labels),
        "ExposedPorts": {_port_key(port): {} for port in spec.ports},
        "Tty": False,
        "OpenStdin": False,
        # An image may ask for a check every millisecond, which the engine would run for it.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(spec),
    }
    if spec.command:
        body["Cmd"] = list(spec.command)
    if spec.network is not None:
        # Its neighbours of the same owner find it by the name people know.
        endpoint = {"Aliases": [spec.hostname]}
        body["NetworkingConfig"] = {"EndpointsConfig": {spec.network.name: endpoint}}
    return body


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    config: dict[str, Any] = {
        "Privileged": False,
        "CapDrop": ["ALL"],
        "CapAdd": list(spec.capabilities),
        "SecurityOpt": ["no-new-privileges"],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "NetworkMode": spec.network.name if spec.network is not None else "none",
        "PublishAllPorts": False,
        "PortBindings": {
            _port_key(port): [{"HostIp": spec.bind_address, "HostPort": str(port.host or "")}]
            for port in spec.ports
        },
        "RestartPolicy": {"Name": "no"},
        "LogConfig": LOG_CONFIG,
        # No init process of the engine's stands before the program: it would make every
        # command seem to start, and the process shown to people would not be theirs.
        "Init": False,
        **_bounds(spec),
        **_disk(spec),
    }
    if spec.cgroup_parent is not None:
        config["CgroupParent"] = spec.cgroup_parent
    if spec.runtime is not None:
        config["Runtime"] = spec.runtime
    return config


def _bounds(spec: ContainerSpec) -> dict[str, Any]:
    soft, hard = OPEN_FILES
    return {
        "Memory": spec.resources.memory_bytes,
        "MemorySwap": spec.resources.memory_bytes,  # with the memory: so no swap
        "OomKillDisable": False,
        "OomScoreAdj": OOM_SCORE,
        # A quota rather than NanoCpus, which the engine refuses above the host's CPUs.
        "CpuPeriod": CPU_PERIOD,
        "CpuQuota": max(LEAST_CPU_QUOTA, int(spec.resources.cpus * CPU_PERIOD)),
        "CpuShares": spec.cpu_shares,
        "PidsLimit": spec.resources.processes,
        "Ulimits": [
            {"Name": "nofile", "Soft": soft, "Hard": hard},
            {"Name": "core", "Soft": 0, "Hard": 0},  # the host decides where cores are written
        ],
    }


def _disk(spec: ContainerSpec) -> dict[str, Any]:
    """Bound what can be written, image volumes included: those become sized tmpfs always.

    A volume of an image would be a folder of the host without a limit. A tmpfs covers what
    the image has at that place, and what is written there counts as the container's memory:
    so each takes half of that at most, and a full one says so before the kernel kills.
    """
    folders = spec.volumes if spec.limit_disk else (*spec.writable, *spec.volumes)
    most = min(spec.resources.disk_bytes, spec.resources.memory_bytes // 2)
    options = f"rw,exec,nosuid,nodev,mode=1777,size={max(LEAST_TMPFS, most)}"
    config: dict[str, Any] = {
        "ReadonlyRootfs": not spec.limit_disk,
        "Tmpfs": {posixpath.normpath(folder): options for folder in folders},
    }
    if spec.limit_disk:
        config["StorageOpt"] = {"size": str(spec.resources.disk_bytes)}
    return config


def _port_key(port: Port) -> str:
    return f"{port.container}/{port.protocol}"
