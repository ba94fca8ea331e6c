"""What an instance can reach, tried from inside real containers, before and after the rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.host.machine import Machine, machine
from tests.lab.host.neighbourhood import (
    COMPANY,
    COMPANY_V6,
    HOST_SERVICE,
    INTERNET,
    INTERNET_V6,
    MACHINE,
    MACHINE_V6,
    MAIL,
    METADATA,
    PUBLISHED,
    Neighbourhood,
    Place,
    neighbourhood,
)

pytestmark = pytest.mark.slow

OWN = {"the same owner's", "the same owner's, IPv6"}
# From an open network only: what the outward access is for.
ALLOWED_OUT = {"the internet"}


@pytest.fixture(scope="module")
def around() -> Iterator[Neighbourhood]:
    with machine() as made, neighbourhood(made) as built:
        yield built


def places(around: Neighbourhood) -> dict[str, Place]:
    """Everything an instance might try."""
    return {
        "the host by its bridge": Place("10.213.1.1", HOST_SERVICE),
        "the host by its address": Place(MACHINE, HOST_SERVICE),
        "the host by its bridge, IPv6": Place("fd99:0:0:1::1", HOST_SERVICE),
        "the host by its address, IPv6": Place(MACHINE_V6, HOST_SERVICE),
        "the metadata service": Place(METADATA),
        "a company's machine": Place(COMPANY),
        "a company's machine, IPv6": Place(COMPANY_V6),
        "the internet": Place(INTERNET),
        "the internet, IPv6": Place(INTERNET_V6),
        "a mail server": Place(INTERNET, MAIL),
        "another owner's": Place(around.address("theirs")),
        "another owner's, IPv6": Place(around.address("theirs", "GlobalIPv6Address")),
        "another owner's published port": Place(MACHINE, PUBLISHED),
        "the same owner's": Place(around.address("mine-too")),
        "the same owner's, IPv6": Place(around.address("mine-too", "GlobalIPv6Address")),
    }


@pytest.fixture(scope="module")
def before(around: Neighbourhood) -> dict[str, set[str]]:
    """What is within reach on a machine that nobody set up."""
    return {name: around.tried(name, places(around)) for name in ("mine", "open")}


@pytest.fixture(scope="module")
def after(around: Neighbourhood, before: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same on one that was."""
    assert before  # taken first
    done = around.machine.bot("setup-host")
    assert done.returncode == 0, done.stderr
    return {name: around.tried(name, places(around)) for name in ("mine", "open")}


def test_without_the_rules_all_of_it_could_be_reached(
    around: Neighbourhood, before: dict[str, set[str]]
):
    # The engine itself keeps networks apart for IPv4: that alone needs no rule of ours.
    assert before["mine"] == set(places(around)) - {"another owner's"}
    assert before["open"] >= set(places(around)) - {"another owner's"} - OWN


def test_a_closed_network_reaches_its_owners_instances_alone(after: dict[str, set[str]]):
    assert after["mine"] == OWN


def test_an_open_network_reaches_the_internet_alone(after: dict[str, set[str]]):
    assert after["open"] == ALLOWED_OUT


@pytest.mark.usefixtures("after")
def test_published_ports_answer_all_the_same(around: Neighbourhood):
    assert around.from_machine(Place("127.0.0.1", PUBLISHED))
    assert around.from_machine(Place(MACHINE, PUBLISHED))
    assert around.from_outside(Place(MACHINE, PUBLISHED))


@pytest.mark.usefixtures("after")
def test_names_resolve_inside_a_closed_network(around: Neighbourhood):
    said = around.machine.docker("exec", "mine", "nslookup", "mine-too")
    assert around.address("mine-too") in said


@pytest.mark.usefixtures("after")
def test_an_echo_request_to_the_host_stays_unanswered(around: Neighbourhood):
    for address in ("10.213.1.1", MACHINE, "fd99:0:0:1::1", MACHINE_V6):
        done = around.machine.inside(
            *("docker", "--host", around.machine.engine.address, "exec", "mine"),
            *("ping", "-c", "1", "-W", "1", address),
        )
        assert done.returncode == 1, done.stdout


@pytest.mark.usefixtures("after")
def test_an_engine_that_starts_anew_leaves_the_rules_in_front(around: Neighbourhood):
    made: Machine = around.machine
    made.engine.restart()
    said = made.bot("setup-host").stdout
    assert said.count("firewall already has") == 2
