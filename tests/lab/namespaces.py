"""Namespaces of one's own, for daemons that must not meet this machine's."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.patience import LONG_SECONDS


@contextmanager
def namespaces(script: Path, log: Path, *more: str) -> Iterator[int]:
    """Run a shell script that ends in tini inside them; give the id of that process.

    Everything inside ends with the block, or with this program. `more`: what else is apart, as
    options of `unshare`, beside network, mounts and processes.
    """
    with log.open("wb") as written:
        first = subprocess.Popen(
            (
                *("setpriv", "--pdeathsig", "KILL"),
                *("unshare", "--net", "--mount", "--pid", *more, "--fork", "--kill-child"),
                *("--mount-proc", "--propagation", "private", "sh", str(script)),
            ),
            stdout=written,
            stderr=written,
        )
    try:
        yield _init_of(first, log)
    finally:
        first.kill()
        first.wait(10)


def _init_of(first: subprocess.Popen[bytes], log: Path) -> int:
    """Wait for the first process in the namespaces to have set them up."""
    until = time.monotonic() + LONG_SECONDS
    while time.monotonic() < until and first.poll() is None:
        for child in psutil.Process(first.pid).children():
            if child.name() == "tini":
                return child.pid
        time.sleep(0.02)
    pytest.skip(f"no namespaces can be made here: {log.read_text()}")
