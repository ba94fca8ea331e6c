"""The two hypervisors that the contract holds for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.lab.drivers import FakeGuestDriver
from bot.lab.drivers.fake_guests import GUEST_FACTS
from tests.lab.drivers.guests.bench import Bench, Subject, bench


@pytest.fixture(scope="module")
def real() -> Iterator[Bench]:
    """A bench on this machine's hypervisor."""
    with bench() as used:
        yield used


@pytest.fixture(params=["fake", "real"], scope="module")
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    """Both, one after the other."""
    if request.param == "real":
        yield request.getfixturevalue("real")
        return
    networks = GUEST_FACTS.active_networks | {"study-test"}
    driver = FakeGuestDriver(replace(GUEST_FACTS, active_networks=networks))
    driver.boot_seconds = 0.3
    made = Subject(driver, "study-test", "10.240.0", is_real=False)
    made.kernel, made.initrd = f"{made.prefix}base-kernel", f"{made.prefix}base-initrd"
    made.key = "ssh-ed25519 AAAA nobody"
    file = tmp_path_factory.mktemp("files") / "kernel"
    file.write_bytes(b"kernel")
    driver.upload(made.kernel, file)
    driver.upload(made.initrd, file)
    yield made


@pytest.fixture(scope="module")
def running(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A guest that has booted, with the key of its owner."""
    seed = subject.seed(tmp_path_factory.mktemp("seed"), subject.key)
    engine_id = subject.run(seed=seed)
    subject.booted(engine_id)
    yield engine_id
    subject.driver.remove(engine_id)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some size that nothing else has."""
    made = tmp_path / "file"
    made.write_bytes(bytes(range(256)) * 4096)
    return made
