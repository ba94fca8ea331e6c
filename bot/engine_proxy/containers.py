"""What a container may be: the safety table of the lab, checked a second time from outside."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, cast

from bot.engine_proxy.container_fields import CONTAINER
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.schema import record
from bot.engine_proxy.settings import Rules

LABEL = "study-bot.installation"


@dataclass(frozen=True, slots=True)
class Wish:
    """A container's body as it is forwarded, and what only the engine can tell about it."""

    body: dict[str, Any]
    image: str
    network: str | None
    tmpfs: frozenset[str]

    def check_image(self, volumes: Iterable[str]) -> None:
        """Refuse an image's volume that no tmpfs takes the place of: it has no limit."""
        for volume in volumes:
            if posixpath.normpath(volume) not in self.tmpfs:
                raise Refused(f"the image's volume {volume} must be covered by a tmpfs")


def check_container(value: Any, rules: Rules) -> Wish:
    """Check the body of a create call, and return it as it is forwarded.

    Raises:
        Refused: something in it is not for the lab.
    """
    body = record(CONTAINER)(value, "")
    labels = body.get("Labels", {})
    check_installation(labels, rules)
    if "Image" not in body:
        raise Refused("Image must be set")
    host = body.setdefault("HostConfig", {})
    _check_limits(host)
    _check_privileges(host)
    _check_ports(host, rules)
    if host.get("Runtime", "") not in {"", *rules.runtimes}:
        raise Refused(f"the runtime {host['Runtime']} is not among STUDY_BOT_PROXY_RUNTIMES")
    tmpfs = frozenset(map(posixpath.normpath, host.get("Tmpfs", {})))
    return Wish(body, body["Image"], _network(body), tmpfs)


def check_installation(labels: Any, rules: Rules) -> None:
    """Refuse what doesn't carry the installation's id.

    Raises:
        Refused: no label, or another's.
    """
    found = cast("dict[str, Any]", labels).get(LABEL) if isinstance(labels, dict) else None
    if not isinstance(found, str) or not found:
        raise Refused(f"it doesn't carry the label {LABEL}")
    if rules.labels and found not in rules.labels:
        raise Refused("it belongs to another installation")


def check_confined(inspected: dict[str, Any]) -> None:
    """Refuse a container that didn't come through here: labels can be inherited or forged.

    Raises:
        Refused: it has what no container of the lab has.
    """
    host = cast("dict[str, Any]", inspected.get("HostConfig") or {})
    mounts = cast("list[dict[str, Any]]", inspected.get("Mounts") or [])
    dropped = [one.upper() for one in cast("list[str]", host.get("CapDrop") or [])]
    if (
        host.get("Privileged")
        or "ALL" not in dropped
        or host.get("Devices")
        or any(mount.get("Type") != "tmpfs" for mount in mounts)
        or str(host.get("PidMode") or host.get("UTSMode") or "") != ""
        or re.fullmatch(r"host|container:.*", str(host.get("NetworkMode")))
    ):
        raise Refused("it is not confined as the lab's containers are")


def _check_limits(host: dict[str, Any]) -> None:
    for key in ("Memory", "MemorySwap", "PidsLimit"):
        if key not in host:
            raise Refused(f"HostConfig.{key} must be set")
    if "NanoCpus" not in host and not {"CpuQuota", "CpuPeriod"} <= set(host):
        raise Refused("HostConfig.CpuQuota and CpuPeriod, or NanoCpus, must be set")
    if host["MemorySwap"] != host["Memory"]:
        raise Refused("HostConfig.MemorySwap must be the same as Memory")
    if host.get("ShmSize", 0) > host["Memory"]:
        raise Refused("HostConfig.ShmSize must not be more than Memory")
    if not host.get("ReadonlyRootfs") and "size" not in host.get("StorageOpt", {}):
        raise Refused("HostConfig.ReadonlyRootfs or StorageOpt.size must be set")
    log = host.get("LogConfig", {})
    if log.get("Type") != "json-file" or not {"max-size", "max-file"} <= set(log.get("Config", {})):
        raise Refused("HostConfig.LogConfig must be json-file with max-size and max-file")


def _check_privileges(host: dict[str, Any]) -> None:
    if "ALL" not in host.get("CapDrop", []):
        raise Refused("HostConfig.CapDrop must contain ALL")
    if not host.get("SecurityOpt"):
        raise Refused("HostConfig.SecurityOpt must contain no-new-privileges")


def _check_ports(host: dict[str, Any], rules: Rules) -> None:
    for place, bindings in host.get("PortBindings", {}).items():
        for binding in bindings:
            number = int(binding.get("HostPort") or 0)
            if number not in rules.ports:
                raise Refused(f"host port {number} for {place} is not in STUDY_BOT_PROXY_PORTS")
            address = binding.get("HostIp", "")
            try:
                allowed = ip_address(address) in rules.bind
            except ValueError:
                allowed = False
            if not allowed:
                raise Refused(f"host address {address!r} is not among STUDY_BOT_PROXY_BIND")


def _network(body: dict[str, Any]) -> str | None:
    """Return the one network it is to be on; the server looks whether that is the lab's."""
    mode: str = body["HostConfig"].get("NetworkMode", "")
    endpoints: dict[str, Any] = body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    if mode == "none":
        if endpoints:
            raise Refused("NetworkingConfig must be empty where NetworkMode is none")
        return None
    if mode in {"", "default", "bridge", "host"}:
        raise Refused("HostConfig.NetworkMode must be none or a network of the lab")
    if set(endpoints) - {mode}:
        raise Refused("NetworkingConfig may name no network but NetworkMode's")
    return mode
