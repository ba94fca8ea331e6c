"""What a probe says, and what is made of it."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from bot.lab.drivers import FakeDriver
from bot.lab.host import Proof, check_host, probe, verdict
from bot.lab.host.probe import Answer, Heard, Laid, Target
from bot.lab.host.trial import Result
from bot.lab.model import HostSettings
from tests.lab.images import BUSYBOX

LAID = Laid("boot-1", "10.213.0.0/16", 8 * 1024**3, ("192.0.2.2", "fd00::2"), ("192.0.2.1",))
SETTINGS = HostSettings("a", "tcp://lab.example.org:2376")
SAID = """\
laid boot boot-1
laid subnet 10.213.0.0/16
laid memory 8589934592
laid addresses 192.0.2.2 fd00::2
laid neighbours
boot boot-1
addresses 10.213.255.2
memory 8589934592
try host 10.213.255.1 22 silent
try host fd00::2 22 none
try owner 10.213.254.2 8080 reached
nc: something unforeseen
finished
"""


def heard(**changes: object) -> Heard:
    quiet = Heard(LAID, "boot-1", ("10.213.255.2",), 8 * 1024**3, {}, finished=True)
    return replace(quiet, **changes)  # type: ignore[arg-type]


def judged(closed: Heard | None = None, opened: Heard | None = None, **changes: object) -> Proof:
    beside = heard(answers={Target("beside", "10.213.254.2", 8080): Answer.REACHED})
    result = Result(closed or heard(), opened or heard(), beside, published=True)
    facts = replace(FakeDriver().facts(), memory_bytes=10 * 1024**3, cgroup_version="1")
    result = replace(result, **changes)  # type: ignore[arg-type]
    return Proof(tuple(verdict.judge(result, SETTINGS, facts, None)))


def reached(key: str, address: str, port: int = 80) -> Heard:
    return heard(answers={Target(key, address, port): Answer.REACHED})


def test_what_a_probe_prints_is_read_back():
    found = probe.hear(SAID)
    assert found.laid == replace(LAID, neighbours=())
    assert found.boot_id == "boot-1"
    assert found.memory_limit_bytes == 8 * 1024**3
    assert found.finished
    assert not found.has_ipv6
    assert found.reached("host", "owner") == [Target("owner", "10.213.254.2", 8080)]


def test_a_probe_cut_off_is_no_proof():
    assert not probe.hear(SAID.partition("finished")[0]).finished
    assert not judged(closed=heard(finished=False)).holds


def test_what_was_laid_survives_the_way_through_the_image():
    archive, digest = probe.probe_archive(b"busybox", LAID)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        file = opened.extractfile("laid")
        assert file is not None
        assert Laid.read(file.read().decode()) == LAID
    assert probe.probe_archive(b"busybox", LAID) == (archive, digest)
    assert probe.probe_archive(b"busybox", replace(LAID, boot_id="boot-2"))[1] != digest
    assert probe.probe_archive(b"busybox", replace(LAID, addresses=()))[1] == digest


def test_only_a_busybox_that_needs_no_libraries_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shell = Path("/bin/sh").resolve()  # linked dynamically on every Debian
    monkeypatch.setattr(probe, "BUSYBOX", (tmp_path / "none", shell))
    assert probe.find_busybox() is None
    assert probe.find_busybox(tmp_path / "none") is None
    assert probe.find_busybox(BUSYBOX) == BUSYBOX.read_bytes()


def test_silence_everywhere_is_the_proof():
    proof = judged()
    assert proof.holds
    assert proof.why_not == ""


@pytest.mark.parametrize(
    ("closed", "opened", "what"),
    [
        (reached("host", "10.213.255.1", 0), None, "host"),
        (None, reached("host", "192.0.2.2"), "host"),
        (reached("metadata", "169.254.169.254"), None, "metadata"),
        (reached("owner", "10.213.254.2"), None, "other owners"),
        (reached("private", "10.0.0.1"), None, "private addresses"),
        (reached("neighbour", "8.8.8.8"), None, "private addresses"),
        (None, reached("neighbour", "192.168.1.1"), "private addresses"),
        (None, reached("neighbour", "fd00::1"), "private addresses"),
        (reached("internet", "1.1.1.1", 53), None, "way out"),
        (heard(boot_id="boot-2"), None, "set-up"),
        (heard(laid=replace(LAID, subnet="10.99.0.0/16")), None, "set-up"),
        (heard(laid=None), None, "set-up"),
        (None, heard(memory_limit_bytes=2**63), "reserve"),
        (None, heard(memory_limit_bytes=None), "reserve"),
    ],
)
def test_each_hole_is_named_and_what_to_run(closed: Heard | None, opened: Heard | None, what: str):
    proof = judged(closed, opened)
    assert not proof.holds
    (wrong,) = [each for each in proof.findings if not each.is_good]
    assert wrong.what == what
    assert "setup-host" in wrong.text
    assert wrong.text in proof.why_not


def test_an_open_network_may_reach_a_public_name_server_and_the_internet():
    assert judged(opened=reached("neighbour", "9.9.9.9", 53)).holds
    assert judged(opened=reached("internet", "1.1.1.1", 53)).holds


def test_silence_proves_nothing_where_not_even_the_same_owner_answers():
    proof = judged(beside=heard())
    assert not proof.holds
    assert "proves nothing" in proof.why_not


def test_a_published_port_must_answer_where_it_can_be_tried():
    assert not judged(published=False).holds
    assert judged(published=None).holds


def test_version_2_takes_what_was_laid_since_this_boot():
    facts = replace(FakeDriver().facts(), memory_bytes=10 * 1024**3, cgroup_version="2")
    beside = heard(answers={Target("beside", "10.213.254.2", 8080): Answer.REACHED})
    blind = heard(memory_limit_bytes=None)
    result = Result(blind, blind, beside, published=True)
    assert Proof(tuple(verdict.judge(result, SETTINGS, facts, None))).holds
    assert not Proof(tuple(verdict.judge(result, SETTINGS, facts, facts.memory_bytes))).holds


def test_no_finding_at_all_is_no_proof():
    assert not Proof(()).holds


def test_a_host_that_nobody_set_up_says_what_to_run():
    proof = check_host(FakeDriver(), SETTINGS, "installation")
    assert not proof.holds
    assert "setup-host" in proof.why_not
