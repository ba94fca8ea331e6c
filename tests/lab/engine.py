"""Real engines for tests: the one of this machine, shared with others, or one of one's own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import pytest
import requests

from bot.errors import StudyBotError
from bot.lab.drivers import LABEL_INSTALLATION, ContainerSpec, Network
from bot.lab.drivers.docker import DockerDriver
from bot.lab.model import HostSettings, Resources
from tests.lab.images import Recipe, archive
from tests.lab.private import PrivateEngine, private_engine
from tests.lab.registry import Registry, SlowLine, free_port, registry

__all__ = [
    "Bench",
    "PrivateEngine",
    "Recipe",
    "Registry",
    "SlowLine",
    "archive",
    "bench",
    "engine_address",
    "free_port",
    "private_engine",
    "registry",
]

MIB = 1024**2
# A shell's command. Bit by bit: what lies about until the end, the kernel may write meanwhile for
# somebody else who syncs, and it counts for whoever writes.
WRITE_50_MIB = (
    "for i in $(seq 0 49); do"
    " dd if=/dev/zero of=/x bs=1M count=1 seek=$i conv=fsync,notrunc || exit; done"
)


def engine_address() -> str:
    """Find the engine of this machine, or skip the test."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        client = docker.DockerClient(address, version="1.41", timeout=3)
        client.ping()
        client.close()
    except (docker.errors.DockerException, requests.RequestException, OSError):
        pytest.skip(f"no Docker Engine answers at {address}")
    return address


class Bench:
    """Somebody's things on an engine: everything carries one label and a name of its own.

    `client` is docker-py's own, to look at what the driver did without asking the driver.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.installation = f"study-test-{secrets.token_hex(4)}"
        self.settings = HostSettings("test", address)
        self.driver = DockerDriver(self.settings)
        self.client = docker.DockerClient(address, version="1.41")
        self._references: list[str] = []
        self._numbers = 0
        # Makes the noise in images differ, so that pulls have something to fetch.
        self.seed = secrets.randbits(60)
        self.image = self.load(Recipe(f"{self.name('image')}:1", command=("sleep", "3600")))

    def name(self, what: str) -> str:
        """Make a name that nobody else has."""
        self._numbers += 1
        return f"{self.installation}-{what}-{self._numbers}"

    def load(self, recipe: Recipe) -> str:
        """Put an image there, of an id that nobody else has; it goes with the bench."""
        labels = {**recipe.labels, "study-test": self.installation}
        recipe = dataclasses.replace(recipe, labels=labels)
        self.client.images.load(archive(recipe))
        return self.later_remove(recipe.reference)

    def later_remove(self, reference: str) -> str:
        """Have an image taken away in the end."""
        self._references.append(reference)
        return reference

    def spec(self, *command: str, **changes: object) -> ContainerSpec:
        """Describe a small container of the busybox image."""
        values = {
            "name": self.name("c"),
            "image": self.image,
            "hostname": "web-1",
            "resources": Resources(
                cpus=0.5, memory_bytes=64 * MIB, disk_bytes=8 * MIB, processes=64
            ),
            "labels": {LABEL_INSTALLATION: self.installation},
            "capabilities": ("CHOWN", "SETUID", "SETGID"),
            "command": command,
            "writable": ("/tmp",),
        }
        return ContainerSpec(**(values | changes))  # type: ignore[arg-type]

    def run(self, *command: str, **changes: object) -> str:
        """Create and start a container; return its id."""
        engine_id = self.driver.create(self.spec(*command, **changes))
        self.driver.start(engine_id)
        return engine_id

    @staticmethod
    def network_of(installation: str) -> Network:
        """Describe a network that nobody else has."""
        number = secrets.randbelow(2**16)
        return Network(
            name=f"{installation}-n-{secrets.token_hex(3)}",
            bridge=f"stt{secrets.token_hex(4)}",
            subnet=f"10.{240 + number // 2**13}.{number // 32 % 256}.{number % 16 * 16}/28",
            labels={LABEL_INSTALLATION: installation},
        )

    def network(self) -> Network:
        """Make a network that nobody else has."""
        made = self.network_of(self.installation)
        self.driver.ensure_network(made)
        return made

    def clean_up(self) -> None:
        """Take everything away that was made here."""
        label = {"label": f"{LABEL_INSTALLATION}={self.installation}"}
        for container in self.client.containers.list(all=True, filters=label, ignore_removed=True):
            with contextlib.suppress(docker.errors.APIError):
                container.remove(force=True, v=True)
        for network in self.client.networks.list(filters=label):
            network.remove()
        for reference in self._references:
            # With what a mirror leaves of it, too.
            with contextlib.suppress(StudyBotError):
                self.driver.remove_image(reference)
        self.client.close()
        self.driver.close()


@contextmanager
def bench(address: str | None = None) -> Iterator[Bench]:
    """Work on an engine, this machine's unless another is named, and leave nothing behind."""
    used = Bench(address or engine_address())
    try:
        yield used
    finally:
        used.clean_up()
