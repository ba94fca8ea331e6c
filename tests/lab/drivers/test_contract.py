"""What every container engine does, whichever it is: the fake one is held to the real one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.lab.drivers import LABEL_INSTALLATION, LayerState, Network, PullProgress
from bot.lab.errors import (
    BadCommand,
    BadImageName,
    ContainerGone,
    EngineRefused,
    ImageInUse,
    ImageNotFound,
    NameTaken,
    NotRunning,
    PortTaken,
    PullCancelled,
    SubnetTaken,
)
from bot.lab.model import Port
from tests.lab.drivers.conftest import LAYERS, Subject
from tests.lab.engine import Bench
from tests.patience import LONG_SECONDS

NOBODY = "0" * 64


def until(condition: Callable[[], bool], seconds: float = LONG_SECONDS) -> None:
    """Wait for something that takes a moment."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.05)


def test_the_engine_says_what_it_is(subject: Subject):
    subject.driver.ping()
    facts = subject.driver.facts()
    assert facts.version
    assert facts.cpus >= 1
    assert facts.memory_bytes > 100_000_000
    assert facts.cgroup_version in ("1", "2")
    assert facts.architecture in ("amd64", "arm64")
    assert "runc" in facts.runtimes


class TestImages:
    def test_an_image_that_is_there_is_found_and_listed(self, subject: Subject):
        image = subject.driver.image(subject.image)
        assert image is not None
        assert subject.image in image.tags
        assert image.size_bytes > 0
        assert image.architecture
        listed = subject.driver.images()
        assert image.id in [one.id for one in listed]
        times = [one.created_at for one in listed if one.created_at]
        assert times == sorted(times, reverse=True)

    def test_an_image_that_is_not_there_is_none(self, subject: Subject):
        assert subject.driver.image("study-test/nowhere:1") is None
        with pytest.raises(ImageNotFound):
            subject.driver.remove_image("study-test/nowhere:1")

    def test_a_pull_shows_each_layer_until_all_are_done(self, subject: Subject):
        seen: list[PullProgress] = []
        image = subject.driver.pull(subject.pullable, progress=seen.append)
        try:
            assert subject.pullable in image.tags
            assert image.digests[0].startswith(subject.pullable.rpartition(":")[0] + "@sha256:")
            assert image.volumes == ("/data",)
            assert image.exposed == (Port(80),)
            assert len(seen[-1].layers) >= len(LAYERS)
            assert all(layer.state is LayerState.DONE for layer in seen[-1].layers)
            assert seen[-1].fraction == 1.0
            assert all(0.0 <= one.fraction <= 1.0 for one in seen)
        finally:
            subject.driver.remove_image(subject.pullable)
        assert subject.driver.image(subject.pullable) is None
        assert subject.driver.image(image.id) is None

    def test_a_second_pull_has_nothing_to_do(self, subject: Subject):
        first = subject.driver.pull(subject.pullable)
        try:
            assert subject.driver.pull(subject.pullable).id == first.id
        finally:
            subject.driver.remove_image(subject.pullable)

    def test_a_pull_of_nothing_says_so(self, subject: Subject):
        with pytest.raises(ImageNotFound, match="nowhere"):
            subject.driver.pull(f"{subject.registry}/nowhere:1")
        missing_tag = subject.pullable.rpartition(":")[0] + ":no-such-tag"
        with pytest.raises(ImageNotFound, match="no-such-tag"):
            subject.driver.pull(missing_tag)

    def test_a_pull_cancelled_before_it_begins_brings_nothing(self, subject: Subject):
        cancelled = threading.Event()
        cancelled.set()
        with pytest.raises(PullCancelled):
            subject.driver.pull(subject.pullable, cancelled=cancelled)
        assert subject.driver.image(subject.pullable) is None

    @pytest.mark.parametrize(
        "text", ["../containers/abc", "a/../../info", "nginx?x=1", "UPPER", "a b", "", "/x", "a//b"]
    )
    def test_what_is_no_name_leads_nowhere(self, subject: Subject, text: str):
        assert subject.driver.image(text) is None
        with pytest.raises(BadImageName):
            subject.driver.pull(text)
        with pytest.raises(ImageNotFound):
            subject.driver.remove_image(text)

    def test_an_image_in_use_stays(self, subject: Subject):
        engine_id = subject.driver.create(subject.spec())
        try:
            with pytest.raises(ImageInUse):
                subject.driver.remove_image(subject.image)
            assert subject.driver.image(subject.image) is not None
        finally:
            subject.driver.remove(engine_id)


