"""The same small work done inside two instances, and how much of it in a second.

Three kinds, for they differ in what stands between a program and the hardware: plain
calculation runs as it would without; system calls go to a kernel, the host's or the guest's own;
starting programs has that kernel set up memory. Each is repeated for half a second, so it takes
no longer where it is slow. Any shell can do them; time is read inside (`/proc/uptime`,
hundredths of a second), so how long it takes to get in isn't part of it.
"""

from collections.abc import Mapping
from enum import StrEnum


class Work(StrEnum):
    """A kind of work, counted in rounds of a shell's loop, in system calls, in programs."""

    CALCULATE = "calculate"
    CALLS = "calls"
    STARTS = "starts"


# How many are done between two looks at the clock.
_AT_ONCE = {Work.CALCULATE: 2000, Work.CALLS: 40_000, Work.STARTS: 5}

_SCRIPT = """
now() { read t x </proc/uptime; t=${t%.*}${t#*.}; }
calculate() { i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; }
calls() { dd if=/dev/zero of=/dev/null bs=1 count=20000 2>/dev/null; }
starts() { /bin/true && /bin/true && /bin/true && /bin/true && /bin/true; }
for work in calculate calls starts; do
  now; began=$t; done=0
  while now; [ $((t-began)) -lt 50 ]; do $work || break; done=$((done+1)); done
  now; echo $work $done $((t-began))
done
"""

COMMAND = ("sh", "-c", _SCRIPT)


def speeds(output: bytes) -> dict[Work, float]:
    """Read how much of each kind was done in a second; what couldn't be done is left out."""
    found: dict[Work, float] = {}
    for line in output.decode(errors="replace").splitlines():
        words = line.split()
        if len(words) != 3 or words[0] not in set(Work):
            continue
        # A guest says what it likes.
        if not all(word.isascii() and word.isdigit() and len(word) < 12 for word in words[1:]):
            continue
        work, rounds, hundredths = Work(words[0]), int(words[1]), int(words[2])
        if rounds and hundredths:
            found[work] = rounds * _AT_ONCE[work] * 100 / hundredths
    return found


def shares(one: Mapping[Work, float], other: Mapping[Work, float]) -> dict[Work, float]:
    """Return how many times as much the other does in the same time."""
    return {work: other[work] / one[work] for work in Work if work in one and work in other}
