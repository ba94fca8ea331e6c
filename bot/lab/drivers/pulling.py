"""Pulls: how far each layer is, where from, and when to give up."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.errors import StudyBotError
from bot.lab.drivers.aside import Aside, Ended
from bot.lab.drivers.base import Layer, LayerState, PullProgress
from bot.lab.drivers.readings import part
from bot.lab.drivers.references import Reference
from bot.lab.drivers.refusals import Refused, of_pull
from bot.lab.drivers.wire import Wire
from bot.lab.errors import ImageNotFound, PullCancelled, RegistryUnreachable, WrongArchitecture

REPORTS_APART = 0.2  # seconds
# How soon Cancel is noticed, and how long an engine may be silent before it is asked for a
# sign of life, and before the registry is given up although the engine lives.
GLANCE = 0.1
SILENCE = 15.0
LONGEST_SILENCE = 300.0
# What a registry may take to tell of an image before it is pulled; it is asked for courtesy.
ASKING = 5.0

_STATES = {
    "Pulling fs layer": LayerState.WAITING,
    "Waiting": LayerState.WAITING,
    "Downloading": LayerState.DOWNLOADING,
    "Verifying Checksum": LayerState.DOWNLOADING,
    "Download complete": LayerState.DOWNLOADING,
    "Extracting": LayerState.EXTRACTING,
    "Pull complete": LayerState.DONE,
    "Already exists": LayerState.DONE,
}
_IS_HERE = ("Verifying Checksum", "Download complete")


class Layers:
    """How far each layer is, in the order the engine named them."""

    def __init__(self) -> None:
        self._layers: dict[str, Layer] = {}

    def feed(self, event: Mapping[str, Any]) -> bool:
        """Take one of the engine's events; return whether it changed anything."""
        status, name = str(event.get("status", "")), event.get("id")
        state = _STATES.get(status)
        if status.startswith("Retrying in"):
            state = LayerState.WAITING
        if state is None or not name:
            return False
        before = self._layers.get(name, Layer(name, LayerState.WAITING))
        detail = part(event, "progressDetail")
        current, total = _bytes(detail, "current"), _bytes(detail, "total")
        # While it is unpacked, the figures are of the same compressed bytes.
        total = max(total, before.total_bytes)
        if state is LayerState.DONE or status in _IS_HERE:
            current = total
        layer = Layer(name, state, current, total)
        self._layers[name] = layer
        return layer != before

    def progress(self) -> PullProgress:
        """Return all layers as they are."""
        return PullProgress(tuple(self._layers.values()))


def _bytes(detail: Mapping[str, Any], key: str) -> int:
    """Read a number of bytes; an engine may count seconds there, or not know."""
    value = 0 if "units" in detail else detail.get(key) or 0
    return max(0, int(value))


class Pull:
    """One pull, as often as it takes to find where it is to be had."""

    def __init__(
        self,
        wire: Wire,
        asked_for: str,
        progress: Callable[[PullProgress], None],
        cancelled: threading.Event | None,
    ) -> None:
        self._wire = wire
        self._asked_for = asked_for
        self._progress = progress
        self._cancelled = cancelled or threading.Event()
        self._architecture = wire.spoken().architecture

    def run(self, reference: Reference) -> None:
        """Pull it. Raises what `ContainerDriver.pull` says."""
        layers, reported, is_news = Layers(), 0.0, False
        for event in self._events(reference):
            if "error" in event:
                raise self._failed(str(event["error"]))
            is_news |= layers.feed(event)
            if is_news and (now := time.monotonic()) - reported >= REPORTS_APART:
                self._progress(layers.progress())
                reported, is_news = now, False
        self._progress(layers.progress())

    def digest_of(self, reference: Reference) -> str | None:
        """Ask the registry what it has, None where it doesn't tell.

        Raises `WrongArchitecture` when it has nothing for this host.
        """
        self._check_cancelled()
        try:
            answer = self._wire.call("GET", f"/distribution/{reference}/json", seconds=ASKING)
        except StudyBotError:  # it is asked for courtesy: the pull itself says what is wrong
            return None
        offered = {
            str(platform.get("architecture"))
            for platform in answer.get("Platforms") or ()
            if platform.get("os") == "linux"
        }
        if offered and self._architecture and self._architecture not in offered:
            raise self.wrong_architecture(", ".join(sorted(offered)))
        return part(answer, "Descriptor").get("digest")

    def wrong_architecture(self, theirs: str) -> WrongArchitecture:
        """Say that it is made for others."""
        return WrongArchitecture(image=self._asked_for, theirs=theirs, ours=self._architecture)

    def _events(self, reference: Reference) -> Iterator[Mapping[str, Any]]:
        query = {"fromImage": reference.name, "tag": reference.version}
        heard = asked = time.monotonic()
        unfinished = b""
        with Aside(
            lambda: self._wire.stream(
                "POST", "/images/create", query=query, seconds=2 * LONGEST_SILENCE
            )
        ) as answer:
            while True:
                self._check_cancelled()
                try:
                    chunk = answer.next(GLANCE)
                except Ended:
                    return
                except Refused as refused:
                    raise self._failed(refused.reason) from refused
                now = time.monotonic()
                if chunk is not None:
                    heard = asked = now
                    *lines, unfinished = (unfinished + chunk).split(b"\n")
                    yield from (json.loads(line) for line in lines if line.strip())
                elif now - heard > LONGEST_SILENCE:
                    raise RegistryUnreachable(image=self._asked_for)
                elif now - asked > SILENCE:
                    self._wire.ping()
                    asked = now

    def _failed(self, reason: str) -> StudyBotError:
        return of_pull(reason, image=self._asked_for, ours=self._architecture)

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise PullCancelled


def fetch(pull: Pull, wire: Wire, reference: Reference, mirror: str | None) -> None:
    """Pull from wherever it is to be had, so that it is there under the name asked for.

    A mirror is asked first for what names no registry; what it doesn't have, or when it
    doesn't answer, the hub is asked for. By digest a mirror isn't asked: an image can't be
    given the name that it would be looked for by.
    """
    if mirror and reference.registry is None and not reference.has_digest:
        try:
            _fetch_through(pull, wire, reference, mirror)
        except (ImageNotFound, RegistryUnreachable):
            pass
        else:
            return
    pull.digest_of(reference)
    pull.run(reference)


def _fetch_through(pull: Pull, wire: Wire, reference: Reference, mirror: str) -> None:
    mirrored = reference.through(mirror)
    digest = pull.digest_of(mirrored)
    # By digest the mirror's name leaves no tag behind, and the digest stays known.
    source = mirrored.at(digest) if digest else mirrored
    pull.run(source)
    query = {"repo": reference.name, "tag": reference.version}
    wire.call("POST", f"/images/{source}/tag", query=query)
    if not digest:
        wire.call("DELETE", f"/images/{source}", query={"noprune": "true"})