class TestLife:
    def test_from_created_to_removed(self, subject: Subject):
        driver = subject.driver
        spec = subject.spec("sleep", "600")
        engine_id = driver.create(spec)
        state = driver.inspect(engine_id)
        assert (state.name, state.image) == (spec.name, spec.image)
        assert state.labels[LABEL_INSTALLATION] == subject.installation
        assert not state.is_running
        assert state.process_id is state.exit_code is state.started_at is None

        before = datetime.now(UTC) - timedelta(seconds=5)
        driver.start(engine_id)
        state = driver.inspect(engine_id)
        assert state.is_running
        assert state.process_id
        assert state.exit_code is None
        assert state.started_at
        assert state.started_at > before

        driver.stop(engine_id, 0)
        state = driver.inspect(engine_id)
        assert not state.is_running
        assert state.exit_code == 137
        assert state.process_id is None

        driver.remove(engine_id)
        with pytest.raises(ContainerGone):
            driver.inspect(engine_id)

    def test_an_end_by_itself_is_told_with_its_code(self, subject: Subject):
        engine_id = subject.run("false")
        until(lambda: not subject.driver.inspect(engine_id).is_running)
        state = subject.driver.inspect(engine_id)
        assert state.exit_code == 1
        assert not state.out_of_memory
        subject.driver.remove(engine_id)

    def test_without_a_command_the_image_decides(self, subject: Subject):
        engine_id = subject.run()
        assert subject.driver.inspect(engine_id).is_running
        subject.driver.remove(engine_id)

    def test_starting_and_stopping_twice_is_fine(self, subject: Subject):
        engine_id = subject.run("sleep", "600")
        subject.driver.start(engine_id)
        subject.driver.stop(engine_id, 0)
        subject.driver.stop(engine_id, 0)
        subject.driver.remove(engine_id)
        subject.driver.remove(engine_id)

    def test_a_restart_gives_it_a_new_process(self, subject: Subject):
        engine_id = subject.run("sleep", "600")
        first = subject.driver.inspect(engine_id)
        subject.driver.restart(engine_id, 0)
        second = subject.driver.inspect(engine_id)
        assert second.is_running
        assert second.process_id != first.process_id
        assert second.started_at > first.started_at
        subject.driver.remove(engine_id)

    def test_frozen_it_stands_still_until_it_is_let_go(self, subject: Subject):
        driver = subject.driver
        engine_id = subject.run("sleep", "600")
        driver.pause(engine_id)
        driver.pause(engine_id)
        state = driver.inspect(engine_id)
        assert state.is_paused
        assert state.is_running
        assert [one.is_paused for one in driver.owned(subject.installation)] == [True]
        driver.unpause(engine_id)
        driver.unpause(engine_id)
        assert not driver.inspect(engine_id).is_paused
        driver.stop(engine_id, 0)
        driver.pause(engine_id)
        assert not driver.inspect(engine_id).is_paused
        driver.remove(engine_id)

    def test_frozen_it_can_be_stopped_and_removed(self, subject: Subject):
        engine_id = subject.run("sleep", "600")
        subject.driver.pause(engine_id)
        subject.driver.stop(engine_id, 0)
        assert not subject.driver.inspect(engine_id).is_running
        subject.driver.start(engine_id)
        subject.driver.pause(engine_id)
        subject.driver.remove(engine_id)
        with pytest.raises(ContainerGone):
            subject.driver.inspect(engine_id)

    def test_only_what_carries_the_installations_label_is_listed(self, subject: Subject):
        ours = subject.run("sleep", "600")
        stopped = subject.driver.create(subject.spec())
        other = f"{subject.installation}-other"
        theirs = subject.driver.create(subject.spec(labels={LABEL_INSTALLATION: other}))
        try:
            listed = subject.driver.owned(subject.installation)
            assert {one.engine_id for one in listed} == {ours, stopped}
            assert {one.engine_id: one.is_running for one in listed} == {ours: True, stopped: False}
            assert all(one.labels[LABEL_INSTALLATION] == subject.installation for one in listed)
            assert [one.engine_id for one in subject.driver.owned(other)] == [theirs]
            assert subject.driver.owned("nobody's") == []
        finally:
            for engine_id in (ours, stopped, theirs):
                subject.driver.remove(engine_id)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda driver: driver.inspect(NOBODY),
            lambda driver: driver.start(NOBODY),
            lambda driver: driver.stop(NOBODY, 0),
            lambda driver: driver.restart(NOBODY, 0),
            lambda driver: driver.pause(NOBODY),
            lambda driver: driver.unpause(NOBODY),
            lambda driver: driver.logs(NOBODY, lines=1, since=None, most_bytes=1),
            lambda driver: driver.execute(NOBODY, ["true"], seconds=1, most_bytes=1),
            lambda driver: driver.processes(NOBODY),
            lambda driver: driver.counters(NOBODY),
        ],
    )
    def test_of_a_container_that_is_gone_that_is_said(self, subject: Subject, ask: Callable):
        with pytest.raises(ContainerGone):
            ask(subject.driver)
        subject.driver.remove(NOBODY)


