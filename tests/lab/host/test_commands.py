"""The operator's commands: which host is meant, what is refused, what the doctor says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot import __main__ as program
from bot import doctor, lab_command
from bot.lab.drivers import FakeDriver
from bot.lab.host import DEFAULT_SOCKET, Finding, Proof, boot, examine, examine_host
from bot.lab.host.cgroups import CgroupRefused
from bot.lab.model import HostSettings
from bot.settings import Settings

HOST = '[[hosts]]\nname = "{name}"\ndocker = "{docker}"\n'


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return Settings.load()


def meant(settings: Settings, *arguments: str) -> HostSettings:
    """Return the host that a command line is about."""
    options = program._parser().parse_args(["lab", *arguments])
    return lab_command._host(settings, options)


def lab_text(text: str) -> None:
    Path("lab.toml").write_text(text)


def lab_file(*hosts: tuple[str, str]) -> None:
    lab_text("".join(HOST.format(name=name, docker=docker) for name, docker in hosts))


def test_without_a_file_this_machine_is_meant(settings: Settings):
    found = meant(settings, "setup-host")
    assert found.docker == f"unix://{DEFAULT_SOCKET}"
    assert found.subnet == "10.213.0.0/16"


def test_root_sets_up_the_machine_it_stands_on(settings: Settings):
    lab_file(("here", "unix:///run/docker.sock"), ("there", "ssh://lab@there.example.org"))
    assert meant(settings, "setup-host").name == "here"
    assert meant(settings, "setup-host", "--host", "there").name == "there"
    with pytest.raises(lab_command.WhichHost, match="here, there"):
        meant(settings, "check-host")
    with pytest.raises(lab_command.NoSuchHost, match="here, there"):
        meant(settings, "setup-host", "--host", "nowhere")


def test_a_host_known_by_ssh_is_spoken_to_over_its_own_socket(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    lab_file(("there", "ssh://lab@there.example.org"))
    engine = lab_command._engine(meant(settings, "setup-host").docker or "")
    assert engine._path == DEFAULT_SOCKET
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/other.sock")
    assert lab_command._engine(meant(settings, "setup-host").docker or "")._path == Path(
        "/run/other.sock"
    )


def test_options_come_before_the_file(settings: Settings):
    lab_file(("here", "unix:///run/docker.sock"))
    words = ["lab", "setup-host", "--subnet", "10.9.0.0/16", "--reserve-memory", "0.5"]
    options = program._parser().parse_args(words)
    chosen = lab_command._with_options(lab_command._host(settings, options), options)
    assert (chosen.subnet, chosen.reserve_memory_share, chosen.reserve_cpus) == (
        "10.9.0.0/16",
        0.5,
        1.0,
    )


def test_a_host_for_guests_needs_no_docker(settings: Settings):
    lab_text('[[hosts]]\nname = "here"\nlibvirt = "qemu:///system"\n')
    host = meant(settings, "setup-host")
    machine = lab_command._machine(host)
    assert machine.engine is None
    assert machine.hypervisor is not None


@pytest.mark.parametrize(
    "words",
    [
        ("--guest-ports", "31000"),
        ("--guest-ports", "31000-31999"),
        ("--guest-subnet", "10.214.0.1/23"),
        ("--subnet", "here"),
        ("--address", "lab.example.org"),
    ],
)
def test_an_option_that_cannot_be_is_a_sentence(
    settings: Settings, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
):
    del settings
    lab_file(("here", "unix:///run/docker.sock"))
    assert program.main(["lab", "setup-host", *words]) == 2
    assert "option can't be used" in capsys.readouterr().err


def test_without_libvirts_library_the_check_says_what_to_install(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    del settings
    monkeypatch.setitem(sys.modules, "bot.lab.drivers.libvirt", None)
    lab_text('[[hosts]]\nname = "here"\nlibvirt = "qemu:///system"\n')
    assert program.main(["lab", "check-host"]) == 1
    assert "study-session-bot[kvm]" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["setup-host", "remove-host"])
def test_only_root_may(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    action: str,
):
    del settings
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert program.main(["lab", action]) != 0
    assert "root" in capsys.readouterr().err


def test_without_an_engine_it_says_so(settings: Settings, capsys: pytest.CaptureFixture[str]):
    del settings
    lab_file(("here", "unix:///nowhere/docker.sock"))
    status = program.main(["lab", "setup-host"])
    said = capsys.readouterr().err
    assert status != 0
    assert "/nowhere/docker.sock" in said or "root" in said
    assert program.main(["lab", "check-host"]) == 1
    assert "PROBLEM" in capsys.readouterr().out


# --- at boot -------------------------------------------------------------------


def test_the_unit_lays_it_anew_after_the_engine_and_other_firewalls():
    settings = replace(HostSettings("a", "unix:///x"), subnet="10.9.0.0/16", reserve_cpus=2.0)
    text = boot.unit(settings, "/opt/bot/bin/python")
    lines = text.splitlines()
    assert any(line.startswith("After=docker.service") and "ufw.service" in line for line in lines)
    assert any(line.startswith("PartOf=docker.service") for line in lines)
    (command,) = [line for line in lines if line.startswith("ExecStart=")]
    words = command.removeprefix("ExecStart=/opt/bot/bin/python -m bot ").split()
    options = program._parser().parse_args(words)
    assert (options.subnet, options.reserve_cpus) == ("10.9.0.0/16", 2.0)
    assert (Path(text.partition("WorkingDirectory=")[2].splitlines()[0]) / "bot").is_dir()


def test_the_unit_comes_once_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(boot, "_UNITS", tmp_path)
    monkeypatch.setattr(boot, "systemctl", lambda *words: calls.append(words))
    settings = HostSettings("a", "unix:///x")
    assert boot.lay(settings)
    assert not boot.lay(settings)
    assert calls == [("daemon-reload",), ("enable", boot.UNIT)]
    assert boot.lay(replace(settings, subnet="10.9.0.0/16"))
    assert boot.take_away()
    assert not boot.take_away()
    assert list(tmp_path.iterdir()) == []


def test_a_systemd_that_refuses_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program_ = tmp_path / "systemctl"
    program_.write_text("#!/bin/sh\necho 'Unit is masked.' >&2\nexit 1\n")
    program_.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(boot, "_UNITS", tmp_path)
    with pytest.raises(CgroupRefused, match="masked"):
        boot.lay(HostSettings("a", "unix:///x"))


# --- the doctor ----------------------------------------------------------------

PROVEN = Proof((Finding("host", True, "out of reach"),))
Examined = Callable[..., dict[str, Finding]]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Examined:
    """Examine an engine that says other things of itself."""

    def work(*, proof: Proof = PROVEN, **facts: object):
        driver = FakeDriver()
        said = replace(driver.facts(), **facts)  # type: ignore[arg-type]
        monkeypatch.setattr(driver, "facts", lambda: said)
        monkeypatch.setattr(examine, "check_host", lambda *_: proof)
        found = examine_host(driver, HostSettings("a", "ssh://lab@lab.example.org"))
        return {each.what: each for each in found}

    return work


def test_a_host_as_it_should_be_is_good_in_everything(examined: Examined):
    found = examined(security_options=("name=seccomp,profile=default",))
    assert all(each.is_good for each in found.values()), found
    assert set(found) == {
        *("engine", "cgroups", "memory", "disk", "disk limits", "runtimes"),
        *("isolation", "user namespaces", "ports", "protection"),
    }


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"version": "19.03.15"}, "engine"),
        ({"cgroup_driver": "none"}, "cgroups"),
        ({"security_options": ("name=apparmor",)}, "isolation"),
        ({"disk_free_bytes": 10 * 1024**3, "disk_total_bytes": 100 * 1024**3}, "disk"),
    ],
)
def test_what_is_wrong_with_a_host_is_told(examined: Examined, facts: dict[str, object], what: str):
    found = examined(**{"security_options": ("name=seccomp",), **facts})
    assert [each.what for each in found.values() if not each.is_good] == [what]


def test_protection_that_does_not_hold_is_told_with_its_reason(examined: Examined):
    found = examined(proof=Proof((Finding("host", False, "The host can be reached."),)))
    assert not found["host"].is_good
    assert "protection" not in found


def test_an_engine_that_does_not_answer_is_one_line(tmp_path: Path):
    from bot.lab.drivers import connect

    settings = HostSettings("a", f"unix://{tmp_path}/docker.sock")
    driver = connect(settings)
    (found,) = examine_host(driver, settings)
    driver.close()
    assert not found.is_good
    assert str(tmp_path) in found.text


async def test_the_doctor_says_whether_there_is_a_lab_at_all(settings: Settings):
    found = {each.what: each for each in await doctor.examine(settings)}
    assert found["lab"].is_good
    lab_text("hosts = 1\n")
    found = {each.what: each for each in await doctor.examine(settings)}
    assert not found["lab"].is_good
    assert "lab.toml" in found["lab"].text
    lab_file(("here", "unix:///nowhere/docker.sock"))
    found = {each.what: each for each in await doctor.examine(settings)}
    assert not found["lab here, engine"].is_good
