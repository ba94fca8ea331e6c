"""A Docker Engine, by its own HTTP interface.

Where there is one call of the engine that does it, a method is that one call: people wait
for the engine, and should wait for nothing else.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.errors import StudyBotError
from bot.lab.drivers import describing, oom, output, pulling, readings, refusals, safety
from bot.lab.drivers.base import (
    ContainerSpec,
    ContainerState,
    Counters,
    ExecResult,
    FoundImage,
    HostFacts,
    Image,
    Network,
    Process,
    PullProgress,
)
from bot.lab.drivers.counting import Counting
from bot.lab.drivers.networks import Networks, labelled
from bot.lab.drivers.references import Reference
from bot.lab.drivers.refusals import Refused
from bot.lab.drivers.sweeping import Sweeping
from bot.lab.drivers.wire import ORDINARY, WORK, Query, Wire
from bot.lab.errors import (
    BadImageName,
    ContainerGone,
    HostUnreachable,
    HubUnreachable,
    ImageInUse,
    ImageNotFound,
    NotRunning,
)
from bot.lab.model import HostSettings

# What the host's ps is asked for, and what another ps than usual gives by itself.
PROCESS_COLUMNS = ("-eo pid,user:32,time,rss,args", "-ef")


class DockerDriver:
    """Fulfils `ContainerDriver` for one engine; making one doesn't connect to it yet.

    An engine that was away is found again by the next call.
    """

    def __init__(self, settings: HostSettings) -> None:
        self._wire = Wire(settings)
        self._counting = Counting(self._wire)
        self._sweeping = Sweeping(settings, self._counting)
        self._networks = Networks(self._wire)

    # --- the engine ---

    def ping(self) -> None:
        """Ask for a sign of life, within two seconds."""
        self._wire.ping()

    def facts(self) -> HostFacts:
        """Describe the engine; whether counters can be read is tried on a running container."""
        info = self._wire.call("GET", "/info")
        return describing.facts(info, self._wire.spoken(), reads_cgroups=self._reads(info))

    def close(self) -> None:
        """Let go of connections."""
        self._sweeping.close()
        self._wire.close()

    # --- images ---

    def images(self) -> list[Image]:
        """List local images, newest first."""
        found = [readings.listed_image(one) for one in self._wire.call("GET", "/images/json")]
        return sorted(found, key=readings.age_key, reverse=True)

    def image(self, reference: str) -> Image | None:
        """Return a local image, None when it isn't there."""
        try:
            path = f"/images/{Reference.checked(reference)}/json"
            return readings.inspected_image(self._wire.call("GET", path))
        except BadImageName:
            return None
        except Refused as refused:
            if refused.status in (400, 404):
                return None
            raise

    def search(self, term: str, limit: int) -> list[FoundImage]:
        """Ask the public hub. Raises `HubUnreachable`."""
        query: Query = {"term": term, "limit": max(1, min(limit, 100))}
        try:
            found = self._wire.call("GET", "/images/search", query=query)
        except Refused as refused:
            raise HubUnreachable from refused
        except HostUnreachable as error:
            self.ping()  # the engine waited for the hub, unless it is gone itself
            raise HubUnreachable from error
        return [readings.found_image(one) for one in found]

    def pull(
        self,
        reference: str,
        *,
        mirror: str | None = None,
        progress: Callable[[PullProgress], None] = lambda _progress: None,
        cancelled: threading.Event | None = None,
    ) -> Image:
        """Pull an image; `progress` hears of it at most five times a second."""
        wanted = Reference.parse(Reference.checked(reference))
        had = self.image(reference)
        pull = pulling.Pull(self._wire, reference, progress, cancelled)
        pulling.fetch(pull, self._wire, wanted, mirror)
        image = self.image(reference)
        if image is None:
            raise ImageNotFound(image=reference)
        ours = self._wire.spoken().architecture
        if image.architecture and ours and image.architecture != ours:
            if had is None or had.id != image.id:
                with suppress(StudyBotError):
                    self.remove_image(reference)
            raise pull.wrong_architecture(image.architecture)
        return image

    def remove_image(self, reference: str) -> None:
        """Remove a local image, and what a mirror left of it."""
        image = self.image(reference)
        if image is None:
            raise ImageNotFound(image=reference)
        self._remove_image(reference)
        left = self.image(image.id)
        if left is not None and not left.tags:
            for digest in left.digests:
                self._remove_image(digest)

    # --- containers ---

    def create(self, spec: ContainerSpec) -> str:
        """Create a container; what is always decided by us stands in `safety`."""
        query, body = {"name": spec.name}, safety.create_body(spec)
        try:
            made = self._wire.call(
                "POST", "/containers/create", query=query, body=body, seconds=WORK
            )
        except Refused as refused:
            ours = self._wire.spoken().architecture
            error = refusals.of_create(refused, name=spec.name, image=spec.image, ours=ours)
            raise error from refused
        return str(made["Id"])

    def start(self, engine_id: str) -> None:
        """Start it."""
        try:
            self._wire.call("POST", f"/containers/{engine_id}/start", seconds=WORK)
        except Refused as refused:
            raise refusals.of_start(refused) from refused

    def inspect(self, engine_id: str) -> ContainerState:
        """Return one container."""
        entry = self._of("GET", engine_id, "json")
        state = readings.inspected_container(entry)
        if not state.out_of_memory and oom.was_told(self._wire, entry):
            return replace(state, out_of_memory=True)
        return state

    def owned(self, installation: str) -> list[ContainerState]:
        """List what carries an installation's label, running or not."""
        query = {"all": "true", **labelled(installation)}
        found = self._wire.call("GET", "/containers/json", query=query)
        return [readings.listed_container(one) for one in found]

    def stop(self, engine_id: str, grace_seconds: int) -> None:
        """Stop it: politely, after the grace time by force."""
        self._of("POST", engine_id, "stop", {"t": grace_seconds}, WORK + grace_seconds)

    def restart(self, engine_id: str, grace_seconds: int) -> None:
        """Stop and start it."""
        query, path = {"t": grace_seconds}, f"/containers/{engine_id}/restart"
        try:
            self._wire.call("POST", path, query=query, seconds=WORK + grace_seconds)
        except Refused as refused:
            raise refusals.of_start(refused) from refused

    def pause(self, engine_id: str) -> None:
        """Freeze its processes; already frozen or not running is fine."""
        self._unless(("already paused", "is not running"), engine_id, "pause")

    def unpause(self, engine_id: str) -> None:
        """Let them go on; not frozen is fine."""
        self._unless(("is not paused", "is not running"), engine_id, "unpause")

    def remove(self, engine_id: str) -> None:
        """Remove it by force with its volumes; already gone is fine."""
        self._counting.forget(engine_id)
        query = {"force": "true", "v": "true"}
        try:
            self._wire.call("DELETE", f"/containers/{engine_id}", query=query, seconds=WORK)
        except Refused as refused:
            if refused.status != 404 and "already in progress" not in refused.reason:
                raise

    # --- what is inside ---

    def logs(self, engine_id: str, *, lines: int, since: datetime | None, most_bytes: int) -> bytes:
        """Return the last lines it printed, both streams."""
        return output.logs(self._wire, engine_id, lines=lines, since=since, most_bytes=most_bytes)

    def execute(
        self, engine_id: str, command: Sequence[str], *, seconds: float, most_bytes: int
    ) -> ExecResult:
        """Run a command inside; without a shell, unless the command is one."""
        return output.execute(
            self._wire, engine_id, command, seconds=seconds, most_bytes=most_bytes
        )

    def processes(self, engine_id: str) -> list[Process]:
        """List its processes with their ids on the host."""
        usual, plain = PROCESS_COLUMNS
        try:
            table = self._of("GET", engine_id, "top", {"ps_args": usual})
        except Refused as refused:
            if refused.status == 409:
                raise NotRunning(name=engine_id[:12]) from refused
            table = self._of("GET", engine_id, "top", {"ps_args": plain})
        return readings.processes(table)

    def counters(self, engine_id: str, *, with_size: bool = False) -> Counters:
        """Read its counters once: from the kernel where it is this machine's, else a second."""
        return self._counting.read(engine_id, with_size=with_size)

    def sweep(self, engine_ids: Sequence[str]) -> dict[str, Counters]:
        """Read what counters can be read at once, without waiting for the engine."""
        return self._sweeping.sweep(engine_ids)

    # --- networks ---

    def ensure_network(self, network: Network) -> None:
        """Make an owner's network unless it is there."""
        self._networks.ensure(network)

    def networks(self, installation: str) -> list[Network]:
        """List the networks that carry an installation's label."""
        return self._networks.of(installation)

    def remove_network(self, name: str) -> None:
        """Remove a network; already gone, or still in use, is fine."""
        self._networks.remove(name)

    def _reads(self, info: Mapping[str, Any]) -> bool:
        query: Query = {"limit": 1, "filters": '{"status": ["running"]}'}
        # It ended as we looked, or is nothing that a proxy lets us see: no proof either way.
        with suppress(ContainerGone, NotRunning, Refused):
            for one in self._wire.call("GET", "/containers/json", query=query):
                return self._counting.reads_kernel(one["Id"])
        return describing.sees_kernel(info)

    def _of(
        self,
        method: str,
        engine_id: str,
        what: str,
        query: Query | None = None,
        seconds: float = ORDINARY,
    ) -> Any:
        try:
            path = f"/containers/{engine_id}/{what}"
            return self._wire.call(method, path, query=query, seconds=seconds)
        except Refused as refused:
            raise (ContainerGone() if refused.status == 404 else refused) from refused

    def _unless(self, fine: tuple[str, ...], engine_id: str, what: str) -> None:
        try:
            self._of("POST", engine_id, what)
        except Refused as refused:
            if not any(sign in refused.reason for sign in fine):
                raise

    def _remove_image(self, reference: str) -> None:
        try:
            path = f"/images/{Reference.checked(reference)}"
            self._wire.call("DELETE", path, seconds=WORK)
        except Refused as refused:
            if refused.status == 404:
                raise ImageNotFound(image=reference) from refused
            if refused.status == 409:
                raise ImageInUse(image=reference) from refused
            raise
