"""What an ended installation left of guests goes: only its own, and disks first."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest

from bot.database import Database
from bot.lab import sweep as sweeping
from bot.lab.drivers import (
    LABEL_INSTALLATION,
    LABEL_INSTANCE,
    Accelerator,
    FakeGuestDriver,
    GuestSpec,
)
from bot.lab.drivers.fake_guests import GUEST_FACTS
from bot.lab.drivers.guests import NETWORK_OPEN
from bot.lab.errors import EngineRefused
from bot.lab.guest_addresses import mac_of
from bot.lab.guest_errors import NoLibvirt
from bot.lab.guests.spec import base_name, disk_name, seed_name
from bot.lab.host import owner_of_probes
from bot.lab.lab import installation_id
from bot.lab.model import HostSettings, Resources
from bot.lab.spec import engine_name
from bot.lab.sweep import Holdings, sweep_guests, sweep_host

OTHER = "ffffffffffffffff"
ROW = """
INSERT INTO instances (id, guild_id, session_id, channel_id, role, kind, name, image, cpus,
    memory_bytes, disk_bytes, processes, outward, public, state, stage, requested_at)
VALUES (7, 1, 1, 1, 'attendee', 'guest', 'vm', 'tiny', 1, 1, 1, 1, 0, 0, 'running', 'answering', 0)
"""
VOLUME = "INSERT INTO lab_volumes VALUES ('here', ?, '/k', 'aa', 0)"


class Pool(FakeGuestDriver):
    """One that remembers in which order disks went."""

    def __init__(self) -> None:
        super().__init__(GUEST_FACTS)
        self.deleted: list[str] = []

    def delete_volume(self, name: str) -> None:
        super().delete_volume(name)
        self.deleted.append(name)

    def have(self, installation: str, number: int, address: str) -> str:
        """Have a guest with all that belongs to it."""
        name = engine_name(installation, number)
        self.create_volume(disk_name(installation, number), 1)
        self.create_volume(seed_name(installation, number), 1)
        self.reserve(NETWORK_OPEN, name, mac_of(address), address)
        return self.define(
            GuestSpec(
                name=name,
                resources=Resources(1.0, 1, 1),
                labels={LABEL_INSTALLATION: installation, LABEL_INSTANCE: str(number)},
                accelerator=Accelerator.EMULATION,
                disk=disk_name(installation, number),
                network=NETWORK_OPEN,
                mac=mac_of(address),
                address=address,
            )
        )


@pytest.fixture
def held(tmp_path: Path) -> Holdings:
    """What an installation's database with one guest says."""

    async def make() -> None:
        opened = await Database.open(tmp_path / "study-bot.sqlite3")
        try:
            await opened.write(installation_id)
        finally:
            await opened.close()

    asyncio.run(make())
    path = tmp_path / "study-bot.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute(ROW)
        (own,) = connection.execute("SELECT value FROM installation").fetchone()
        connection.execute(VOLUME, (base_name(own, "ab" * 64),))
    connection.close()
    found = Holdings.of(path)
    assert found is not None
    return found


def test_only_guests_of_this_installation_with_a_row_are_swept(held: Holdings):
    driver = Pool()
    base = base_name(held.installation, "ab" * 64)
    driver.create_volume(base, 1)
    driver.create_volume(base_name(held.installation, "cd" * 64), 1)  # no row: not brought by us
    ours = driver.have(held.installation, 7, "10.214.1.16")
    kept = [
        driver.have(held.installation, 8, "10.214.1.17"),  # forged: no such row
        driver.have(OTHER, 7, "10.214.1.18"),  # another installation's
    ]
    probe = owner_of_probes(held.installation)
    driver.create_volume(f"study-{probe}-1-aaa-open.qcow2", 1)
    driver.reserve(NETWORK_OPEN, f"study-{probe}-1-aaa-open", "52:54:00:00:00:01", "10.214.1.2")

    assert sweep_guests(driver, held) == 1
    assert {one.engine_id for one in driver.owned(held.installation)} == {kept[0]}
    assert ours not in kept
    assert driver.owned(OTHER)[0].engine_id == kept[1]
    assert {one.name for one in driver.volumes(held.installation)} == {
        base_name(held.installation, "cd" * 64),
        disk_name(held.installation, 8),
        seed_name(held.installation, 8),
    }
    assert driver.deleted.index(disk_name(held.installation, 7)) < driver.deleted.index(base)
    assert len(driver.volumes(OTHER)) == 2
    assert driver.reservations(NETWORK_OPEN, held.installation) == [
        engine_name(held.installation, 8)
    ]
    assert driver.reservations(NETWORK_OPEN, probe) == []
    assert driver.volumes(probe) == []
    assert sweep_guests(driver, held) == 0


def test_a_host_with_guests_alone_needs_no_engine(held: Holdings, monkeypatch: pytest.MonkeyPatch):
    driver = Pool()
    driver.have(held.installation, 7, "10.214.1.16")
    monkeypatch.setattr(sweeping, "connect_guests", lambda _: driver)
    assert sweep_host(HostSettings("here", None, libvirt="qemu:///system"), held) == (0, 1)


def test_without_the_library_only_guests_there_may_be_are_a_problem(
    held: Holdings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "bot.lab.drivers.libvirt", None)
    host = HostSettings("here", None, libvirt="qemu:///system")
    with pytest.raises(NoLibvirt):
        sweep_host(host, held)
    assert sweep_host(host, Holdings(held.installation, frozenset())) == (0, 0)


def test_a_refusal_is_no_reason_to_touch_anything_else(held: Holdings):
    driver = Pool()
    driver.have(held.installation, 7, "10.214.1.16")
    driver.fail_next("remove", EngineRefused(why="busy"))
    with pytest.raises(EngineRefused):
        sweep_guests(driver, held)
    # Its disk is still its own.
    assert driver.deleted == []
    assert sweep_guests(driver, held) == 1
