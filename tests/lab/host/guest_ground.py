"""A machine with guests' bridges, and namespaces in the guests' place: the rules can't tell.

So what the firewall lets through is tried in a second, with no hypervisor at all.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from bot.lab.host import Family, Fence, firewall
from bot.lab.host.check import rules_stand
from bot.lab.host.programs import Outcome, run
from bot.lab.host.verdict import Finding
from bot.lab.model import HostSettings
from tests.lab.host.machine import ROOT
from tests.lab.host.neighbourhood import ATTEMPT, Place, surroundings
from tests.lab.images import BUSYBOX

SSH = 22
# Two in the closed network, two in the open one: by bridge, and by address.
GUESTS = {
    "closed": ("sblcguests", "10.214.0.16"),
    "closed too": ("sblcguests", "10.214.0.17"),
    "open": ("sbloguests", "10.214.1.16"),
    "open too": ("sbloguests", "10.214.1.17"),
}
GATEWAYS = {"sblcguests": "10.214.0.1", "sbloguests": "10.214.1.1"}
GATEWAYS_V6 = {"sblcguests": "fd99:0:0:1::1", "sbloguests": "fd99:0:0:2::1"}

GUEST = f"""
while ! ip link set eth0 up 2>/dev/null; do sleep 0.05; done
ip link set lo up
ip address add $1/24 dev eth0
ip -6 address add $2/64 dev eth0 nodad
ip route add default via $3
ip -6 route add default via $4
{BUSYBOX} httpd -p {SSH} -h /tmp
echo up
exec sleep 600
"""


LISTEN = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
    heard.bind(("127.0.0.1", 5005))
    heard.settimeout(1.5)
    print("listens", flush=True)
    print(heard.recv(10).decode())
"""
FORGE = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forged:
    forged.sendto(b"forged", ("127.0.0.1", 5005))
"""


@dataclass
class Inside:
    """How to get into a machine's namespaces."""

    inside: tuple[str, ...]


