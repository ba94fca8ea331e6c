"""What a guest can reach, and who can reach a guest: tried on a machine with Docker and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.lab.model import HostSettings
from tests.lab.host.guest_ground import (
    GATEWAYS,
    GATEWAYS_V6,
    GUESTS,
    SSH,
    Bare,
    Ground,
    bare,
    ground,
)
from tests.lab.host.machine import machine
from tests.lab.host.neighbourhood import (
    COMPANY,
    HOST_SERVICE,
    INTERNET,
    INTERNET_V6,
    MACHINE,
    MACHINE_V6,
    MAIL,
    METADATA,
    Place,
)
from tests.lab.images import BUSYBOX

pytestmark = pytest.mark.slow

PORTS = {"closed": 31000, "open": 31100}


@pytest.fixture(scope="module", params=["without Docker", "beside Docker"])
def here(request: pytest.FixtureRequest) -> Iterator[Ground]:
    if request.param == "without Docker":
        with bare() as made, ground(made) as laid:
            yield laid
        return
    with machine() as engine_too:
        inside = Bare(engine_too.engine)  # type: ignore[arg-type]
        with ground(inside) as laid:
            yield laid


def places(guest: str) -> dict[str, Place]:
    """Everything a guest might try."""
    bridge, address = GUESTS[guest]
    others = {
        f"guest {name}": Place(other, SSH)
        for name, (_, other) in GUESTS.items()
        if other != address
    }
    return {
        **others,
        "the host by its bridge": Place(GATEWAYS[bridge], HOST_SERVICE),
        "the host by its address": Place(MACHINE, HOST_SERVICE),
        "the host by its bridge, IPv6": Place(GATEWAYS_V6[bridge], HOST_SERVICE),
        "the host by its address, IPv6": Place(MACHINE_V6, HOST_SERVICE),
        "a port of another guest": Place(MACHINE, PORTS["open" if guest == "closed" else "closed"]),
        "the host's names": Place(GATEWAYS[bridge], 53),
        "the metadata service": Place(METADATA),
        "a company's machine": Place(COMPANY),
        "the internet": Place(INTERNET),
        "the internet, IPv6": Place(INTERNET_V6),
        "a mail server": Place(INTERNET, MAIL),
    }


@pytest.fixture
def fenced(here: Ground) -> Ground:
    """The ground with the rules, whatever a test did to them before; ports are on all addresses."""
    here.rules("lay", "0.0.0.0")
    return here


def test_without_the_rules_most_of_it_could_be_reached(here: Ground):
    here.rules("take-away")
    reached = here.tried("open", places("open"))
    # An engine's own firewall drops what isn't its own; the host itself is open all the same.
    assert reached >= {"the host by its bridge", "the host by its address", "the host's names"}
    if "DOCKER" not in here.machine.did("iptables", "-S"):
        assert reached >= {"the metadata service", "a company's machine", "guest closed"}
    # Guests on one bridge are kept apart by the bridge, not by any rule.
    assert "guest open too" not in reached


def test_a_closed_guest_reaches_nothing(fenced: Ground):
    assert fenced.tried("closed", places("closed")) == set()


def test_an_open_guest_reaches_names_and_the_internet_alone(fenced: Ground):
    assert fenced.tried("open", places("open")) == {"the host's names", "the internet"}


def test_an_open_guest_is_seen_outside_as_its_host(fenced: Ground):
    fenced.outside_does("ip", "route", "add", "blackhole", "10.214.0.0/16")
    try:
        assert "the internet" in fenced.tried("open", {"the internet": Place(INTERNET)})
    finally:
        fenced.outside_does("ip", "route", "del", "blackhole", "10.214.0.0/16")


def test_a_guest_may_ask_for_its_address(fenced: Ground):
    for guest in ("closed", "open"):
        bridge, address = GUESTS[guest]
        folder = fenced.machine.did("mktemp", "-d").strip()
        start = address.rpartition(".")[0]
        settings = (
            f"start {start}.200\nend {start}.201\ninterface {bridge}\n"
            f"pidfile {folder}/pid\nlease_file {folder}/leases\n"
        )
        fenced.machine.did("sh", "-c", f"printf '{settings}' >{folder}/conf; touch {folder}/leases")
        fenced.machine.did(str(BUSYBOX), "udhcpd", "-S", f"{folder}/conf")
        try:
            ask = (str(BUSYBOX), "udhcpc", "-i", "eth0", "-n", "-q", "-t", "3", "-T", "1", "-s")
            script = '#!/bin/sh\n[ "$1" = bound ] && echo "got $ip"\n'
            fenced.machine.did("sh", "-c", f"printf '{script}' >{folder}/s; chmod +x {folder}/s")
            assert f"got {start}.20" in fenced.in_guest(guest, *ask, f"{folder}/s")
        finally:
            fenced.machine.did("sh", "-c", f"kill $(cat {folder}/pid); rm -r {folder}")


@pytest.mark.parametrize("guest", ["closed", "open"])
def test_each_port_leads_to_its_guest_from_this_machine_and_from_outside(
    fenced: Ground, guest: str
):
    for place in (Place("127.0.0.1", PORTS[guest]), Place(MACHINE, PORTS[guest])):
        assert fenced.from_machine(place), place
    assert fenced.from_outside(Place(MACHINE, PORTS[guest]))
    assert not fenced.from_outside(Place(MACHINE, PORTS[guest] + 5))


def test_ports_on_loopback_alone_are_this_machines_alone(fenced: Ground):
    fenced.rules("lay", "127.0.0.1")
    assert fenced.from_machine(Place("127.0.0.1", PORTS["open"]))
    assert not fenced.from_machine(Place(MACHINE, PORTS["open"]))
    assert not fenced.from_outside(Place(MACHINE, PORTS["open"]))


def test_nobody_reaches_a_guest_but_by_its_port(fenced: Ground):
    assert fenced.from_machine(Place(GUESTS["open"][1], SSH))
    for guest in ("closed", "open"):
        assert not fenced.from_outside(Place(GUESTS[guest][1], SSH))


def test_a_guest_cannot_pass_for_the_hosts_own_loopback(fenced: Ground):
    bridge, _ = GUESTS["closed too"]
    forge = (
        "sysctl -qw net.ipv4.conf.all.route_localnet=1;"
        "ip route del local 127.0.0.0/8 dev lo table local;"
        "ip route del local 127.0.0.1 dev lo table local;"
        f"ip route add 127.0.0.0/8 via {GATEWAYS[bridge]} dev eth0"
    )
    fenced.in_guest("closed too", "sh", "-c", forge)
    assert not fenced.loopback_hears("closed too")
    # Without the rules that very way is open: what they shut is real.
    fenced.rules("take-away")
    assert fenced.loopback_hears("closed too")


def test_an_engines_new_network_puts_no_rule_out_of_place(here: Ground):
    here.rules("lay")
    engines = ("-s", "10.213.9.0/26", "!", "-o", "sblo9", "-j", "MASQUERADE")
    here.machine.did("iptables", "-t", "nat", "-I", "POSTROUTING", *engines)
    assert all(here.rules("stands"))
    here.machine.did("iptables", "-I", "INPUT", "-i", "sblo9", "-j", "ACCEPT")
    assert not all(here.rules("stands"))
    here.machine.did("iptables", "-D", "INPUT", "-i", "sblo9", "-j", "ACCEPT")
    here.machine.did("iptables", "-t", "nat", "-D", "POSTROUTING", *engines)


def test_a_lab_without_guests_on_the_same_machine_misses_no_rule(here: Ground):
    containers = HostSettings("other", "unix:///var/run/docker.sock")
    here.rules("lay")
    assert here.finding(containers).is_good
    here.machine.did("iptables", "-D", "STUDY-LAB-FWD", "-o", "sbl+", "-j", "DROP")
    assert not here.finding(containers).is_good
    here.rules("lay")


def test_rules_that_stand_stay_and_all_of_them_go_again(here: Ground):
    def tables() -> list[str]:
        return [
            here.machine.did(program, "-t", table, "-S")
            for program, names in (("iptables", "filter nat raw"), ("ip6tables", "filter"))
            for table in names.split()
        ]

    here.rules("take-away")
    before = tables()
    assert not any(here.rules("stands"))
    assert all(here.rules("lay"))
    laid = tables()
    assert laid != before
    assert not any(here.rules("lay"))
    assert all(here.rules("stands"))
    assert tables() == laid
    # A rule that somebody took out is noticed, and mended.
    here.machine.did("iptables", "-t", "nat", "-D", "STUDY-LAB-PORTS", "17")
    assert here.rules("stands")[0] is False
    assert here.rules("lay")[0] is True
    assert tables() == laid
    assert all(here.rules("take-away"))
    assert tables() == before
