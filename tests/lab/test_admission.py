"""What fits where, and what a person may have."""

from datetime import timedelta

import pytest

from bot.lab import LabRole, Port, Resources, State
from bot.lab.admission import check_person, room
from bot.lab.errors import NoPortFree, OneLaunchAtATime, TooManyInstances, TooMuch
from bot.lab.launching import assign
from bot.lab.model import RoleLimits
from tests.lab.things import GB, MB, SMALL, facts, instance, settings

ATTENDEE = RoleLimits(
    instances=2,
    each=SMALL,
    cpus=1.0,
    memory_bytes=512 * MB,
    disk_bytes=2 * GB,
    lifetime=timedelta(minutes=60),
    extension=timedelta(minutes=30),
    extensions=2,
    outward=False,
    plain_images=False,
    guests=1,
    in_all=9,
)


def test_the_host_keeps_its_reserve():
    left = room(settings(), facts(), [], is_lead=True)
    assert left.memory_bytes == 8 * GB
    assert left.cpus == 3 * 8
    assert left.disk_bytes is None


def test_memory_is_never_promised_twice():
    there = [instance(id=n, resources=Resources(0.1, GB, GB)) for n in range(5)]
    left = room(settings(), facts(), there, is_lead=True)
    assert left.fits(Resources(0.1, 3 * GB, GB))
    assert not left.fits(Resources(0.1, 3 * GB + 1, GB))


def test_attendees_leave_room_for_the_demo():
    attendees = [instance(id=n, resources=Resources(0.1, GB, GB)) for n in range(6)]
    for_attendee = room(settings(), facts(), attendees, is_lead=False)
    for_speaker = room(settings(), facts(), attendees, is_lead=True)
    assert for_attendee.memory_bytes == 0
    assert for_speaker.memory_bytes == 2 * GB


def test_what_the_speaker_has_counts_for_attendees_too():
    demo = [instance(role=LabRole.SPEAKER, resources=Resources(1, 7 * GB, GB))]
    assert room(settings(), facts(), demo, is_lead=False).memory_bytes == GB


def test_disk_counts_where_it_can_be_limited():
    machine = facts(can_limit_disk=True)
    there = [instance(resources=Resources(0.1, MB, 80 * GB))]
    left = room(settings(), machine, there, is_lead=True)
    assert left.disk_bytes == 5 * GB
    assert not left.fits(Resources(0.1, MB, 6 * GB))


def test_one_launch_at_a_time():
    own = [instance(state=State.QUEUED, name="calm-heron")]
    with pytest.raises(OneLaunchAtATime, match="calm-heron"):
        check_person(ATTENDEE, own, SMALL)


def test_a_role_may_have_so_many():
    own = [instance(id=n) for n in range(2)]
    with pytest.raises(TooManyInstances):
        check_person(ATTENDEE, own, SMALL)


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        (Resources(1.1, 256 * MB, GB), "CPUs"),
        (Resources(0.5, 513 * MB, GB), "Memory"),
        (Resources(0.5, 256 * MB, 3 * GB), "Disk"),
    ],
)
def test_one_may_be_as_large_as_all_together(wanted: Resources, what: str):
    with pytest.raises(TooMuch, match=what):
        check_person(ATTENDEE, [], wanted)
    check_person(ATTENDEE, [], Resources(1.0, 512 * MB, 2 * GB))


def test_all_of_a_persons_together_may_be_so_large():
    own = [instance(resources=Resources(0.9, 100 * MB, GB))]
    with pytest.raises(TooMuch, match="together"):
        check_person(ATTENDEE, own, SMALL)


class TestPorts:
    SPAN = range(30000, 30003)

    def test_a_wish_in_the_range_is_granted(self):
        (given,) = assign((Port(80, 30002),), set(), frozenset(), self.SPAN)
        assert given == Port(80, 30002)

    def test_a_wish_below_the_range_is_only_a_wish(self):
        (given,) = assign((Port(80, 80),), set(), frozenset(), self.SPAN)
        assert given == Port(80, 30000)

    def test_what_is_taken_is_chosen_around(self):
        taken = {(30000, "tcp")}
        given = assign((Port(80),), taken, frozenset({30001}), self.SPAN)
        assert given == (Port(80, 30002),)

    def test_two_ports_get_two(self):
        given = assign((Port(80), Port(443)), set(), frozenset(), self.SPAN)
        assert len({port.host for port in given}) == 2

    def test_a_full_range_is_said(self):
        taken = {(number, "tcp") for number in range(30000, 30003)}
        with pytest.raises(NoPortFree):
            assign((Port(80),), taken, frozenset(), self.SPAN)
