"""`study-bot lab setup-host`, `check-host` and `remove-host` on a machine of one's own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.lab.host.machine import Machine, machine
from tests.lab.host.neighbourhood import surroundings

pytestmark = pytest.mark.slow

PROBE = "study/probe:latest"


@pytest.fixture(scope="module")
def ours() -> Iterator[Machine]:
    with machine() as made, surroundings(made):
        yield made


@pytest.fixture
def set_up(ours: Machine) -> Machine:
    """The machine as it is after setup-host, whatever a test did to it before."""
    done = ours.bot("setup-host", "--quiet")
    assert done.returncode == 0, done.stderr
    return ours


def things(ours: Machine) -> tuple[str, str]:
    return ours.docker("ps", "--all", "--quiet"), ours.docker("network", "ls", "--quiet")


def checked(ours: Machine) -> subprocess.CompletedProcess[str]:
    """Run check-host; whatever it finds, it leaves nothing behind."""
    before = things(ours)
    done = ours.bot("check-host")
    assert things(ours) == before
    assert "Traceback" not in done.stderr
    return done


def problems(ours: Machine) -> dict[str, str]:
    """Return what check-host finds wrong: what it looked at, and the sentence."""
    done = checked(ours)
    found = dict(
        line.removeprefix("PROBLEM ").split(": ", 1)
        for line in done.stdout.splitlines()
        if line.startswith("PROBLEM ")
    )
    assert (done.returncode == 0) is (not found)
    return found


def test_before_any_set_up_the_operator_reads_what_to_run(ours: Machine):
    assert "study-bot lab setup-host" in problems(ours)["proof"]


def test_what_is_laid_is_said_stays_and_goes_again(ours: Machine):
    before = ours.tables()
    laid = ours.bot("setup-host")
    assert laid.returncode == 0, laid.stderr
    # That the kernel counts disks may be so already: that is the machine's, not an engine's.
    steps = laid.stdout.count(" now ") + laid.stdout.count(" already ")
    assert laid.stdout.count(" now ") >= 4
    after = ours.tables()
    assert set(before) < set(after)

    again = ours.bot("setup-host")
    assert " now " not in again.stdout
    assert again.stdout.count(" already ") == steps
    assert ours.tables() == after
    assert ours.bot("setup-host", "--quiet").stdout == ""

    gone = ours.bot("remove-host")
    assert gone.returncode == 0, gone.stderr
    assert ours.tables() == before
    assert ours.docker("images", "--quiet", PROBE) == ""
    assert ours.inside("sh", "-c", f"ls -d /sys/fs/cgroup/*/{ours.cgroup}").stdout == ""


def test_at_the_next_boot_the_probe_needs_nothing_installed(set_up: Machine):
    # Another boot is another note in the image: played by another subnet.
    said = set_up.without_busybox("setup-host", "--subnet", "10.212.0.0/16")
    assert said.returncode == 0, said.stderr
    assert "The engine now has the probe's image" in said.stdout
    assert (
        set_up.docker("run", "--rm", PROBE, "/bin/cat", "/laid")
        .splitlines()[1]
        .endswith("10.212.0.0/16")
    )
    set_up.docker("rmi", PROBE)
    said = set_up.without_busybox("setup-host")
    assert "busybox-static" in said.stderr
    # All that needs no probe stands all the same.
    assert "-A INPUT -i sbl+ -j STUDY-LAB-IN" in set_up.tables()


def test_on_a_host_that_was_set_up_the_protection_is_proven(set_up: Machine):
    done = checked(set_up)
    assert done.returncode == 0, done.stdout
    for what in ("host", "metadata", "other owners", "private addresses", "way out", "reserve"):
        assert f"OK      {what}: " in done.stdout


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (("-D", "INPUT", "-i", "sbl+", "-j", "STUDY-LAB-IN"), "host"),
        (("-D", "DOCKER-USER", "-i", "sbl+", "-j", "STUDY-LAB-FWD"), "way out"),
        (("-D", "STUDY-LAB-FWD", "!", "-i", "sblo+", "-j", "DROP"), "way out"),
    ],
)
def test_a_rule_that_went_missing_is_noticed_from_inside(
    set_up: Machine, rule: tuple[str, ...], what: str
):
    set_up.did("iptables", *rule)
    found = problems(set_up)
    assert what in found
    assert "study-bot lab setup-host" in found[what]
    assert "iptables" in found["rules"]


def test_a_firewall_that_put_itself_in_front_is_noticed_and_overtaken(set_up: Machine):
    set_up.did("iptables", "-I", "INPUT", "-p", "tcp", "-j", "ACCEPT")
    assert "can be reached" in problems(set_up)["host"]
    assert "The IPv4 firewall now has" in set_up.bot("setup-host").stdout
    inputs = [line for line in set_up.tables() if line.startswith("-A INPUT")]
    assert inputs[0] == "-A INPUT -i sbl+ -j STUDY-LAB-IN"
    set_up.did("iptables", "-D", "INPUT", "-p", "tcp", "-j", "ACCEPT")


def test_a_machine_without_any_network_is_no_false_alarm(set_up: Machine):
    route = set_up.did("ip", "route", "show", "default").split()
    set_up.did("ip", "route", "del", "default")
    try:
        assert problems(set_up) == {}
    finally:
        set_up.did("ip", "route", "add", *(word for word in route if word != "linkdown"))


def test_a_reserve_that_is_gone_is_noticed(set_up: Machine):
    for limit in ("memory.memsw.limit_in_bytes", "memory.limit_in_bytes", "memory.max"):
        for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup"):
            set_up.inside(
                "sh", "-c", f"f={root}/{set_up.cgroup}/{limit}; [ -e $f ] && echo -1 >$f || true"
            )
    assert "keeps memory back" in problems(set_up)["reserve"]


def test_another_subnet_than_the_one_that_was_set_up_is_noticed(set_up: Machine):
    text = set_up.lab_file.read_text()
    set_up.lab_file.write_text(f'{text}subnet = "10.214.0.0/16"\n')
    try:
        assert "10.214.0.0/16" in problems(set_up)["set-up"]
    finally:
        set_up.lab_file.write_text(text)


def test_everything_of_the_tables_that_is_not_ours_stays(ours: Machine):
    ours.bot("remove-host")
    ours.did("iptables", "-N", "STUDY-LAB-OTHERS")
    ours.did("iptables", "-A", "FORWARD", "-i", "sbl9", "-j", "STUDY-LAB-OTHERS")
    before = ours.tables()
    ours.bot("setup-host")
    assert set(before) <= set(ours.tables())
    ours.bot("remove-host")
    assert ours.tables() == before
