"""An engine's JSON as the dataclasses of ours."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.lab.drivers.base import ContainerState, FoundImage, Image, Network, Process
from bot.lab.model import Port

BRIDGE_OPTION = "com.docker.network.bridge.name"
_NEVER = 1  # the year Go's zero time is in
_FRACTION = re.compile(r"\.(\d+)")

Json = Mapping[str, Any]


def part(entry: Json, key: str) -> Json:
    """Look inside; what isn't there, or null, is empty."""
    inside: Json | None = entry.get(key)
    return inside if inside is not None else {}


def parse_time(text: str | None) -> datetime | None:
    """Read one of Go's times, with up to nine digits of a second; its zero time is None."""
    if not text:
        return None
    moment = datetime.fromisoformat(_FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text))
    return None if moment.year == _NEVER else moment.astimezone(UTC)


def listed_image(entry: Json) -> Image:
    """Read an entry of the list of images."""
    return Image(
        id=entry["Id"],
        tags=_names(entry.get("RepoTags")),
        digests=_names(entry.get("RepoDigests")),
        size_bytes=entry["Size"],
        created_at=datetime.fromtimestamp(entry["Created"], UTC) if entry["Created"] > 0 else None,
    )


def inspected_image(entry: Json) -> Image:
    """Read what the engine says of one image."""
    config = part(entry, "Config")
    return Image(
        id=entry["Id"],
        tags=_names(entry.get("RepoTags")),
        digests=_names(entry.get("RepoDigests")),
        size_bytes=entry["Size"],
        created_at=parse_time(entry.get("Created")),
        architecture=entry.get("Architecture") or "",
        volumes=tuple(part(config, "Volumes")),
        exposed=_ports(part(config, "ExposedPorts")),
    )


def found_image(entry: Json) -> FoundImage:
    """Read an entry of what the hub found."""
    return FoundImage(
        name=entry["name"],
        description=entry.get("description") or "",
        stars=entry.get("star_count") or 0,
        is_official=bool(entry.get("is_official")),
    )


def inspected_container(entry: Json) -> ContainerState:
    """Read what the engine says of one container."""
    state: Json = entry["State"]
    has_ended = state["Status"] in ("exited", "dead")
    return ContainerState(
        engine_id=entry["Id"],
        name=entry["Name"].removeprefix("/"),
        labels=part(entry["Config"], "Labels"),
        image=entry["Config"]["Image"],
        is_running=state["Running"],
        is_paused=state["Paused"],
        exit_code=state["ExitCode"] if has_ended else None,
        out_of_memory=bool(state.get("OOMKilled")),
        process_id=state.get("Pid") or None,
        error=state.get("Error") or "",
        started_at=parse_time(state.get("StartedAt")),
    )


def listed_container(entry: Json) -> ContainerState:
    """Read an entry of the list of containers."""
    names: Sequence[str] = entry.get("Names") or [""]
    return ContainerState(
        engine_id=entry["Id"],
        name=names[0].removeprefix("/"),
        labels=part(entry, "Labels"),
        image=entry["Image"],
        is_running=entry["State"] in ("running", "paused"),
        is_paused=entry["State"] == "paused",
    )


def network(entry: Json) -> Network:
    """Read what the engine says of a network."""
    pools: Sequence[Json] = entry["IPAM"].get("Config") or ()
    return Network(
        name=entry["Name"],
        bridge=part(entry, "Options").get(BRIDGE_OPTION, ""),
        subnet=pools[0]["Subnet"] if pools else "",
        labels=part(entry, "Labels"),
    )


def processes(table: Json) -> list[Process]:
    """Read the table that `ps` of the host printed, by its headings."""
    headings = [heading.upper() for heading in table["Titles"]]
    return [_process(dict(zip(headings, row, strict=False))) for row in table["Processes"] or ()]


def _process(row: Mapping[str, str]) -> Process:
    memory = row.get("RSS")
    return Process(
        host_pid=int(row["PID"]),
        user=row.get("USER") or row.get("UID") or "",
        cpu_seconds=_seconds(row.get("TIME", "")),
        memory_bytes=int(memory) * 1024 if memory and memory.isdecimal() else None,
        command=row.get("COMMAND") or row.get("CMD") or "",
    )


def _seconds(clock: str) -> float:
    """Read ps's "[days-]hours:minutes:seconds"."""
    days, _, rest = clock.rpartition("-")
    total = 0
    for part in rest.split(":"):
        total = total * 60 + (int(part) if part.isdecimal() else 0)
    return float(total + 86_400 * (int(days) if days.isdecimal() else 0))


def _ports(keys: Iterable[str]) -> tuple[Port, ...]:
    """Read "80/tcp"; whoever made the image wrote these, so anything may stand there."""
    parts = (key.partition("/") for key in keys)
    return tuple(
        Port(container=int(number), protocol=protocol or "tcp")
        for number, _, protocol in parts
        if number.isdecimal()
    )


def _names(names: Sequence[str] | None) -> tuple[str, ...]:
    """Leave out the engine's word for "none"."""
    return tuple(name for name in names or () if not name.startswith("<none>"))


def age_key(image: Image) -> tuple[datetime, str]:
    """Sort by when images were made; those that don't tell count as oldest."""
    return image.created_at or datetime.min.replace(tzinfo=UTC), image.id
