"""What of hosts and instances is told to Prometheus."""

from dataclasses import dataclass

from bot.lab.drivers import Counters


@dataclass(frozen=True, slots=True)
class InstanceFigures:
    """One instance that is up."""

    instance_id: int
    kind: str
    host: str
    counters: Counters


@dataclass(frozen=True, slots=True)
class HostFigures:
    """One host; `counters` None where its machine doesn't tell."""

    host: str
    is_up: bool
    instances: int
    counters: Counters | None
    sweep_seconds: dict[str, float]
    sweep_failures: dict[str, int]
