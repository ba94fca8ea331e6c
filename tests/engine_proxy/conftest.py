"""A lawful container, a lawful network, and ways to ask for less lawful ones."""

from copy import deepcopy
from typing import Any

import pytest

LABEL = "study-bot.installation"


@pytest.fixture
def container() -> dict[str, Any]:
    """What the lab asks for when it starts a container."""
    return deepcopy(CONTAINER)


@pytest.fixture
def network() -> dict[str, Any]:
    """What the lab asks for when it makes an owner's network."""
    return deepcopy(NETWORK)


CONTAINER: dict[str, Any] = {
    "Image": "study/nginx:latest",
    "Hostname": "web-1",
    "Env": ["GREETING=こんにちは"],
    "Labels": {LABEL: "abc123", "study-bot.owner": "17"},
    "ExposedPorts": {"80/tcp": {}},
    "Healthcheck": {"Test": ["NONE"]},
    "HostConfig": {
        "Memory": 256 * 1024**2,
        "MemorySwap": 256 * 1024**2,
        "CpuPeriod": 100_000,
        "CpuQuota": 50_000,
        "PidsLimit": 256,
        "CapDrop": ["ALL"],
        "CapAdd": ["CHOWN", "NET_BIND_SERVICE"],
        "SecurityOpt": ["no-new-privileges"],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "NetworkMode": "study-abc123-n1",
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30080"}]},
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
        "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 4096}],
        "OomScoreAdj": 500,
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=1048576"},
    },
    "NetworkingConfig": {"EndpointsConfig": {"study-abc123-n1": {"Aliases": ["web-1"]}}},
}
NETWORK: dict[str, Any] = {
    "Name": "study-abc123-n1",
    "Driver": "bridge",
    "Options": {
        "com.docker.network.bridge.name": "sblc1",
        "com.docker.network.bridge.enable_icc": "true",
    },
    "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.213.0.16/28"}]},
    "Labels": {LABEL: "abc123"},
}
