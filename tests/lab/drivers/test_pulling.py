"""Pulls from a real registry: what is seen, what stops them, and what a mirror changes."""

from __future__ import annotations

import itertools
import secrets
import socket
import threading
import time
from collections.abc import Iterator

import docker
import pytest

from bot.lab.drivers import LayerState, PullProgress
from bot.lab.errors import (
    ImageNotFound,
    PullCancelled,
    RegistryUnreachable,
    WrongArchitecture,
)
from tests.lab.engine import Bench, Recipe, Registry, SlowLine, free_port

MIB = 1024**2


@pytest.fixture
def offered(real: Bench, real_registry: Registry) -> str:
    """The name of an image in the registry, with two layers of noise that no other has."""
    name = real.name("noise") + ":1"
    recipe = Recipe("", (2 * MIB, MIB), seed=secrets.randbits(60))
    real_registry.offer(real.address, recipe, name)
    return name


@pytest.fixture
def slow(real_registry: Registry) -> Iterator[SlowLine]:
    """The same registry behind a line of a megabyte a second."""
    with SlowLine(real_registry.address, MIB) as line:
        yield line


def test_progress_moves_and_is_told_five_times_a_second_at_most(
    real: Bench, slow: SlowLine, offered: str
):
    reference = real.later_remove(f"{slow.address}/{offered}")
    seen: list[tuple[float, PullProgress]] = []
    real.driver.pull(reference, progress=lambda progress: seen.append((time.monotonic(), progress)))
    apart = [later[0] - earlier[0] for earlier, later in itertools.pairwise(seen)]
    assert len(seen) >= 5
    # The last one is told when it ends, whenever that is.
    assert all(pause > 0.19 for pause in apart[:-1])
    states = {layer.state for _, progress in seen for layer in progress.layers}
    assert LayerState.DOWNLOADING in states
    halfway = [progress.fraction for _, progress in seen if 0.1 < progress.fraction < 0.9]
    assert halfway == sorted(halfway)
    assert len(halfway) >= 3
    final = seen[-1][1]
    assert final.fraction == 1.0
    assert final.total_bytes > 2.9 * MIB
    assert {layer.state for layer in final.layers} == {LayerState.DONE}


def test_a_cancelled_pull_ends_at_once_here_and_in_the_engine(
    real: Bench, slow: SlowLine, offered: str
):
    reference = f"{slow.address}/{offered}"
    cancelled = threading.Event()

    def press_cancel(progress: PullProgress) -> None:
        if progress.current_bytes > 200_000:
            cancelled.set()

    with pytest.raises(PullCancelled):
        real.driver.pull(reference, progress=press_cancel, cancelled=cancelled)
    pressed = time.monotonic()
    while slow.open and time.monotonic() < pressed + 3:
        time.sleep(0.05)
    assert slow.open == 0, "the engine still has connections to the registry"
    passed = slow.passed
    time.sleep(0.5)
    assert slow.passed == passed < 3 * MIB
    assert real.driver.image(reference) is None


def test_a_pull_from_a_registry_that_says_nothing_can_be_cancelled(
    real: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.lab.drivers.pulling.ASKING", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reference = f"127.0.0.1:{silent.getsockname()[1]}/web:1"
        cancelled = threading.Event()
        threading.Timer(1.5, cancelled.set).start()
        started = time.monotonic()
        with pytest.raises(PullCancelled):
            real.driver.pull(reference, cancelled=cancelled)
        assert 1.4 < time.monotonic() - started < 3


def test_a_registry_that_is_not_there_is_told_as_such(real: Bench):
    with pytest.raises(RegistryUnreachable, match="web:1"):
        real.driver.pull(f"127.0.0.1:{free_port()}/web:1")


class TestArchitecture:
    @pytest.fixture
    def foreign(self, real: Bench, real_registry: Registry) -> str:
        recipe = Recipe("", (100_000,), architecture="s390x", seed=real.seed + 1)
        return real_registry.offer(real.address, recipe, "foreign:1")

    def test_is_refused_before_anything_is_fetched(
        self, real: Bench, real_registry: Registry, foreign: str
    ):
        with SlowLine(real_registry.address, MIB) as line:
            reference = f"{line.address}/foreign:1"
            with pytest.raises(WrongArchitecture, match="s390x") as refused:
                real.driver.pull(reference)
            assert refused.value.params["ours"] == real.driver.facts().architecture
            assert line.passed < 50_000
            assert real.driver.image(reference) is None

    def test_is_refused_afterwards_where_the_registry_does_not_tell(
        self, real: Bench, foreign: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(
            "bot.lab.drivers.pulling.Pull.digest_of", lambda _self, _reference: None
        )
        with pytest.raises(WrongArchitecture, match="s390x"):
            real.driver.pull(foreign)
        assert real.driver.image(foreign) is None


class TestMirror:
    @pytest.fixture
    def mirrored(self, real: Bench, real_registry: Registry) -> str:
        """A name that only this test uses, in the registry where a mirror has it."""
        name = real.name("hub")
        recipe = Recipe("", (50_000,), seed=real.seed + 2)
        real_registry.offer(real.address, recipe, f"library/{name}:1")
        real_registry.offer(real.address, recipe, f"somebody/{name}:1")
        return f"{name}:1"

    @pytest.mark.parametrize("owner", ["", "somebody/"])
    def test_gives_the_image_under_its_plain_name(
        self, real: Bench, real_registry: Registry, mirrored: str, owner: str
    ):
        reference = real.later_remove(owner + mirrored)
        image = real.driver.pull(reference, mirror=real_registry.address)
        assert image.tags == (reference,)
        assert "@sha256:" in image.digests[0]
        again = real.driver.image(reference)
        assert again is not None
        assert again.digests == image.digests
        real.driver.remove_image(reference)
        assert real.driver.image(image.id) is None, "something of the mirror keeps it there"

    def test_without_its_digest_leaves_no_name_of_its_own(
        self,
        real: Bench,
        real_registry: Registry,
        mirrored: str,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setattr(
            "bot.lab.drivers.pulling.Pull.digest_of", lambda _self, _reference: None
        )
        reference = real.later_remove(mirrored)
        assert real.driver.pull(reference, mirror=real_registry.address).tags == (reference,)
        real.driver.remove_image(reference)
        assert real.driver.image(reference) is None

    def test_what_it_has_not_is_asked_of_the_hub(self, real: Bench, real_registry: Registry):
        # There is no hub here: that it was asked shows in who is said not to answer.
        with pytest.raises((RegistryUnreachable, ImageNotFound)) as asked:
            real.driver.pull(real.name("nowhere") + ":1", mirror=real_registry.address)
        assert "docker.io" in str(asked.value.__cause__)

    def test_is_not_asked_for_images_of_other_registries(
        self, real: Bench, real_registry: Registry, mirrored: str
    ):
        elsewhere = f"127.0.0.1:{free_port()}/{mirrored}"
        with pytest.raises(RegistryUnreachable):
            real.driver.pull(elsewhere, mirror=real_registry.address)


def test_an_image_with_two_names_keeps_the_other(real: Bench, real_registry: Registry):
    recipe = Recipe("", (60_000,), seed=real.seed + 3)
    reference = real.later_remove(real_registry.offer(real.address, recipe, "two-names:1"))
    image = real.driver.pull(reference)
    other = real.later_remove(real.name("other") + ":1")
    client = docker.APIClient(real.address, version="1.41")
    client.tag(reference, *other.split(":"))
    client.close()
    real.driver.remove_image(reference)
    left = real.driver.image(image.id)
    assert left is not None
    assert left.tags == (other,)
