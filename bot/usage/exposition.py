"""The figures as Prometheus reads them. Pure.

Labels name hosts, and instances by the number they have in the database: no person, no guild, and
no name that somebody chose. What isn't known is left out.
"""

import math
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.lab.drivers import Counters
from bot.usage.figures import HostFigures, InstanceFigures
from bot.usage.health import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_QUANTILES = (0.5, 0.99, 1.0)

# Of an instance and of a host alike: what of the counters, under which name.
_GAUGES = {
    "memory_bytes": "Memory in use without the cache of files.",
    "memory_cache_bytes": "Memory that holds files and can be taken back.",
    "memory_limit_bytes": "Memory there is at most.",
    "processes": "Processes.",
}
_COUNTERS = {
    "cpu_seconds": "Processor time used.",
    "cpu_throttled_seconds": "Time held back by the CPU limit.",
    "disk_read_bytes": "Bytes read from disks.",
    "disk_written_bytes": "Bytes written to disks, as far as the platform counts them.",
    "disk_read_operations": "Reads from disks.",
    "disk_write_operations": "Writes to disks.",
    "network_received_bytes": "Bytes received.",
    "network_sent_bytes": "Bytes sent.",
    "network_received_packets": "Packets received.",
    "network_sent_packets": "Packets sent.",
}


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> list[Metric]:
        return self._families


def exposition(
    hosts: Sequence[HostFigures], instances: Sequence[InstanceFigures], health: Health
) -> bytes:
    """Write all of it in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given((*_of_hosts(hosts), *_of_instances(instances), *_of_bot(health))))
    return generate_latest(registry)


def _of_hosts(hosts: Sequence[HostFigures]) -> list[Metric]:
    up = GaugeMetricFamily("study_bot_host_up", "Whether a lab host answers.", labels=["host"])
    there = GaugeMetricFamily(
        "study_bot_host_instances", "Instances that are up on a host.", labels=["host"]
    )
    took = GaugeMetricFamily(
        "study_bot_usage_sweep_seconds", "How long the last sweep took.", labels=["host", "source"]
    )
    failed = CounterMetricFamily(
        "study_bot_usage_sweep_failures", "Sweeps that came to nothing.", labels=["host", "source"]
    )
    for one in hosts:
        up.add_metric([one.host], float(one.is_up))
        there.add_metric([one.host], one.instances)
        for source, seconds in one.sweep_seconds.items():
            took.add_metric([one.host, source], seconds)
        for source, number in one.sweep_failures.items():
            failed.add_metric([one.host, source], number)
    counted = [([one.host], one.counters) for one in hosts if one.counters is not None]
    return [up, there, took, failed, *_counted("host", ["host"], counted)]


def _of_instances(instances: Sequence[InstanceFigures]) -> list[Metric]:
    counted = [([str(one.instance_id), one.kind, one.host], one.counters) for one in instances]
    return _counted("instance", ["instance", "kind", "host"], counted)


def _counted(
    what: str, labels: list[str], counted: Sequence[tuple[list[str], Counters]]
) -> list[Metric]:
    families: list[Metric] = []
    for name, text in _GAUGES.items():
        gauge = GaugeMetricFamily(f"study_bot_{what}_{name}", text, labels=labels)
        for values, counters in counted:
            value: float | None = getattr(counters, name)
            if value is not None:
                gauge.add_metric(values, value)
        families.append(gauge)
    for name, text in _COUNTERS.items():
        counter = CounterMetricFamily(f"study_bot_{what}_{name}", text, labels=labels)
        for values, counters in counted:
            value = getattr(counters, name)
            if value is not None:
                counter.add_metric(values, value)
        families.append(counter)
    return families


def _of_bot(health: Health) -> list[Metric]:
    lag = GaugeMetricFamily(
        "study_bot_event_loop_lag_seconds",
        "How late the bot's event loop was in the last minute.",
        labels=["quantile"],
    )
    for quantile, value in _quantiles(health.loop_lag_seconds):
        lag.add_metric([quantile], value)
    gateway = GaugeMetricFamily(
        "study_bot_gateway_latency_seconds", "How long Discord takes to answer a heartbeat."
    )
    # Before the first heartbeat it isn't a number.
    if health.gateway_latency_seconds is not None and math.isfinite(health.gateway_latency_seconds):
        gateway.add_metric([], health.gateway_latency_seconds)
    waiting = GaugeMetricFamily("study_bot_waiting", "What waits in a queue.", labels=["queue"])
    for queue, number in health.waiting.items():
        waiting.add_metric([queue], number)
    calls = GaugeMetricFamily(
        "study_bot_engine_call_seconds",
        "How long the latest calls of a host's engine took.",
        labels=["host", "call", "quantile"],
    )
    for (host, call), seconds in health.call_seconds.items():
        for quantile, value in _quantiles(seconds):
            calls.add_metric([host, call, quantile], value)
    failures = CounterMetricFamily(
        "study_bot_background_failures", "How often background work failed.", labels=["work"]
    )
    for work, number in health.failures.items():
        failures.add_metric([work], number)
    return [lag, gateway, waiting, calls, failures]


def _quantiles(values: Sequence[float]) -> list[tuple[str, float]]:
    ordered = sorted(values)
    if not ordered:
        return []
    places = [(q, max(0, math.ceil(q * len(ordered)) - 1)) for q in _QUANTILES]
    return [(f"{quantile:g}", ordered[place]) for quantile, place in places]
