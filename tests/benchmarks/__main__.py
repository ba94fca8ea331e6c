"""Run the benchmarks named on the command line, or all."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.benchmarks.download import download
from tests.benchmarks.figures import Figure, Unavailable, write
from tests.benchmarks.find import find
from tests.benchmarks.find_notes import find_notes
from tests.benchmarks.guests import guest_create, ten_guests
from tests.benchmarks.intake import intake_chatter, intake_question
from tests.benchmarks.lab import container_run, lab_lag, lab_list
from tests.benchmarks.notes import split
from tests.benchmarks.receipt import receipt
from tests.benchmarks.start import start
from tests.benchmarks.usage import (
    graph,
    sampling_cpu,
    sweep_10_guests,
    sweep_100_containers,
    sweep_growth,
    sweep_limit,
    usage_lag,
)
from tests.end_to_end.driver import ROOT

Benchmark = Callable[[Path], Awaitable[list[Figure]]]

BENCHMARKS: dict[str, Benchmark] = {
    "intake_chatter": intake_chatter,
    "intake_question": intake_question,
    "receipt": receipt,
    "start": start,
    "find": find,
    "find_notes": find_notes,
    "split": split,
    "download": download,
    "container_run": container_run,
    "lab_list": lab_list,
    "lab_lag": lab_lag,
    "sweep_100_containers": sweep_100_containers,
    "sampling_cpu": sampling_cpu,
    "sweep_limit": sweep_limit,
    "sweep_growth": sweep_growth,
    "usage_lag": usage_lag,
    "graph": graph,
    "sweep_10_guests": sweep_10_guests,
    "guest_create": guest_create,
    "ten_guests": ten_guests,
}
_WITHIN_S = 420


async def measure(names: list[str]) -> int:
    """Run some benchmarks; return how many ratios are above their bounds."""
    missed = 0
    print(f"{'name':<22}{'ours':>10}{'peer':>10}{'ratio':>8}  unit")
    for name in names:
        with tempfile.TemporaryDirectory(prefix="study-bot-bench-") as folder:
            try:
                async with asyncio.timeout(_WITHIN_S):
                    figures = await BENCHMARKS[name](Path(folder))
            except Unavailable as reason:
                print(f"{name:<22}not measured: {reason}", flush=True)
                continue
        for figure in figures:
            print(figure.line(), flush=True)
        write(ROOT / "build" / "bench.json", figures)
        missed += sum(figure.is_missed for figure in figures)
    return missed


def main() -> int:
    """Run them; the exit status is 1 when a ratio is above its bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    return 1 if asyncio.run(measure(names or list(BENCHMARKS))) else 0


if __name__ == "__main__":
    sys.exit(main())