class TestRefusals:
    def test_no_such_image(self, subject: Subject):
        with pytest.raises(ImageNotFound, match="nowhere"):
            subject.driver.create(subject.spec(image="study-test/nowhere:1"))

    def test_the_name_is_taken(self, subject: Subject):
        spec = subject.spec("sleep", "600")
        engine_id = subject.driver.create(spec)
        with pytest.raises(NameTaken, match=spec.name):
            subject.driver.create(spec)
        subject.driver.remove(engine_id)

    def test_no_such_program(self, subject: Subject):
        engine_id = subject.driver.create(subject.spec("no-such-program"))
        with pytest.raises(BadCommand, match="no-such-program"):
            subject.driver.start(engine_id)
        subject.driver.remove(engine_id)

    def test_the_port_is_taken_by_another_container(
        self, subject: Subject, network: Network, port: Port
    ):
        subject.driver.ensure_network(network)
        first = subject.run("sleep", "600", network=network, ports=(port,))
        second = subject.driver.create(subject.spec("sleep", "600", network=network, ports=(port,)))
        with pytest.raises(PortTaken, match=str(port.host)):
            subject.driver.start(second)
        subject.driver.remove(first)
        subject.driver.start(second)
        subject.driver.remove(second)

    def test_what_does_not_run_has_no_processes_counters_or_commands(self, subject: Subject):
        engine_id = subject.driver.create(subject.spec("sleep", "600"))
        for ask in (
            lambda: subject.driver.processes(engine_id),
            lambda: subject.driver.counters(engine_id),
            lambda: subject.driver.execute(engine_id, ["true"], seconds=1, most_bytes=10),
        ):
            with pytest.raises(NotRunning):
                ask()
        subject.driver.start(engine_id)
        subject.driver.counters(engine_id)
        subject.driver.stop(engine_id, 0)
        with pytest.raises(NotRunning):
            subject.driver.counters(engine_id)
        subject.driver.remove(engine_id)
        with pytest.raises(ContainerGone):
            subject.driver.counters(engine_id)


