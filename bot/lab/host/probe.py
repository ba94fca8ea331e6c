"""The probe: what a container tries to reach, to see whether the host's rules hold.

Its image is a static busybox and a note of what was laid (`Laid`), both put there by
`lab setup-host`: so a bot far away from the host knows them too.
"""

import hashlib
import io
import struct
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

PROBE_IMAGE = "study/probe:latest"
LABEL_LAID = "study-bot.laid"
BUSYBOX = (Path("/bin/busybox"), Path("/usr/bin/busybox"), Path("/sbin/busybox"))
LISTENS_ON = 8080
# How long silence is listened to; each end of a probe's life has to fit beside it.
SILENCE_SECONDS = 2
# Whoever says nothing for so much longer is connected and waits for more. On a busy machine a
# second isn't enough to tell that from one that had no time to say that it was silence.
_MARGIN_SECONDS = 4
_APPLETS = ("sh", "cat", "grep", "httpd", "ip", "nc", "ping", "sed", "sleep", "timeout")
LAID_FILE = "laid"
BUSYBOX_FILE = "bin/busybox"
_INTERPRETER_SEGMENT = 3  # PT_INTERP: there only in programs that need a loader


@dataclass(frozen=True, slots=True)
class Laid:
    """What `lab setup-host` laid, and what it knew of the host.

    `addresses`: the host's own; `neighbours`: its router and name servers, the machines that
    are most likely to answer an instance.
    """

    boot_id: str
    subnet: str
    memory_bytes: int
    addresses: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"laid boot {self.boot_id}\nlaid subnet {self.subnet}\nlaid memory"
            f" {self.memory_bytes}\nlaid addresses {' '.join(self.addresses)}\nlaid neighbours"
            f" {' '.join(self.neighbours)}\n"
        )

    @classmethod
    def read(cls, text: str) -> "Laid | None":
        """Read it back out of a probe's output; None where it isn't whole."""
        found = {
            words[1]: tuple(words[2:])
            for line in text.splitlines()
            if len(words := line.split()) > 1 and words[0] == "laid"
        }
        try:
            return cls(
                boot_id=found["boot"][0],
                subnet=found["subnet"][0],
                memory_bytes=int(found["memory"][0]),
                addresses=found["addresses"],
                neighbours=found["neighbours"],
            )
        except (KeyError, IndexError, ValueError):
            return None


def find_busybox(preferred: Path | None = None) -> bytes | None:
    """Return the bytes of an installed busybox that runs by itself; None: there is none."""
    for path in (preferred, *BUSYBOX):
        if path is not None and path.is_file() and is_static(data := path.read_bytes()):
            return data
    return None


def probe_archive(busybox: bytes, laid: Laid) -> tuple[bytes, str]:
    """Return the image's root file system, and the digest that tells whether it still will do.

    Addresses come and go with networks: for them alone it isn't made anew.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("bin", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        _add(archive, BUSYBOX_FILE, busybox, 0o755)
        _add(archive, LAID_FILE, str(laid).encode(), 0o644)
        for applet in _APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    lasting = replace(laid, addresses=(), neighbours=())
    return buffer.getvalue(), hashlib.sha256(busybox + str(lasting).encode()).hexdigest()


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def is_static(data: bytes) -> bool:
    """Say whether an ELF program asks for no loader."""
    if data[:4] != b"\x7fELF":
        return False
    wide = data[4] == 2
    order = "<" if data[5] == 1 else ">"
    offset_at, size_at = (32, 54) if wide else (28, 42)
    (offset,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, offset_at)
    size, count = struct.unpack_from(f"{order}HH", data, size_at)
    kinds = (struct.unpack_from(f"{order}I", data, offset + n * size)[0] for n in range(count))
    return _INTERPRETER_SEGMENT not in kinds


# --- inside --------------------------------------------------------------------


class Answer(StrEnum):
    """What came back; anything at all means that the way is open."""

    SILENT = "silent"
    REACHED = "reached"
    NO_WAY = "none"  # nothing could be sent: no address of that family, or no route


_ANSWERS = frozenset(Answer)


@dataclass(frozen=True, slots=True)
class Target:
    """Something to try. `port` 0: a ping."""

    key: str
    address: str
    port: int = 0


_SAY = f"""
# An IPv6 address can't be used before the kernel knows that nobody else has it.
for round in 1 2 3 4 5 6 7 8 9 10; do
  ip -6 addr 2>/dev/null | grep -q tentative || break
  sleep 0.3
