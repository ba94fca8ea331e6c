"""What is around a machine: the internet, a metadata service, a company network; two owners.

All of it is on the machine's namespaces: an address like 8.8.4.4 goes nowhere else.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lab.host.machine import Machine
from tests.lab.images import BUSYBOX, Recipe, archive

WEB, MAIL, HOST_SERVICE, PUBLISHED = 80, 25, 8099, 39001
METADATA, COMPANY, INTERNET = "169.254.169.254", "10.77.0.1", "8.8.4.4"
NAME_SERVER = "1.1.1.1"
COMPANY_V6, INTERNET_V6 = "fd88::1", "2600::1"
MACHINE, MACHINE_V6 = "100.127.0.2", "fd8a::2"
IMAGE = "study-test/busybox:1"

AROUND = f"""
ip link add up0 type veth peer name up1
unshare --net sh -c '
  while ! ip link set up1 up 2>/dev/null; do sleep 0.05; done
  ip link set lo up
  ip addr add 100.127.0.1/30 dev up1
  ip -6 addr add fd8a::1/64 dev up1 nodad
  for each in {METADATA} {COMPANY} {INTERNET} {NAME_SERVER}; do ip addr add $each/32 dev lo; done
  for each in {COMPANY_V6} {INTERNET_V6}; do ip -6 addr add $each/128 dev lo; done
  ip route add default via {MACHINE}
  ip -6 route add default via {MACHINE_V6}
  {BUSYBOX} httpd -p {WEB} -h /tmp
  {BUSYBOX} httpd -p {MAIL} -h /tmp
  exec sleep 600
' &
while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
ip link set up1 netns $!
ip link set up0 up
ip addr add {MACHINE}/30 dev up0
ip -6 addr add {MACHINE_V6}/64 dev up0 nodad
ip route replace default via 100.127.0.1
ip -6 route replace default via fd8a::1
{BUSYBOX} httpd -p {HOST_SERVICE} -h /tmp
echo $!
wait
"""
# Waits for everything to be up, so that silence means what it should.
ATTEMPT = """
while [ $# -ge 3 ]; do
  (timeout 3 nc -w 2 "$2" "$3" </dev/null >/dev/null 2>&1 && echo "$1") &
  shift 3
done
wait
"""


@dataclass(frozen=True)
class Place:
    """Somewhere to connect to."""

    address: str
    port: int = WEB


@dataclass
class Neighbourhood:
    """A machine with two owners' closed networks and an open one."""

    machine: Machine
    outside: int

    def tried(self, container: str, places: Mapping[str, Place]) -> set[str]:
        """Return which places can be reached from inside a container."""
        words = [word for name, it in places.items() for word in (name, it.address, str(it.port))]
        said = self.machine.docker("exec", container, "sh", "-c", ATTEMPT, "sh", *words)
        return set(said.splitlines())

    def from_machine(self, place: Place) -> bool:
        """Say whether the machine itself reaches a place."""
        return self._speaks((), place)

    def from_outside(self, place: Place) -> bool:
        """Say whether the internet reaches a place."""
        return self._speaks(("nsenter", "-t", str(self.outside), "--net"), place)

    def _speaks(self, prefix: tuple[str, ...], place: Place) -> bool:
        said = self.machine.inside(
            *(*prefix, "timeout", "3", str(BUSYBOX), "nc", "-w", "2"),
            *(place.address, str(place.port)),
            given="GET / HTTP/1.0\r\n\r\n",
        )
        return said.stdout.startswith("HTTP/")

    def address(self, container: str, family: str = "IPAddress") -> str:
        """Return where a container is."""
        form = f"{{{{range .NetworkSettings.Networks}}}}{{{{.{family}}}}}{{{{end}}}}"
        return self.machine.docker("inspect", "--format", form, container)


@contextmanager
def surroundings(machine: Machine) -> Iterator[int]:
    """Put the world around a machine; return the process id that its network goes by."""
    command = [*machine.engine.inside, "sh", "-c", AROUND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as around:
        try:
            assert around.stdout is not None
            yield int(around.stdout.readline())
        finally:
            around.terminate()


@contextmanager
def neighbourhood(machine: Machine) -> Iterator[Neighbourhood]:
    """Put the world around a machine, and owners' containers into it."""
    with surroundings(machine) as outside:
        yield _build(machine, outside)


def _build(machine: Machine, outside: int) -> Neighbourhood:
    subprocess.run(
        ["docker", "--host", machine.engine.address, "load", "--quiet"],
        input=archive(Recipe(IMAGE, command=("sleep", "600"))),
        check=True,
        capture_output=True,
    )
    for number, name in enumerate(("sblc1", "sblc2", "sblo3"), 1):
        machine.docker(
            *("network", "create", "--ipv6", "--subnet", f"10.213.{number}.0/28"),
            *("--subnet", f"fd99:0:0:{number}::/64"),
            *("--opt", f"com.docker.network.bridge.name={name}", name),
        )
    listens = ("httpd", "-f", "-p", str(WEB), "-h", "/bin")
    _run(machine, "mine", "sblc1", "sleep", "600")
    _run(machine, "mine-too", "sblc1", *listens)
    _run(machine, "theirs", "sblc2", *listens, publish=f"{PUBLISHED}:{WEB}")
    _run(machine, "open", "sblo3", "sleep", "600")
    built = Neighbourhood(machine, outside)
    _wait_for_ipv6(built)
    return built


def _run(machine: Machine, name: str, network: str, *command: str, publish: str = "") -> None:
    machine.docker(
        *("run", "--detach", "--stop-timeout", "1", "--name", name, "--network", network),
        *(("--publish", publish) if publish else ()),
        *(IMAGE, *command),
    )


def _wait_for_ipv6(built: Neighbourhood) -> None:
    until = time.monotonic() + 15
    for name in ("mine", "mine-too", "theirs", "open"):
        while "tentative" in built.machine.docker("exec", name, "ip", "-6", "addr"):
            assert time.monotonic() < until, "IPv6 never became usable"
            time.sleep(0.1)
