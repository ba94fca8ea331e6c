"""`python -m scripts.lab WHAT`: a step of the lab's set-up, for scripts/setup.sh."""

import grp
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

from scripts.lab import FOLDER, engine, guests, host, hypervisor, images, labfile, registry
from scripts.lab.material import NoMaterial


def stands() -> int:
    """Say whether there is nothing to do."""
    there = (
        labfile.PATH.exists()
        and host.is_set_up()
        and engine.state() == "answers"
        and (shutil.which("apt-get") is None or _serves_images())
        and (hypervisor.NOT_HERE.exists() or (_has_guests() and hypervisor.has_networks()))
    )
    return 0 if there else 1


def _has_guests() -> bool:
    return hypervisor.state() == "answers" and guests.known() and find_spec("libvirt") is not None


def _serves_images() -> bool:
    return bool(images.known()) and registry.port() is not None


def start_engine() -> int:
    """Start the engine for the person who called sudo, or for root."""
    return _started(engine.start(_group()))


def start_hypervisor() -> int:
    """Start libvirt for the person who called sudo, or for root."""
    return _started(hypervisor.start(_group()))


def _group() -> str | None:
    group = os.environ.get("SUDO_GID")
    return grp.getgrgid(int(group)).gr_name if group else None


def _started(complaint: str) -> int:
    print(complaint, end="")
    return 1 if complaint else 0


def make_images() -> int:
    """Have the registry serve the lab's images, made anew if anything about them changed."""
    try:
        if not images.known():
            print("Making the lab's images from Debian packages …", flush=True)
            images.make()
        registry.serve()
    except (NoMaterial, registry.RegistryFailed, OSError, subprocess.SubprocessError) as error:
        print(f"The lab's own images can't be made: {error}.")
        return 1
    return 0


def make_guests() -> int:
    """Have what virtual machines start from, made anew if anything about it changed."""
    try:
        if not guests.known():
            print("Making the lab's small virtual machine from Debian packages …", flush=True)
            guests.make()
    except (NoMaterial, OSError, subprocess.SubprocessError) as error:
        print(f"The lab's small virtual machine can't be made: {error}.")
        return 1
    return 0


def down() -> int:
    """Stop and remove what was started here; the host's rules are `study-bot`'s to remove."""
    done = []
    if registry.port() is not None:
        done.append("the registry")
    registry.stop()
    done += filter(None, (hypervisor.stop(), engine.stop()))
    for path in (labfile.PATH, host.RECORD, host.LAID):
        path.unlink(missing_ok=True)
    print(f"Stopped: {', '.join(done)}." if done else "Nothing was started here.")
    return 0


def write_lab_file() -> int:
    """Describe this machine's lab for the playground."""
    names = images.known()
    has_guests = not hypervisor.NOT_HERE.exists() and _has_guests()
    labfile.write(names, registry.port() if names else None, has_guests=has_guests)
    return 0


def engine_state() -> int:
    """Say how the engine stands."""
    print(engine.state())
    return 0


def hypervisor_state() -> int:
    """Say how libvirt stands."""
    print(hypervisor.state())
    return 0


def note_host() -> int:
    """Record that the host was set up."""
    host.note()
    return 0


_STEPS: dict[str, Callable[[], int]] = {
    "stands": stands,
    "engine": engine_state,
    "start-engine": start_engine,
    "hypervisor": hypervisor_state,
    "start-hypervisor": start_hypervisor,
    "images": make_images,
    "guests": make_guests,
    "note-host": note_host,
    "file": write_lab_file,
    "down": down,
}

if __name__ == "__main__":
    # Before root writes there: the records are for both.
    (FOLDER / "started").mkdir(parents=True, exist_ok=True)
    sys.exit(_STEPS[sys.argv[1]]())
