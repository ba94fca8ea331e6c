"""Small images for tests, made out of Debian's busybox: no registry, no internet."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

# The lab's set-up unpacks one where none is installed.
_SET_UP = Path(__file__).resolve().parents[2] / "build" / "lab" / "bin" / "busybox"
BUSYBOX = next(filter(Path.exists, (Path("/bin/busybox"), _SET_UP)), _SET_UP)
USERS = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"


@dataclass(frozen=True)
class Recipe:
    """What an image is to be: busybox, and on top of it layers of so many random bytes."""

    reference: str
    extra_layers: tuple[int, ...] = ()
    command: tuple[str, ...] = ("sh",)
    volumes: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "amd64"
    seed: int = 0
    # The programs in it; None: all that busybox has.
    programs: tuple[str, ...] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


def archive(recipe: Recipe) -> bytes:
    """Make what `docker load` takes. The same recipe gives the same image."""
    layers = [_busybox_layer(recipe.programs)]
    for number, size in enumerate(recipe.extra_layers):
        noise = random.Random(f"{recipe.seed}/{number}").randbytes(size)
        layers.append(_layer({f"noise-{number}": noise}))
    config = {
        "architecture": recipe.architecture,
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {
            "Cmd": list(recipe.command),
            "Env": ["PATH=/bin"],
            "Volumes": {path: {} for path in recipe.volumes} or None,
            "ExposedPorts": {port: {} for port in recipe.exposed} or None,
            "Labels": dict(recipe.labels),
            **recipe.config,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha(one)}" for one in layers]},
        "history": [{"created_by": "tests"} for _ in layers],
    }
    written = json.dumps(config).encode()
    files = {f"{_sha(written)}.json": written}
    names = []
    for layer in layers:
        name = f"{_sha(layer)}/layer.tar"
        files[name] = layer
        names.append(name)
    manifest = [
        {"Config": f"{_sha(written)}.json", "RepoTags": [recipe.reference], "Layers": names}
    ]
    files["manifest.json"] = json.dumps(manifest).encode()
    return _tar(files)


@cache
def _busybox_layer(programs: tuple[str, ...] | None) -> bytes:
    if not BUSYBOX.exists() or shutil.which("ldd") is None:
        pytest.skip("no busybox here: sudo apt-get install busybox-static")
    if "not a dynamic executable" not in _said(["ldd", str(BUSYBOX)]):
        pytest.skip("this busybox is no static one: sudo apt-get install busybox-static")
    applets = programs or _said([str(BUSYBOX), "--list"]).split()
    return _layer(
        {"bin/busybox": BUSYBOX.read_bytes(), "etc/passwd": USERS, "www/index.html": b"hello\n"},
        links={f"bin/{name}": "busybox" for name in applets if name != "busybox"},
        folders=("bin", "etc", "www", "tmp", "root", "data", "run", "proc", "sys", "dev"),
    )


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _layer(
    files: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    folders: Sequence[str] = (),
) -> bytes:
    return _tar(files, links or {}, folders)


def _tar(
    files: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    folders: Sequence[str] = (),
) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name in folders:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return made.getvalue()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
