"""A machine of one's own to set up: an engine in a network namespace, with rules of its own.

Cgroups have no namespace that would help here, so the parent cgroup gets another name.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.images import BUSYBOX
from tests.lab.private import PrivateEngine, private_engine

ROOT = Path(__file__).resolve().parents[3]
# Runs the command line under the other name.
RENAMED = """
import sys
from bot.lab.host import cgroups, probe
cgroups._PARENT = sys.argv[1]
probe.BUSYBOX = () if "--none" in sys.argv else probe.BUSYBOX
sys.argv = [each for each in sys.argv if each != "--none"]
from bot.__main__ import main
sys.exit(main(sys.argv[2:]))
"""
PORTS = "39000-39099"


@dataclass
class Machine:
    """It: `inside` runs programs there, `bot` the `study-bot` command."""

    engine: PrivateEngine
    lab_file: Path

    @property
    def cgroup(self) -> str:
        return f"{self.engine.name}-lab"

    def inside(self, *command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program in the machine's namespaces."""
        return subprocess.run(
            [*self.engine.inside, *command],
            capture_output=True,
            text=True,
            check=False,
            input=given,
            timeout=60,
            cwd=ROOT,
        )

    def did(self, *command: str) -> str:
        """Run a program that must not fail; return what it said."""
        done = self.inside(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def bot(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `study-bot lab …` there."""
        found = ("--busybox", str(BUSYBOX)) if "setup-host" in arguments else ()
        return self._bot(*arguments, *found)

    def without_busybox(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `study-bot lab …` as if no busybox were installed there."""
        return self._bot(*arguments, "--none")

    def _bot(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.inside(
            *(sys.executable, "-c", RENAMED, self.cgroup, "lab", *arguments),
            *("--file", str(self.lab_file)),
        )

    def docker(self, *arguments: str) -> str:
        """Run the engine's client; return what it said."""
        return self.did("docker", "--host", self.engine.address, *arguments).strip()

    def tables(self) -> Sequence[str]:
        """Return both firewalls, counters aside."""
        listed = [self.did(program, "-S") for program in ("iptables", "ip6tables")]
        return "\n".join(listed).splitlines()


@contextmanager
def machine() -> Iterator[Machine]:
    """Make one; it is gone afterwards, cgroups too."""
    with private_engine() as engine:
        lab_file = engine.folder / "lab.toml"
        lab_file.write_text(
            f'[[hosts]]\nname = "local"\ndocker = "{engine.address}"\nports = "{PORTS}"\n'
        )
        made = Machine(engine, lab_file)
        for command in (
            ("ip", "-6", "addr", "add", "fd77::2/64", "dev", "eth0", "nodad"),
            # The engine forwards IPv4 alone by default; here the other way must be shut, too.
            ("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"),
        ):
            made.did(*command)
        try:
            yield made
        finally:
            made.bot("remove-host")
