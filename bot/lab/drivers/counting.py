"""A container's counters: from the kernel where it is this machine's, else from the engine."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.lab.drivers import kernel
from bot.lab.drivers.base import Counters
from bot.lab.drivers.readings import part
from bot.lab.drivers.refusals import Refused
from bot.lab.drivers.wire import Wire
from bot.lab.errors import ContainerGone, NotRunning

# Seconds after which the kernel's files are tried again where they couldn't be read.
AGAIN_AFTER = 60.0


class Counting:
    """Reads counters, and remembers where each container's are."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._groups: dict[str, kernel.Group] = {}
        # Until when it is taken for granted of which that the kernel doesn't show them.
        self._elsewhere_until: dict[str, float] = {}

    def read(self, engine_id: str, *, with_size: bool) -> Counters:
        """Read once. Raises `NotRunning`, `ContainerGone`."""
        counters = self._from_kernel(engine_id)
        if counters is None:
            counters = from_statistics(self._statistics(engine_id))
        if with_size:
            entry = self._inspect(engine_id, size=True)
            counters = replace(counters, disk_used_bytes=entry.get("SizeRw"))
        return counters

    def reads_kernel(self, engine_id: str) -> bool:
        """Try whether the kernel's files of a running container can be read."""
        self._elsewhere_until.pop(engine_id, None)
        return self._from_kernel(engine_id) is not None

    def forget(self, engine_id: str) -> None:
        """Drop what was remembered of a container that is gone."""
        self._groups.pop(engine_id, None)
        self._elsewhere_until.pop(engine_id, None)

    def known(self, engine_id: str) -> kernel.Group | None:
        """Return where its counters are in the kernel, if that was found out already."""
        return self._groups.get(engine_id)

    def is_elsewhere(self, engine_id: str) -> bool:
        """Whether the kernel was found not to show it, a while ago at most."""
        return time.monotonic() < self._elsewhere_until.get(engine_id, 0.0)

    def find(self, engine_id: str) -> kernel.Group | None:
        """Find where its counters are in the kernel. Raises `NotRunning`, `ContainerGone`."""
        if self.is_elsewhere(engine_id):
            return None
        process_id = self._running(engine_id)
        try:
            group = self._groups[engine_id] = kernel.Group(engine_id, process_id)
        except kernel.NotHere:
            self._running(engine_id)  # it may have ended this moment, which says nothing
            self._elsewhere_until[engine_id] = time.monotonic() + AGAIN_AFTER
            return None
        return group

    def _from_kernel(self, engine_id: str) -> Counters | None:
        group = self.known(engine_id)
        if group is not None:
            try:
                return group.read()
            except OSError:  # it ended, or was started anew under another parent
                self.forget(engine_id)
        group = self.find(engine_id)
        try:
            return group.read() if group is not None else None
        except OSError:
            self.forget(engine_id)
            self._running(engine_id)
            return None

    def _running(self, engine_id: str) -> int:
        state = self._inspect(engine_id)["State"]
        if not state["Running"]:
            raise NotRunning(name=engine_id[:12])
        return int(state["Pid"])

    def _inspect(self, engine_id: str, *, size: bool = False) -> Mapping[str, Any]:
        query = {"size": "true"} if size else None
        try:
            return self._wire.call("GET", f"/containers/{engine_id}/json", query=query)
        except Refused as refused:
            raise (ContainerGone() if refused.status == 404 else refused) from refused

    def _statistics(self, engine_id: str) -> Mapping[str, Any]:
        query = {"stream": "false", "one-shot": "true"}
        try:
            answer = self._wire.call("GET", f"/containers/{engine_id}/stats", query=query)
        except Refused as refused:
            raise (ContainerGone() if refused.status == 404 else refused) from refused
        if not answer.get("pids_stats") and not answer.get("memory_stats"):
            self._running(engine_id)
        return answer


def from_statistics(answer: Mapping[str, Any]) -> Counters:
    """Read the engine's own statistics, which have all figures but name some of them by version."""
    memory = part(answer, "memory_stats")
    details = part(memory, "stats")
    cpu = part(answer, "cpu_stats")
    cache = details.get("total_inactive_file", details.get("inactive_file"))
    used, limit = memory.get("usage"), memory.get("limit")
    nanoseconds = part(cpu, "cpu_usage").get("total_usage")
    throttled = part(cpu, "throttling_data").get("throttled_time")
    disk = part(answer, "blkio_stats").get("io_service_bytes_recursive")
    operations = part(answer, "blkio_stats").get("io_serviced_recursive")
    networks = part(answer, "networks")
    return Counters(
        at=time.monotonic(),
        cpu_seconds=None if nanoseconds is None else nanoseconds / 1e9,
        memory_bytes=kernel.without_cache(used, cache),
        memory_cache_bytes=cache,
        memory_limit_bytes=limit if limit and limit < kernel.UNLIMITED else None,
        disk_read_bytes=_operations(disk, "read"),
        disk_written_bytes=_operations(disk, "write"),
        network_received_bytes=_sum(networks, "rx_bytes"),
        network_sent_bytes=_sum(networks, "tx_bytes"),
        processes=part(answer, "pids_stats").get("current"),
        cpu_throttled_seconds=None if throttled is None else throttled / 1e9,
        disk_read_operations=_operations(operations, "read"),
        disk_write_operations=_operations(operations, "write"),
        network_received_packets=_sum(networks, "rx_packets"),
        network_sent_packets=_sum(networks, "tx_packets"),
        # Only version 1 has sums over a group and those below it.
        disk_is_partial="total_inactive_file" in details,
    )


def _operations(entries: Sequence[Mapping[str, Any]] | None, name: str) -> int | None:
    if not entries:  # nothing yet, or nothing is counted there: it doesn't tell
        return None
    return sum(entry["value"] for entry in entries if entry["op"].lower() == name)


def _sum(networks: Mapping[str, Mapping[str, int]], name: str) -> int | None:
    told = [one[name] for one in (networks or {}).values() if name in one]
    return sum(told) if told else None
