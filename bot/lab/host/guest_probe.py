"""The guests' probe: a kernel and a small first file system that tries what guests must not reach.

It is made of the host's own kernel, or of one that is given, and a static busybox; `lab
setup-host` puts it into the pool. What to try comes on its command line, what came of it goes to
its console, in the words that the containers' probe uses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.lab.host import probe
from bot.lab.host.initramfs import Initramfs, modules
from bot.lab.host.probe import Heard, Target

KERNEL_VOLUME = "study-probe-kernel"
INITRD_VOLUME = "study-probe-initrd"
# What answered an IPv6 word to everybody on its line.
LINE = "line"
MEMORY_BYTES = 192 * 1024**2
_WANTED = ("virtio_pci", "virtio_net", "virtio_mmio")
# The kernel takes 2,048 bytes of command line.
_MOST_WORDS = 1_700
_CONSOLE = "console=ttyS0 quiet panic=-1 study.try="

_INIT = f"""#!/bin/busybox sh
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox --install -s /bin
for module in /lib/modules/*.ko; do insmod "$module"; done 2>/dev/null
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -n -q -t 10 -T 1 -s /bin/lease >/dev/null 2>&1
httpd -p {probe.LISTENS_ON} -h /tmp
set -- $(sed 's/.*study\\.try=\\([^ ]*\\).*/\\1/; s/[,/]/ /g' /proc/cmdline)
# What the set-up knew of the host: its addresses, and who is next to it.
for address in $(sed -n 's/^laid addresses//p' /{probe.LAID_FILE}); do
  set -- "$@" host "$address" 22 host "$address" 0
done
for address in $(sed -n 's/^laid neighbours//p' /{probe.LAID_FILE}); do
  set -- "$@" neighbour "$address" 53 neighbour "$address" 80
done
tries=$(($# / 3))
# Where every instruction is translated, a program may take long to begin.
patience=20
{probe.TRIES}
# Whoever answers a word to everybody on the line, by IPv6, is a neighbour that must not be seen.
ping6 -c 2 -W 1 -I eth0 ff02::1 2>/dev/null | sed -n 's/.* from \\([0-9a-f:]*\\): seq.*/\\1/p' |
  sort -u | while read -r address; do
    ip -6 addr | grep -q "inet6 $address/" || echo "try {LINE} $address 0 reached"
  done
ip neigh show 2>/dev/null | grep "^$gateway " | grep -q lladdr && echo "gateway seen"
echo "over $tries"
poweroff -f
"""
_LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via "${router%% *}" dev "$interface"
"""


@dataclass(frozen=True, slots=True)
class ProbeSystem:
    """What the probe is made of: a kernel, and the folder with its modules."""

    kernel: Path
    modules: Path

    @classmethod
    def of_this_host(cls) -> "ProbeSystem":
        """Return the kernel that this host runs."""
        release = Path("/proc/sys/kernel/osrelease").read_text().strip()
        return cls(Path(f"/boot/vmlinuz-{release}"), Path(f"/lib/modules/{release}"))

    @property
    def is_there(self) -> bool:
        """Whether it can be read."""
        return self.kernel.is_file()


def probe_initrd(system: ProbeSystem, busybox: bytes, laid: probe.Laid) -> bytes:
    """Return the probe's first file system."""
    made = Initramfs()
    made.device("dev/console", 5, 1)
    for folder in ("proc", "sys", "tmp"):
        made.folder(folder)
    made.data(probe.BUSYBOX_FILE, busybox, 0o755)
    made.data("init", _INIT.encode(), 0o755)
    made.data("bin/lease", _LEASE.encode(), 0o755)
    made.data(probe.LAID_FILE, str(laid).encode())
    for number, (name, content) in enumerate(modules(system.modules, _WANTED).items(), 10):
        made.data(f"lib/modules/{number}-{name}.ko", content)
    return made.packed()


def command_line(targets: Iterable[Target]) -> str:
    """Return what has the probe try these, as many as there is room for."""
    words: list[str] = []
    for each in targets:
        word = f"{each.key}/{each.address}/{each.port}"
        if sum(map(len, words)) + len(words) + len(word) < _MOST_WORDS:
            words.append(word)
    return _CONSOLE + ",".join(words)


@dataclass(frozen=True, slots=True)
class GuestHeard:
    """What a guest's probe said. `line_works`: the host answered on the lowest level of the net."""

    heard: Heard
    line_works: bool
    finished: bool

    @property
    def address(self) -> str | None:
        """The IPv4 address it was given."""
        return next((each for each in self.heard.addresses if ":" not in each), None)


def hear(output: str) -> GuestHeard:
    """Read what a probe printed on its console."""
    heard = probe.hear(output)
    lines = [line.strip() for line in output.splitlines()]
    ends = [line.removeprefix("over ") for line in lines if line.startswith("over ")]
    # A line that the kernel broke in two counts as unanswered.
    answered = {target for target in heard.answers if target.key != LINE}
    finished = bool(ends) and ends[0].isdigit() and len(answered) >= int(ends[0])
    return GuestHeard(heard, "gateway seen" in lines, finished)
