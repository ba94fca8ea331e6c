"""libvirt's in-process hypervisor: no daemon, and much that it can't do, which it says plainly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.lab.drivers import (
    LABEL_INSTALLATION,
    Ability,
    Accelerator,
    GuestDriver,
    GuestSpec,
    connect_guests,
)
from bot.lab.errors import ContainerGone, HostUnreachable
from bot.lab.guest_errors import NoSuchSnapshot, NotSupported, PoolInactive
from bot.lab.model import HostSettings, Resources

pytest.importorskip("libvirt")
MIB = 1024**2
INSTALLATION = "0011223344"


@pytest.fixture
def driver() -> Iterator[GuestDriver]:
    settings = HostSettings("test", None, libvirt="test:///default", pool="default-pool")
    made = connect_guests(settings)
    yield made
    for one in made.owned(INSTALLATION):
        made.remove(one.engine_id)
    for volume in made.volumes(INSTALLATION):
        made.delete_volume(volume.name)
    made.close()


def spec(driver: GuestDriver) -> GuestSpec:
    disk = "study-00112233-1-disk.qcow2"
    driver.create_volume(disk, 8 * MIB)
    return GuestSpec(
        name="study-00112233-1",
        resources=Resources(1, 64 * MIB, 8 * MIB),
        labels={LABEL_INSTALLATION: INSTALLATION},
        accelerator=Accelerator.EMULATION,
        disk=disk,
        network="default",
        mac="52:54:00:00:00:01",
        address="192.168.122.10",
    )


def test_it_says_what_it_can_do(driver: GuestDriver):
    driver.ping()
    facts = driver.facts()
    assert facts.hypervisor.startswith("TEST ")
    assert facts.pool_is_active
    assert {Ability.POOL, Ability.PAUSE, Ability.SNAPSHOTS} <= facts.abilities
    assert (
        not {Ability.CONSOLE, Ability.COUNTERS, Ability.KEYS, Ability.LIMITS, Ability.AGENT}
        & facts.abilities
    )


def test_a_guest_lives_there(driver: GuestDriver):
    engine_id = driver.define(spec(driver))
    driver.start(engine_id)
    assert [one.is_running for one in driver.owned(INSTALLATION)] == [True]
    driver.pause(engine_id)
    assert driver.inspect(engine_id).is_paused
    driver.resume(engine_id)
    driver.create_snapshot(engine_id, "one")
    driver.destroy(engine_id)
    driver.revert(engine_id, "one")
    assert driver.inspect(engine_id).is_running
    with pytest.raises(NoSuchSnapshot):
        driver.revert(engine_id, "two")
    driver.remove(engine_id)
    with pytest.raises(ContainerGone):
        driver.inspect(engine_id)
    assert [one.name for one in driver.volumes(INSTALLATION)] == ["study-00112233-1-disk.qcow2"]


def test_what_it_cannot_do_it_says(driver: GuestDriver, tmp_path: Path):
    engine_id = driver.define(spec(driver))
    driver.start(engine_id)
    assert driver.signs(engine_id).printed_bytes == 0
    with pytest.raises(NotSupported, match="TEST"):
        driver.console(engine_id, lines=5)
    with pytest.raises(NotSupported, match="TEST"):
        driver.send_keys(engine_id, ["ENTER"])
    counters = driver.counters()[engine_id]
    assert counters.cpu_seconds is counters.memory_bytes is None
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(NotSupported, match="TEST"):
        driver.upload("study-00112233-file", tmp_path / "file")
    assert driver.volumes(INSTALLATION)[-1].name == "study-00112233-1-disk.qcow2"


def test_a_pool_that_is_not_there_is_named():
    driver = connect_guests(
        HostSettings("test", None, libvirt="test:///default", pool="study-nowhere")
    )
    with pytest.raises(PoolInactive, match="study-nowhere"):
        driver.volumes(INSTALLATION)
    assert not driver.facts().pool_is_active
    driver.close()


def test_a_hypervisor_that_is_not_there_is_unreachable(tmp_path: Path):
    uri = f"qemu+unix:///system?socket={tmp_path}/nothing"
    driver = connect_guests(HostSettings("test", None, libvirt=uri))
    for call in (driver.ping, driver.facts, driver.counters):
        with pytest.raises(HostUnreachable):
            call()
    driver.close()
    with pytest.raises(HostUnreachable):
        driver.facts()