@dataclass
class Bare:
    """A machine without any engine: a network namespace."""

    engine: Inside

    def inside(
        self, *command: str, given: str | None = None, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a program there."""
        return subprocess.run(
            [*self.engine.inside, *command],
            capture_output=True,
            text=True,
            check=False,
            input=given,
            timeout=seconds,
            cwd=ROOT,
        )

    def did(self, *command: str) -> str:
        """Run a program that must not fail; return what it said."""
        done = self.inside(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def bare() -> Iterator[Bare]:
    """Make a machine without Docker."""
    with subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", "ip link set lo up; echo up; exec sleep 600"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            made = Bare(Inside(("nsenter", "-t", str(process.pid), "--net", "--mount", "--")))
            made.did("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
            yield made
        finally:
            process.kill()


@dataclass
class Ground:
    """It: `guests` by name to the process whose network theirs is; `outside` is the internet's."""

    machine: Bare
    outside: int
    guests: dict[str, int] = field(default_factory=dict[str, int])

    def rules(self, action: str, bind: str = "127.0.0.1") -> list[bool]:
        """Lay, look at or take away the rules there; return what was said for each firewall."""
        settings = HostSettings("here", None, libvirt="qemu:///system", bind_address=bind)
        fence = Fence.of(settings)
        work: dict[str, Callable[[Family], bool]] = {
            "lay": lambda family: firewall.lay(family, fence),
            "stands": lambda family: firewall.stands(family, fence),
            "take-away": firewall.take_away,
        }
        with mock.patch.object(firewall, "run", self._run):
            return [work[action](family) for family in firewall.families()]

    def finding(self, settings: HostSettings) -> Finding:
        """Return what a check of another lab on that machine says of the rules."""
        with mock.patch.object(firewall, "run", self._run):
            (found,) = rules_stand(settings)
        return found

    def _run(self, arguments: Sequence[str], text: str = "") -> Outcome:
        return run([*self.machine.engine.inside, *arguments], text)

    def in_guest(self, guest: str, *command: str, given: str = "") -> str:
        """Run a program in a guest's network; return what it said."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.guests[guest]), "--net", "--", *command],
            capture_output=True,
            text=True,
            check=False,
            input=given,
            timeout=30,
        )
        return done.stdout

    def tried(self, guest: str, places: Mapping[str, Place]) -> set[str]:
        """Return which places can be reached from a guest."""
        words = [word for name, it in places.items() for word in (name, it.address, str(it.port))]
        attempt = ATTEMPT.replace("nc -w", f"{BUSYBOX} nc -w")
        return set(self.in_guest(guest, "sh", "-c", attempt, "sh", *words).splitlines())

    def from_machine(self, place: Place) -> bool:
        """Say whether the machine itself reaches a server."""
        return self._speaks((), place)

    def from_outside(self, place: Place) -> bool:
        """Say whether the internet reaches a server."""
        return self._speaks(("nsenter", "-t", str(self.outside), "--net"), place)

    def loopback_hears(self, guest: str) -> bool:
        """Say whether a guest's word gets to a server on the machine's loopback address."""
        listening = [*self.machine.engine.inside, sys.executable, "-c", LISTEN]
        with subprocess.Popen(listening, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            server.stdout.readline()
            self.in_guest(guest, sys.executable, "-c", FORGE)
            return server.stdout.readline() == "forged\n"

    def outside_does(self, *command: str) -> None:
        """Run a program on the internet's side."""
        self.machine.did("nsenter", "-t", str(self.outside), "--net", *command)

    def _speaks(self, prefix: tuple[str, ...], place: Place) -> bool:
        said = self.machine.inside(
            *(*prefix, "timeout", "3", str(BUSYBOX), "nc", "-w", "2"),
            *(place.address, str(place.port)),
            given="GET / HTTP/1.0\r\n\r\n",
        )
        return said.stdout.startswith("HTTP/")


@contextmanager
def ground(machine: Bare) -> Iterator[Ground]:
    """Put the world around a machine, bridges into it, and guests on them."""
    with ExitStack() as stack:
        # It only asks how to get into a machine's namespaces.
        outside = stack.enter_context(surroundings(machine))  # type: ignore[arg-type]
        made = Ground(machine, outside)
        machine.did("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for bridge, gateway in GATEWAYS.items():
            machine.did("ip", "link", "add", bridge, "type", "bridge")
            machine.did("ip", "link", "set", bridge, "up")
            # As `lab setup-host` has it.
            machine.did("sysctl", "-qw", f"net.ipv4.conf.{bridge}.route_localnet=1")
            machine.did("ip", "address", "add", f"{gateway}/24", "dev", bridge)
            machine.did(
                *("ip", "-6", "address", "add", f"{GATEWAYS_V6[bridge]}/64", "dev", bridge, "nodad")
            )
        machine.did(str(BUSYBOX), "httpd", "-p", "53", "-h", "/tmp")
        for number, (name, (bridge, address)) in enumerate(GUESTS.items()):
            made.guests[name] = stack.enter_context(_guest(machine, number, bridge, address))
        yield made


@contextmanager
def _guest(machine: Bare, number: int, bridge: str, address: str) -> Iterator[int]:
    v6 = f"{GATEWAYS_V6[bridge][:-1]}{address.rpartition('.')[2]}"
    command = ["unshare", "--net", "sh", "-c", GUEST, "sh"]
    command += [address, v6, GATEWAYS[bridge], GATEWAYS_V6[bridge]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            _wait_for_namespace(process.pid)
            end = f"vg{number}"
            machine.did("ip", "link", "add", end, "type", "veth", "peer", "name", f"{end}p")
            machine.did("ip", "link", "set", end, "master", bridge, "up")
            # As the driver has it for every guest.
            machine.did("bridge", "link", "set", "dev", end, "isolated", "on")
            # From the outside of its process namespace, which knows no number of a guest's.
            into = ("netns", str(process.pid), "name", "eth0")
            subprocess.run(
                [
                    *("nsenter", "-t", machine.engine.inside[2], "--net"),
                    *("ip", "link", "set", f"{end}p", *into),
                ],
                check=True,
            )
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            yield process.pid
        finally:
            process.kill()


def _wait_for_namespace(pid: int) -> None:
    here = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{pid}/ns/net").readlink() == here:
        pass
