"""Images that are only written down, and a registry and a hub to have them from."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from bot.lab.drivers.base import FoundImage, HostFacts, Image, Layer, LayerState, PullProgress
from bot.lab.drivers.fake_engine import FACTS, FakeEngine
from bot.lab.drivers.references import Reference
from bot.lab.errors import (
    HostUnreachable,
    HubUnreachable,
    ImageInUse,
    ImageNotFound,
    PullCancelled,
    RegistryUnreachable,
    WrongArchitecture,
)
from bot.lab.model import Port

MADE_AT = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Offered:
    """An image that a registry has, or that is there: its layers' sizes and what it runs."""

    layers: tuple[int, ...] = (3_000_000, 900_000)
    architecture: str = "amd64"
    volumes: tuple[str, ...] = ()
    exposed: tuple[Port, ...] = ()
    command: tuple[str, ...] = ("server",)

    def image(self, reference: Reference) -> Image:
        """Describe it as a local image under a name."""
        known = sha256(f"{reference} {self}".encode()).hexdigest()
        return Image(
            id=f"sha256:{known}",
            tags=() if reference.has_digest else (str(reference),),
            digests=(f"{reference.name}@sha256:{known}",),
            size_bytes=sum(self.layers),
            created_at=MADE_AT,
            architecture=self.architecture,
            volumes=self.volumes,
            exposed=self.exposed,
        )


class FakeImages(FakeEngine):
    """The image side of a fake engine."""

    def __init__(self, facts: HostFacts = FACTS) -> None:
        super().__init__(facts)
        self.pull_step_seconds = 0.0
        # By reference with tag ("nginx:1.27"); None as a whole: no registry answers.
        self.registry: dict[str, Offered] | None = {}
        self.hub: list[FoundImage] | None = None
        self._images: dict[str, tuple[Image, Offered]] = {}

    def add_image(self, reference: str, offered: Offered | None = None) -> Image:
        """Put an image there, as if it had been pulled or built."""
        offered = offered or Offered()
        parsed = Reference.parse(reference)
        image = offered.image(parsed)
        with self._lock:
            self._images[str(parsed)] = (image, offered)
        return image

    def images(self) -> list[Image]:
        """List images: here each name is one of its own."""
        with self._called("images"):
            return [image for image, _ in self._images.values()]

    def image(self, reference: str) -> Image | None:
        """Find an image by name or id."""
        with self._called("image"):
            found = self._find(reference)
            return found[0] if found else None

    def search(self, term: str, limit: int) -> list[FoundImage]:
        """Look through `hub`."""
        with self._called("search"):
            if self.hub is None:
                raise HubUnreachable
            return [one for one in self.hub if term in one.name][:limit]

    def pull(
        self,
        reference: str,
        *,
        mirror: str | None = None,
        progress: Callable[[PullProgress], None] = lambda _progress: None,
        cancelled: threading.Event | None = None,
    ) -> Image:
        """Take an image from `registry`, layer by layer."""
        parsed = Reference.parse(Reference.checked(reference))
        with self._called("pull"):
            offered = self._offered(reference, parsed, mirror)
        ours = self.host_facts.architecture
        if offered.architecture != ours:
            theirs = offered.architecture
            raise WrongArchitecture(image=reference, theirs=theirs, ours=ours)
        for layers in _pulled(offered.layers):
            if cancelled is not None and cancelled.wait(self.pull_step_seconds):
                raise PullCancelled
            if cancelled is None and self.pull_step_seconds:
                time.sleep(self.pull_step_seconds)
            if self.is_down:
                raise HostUnreachable
            progress(PullProgress(layers))
        return self.add_image(reference, offered)

    def remove_image(self, reference: str) -> None:
        """Take an image away."""
        with self._called("remove_image"):
            found = self._find(reference)
            if found is None:
                raise ImageNotFound(image=reference)
            using = map(self._find, self._used())
            if any(one and one[0].id == found[0].id for one in using):
                raise ImageInUse(image=reference)
            for name, (image, _offered) in list(self._images.items()):
                if image.id == found[0].id:
                    del self._images[name]

    def _used(self) -> Iterable[str]:
        """Name the images that containers were made from."""
        return ()

    def _find(self, reference: str) -> tuple[Image, Offered] | None:
        name = str(Reference.parse(reference))
        for key, (image, offered) in self._images.items():
            if name == key or reference == image.id or reference in image.digests:
                return image, offered
        return None

    def _offered(self, reference: str, parsed: Reference, mirror: str | None) -> Offered:
        if self.registry is None:
            raise RegistryUnreachable(image=reference)
        places = [parsed]
        if mirror and parsed.registry is None and not parsed.has_digest:
            places.insert(0, parsed.through(mirror))
        for place in places:
            if offered := self.registry.get(str(place)):
                return offered
        raise ImageNotFound(image=reference)


def _pulled(sizes: Sequence[int]) -> Generator[tuple[Layer, ...]]:
    """Go through a pull: each layer waits, comes in quarters, is unpacked, and is done."""
    layers = [
        Layer(sha256(f"{number}/{size}".encode()).hexdigest()[:12], LayerState.WAITING)
        for number, size in enumerate(sizes)
    ]
    yield tuple(layers)
    for number, size in enumerate(sizes):
        for quarter in range(5):
            state = LayerState.DOWNLOADING
            layers[number] = replace(
                layers[number], state=state, current_bytes=size * quarter // 4, total_bytes=size
            )
            yield tuple(layers)
        for state in (LayerState.EXTRACTING, LayerState.DONE):
            layers[number] = replace(layers[number], state=state)
            yield tuple(layers)
