"""What every hypervisor does, whichever it is: the fake one is held to the real one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bot.lab.drivers import LABEL_INSTALLATION, Ability, Accelerator, ExecResult, Upload
from bot.lab.drivers.fake_guests import FakeGuestDriver
from bot.lab.errors import ContainerGone, EngineRefused, NameTaken, NotRunning, PullCancelled
from bot.lab.guest_errors import AddressTaken, CantType, NetworkInactive, NoSuchSnapshot
from tests.lab.drivers.guests.bench import MIB, Subject, until

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_the_hypervisor_says_what_it_is(subject: Subject):
    subject.driver.ping()
    facts = subject.driver.facts()
    assert facts.version
    assert facts.hypervisor.startswith("QEMU ")
    assert facts.cpus >= 1
    assert facts.memory_bytes > 100 * MIB
    assert facts.pool_is_active
    assert facts.disk_free_bytes
    assert facts.machine
    assert {Ability.POOL, Ability.NETWORK, Ability.FILTER, Ability.LIMITS} <= facts.abilities
    assert "seccomp" in facts.security
    if not facts.has_virtualization:
        assert facts.accelerator is Accelerator.EMULATION


class TestVolumes:
    def test_a_disk_is_made_found_and_deleted(self, subject: Subject):
        name = f"{subject.name()}-disk.qcow2"
        made = subject.driver.create_volume(name, 64 * MIB)
        assert (made.name, made.format, made.capacity_bytes) == (name, "qcow2", 64 * MIB)
        listed = {one.name: one for one in subject.driver.volumes(subject.installation)}
        assert listed[name].capacity_bytes == 64 * MIB
        assert listed[name].allocated_bytes < 8 * MIB
        with pytest.raises(NameTaken):
            subject.driver.create_volume(name, MIB)
        subject.driver.delete_volume(name)
        assert name not in [one.name for one in subject.driver.volumes(subject.installation)]
        subject.driver.delete_volume(name)

    def test_a_disk_over_nothing_is_refused(self, subject: Subject):
        name = f"{subject.name()}-disk.qcow2"
        with pytest.raises(EngineRefused):
            subject.driver.create_volume(name, MIB, backing=f"{subject.prefix}nowhere")
        assert name not in [one.name for one in subject.driver.volumes(subject.installation)]

    def test_a_file_is_brought_in_and_shows_how_far_it_is(self, subject: Subject, file: Path):
        name = f"{subject.name()}-seed.iso"
        seen: list[Upload] = []
        made = subject.driver.upload(name, file, progress=seen.append)
        size = file.stat().st_size
        assert (made.name, made.capacity_bytes) == (name, size)
        assert seen[-1] == Upload(size, size)
        assert [one.current_bytes for one in seen] == sorted(one.current_bytes for one in seen)
        with pytest.raises(NameTaken):
            subject.driver.upload(name, file)
        subject.driver.delete_volume(name)

    def test_what_was_cancelled_is_not_there(self, subject: Subject, file: Path):
        name = f"{subject.name()}-seed.iso"
        cancelled = threading.Event()
        with pytest.raises(PullCancelled):
            subject.driver.upload(
                name, file, progress=lambda _upload: cancelled.set(), cancelled=cancelled
            )
        found = subject.driver.volumes(subject.installation)
        assert not [one for one in found if one.name.startswith(name)]

    def test_others_volumes_are_not_listed(self, subject: Subject):
        assert subject.driver.volumes("0123456789") == []


class TestAddresses:
    def test_an_address_is_somebodys_until_it_is_given_back(self, subject: Subject):
        driver, network, name = subject.driver, subject.network, subject.name()
        address = f"{subject.base}.150"
        driver.reserve(network, name, "52:54:00:00:00:01", address)
        driver.reserve(network, name, "52:54:00:00:00:01", address)
        assert name in driver.reservations(network, subject.installation)
        with pytest.raises(AddressTaken):
            driver.reserve(network, f"{name}0", "52:54:00:00:00:02", address)
        driver.release(network, name)
        driver.release(network, name)
        assert name not in driver.reservations(network, subject.installation)
        driver.reserve(network, f"{name}0", "52:54:00:00:00:02", address)
        driver.release(network, f"{name}0")

    def test_a_network_that_is_not_there(self, subject: Subject):
        with pytest.raises(NetworkInactive, match="study-nowhere"):
            subject.driver.reserve("study-nowhere", "x", "52:54:00:00:00:01", "10.1.1.1")
        subject.driver.release("study-nowhere", "x")
        assert subject.driver.reservations("study-nowhere", subject.installation) == []


class TestLife:
    def test_written_down_and_forgotten(self, subject: Subject):
        driver = subject.driver
        spec = subject.spec(labels={LABEL_INSTALLATION: subject.installation, "odd": "<\"&'ö\n"})
        engine_id = driver.define(spec)
        state = driver.inspect(engine_id)
        assert (state.name, state.is_running, state.is_paused) == (spec.name, False, False)
        assert state.labels["odd"].split() == ["<\"&'ö"]
        assert state.process_id is None
        assert engine_id in [one.engine_id for one in driver.owned(subject.installation)]
        assert driver.owned("0123456789") == []
        with pytest.raises(NameTaken):
            driver.define(spec)
        driver.destroy(engine_id)
        driver.pause(engine_id)
        driver.resume(engine_id)
        driver.remove(engine_id)
        driver.remove(engine_id)
        assert spec.disk in [one.name for one in driver.volumes(subject.installation)]

    def test_a_guest_that_is_not_there(self, subject: Subject):
        driver = subject.driver
        for call in (
            driver.start,
            driver.inspect,
            driver.shut_down,
            driver.destroy,
            driver.pause,
            driver.resume,
            driver.signs,
            driver.screenshot,
            driver.snapshots,
        ):
            with pytest.raises(ContainerGone):
                call(NOBODY)
        driver.remove(NOBODY)

    def test_what_needs_a_running_guest_says_so(self, subject: Subject):
        driver = subject.driver
        spec = subject.spec()
        engine_id = driver.define(spec)
        for call in (driver.signs, driver.screenshot):
            with pytest.raises(NotRunning, match=spec.name):
                call(engine_id)
        with pytest.raises(NotRunning):
            driver.send_keys(engine_id, ["ENTER"])
        assert driver.console(engine_id, lines=10) == b""
        assert driver.system(engine_id) is None
        with pytest.raises(NotRunning, match=spec.name):
            driver.execute(engine_id, ("true",), seconds=5, most_bytes=5)
        driver.remove(engine_id)

    def test_without_its_network_it_does_not_start(self, subject: Subject):
        driver = subject.driver
        spec = subject.spec()
        driver.release(spec.network, spec.name)
        engine_id = driver.define(type(spec)(**{**_fields(spec), "network": "study-nowhere"}))
        with pytest.raises(NetworkInactive, match="study-nowhere"):
            driver.start(engine_id)
        assert not driver.inspect(engine_id).is_running
        driver.remove(engine_id)

    def test_a_volume_that_is_not_there_is_refused(self, subject: Subject):
        with pytest.raises(EngineRefused):
            subject.driver.define(subject.spec(seed=f"{subject.prefix}nowhere.iso"))


class TestRunning:
    def test_it_boots_and_says_so(self, subject: Subject, running: str):
        state = subject.driver.inspect(running)
        assert state.is_running
        assert not state.is_paused
        assert state.process_id
        assert state.vcpus == 1
        signs = subject.driver.signs(running)
        assert signs.agent
        assert signs.printed_bytes > 0
        assert signs.address
        assert signs.address.startswith(subject.base)
        subject.driver.start(running)  # running already is fine

    def test_its_agent_names_the_system(self, subject: Subject, running: str):
        system = until(lambda: subject.driver.system(running), 20)
        assert system.name
        assert system.kernel

    def test_its_agent_runs_a_command_and_tells_what_it_printed(
        self, subject: Subject, running: str
    ):
        command = ("sh", "-c", "echo 1 and 2")
        if isinstance(subject.driver, FakeGuestDriver):
            subject.driver.programs[command] = b"1 and 2\n"

        def ran() -> ExecResult | None:
            return subject.driver.execute(running, command, seconds=20, most_bytes=5)

        result = until(ran, 30)
        assert result.output == b"1 and"
        assert result.exit_code == 0

    def test_its_console_can_be_read(self, subject: Subject, running: str):
        whole = subject.driver.console(running, lines=1000)
        assert len(whole) == subject.driver.signs(running).printed_bytes
        last = subject.driver.console(running, lines=2)
        assert last
        assert whole.endswith(last)
        assert len(last) < len(whole) or whole.count(b"\n") < 2
        assert subject.driver.console(running, lines=0) == b""

    def test_its_screen_is_a_picture(self, subject: Subject, running: str):
        assert subject.driver.screenshot(running).startswith(b"\x89PNG")

    def test_keys_and_texts_are_typed(self, subject: Subject, running: str):
        subject.driver.send_keys(running, ["LEFTCTRL", "L"])
        subject.driver.type_text(running, "Aa1!\n")
        with pytest.raises(CantType, match="ö€"):
            subject.driver.type_text(running, "aö€ö")
        with pytest.raises(EngineRefused):
            subject.driver.send_keys(running, ["NO_SUCH_KEY"])

    def test_its_counters_are_read_with_all_others(self, subject: Subject, running: str):
        counters = subject.driver.counters()[running]
        assert counters.cpu_seconds
        assert counters.memory_limit_bytes == 128 * MIB
        assert counters.memory_bytes
        assert 0 < counters.memory_bytes <= counters.memory_limit_bytes
        assert counters.network_received_bytes is not None
        assert counters.disk_read_bytes

    def test_it_is_paused_and_goes_on(self, subject: Subject, running: str):
        driver = subject.driver
        driver.pause(running)
        driver.pause(running)
        state = driver.inspect(running)
        assert (state.is_running, state.is_paused) == (True, True)
        assert [one.is_paused for one in driver.owned(subject.installation) if one.is_running]
        driver.resume(running)
        driver.resume(running)
        assert not driver.inspect(running).is_paused

    def test_moments_are_kept_gone_back_to_and_forgotten(self, subject: Subject, running: str):
        driver = subject.driver
        assert driver.snapshots(running) == []
        kept = driver.create_snapshot(running, "first")
        assert (kept.name, kept.is_running) == ("first", True)
        with pytest.raises(NameTaken):
            driver.create_snapshot(running, "first")
        driver.create_snapshot(running, "second")
        listed = {one.name: one.is_current for one in driver.snapshots(running)}
        assert listed == {"first": False, "second": True}
        driver.revert(running, "first")
        assert driver.inspect(running).is_running
        assert [one.name for one in driver.snapshots(running) if one.is_current] == ["first"]
        for name in ("first", "second"):
            driver.delete_snapshot(running, name)
        assert driver.snapshots(running) == []
        for call in (driver.revert, driver.delete_snapshot):
            with pytest.raises(NoSuchSnapshot, match="first"):
                call(running, "first")

    def test_it_reboots_shuts_down_and_starts_again(self, subject: Subject, running: str):
        driver = subject.driver
        before = driver.inspect(running).process_id
        driver.reboot(running)
        until(lambda: not driver.signs(running).agent or not subject.is_real, 30)
        subject.booted(running)
        assert driver.inspect(running).process_id == before

        driver.shut_down(running)
        until(lambda: not driver.inspect(running).is_running, 60)
        state = driver.inspect(running)
        assert state.error == "shut down by itself"
        assert state.process_id is None
        assert running not in driver.counters()
        assert driver.console(running, lines=5)  # what it said last is still there
        driver.start(running)
        assert driver.inspect(running).is_running
        driver.destroy(running)
        state = driver.inspect(running)
        assert (state.is_running, state.error) == (False, "")


def _fields(spec: object) -> dict[str, object]:
    return {name: getattr(spec, name) for name in type(spec).__slots__}
