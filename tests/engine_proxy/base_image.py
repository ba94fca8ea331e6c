"""A base for the bot's image where none can be pulled: made with debootstrap, once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
CACHED = ROOT / "build" / f"base-{SUITE}.tar"
# What the Dockerfile installs anyway is in it: then only the first build waits for it.
PACKAGES = "python3,python3-venv,ca-certificates,fonts-noto-cjk"
# Where a machine keeps the certificates that it trusts besides the usual ones.
CERTIFICATES = "usr/local/share/ca-certificates"


@contextmanager
def base_image(name: str) -> Iterator[str]:
    """Have the engine hold a base; the name to use for it.

    STUDY_BOT_TEST_BASE_IMAGE names one that is there. Otherwise one is made, kept in build/ as
    an archive, and on the engine only as long as it is used.
    """
    given = os.environ.get("STUDY_BOT_TEST_BASE_IMAGE")
    if given:
        yield given
        return
    if not CACHED.exists():
        _make(CACHED)
    subprocess.run(["docker", "import", CACHED, name], check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rmi", name], check=False, capture_output=True)


def _make(archive: Path) -> None:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip(
            "no base image: name one with STUDY_BOT_TEST_BASE_IMAGE, or run this as root with"
            " debootstrap installed (sudo apt-get install debootstrap)"
        )
    archive.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="base-") as folder:
        root = Path(folder) / "root"
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root],
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            last = (made.stdout.strip().splitlines() or [made.stderr])[-1]
            pytest.skip(f"no base image: debootstrap failed ({last}); is a mirror reachable?")
        # What is downloaded while building comes through the same doors as on this machine.
        shutil.copytree(Path("/") / CERTIFICATES, root / CERTIFICATES, dirs_exist_ok=True)
        subprocess.run(["chroot", root, "update-ca-certificates"], check=True, capture_output=True)
        for left in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / left)
            (root / left / "partial").mkdir(parents=True)
        unfinished = Path(folder) / "base.tar"
        subprocess.run(["tar", "-C", root, "-cf", unfinished, "."], check=True)
        unfinished.rename(archive)