class TestInside:
    def test_a_command_gives_its_output_and_exit_code(self, subject: Subject, running: str):
        result = subject.driver.execute(running, ["echo", "good", "day"], seconds=5, most_bytes=99)
        assert (result.exit_code, result.output) == (0, b"good day\n")
        assert not result.is_truncated
        assert 0 <= result.seconds < 5
        result = subject.driver.execute(running, ["false"], seconds=5, most_bytes=99)
        assert (result.exit_code, result.output) == (1, b"")

    def test_a_command_that_is_not_there_is_told_as_such(self, subject: Subject, running: str):
        with pytest.raises(BadCommand, match="no-such-program"):
            subject.driver.execute(running, ["no-such-program"], seconds=5, most_bytes=9)

    def test_a_command_that_takes_too_long_is_cut_off(self, subject: Subject, running: str):
        started = time.monotonic()
        result = subject.driver.execute(running, ["sleep", "60"], seconds=0.5, most_bytes=99)
        assert result.exit_code is None
        assert time.monotonic() - started < 5
        assert len(subject.driver.processes(running)) == 1

    def test_a_command_that_prints_without_end_is_cut_off(self, subject: Subject, running: str):
        result = subject.driver.execute(running, ["yes"], seconds=20, most_bytes=1000)
        assert result.exit_code is None
        assert result.is_truncated
        assert len(result.output) == 1000
        assert result.output.startswith(b"y\ny\n")
        assert len(subject.driver.processes(running)) == 1

    def test_its_process_is_one_of_the_hosts(self, subject: Subject, running: str):
        (process,) = subject.driver.processes(running)
        assert process.host_pid == subject.driver.inspect(running).process_id
        assert process.command == "sleep 600"
        assert process.user == "root"

    def test_its_counters_are_told(self, subject: Subject, running: str):
        first = subject.driver.counters(running)
        second = subject.driver.counters(running, with_size=True)
        assert first.cpu_seconds is not None
        assert second.cpu_seconds >= first.cpu_seconds
        assert second.at > first.at
        assert first.memory_bytes
        assert first.memory_limit_bytes == 64 * 1024**2
        assert first.processes == 1
        assert first.disk_used_bytes is None
        assert second.disk_used_bytes is not None
        # It has no network, which is not the same as one without traffic.
        assert first.network_received_bytes is first.network_sent_bytes is None

    def test_the_last_lines_it_printed(self, subject: Subject):
        engine_id = subject.run("echo", "one\ntwo\nthree")
        until(lambda: not subject.driver.inspect(engine_id).is_running)
        logs = subject.driver.logs
        assert logs(engine_id, lines=9, since=None, most_bytes=99) == b"one\ntwo\nthree\n"
        assert logs(engine_id, lines=2, since=None, most_bytes=99) == b"two\nthree\n"
        assert logs(engine_id, lines=9, since=None, most_bytes=6) == b"three\n"
        later = datetime.now(UTC) + timedelta(seconds=5)
        assert logs(engine_id, lines=9, since=later, most_bytes=99) == b""
        earlier = later - timedelta(minutes=5)
        assert logs(engine_id, lines=9, since=earlier, most_bytes=99) == b"one\ntwo\nthree\n"
        subject.driver.remove(engine_id)


class TestNetworks:
    def test_made_once_listed_and_removed(self, subject: Subject, network: Network):
        driver = subject.driver
        driver.ensure_network(network)
        driver.ensure_network(network)
        assert driver.networks(subject.installation) == [network]
        assert driver.networks("nobody's") == []
        driver.remove_network(network.name)
        driver.remove_network(network.name)
        assert driver.networks(subject.installation) == []

    def test_one_in_use_stays(self, subject: Subject, network: Network):
        subject.driver.ensure_network(network)
        engine_id = subject.run("sleep", "600", network=network)
        counters = subject.driver.counters(engine_id)
        assert counters.network_received_bytes is not None
        assert counters.network_sent_bytes is not None
        subject.driver.remove_network(network.name)
        assert subject.driver.networks(subject.installation) == [network]
        subject.driver.remove(engine_id)
        subject.driver.remove_network(network.name)
        assert subject.driver.networks(subject.installation) == []

    def test_an_overlapping_subnet_is_refused(self, subject: Subject, network: Network):
        subject.driver.ensure_network(network)
        second = replace(network, name=f"{network.name}-2", bridge=f"{network.bridge}2")
        with pytest.raises(SubnetTaken, match=network.subnet):
            subject.driver.ensure_network(second)

    def test_another_ones_bridge_is_refused(self, subject: Subject, network: Network):
        subject.driver.ensure_network(network)
        beside = Bench.network_of(subject.installation).subnet
        with pytest.raises(SubnetTaken):
            subject.driver.ensure_network(replace(network, name=f"{network.name}-2", subnet=beside))

    def test_one_of_the_same_name_under_other_rules_is_refused(
        self, subject: Subject, network: Network
    ):
        subject.driver.ensure_network(network)
        with pytest.raises(EngineRefused):
            subject.driver.ensure_network(replace(network, bridge=f"{network.bridge}2"))
