"""The two engines that the contract holds for, and what tests need to ask of either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bot.lab.drivers import (
    LABEL_INSTALLATION,
    ContainerDriver,
    ContainerSpec,
    FakeDriver,
    Network,
    Offered,
)
from bot.lab.model import Port, Resources
from tests.lab.engine import Bench, Recipe, Registry, bench, free_port, registry

MIB = 1024**2
LAYERS = (400_000, 300_000)


@pytest.fixture(scope="module")
def real() -> Iterator[Bench]:
    """A bench on the engine of this machine."""
    with bench() as used:
        yield used


@pytest.fixture(scope="module")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of one's own that the engine of this machine can pull from."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@dataclass
class Subject:
    """An engine under test. `image` has echo, sleep, yes, true and false, and sleeps by itself.

    `pullable` isn't there but can be pulled; it has a volume and an exposed port.
    """

    driver: ContainerDriver
    installation: str
    image: str
    pullable: str
    registry: str
    _number: int = 0

    def name(self, what: str = "c") -> str:
        self._number += 1
        return f"{self.installation}-{what}-{self._number}"

    def spec(self, *command: str, **changes: object) -> ContainerSpec:
        values = {
            "name": self.name(),
            "image": self.image,
            "hostname": "web-1",
            "resources": Resources(0.5, 64 * MIB, 8 * MIB, 64),
            "labels": {LABEL_INSTALLATION: self.installation},
            "capabilities": (),
            "command": command,
        }
        return ContainerSpec(**(values | changes))  # type: ignore[arg-type]

    def run(self, *command: str, **changes: object) -> str:
        engine_id = self.driver.create(self.spec(*command, **changes))
        self.driver.start(engine_id)
        return engine_id


@pytest.fixture(params=["fake", "real"], scope="module")
def subject(request: pytest.FixtureRequest) -> Subject:
    """Both engines, one after the other."""
    if request.param == "fake":
        driver = FakeDriver()
        driver.add_image("study-test:1", Offered(command=("sleep", "3600")))
        driver.registry = {
            "registry.test/web:1": Offered(LAYERS, volumes=("/data",), exposed=(Port(80),))
        }
        return Subject(driver, "study-test", "study-test:1", "registry.test/web:1", "registry.test")
    used: Bench = request.getfixturevalue("real")
    running: Registry = request.getfixturevalue("real_registry")
    recipe = Recipe("", LAYERS, volumes=("/data",), exposed=("80/tcp",), seed=used.seed)
    pullable = running.offer(used.address, recipe, "web:1")
    return Subject(used.driver, used.installation, used.image, pullable, running.address)


@pytest.fixture(scope="module")
def running(subject: Subject) -> Iterator[str]:
    """A container that runs; under another label, so that lists don't show it."""
    labels = {LABEL_INSTALLATION: f"{subject.installation}-running"}
    engine_id = subject.run("sleep", "600", labels=labels)
    yield engine_id
    subject.driver.remove(engine_id)


@pytest.fixture
def network(subject: Subject) -> Iterator[Network]:
    """A network that isn't there yet, and isn't afterwards."""
    described = Bench.network_of(subject.installation)
    yield described
    subject.driver.remove_network(described.name)


@pytest.fixture
def port() -> Port:
    """A wish for a port of the host that is free."""
    return Port(container=80, host=free_port())
