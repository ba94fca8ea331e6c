"""A libvirtd that hangs, dies and comes back, with a guest that doesn't care."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bot.lab.drivers import connect_guests
from bot.lab.errors import HostUnreachable
from tests.lab.drivers.guests.bench import Bench, until
from tests.lab.drivers.guests.private import PrivateLibvirt, private_libvirt

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def daemon() -> Iterator[PrivateLibvirt]:
    with private_libvirt() as own:
        yield own


@pytest.fixture(scope="module")
def own(daemon: PrivateLibvirt) -> Iterator[Bench]:
    used = Bench(daemon.uri)
    try:
        yield used
    finally:
        used.clean_up()


@pytest.fixture(scope="module")
def guest(own: Bench) -> str:
    """A guest whose kernel says something at once, each time it starts."""
    engine_id = own.run(command_line="console=ttyS0")
    until(lambda: own.driver.signs(engine_id).printed_bytes > 0)
    return engine_id


def seconds_of_refusal(call: object) -> float:
    began = time.monotonic()
    with pytest.raises(HostUnreachable):
        call()  # type: ignore[operator]
    return time.monotonic() - began


def test_one_that_hangs_is_noticed_in_two_seconds(daemon: PrivateLibvirt, own: Bench, guest: str):
    daemon.hang()
    try:
        assert seconds_of_refusal(own.driver.ping) < 2.5
        assert seconds_of_refusal(own.driver.ping) < 2.5
    finally:
        daemon.resume()
    until(lambda: _answers(own), 20)
    assert own.driver.inspect(guest).is_running


def test_letting_go_of_one_that_hangs_takes_no_time(daemon: PrivateLibvirt, own: Bench, guest: str):
    other = connect_guests(own.settings)
    other.facts()
    other.signs(guest)
    ended: list[str] = []

    def count() -> None:
        try:
            other.counters()
        except HostUnreachable:
            ended.append("refused")
        else:
            ended.append("answered")

    daemon.hang()
    try:
        hanging = threading.Thread(target=count, daemon=True)
        hanging.start()
        time.sleep(0.3)
        began = time.monotonic()
        other.close()
        assert time.monotonic() - began < 2.5
    finally:
        daemon.resume()
    assert seconds_of_refusal(other.facts) < 1
    # The one in flight ends too: let go of, or with the answer that was just coming.
    hanging.join(10)
    assert len(ended) == 1


def test_one_that_was_killed_is_found_again_with_its_guests(
    daemon: PrivateLibvirt, own: Bench, guest: str
):
    before = own.driver.inspect(guest)
    daemon.kill()
    for call in (own.driver.ping, own.driver.counters, lambda: own.driver.inspect(guest)):
        assert seconds_of_refusal(call) < 2.5
    daemon.start()
    own.driver.ping()
    after = own.driver.inspect(guest)
    assert after.is_running
    assert after.process_id == before.process_id
    assert guest in own.driver.counters()
    # What it prints is heard again, by the driver that heard it before.
    printed = own.driver.signs(guest).printed_bytes
    own.driver.reboot(guest)
    until(lambda: own.driver.signs(guest).printed_bytes > printed)


def _answers(own: Bench) -> bool:
    try:
        own.driver.ping()
    except HostUnreachable:
        return False
    return True
