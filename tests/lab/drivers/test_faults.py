"""Engines that hang, die, come back, or have no room left; each test has one of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bot.lab.drivers import PullProgress
from bot.lab.errors import DiskFull, HostUnreachable, PullCancelled
from tests.lab.engine import (
    Bench,
    PrivateEngine,
    Recipe,
    Registry,
    bench,
    private_engine,
)

MIB = 1024**2
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with private_engine() as own:
        yield own


@pytest.fixture
def own(engine: PrivateEngine) -> Iterator[Bench]:
    with bench(engine.address) as used:
        yield used


@pytest.fixture
def hung(engine: PrivateEngine, own: Bench) -> Iterator[str]:
    """A container of an engine that then hangs."""
    engine_id = own.run("sleep", "600")
    engine.hang()
    try:
        yield engine_id
    finally:
        engine.resume()


def test_a_hung_engine_is_noticed_in_two_seconds(own: Bench, hung: str):
    started = time.monotonic()
    with pytest.raises(HostUnreachable):
        own.driver.ping()
    assert time.monotonic() - started < 2.5


def test_no_call_waits_for_a_hung_engine_for_ever(
    own: Bench, hung: str, monkeypatch: pytest.MonkeyPatch
):
    """Each kind of call: ordinary, hard work, streams, each within its own limit."""
    monkeypatch.setattr("bot.lab.drivers.pulling.SILENCE", 1.0)
    monkeypatch.setattr("bot.lab.drivers.docker.WORK", 12.0)
    driver = own.driver
    limits = {
        "inspect": (lambda: driver.inspect(hung), 11),
        "start": (lambda: driver.start(hung), 13),
        "logs": (lambda: driver.logs(hung, lines=9, since=None, most_bytes=99), 11),
        "execute": (lambda: driver.execute(hung, ["true"], seconds=1, most_bytes=9), 11),
        "pull": (lambda: driver.pull("127.0.0.1:9/web:1"), 16),
        "search": (lambda: driver.search("web", 5), 13),
    }
    took: dict[str, float] = {}

    def ask(name: str) -> None:
        started = time.monotonic()
        with pytest.raises(HostUnreachable):
            limits[name][0]()
        took[name] = time.monotonic() - started

    threads = [threading.Thread(target=ask, args=(name,)) for name in limits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert took.keys() == limits.keys()
    for name, (_, most) in limits.items():
        assert took[name] < most, name


def test_a_command_that_runs_when_the_engine_hangs_ends_in_time(engine: PrivateEngine, own: Bench):
    engine_id = own.run("sleep", "600")
    threading.Timer(0.5, engine.hang).start()
    started = time.monotonic()
    try:
        with pytest.raises(HostUnreachable):
            own.driver.execute(engine_id, ["sleep", "60"], seconds=1.5, most_bytes=99)
        assert time.monotonic() - started < 15
    finally:
        engine.resume()


def test_an_engine_that_goes_on_is_used_on(engine: PrivateEngine, own: Bench):
    engine_id = own.run("sleep", "600")
    engine.hang()
    with pytest.raises(HostUnreachable):
        own.driver.ping()
    engine.resume()
    own.driver.ping()
    assert own.driver.inspect(engine_id).is_running
    assert own.driver.execute(engine_id, ["echo", "x"], seconds=5, most_bytes=9).output == b"x\n"


def test_a_killed_engine_is_noticed_at_once_and_found_again(engine: PrivateEngine, own: Bench):
    polite = "trap 'exit 0' TERM; sleep 600 & wait"
    engine_id = own.run("sh", "-c", polite)
    own.driver.counters(engine_id)
    engine.kill()
    started = time.monotonic()
    for ask in (own.driver.ping, own.driver.facts, lambda: own.driver.inspect(engine_id)):
        with pytest.raises(HostUnreachable) as lost:
            ask()
        assert "\n" not in str(lost.value.params["why"])
    assert time.monotonic() - started < 1
    engine.start()
    own.driver.ping()
    state = own.driver.inspect(engine_id)
    assert not state.is_running  # the engine ends what ran without it
    own.driver.start(engine_id)
    assert own.driver.inspect(engine_id).is_running
    assert own.driver.counters(engine_id).processes


def test_many_at_once_get_through_a_restart(engine: PrivateEngine, own: Bench):
    """Connections that were kept don't fail when the engine behind them is a new one."""
    threads = [threading.Thread(target=own.driver.images) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.restart()
    for _ in range(20):
        own.driver.images()


@pytest.fixture(scope="module")
def many(real: Bench, real_registry: Registry) -> str:
    """The name of an image with many layers in the registry."""
    name = real.name("many") + ":1"
    real_registry.offer(real.address, Recipe("", (2 * MIB,) * 16, seed=real.seed + 7), name)
    return name


class TestPulls:
    @pytest.fixture
    def source(self, engine: PrivateEngine, own: Bench, real_registry: Registry, many: str):
        """An image of many layers that isn't there, where the private engine can reach it."""
        with engine.registry(real_registry.folder) as running:
            yield f"{running.address}/{many}"

    def test_an_engine_killed_in_mid_pull(self, engine: PrivateEngine, own: Bench, source: str):
        seen: list[PullProgress] = []

        def kill(progress: PullProgress) -> None:
            seen.append(progress)
            if len(seen) == 2:
                engine.kill()

        with pytest.raises(HostUnreachable):
            own.driver.pull(source, progress=kill)
        engine.start()
        assert own.driver.image(source) is None
        assert own.driver.pull(source).digests
        own.driver.remove_image(source)

    def test_an_engine_that_hangs_in_mid_pull(
        self,
        engine: PrivateEngine,
        own: Bench,
        source: str,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setattr("bot.lab.drivers.pulling.SILENCE", 1.0)
        seen: list[PullProgress] = []

        def hang(progress: PullProgress) -> None:
            seen.append(progress)
            if len(seen) == 2:
                engine.hang()

        started = time.monotonic()
        try:
            with pytest.raises(HostUnreachable):
                own.driver.pull(source, progress=hang)
            assert time.monotonic() - started < 15
        finally:
            engine.resume()

    def test_cancel_works_while_the_engine_hangs(
        self, engine: PrivateEngine, own: Bench, source: str
    ):
        cancelled = threading.Event()
        seen: list[PullProgress] = []

        def hang(progress: PullProgress) -> None:
            seen.append(progress)
            if len(seen) == 2:
                engine.hang()
                threading.Timer(0.5, cancelled.set).start()

        try:
            with pytest.raises(PullCancelled):
                own.driver.pull(source, progress=hang, cancelled=cancelled)
        finally:
            engine.resume()


def test_a_full_disk_is_told_as_such(real: Bench, real_registry: Registry):
    name = real.name("large") + ":1"
    recipe = Recipe("", (30 * MIB, 30 * MIB), seed=real.seed + 8)
    real_registry.offer(real.address, recipe, name)
    with (
        private_engine(data_bytes=48 * MIB) as small,
        small.registry(real_registry.folder) as near,
        bench(small.address) as own,
    ):
        reference = f"{near.address}/{name}"
        with pytest.raises(DiskFull):
            own.driver.pull(reference)
        assert own.driver.image(reference) is None
        # Small things still work; until somebody fills what is left.
        own.run("sleep", "60")
        own.client.containers.run(
            own.image,
            ["sh", "-c", "dd if=/dev/zero of=/fill bs=1M count=99; sync"],
            labels={"study-bot.installation": own.installation},
        )

        def launch_many() -> None:
            for _ in range(20):
                own.run("sleep", "60")

        with pytest.raises(DiskFull):
            launch_many()
