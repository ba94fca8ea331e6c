"""The set-up scripts on machines unlike this one, and the files that must agree."""

import os
import pty
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# What the scripts call and every Debian has; all else a test puts there itself.
ESSENTIAL = "bash cat chmod cut dirname env flock grep head mkdir rm sha256sum tail touch"


class Machine:
    """A copy of the set-up in a folder, and a PATH with nothing on it but what a test wants."""

    def __init__(self, folder: Path) -> None:
        self.project, self.path, self.home = folder / "app", folder / "bin", folder / "home"
        for each in (self.project / "scripts", self.path, self.home):
            each.mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "setup.sh", self.project / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.project)
        for name in ESSENTIAL.split():
            (self.path / name).symlink_to(str(shutil.which(name)))
        self.program("sudo", 'while [ "$1" = -n ]; do shift; done; exec "$@"')
        self.variables: dict[str, str] = {}

    def program(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        (self.path / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.path / name).chmod(0o755)

    def python(self, before: str = "pass", venv: str = "exit 1") -> None:
        """Put a python3 there: `before` runs ahead of `-c` programs, `venv` as `-m venv`."""
        code = f"import sys; {before}; exec(sys.argv.pop(1))"
        self.program(
            "python3",
            f'case $1 in -c) shift; exec {sys.executable} -c "{code}" "$@";;\n'
            f"--version) echo Python; exit;; esac\n{venv}",
        )

    def apt_get(self, install: str) -> None:
        """Put an apt-get there that writes down its commands and runs a script on install."""
        self.program(
            "apt-get",
            f'echo "$@" >>{self.home}/apt\ncase "$1" in install) {install};; esac',
        )

    @property
    def apt_calls(self) -> list[str]:
        calls = self.home / "apt"
        return calls.read_text().splitlines() if calls.exists() else []

    def _environment(self, **variables: str) -> dict[str, str]:
        return {"PATH": str(self.path), "HOME": str(self.home), **self.variables, **variables}

    def setup(self, *parts: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run setup.sh without a terminal."""
        return subprocess.run(
            [self.path / "bash", "scripts/setup.sh", *parts],
            cwd=self.project,
            env=self._environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def setup_on_terminal(self, answer: str, *parts: str) -> str:
        """Run setup.sh on a terminal where a person types one answer."""
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode() + b"\n")
        with subprocess.Popen(
            [self.path / "bash", "scripts/setup.sh", *parts],
            cwd=self.project,
            env=self._environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            said = b""
            try:
                while chunk := os.read(ours, 4096):
                    said += chunk
            except OSError:  # how Linux says that the other end is closed
                pass
            process.wait(30)
        os.close(ours)
        return said.decode()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# --- Python --------------------------------------------------------------------


@pytest.mark.parametrize("before", ["sys.version_info = (3, 10, 9)", None])
def test_too_old_or_no_python_is_one_sentence(machine: Machine, before: str | None):
    if before:
        machine.python(before)
    result = machine.setup("run")
    assert result.returncode == 1
    assert "3.11 or newer" in result.stdout
    assert "apt-get install" in result.stdout
    assert not (machine.project / ".venv").exists()


def test_a_python_without_venv_gets_it_from_apt(machine: Machine):
    machine.python("sys.modules['ensurepip'] = None")
    machine.apt_get("exit 100")
    result = machine.setup("run")
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert machine.apt_calls[0].startswith("update")
    assert machine.apt_calls[1].endswith(package)
    assert result.returncode == 1
    assert f"sudo apt-get install {package}" in result.stdout


def test_a_machine_without_apt_is_told_what_is_missing(machine: Machine):
    machine.python("sys.modules['ensurepip'] = None")
    result = machine.setup("run")
    assert result.returncode == 1
    assert "no apt-get" in result.stdout


# A virtual environment as `python -m venv` makes it, whose pip does what a test says.
STUB_VENV = """
mkdir -p "$3/bin"
echo "#!$PWD/$3/bin/python" >"$3/bin/pip"
printf '#!/bin/sh\\n[ "$*" = "-m pip --version" ] && exit\\n%s\\n' '{pip}' >"$3/bin/python"
chmod +x "$3/bin/python"
"""
NO_NETWORK = 'echo "WARNING: NewConnectionError"; exit 1'
INTERRUPTED = "kill -INT $PPID; exit 1"
INSTALLS = 'touch "${0%/*}/study-bot"; chmod +x "${0%/*}/study-bot"'


def test_without_network_it_says_so_and_keeps_what_is_there(machine: Machine):
    machine.python(venv=STUB_VENV.format(pip=NO_NETWORK))
    first = machine.setup("run")
    assert first.returncode == 1
    assert "index can't be reached" in first.stdout
    (machine.project / ".venv" / "kept").touch()
    assert "index can't be reached" in machine.setup("run").stdout
    assert (machine.project / ".venv" / "kept").exists()


def test_an_interrupted_installation_is_made_anew(machine: Machine):
    machine.python(venv=STUB_VENV.format(pip=INTERRUPTED))
    assert "stopped half-way" in machine.setup("run").stdout
    (machine.project / ".venv" / "half").touch()
    machine.python(venv=STUB_VENV.format(pip=INSTALLS))
    again = machine.setup("run")
    assert again.returncode == 0
    assert "interrupted: making .venv anew" in again.stdout
    assert not (machine.project / ".venv" / "half").exists()


def test_only_what_changed_is_installed_again(machine: Machine):
    machine.python(venv=STUB_VENV.format(pip=INSTALLS))
    assert "Installing" in machine.setup("dev").stdout
    assert machine.setup("dev").stdout == ""
    assert machine.setup("run").stdout == ""  # dev holds it
    with (machine.project / "constraints.txt").open("a") as file:
        file.write("another==1\n")
    assert "Installing" in machine.setup("run").stdout
    assert "Installing" in machine.setup("dev").stdout  # run doesn't hold that


def test_a_moved_environment_is_made_anew(machine: Machine):
    machine.python(venv=STUB_VENV.format(pip=INSTALLS))
    machine.setup("run")
    machine.project = machine.project.rename(machine.project.with_name("moved"))
    # Its programs begin with the path of the old folder.
    assert "can't be used as it is: making it anew" in machine.setup("run").stdout
    assert machine.setup("run").stdout == ""


# --- the browser ---------------------------------------------------------------


def test_browser_packages_are_installed_without_asking_where_nobody_can_answer(machine: Machine):
    machine.apt_get(
        f"cd {machine.path}; for each in chromium fc-list; do "
        "printf '#!/bin/sh\\necho font\\n' >$each; chmod +x $each; done"
    )
    result = machine.setup("browser")
    assert result.returncode == 0
    assert machine.apt_calls[1].endswith("chromium fonts-noto-cjk fonts-noto-color-emoji")
    assert "skipped" not in result.stdout
    assert machine.setup("browser").stdout == ""
    assert len(machine.apt_calls) == 2


def test_a_failing_installation_names_the_packages_and_goes_on(machine: Machine):
    machine.apt_get("exit 100")
    result = machine.setup("browser")
    assert result.returncode == 0
    assert "skipped" in result.stdout
    assert "sudo apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji" in result.stdout


def test_no_is_remembered(machine: Machine):
    machine.apt_get("exit 100")
    assert "[Y/n]" in machine.setup_on_terminal("n", "browser")
    again = machine.setup_on_terminal("y", "browser")
    assert "[Y/n]" not in again
    assert "apt-get install chromium" in again
    assert machine.apt_calls == []


def test_enter_means_yes(machine: Machine):
    machine.apt_get("exit 100")
    assert "[Y/n]" in machine.setup_on_terminal("", "browser")
    assert len(machine.apt_calls) == 2


# --- make ------------------------------------------------------------------------


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # What the `make test` around this run was told is not for these.
    told = {"ARGS", "FAST", "JOBS", "LAB", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL"}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in told},
        capture_output=True,
        text=True,
        check=False,
    )


def test_bare_make_lists_every_target_and_changes_nothing():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    shown = make().stdout
    for target in targets[1].split():
        assert re.search(rf"^  {target} ", shown, re.MULTILINE), target


@pytest.mark.parametrize(("value", "status"), [("on", 0), ("off", 0), ("ask", 0), ("perhaps", 2)])
def test_lab_takes_three_values(value: str, status: int):
    assert make("help", f"LAB={value}").returncode == status


@pytest.mark.parametrize(
    ("arguments", "has_floor"), [([], True), (["FAST=1"], False), (["ARGS=-k votes"], False)]
)
def test_the_coverage_floor_is_for_the_whole_suite(arguments: list[str], has_floor: bool):
    assert ("--cov-fail-under" in make("--dry-run", "coverage", *arguments).stdout) is has_floor
    assert "--cov" not in make("--dry-run", "test", *arguments).stdout


@pytest.mark.parametrize("fails", ["lint", "test", ""])
def test_ci_runs_both_and_fails_with_either(tmp_path: Path, fails: str):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    stub = tmp_path / "make"
    stub.write_text(f'#!/bin/sh\necho "ran $1"\n[ "$1" != "{fails}" ]\n')
    stub.chmod(0o755)
    result = subprocess.run(
        ["bash", tmp_path / ".ci" / "run"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ran lint" in result.stdout
    assert "ran test" in result.stdout
    assert result.returncode == (1 if fails else 0)
    assert (f"make {fails} FAILED" in result.stdout) is bool(fails)


def test_fast_leaves_the_slow_tests_out(tmp_path: Path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.slow\ndef test_slow(): pass\ndef test_quick(): pass\n"
    )
    counts = {}
    for fast in ("1", ""):
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:simcord"],
            cwd=tmp_path,
            env={**os.environ, "FAST": fast, "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        counts[fast] = result.stdout.splitlines()[-1]
    assert "1 passed, 1 deselected" in counts["1"]
    assert "2 passed" in counts[""]


# --- files that must agree -------------------------------------------------------


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_constraints_are_names_and_versions_only():
    for name, version in constraints().items():
        assert name == canonicalize_name(name)
        assert re.fullmatch(r"[0-9][0-9a-z.]*", version), name


def test_constraints_hold_every_dependency_within_its_range():
    groups = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(each for group in groups for each in group)]
    found = constraints()
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name != PROJECT["project"]["name"]:
            assert requirement.specifier.contains(found[name]), requirement


def test_no_registry_is_named():
    names = [".ci/run", "Makefile", "Dockerfile", "docker-compose.yml", "constraints.txt"]
    for path in [
        *map(ROOT.joinpath, names),
        *ROOT.glob("scripts/**/*.sh"),
        ROOT / "scripts/lock.py",
    ]:
        if path.is_file():
            assert not re.search(r"https?://|--(extra-)?index", path.read_text()), path


def test_every_package_gets_into_the_image():
    dockerfile = (ROOT / "Dockerfile").read_text().splitlines()
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]:
        package = pattern.rstrip("*")
        assert f"COPY {package} {package}" in dockerfile
        assert f"!{package}" in sent
    assert sent[1] == "*"  # all else stays: .env, data, history