done
cat /{LAID_FILE}
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "addresses $(ip -o addr 2>/dev/null | grep -v ' lo ' | sed 's/.* inet6* //; s/[ /].*//')" |
  sed ':a; N; $!ba; s/\\n/ /g'
echo "memory $(sed -n 's/^hierarchical_memory_limit //p' /sys/fs/cgroup/memory/memory.stat \
  2>/dev/null)"
"""

# A refusal, an unreachable port, a host that its router doesn't find: all of it was let through.
# No route at all is said before any rule is looked at, by a machine without a network. For IPv6
# a missing neighbour is silence: the question for it was dropped.
_TRY = f"""
try() {{
  if [ "$3" = 0 ]; then
    if ping -c 1 -W {SILENCE_SECONDS} "$2" >/dev/null 2>&1
    then echo "try $1 $2 $3 reached"; else echo "try $1 $2 $3 silent"; fi
    return
  fi
  said=$(timeout "${{patience:-{SILENCE_SECONDS + _MARGIN_SECONDS}}}" \
    nc -w {SILENCE_SECONDS} "$2" "$3" </dev/null 2>&1) && said=open
  case "$2 $said" in
    *"timed out"*) said=silent ;;
    *"etwork is unreachable"* | *"annot assign"* | *"an't assign"*) said=none ;;
    *:*" "*"o route to host"*) said=silent ;;
    *) said=reached ;;
  esac
  echo "try $1 $2 $3 $said"
}}
"""

_EACH = """
gateway=$(ip route 2>/dev/null | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')
gateway6=$(ip -6 route 2>/dev/null | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')
while [ $# -ge 3 ]; do
  address=$2
  [ "$address" = gateway ] && address=$gateway
  [ "$address" = gateway6 ] && address=$gateway6
  [ -n "$address" ] && try "$1" "$address" "$3" &
  shift 3
done
wait
echo finished
"""

_UNTIL_ANSWER = """
for round in 1 2 3; do
  said=$(
    for address in "$@"; do
      timeout 1 nc -w 1 "$address" {port} </dev/null >/dev/null 2>&1 \
        && echo "try beside $address {port} reached" &
    done
    wait
  )
  [ -n "$said" ] && echo "$said" && break
  sleep 0.3
done
echo finished
"""


# Tries each target among the words it is given, all at once.
TRIES = _SAY + _TRY + _EACH


def listener() -> tuple[str, ...]:
    """Return the command of a container that answers."""
    return ("/bin/busybox", "httpd", "-f", "-p", str(LISTENS_ON), "-h", "/tmp")  # noqa: S108 - inside a container


def trier(targets: Iterable[Target]) -> tuple[str, ...]:
    """Return the command of a container that tries all targets at once and says how it went."""
    words = [word for each in targets for word in (each.key, each.address, str(each.port))]
    return ("/bin/busybox", "sh", "-c", TRIES, "probe", *words)


def beside(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the command of a container that waits until one of the addresses answers."""
    script = _SAY + _UNTIL_ANSWER.format(port=LISTENS_ON)
    return ("/bin/busybox", "sh", "-c", script, "probe", *addresses)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a probe said."""

    laid: Laid | None
    boot_id: str
    addresses: tuple[str, ...]
    memory_limit_bytes: int | None
    answers: Mapping[Target, Answer]
    finished: bool

    @property
    def has_ipv6(self) -> bool:
        """Whether it had any IPv6 address at all."""
        return any(":" in address for address in self.addresses)

    def reached(self, *keys: str) -> list[Target]:
        """Return which targets answered in any way."""
        return [
            target
            for target, answer in self.answers.items()
            if answer is Answer.REACHED and target.key in keys
        ]


def hear(output: str) -> Heard:
    """Read what a probe printed."""
    boot_id, addresses, limit = "", (), None
    answers: dict[Target, Answer] = {}
    finished = False
    for line in output.splitlines():
        match line.split():
            case ["boot", found]:
                boot_id = found
            case ["addresses", *found]:
                addresses = tuple(found)
            case ["memory", found] if found.isdigit():
                limit = int(found)
            case ["try", key, address, port, said] if port.isdigit() and said in _ANSWERS:
                answers[Target(key, address, int(port))] = Answer(said)
            case ["finished"]:
                finished = True
            case _:
                pass
    return Heard(Laid.read(output), boot_id, addresses, limit, answers, finished)
