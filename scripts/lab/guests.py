"""What the lab's virtual machines start from: `tiny`, made of Debian packages, and two ISOs.

`tiny` is Debian's kernel for virtual machines and a small first file system: busybox, an SSH
server, the guest agent. It is up in seconds, even where an emulator translates every instruction.
"""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

from scripts.lab import FOLDER
from scripts.lab.material import Material, NoMaterial

PLACE = FOLDER / "guests"
KERNEL = PLACE / "tiny.kernel"
INITRD = PLACE / "tiny.initrd"
# For the probe that `study-bot lab setup-host` makes with this kernel.
MODULES = PLACE / "modules"
ISOS = {"ipxe": PLACE / "ipxe.iso", "memtest86": PLACE / "memtest86.iso"}

_RECORD = PLACE / "made.json"
_LOG = FOLDER / "guests.log"
_FILES = Path(__file__).with_name("guest")
_KERNEL_PACKAGE = "linux-image-cloud-amd64"
_PROGRAMS = ("dropbear", "dropbearkey", "qemu-ga")
_PACKAGES = ("libc6", "libgcc-s1", "busybox-static", "dropbear-bin", "qemu-guest-agent")
_ISO_FILES = {"ipxe": "usr/lib/ipxe/ipxe.iso", "memtest86": "usr/lib/memtest86+/memtest86+x64.iso"}
_ISO_PACKAGES = {"ipxe": "ipxe", "memtest86": "memtest86+"}
# Loaded in this order, each after what it needs.
_WANTED = (
    *("virtio_pci", "virtio_blk", "virtio_net", "isofs", "virtio_console", "virtio_balloon"),
    *("virtio-rng", "button", "evdev", "virtio_scsi", "ata_piix", "sr_mod"),
)
_SCRIPTS = {
    "init": "init",
    "inittab": "etc/inittab",
    "start": "etc/start",
    "network": "etc/network",
    "console": "etc/console",
    "profile": "etc/profile",
    "poweroff": "etc/acpi/PWRF/00000080",
    "shutdown": "sbin/shutdown",
    "stress": "bin/stress",
}
_READ_ONLY = ("inittab", "profile")


def known() -> bool:
    """Say whether all is there as it is to be; else make it."""
    try:
        record = json.loads(_RECORD.read_text())
    except (OSError, ValueError):
        return False
    whole = (KERNEL, INITRD, MODULES, *ISOS.values())
    return record["inputs"] == _inputs() and all(path.exists() for path in whole)


def make() -> None:
    """Make all of it.

    Raises:
        NoMaterial: a package can't be had.
    """
    PLACE.mkdir(parents=True, exist_ok=True)
    _RECORD.unlink(missing_ok=True)
    _LOG.unlink(missing_ok=True)
    folder = FOLDER / "guest-material"
    shutil.rmtree(folder, ignore_errors=True)
    material = Material(folder, _LOG)
    kernel_package = material.newest(_KERNEL_PACKAGE)
    material.unpack(kernel_package, *_PACKAGES, *_ISO_PACKAGES.values())
    version = kernel_package.removeprefix("linux-image-")
    for name, path in ISOS.items():
        _put(path, (material.root / _ISO_FILES[name]).read_bytes())
    modules = _modules(material, version)
    shutil.rmtree(MODULES, ignore_errors=True)
    MODULES.mkdir()
    for name, content in modules.items():
        (MODULES / f"{name}.ko").write_bytes(content)
    _put(INITRD, _initrd(material, modules))
    _put(KERNEL, (material.root / f"boot/vmlinuz-{version}").read_bytes())
    _RECORD.write_text(json.dumps({"inputs": _inputs(), "kernel": version}))
    shutil.rmtree(folder)


def _put(path: Path, content: bytes) -> None:
    # A guest may read the old one right now.
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _modules(material: Material, version: str) -> dict[str, bytes]:
    # Here: most steps of the set-up do without the bot's code.
    from bot.lab.host.initramfs import modules

    found = modules(material.root / "lib/modules" / version, _WANTED)
    if "virtio_net" not in found:
        raise NoMaterial(f"{_KERNEL_PACKAGE} has no modules for virtual machines")
    return found


def _initrd(material: Material, modules: dict[str, bytes]) -> bytes:
    from bot.lab.host.initramfs import Initramfs

    made = Initramfs()
    # The kernel's own console, before anything is mounted.
    made.device("dev/console", 5, 1)
    for folder in ("proc", "sys", "mnt", "run", "tmp", "var/log", "root"):
        made.folder(folder)
    busybox = material.program("busybox")
    made.file("bin/busybox", busybox)
    programs = [material.program(name) for name in _PROGRAMS]
    for program in programs:
        made.file(f"bin/{program.name}", program)
    loader, _ = material.loader()
    made.file(f"lib64/{loader.name}", loader)
    for library in material.libraries(programs, _PACKAGES):
        if not library.name.startswith("ld-linux"):
            made.file(f"lib/x86_64-linux-gnu/{library.name}", library)
    for number, (name, content) in enumerate(modules.items(), 10):
        # The shell sorts them: they are loaded in the order of their numbers.
        made.data(f"lib/modules/{number}-{name}.ko", content)
    for name, place in _SCRIPTS.items():
        mode = 0o644 if name in _READ_ONLY else 0o755
        made.data(place, (_FILES / name).read_bytes(), mode)
    made.data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    made.data("etc/group", b"root:x:0:\n")
    made.data("etc/shadow", b"root:*:19000:0:99999:7:::\n", 0o600)
    made.data("etc/shells", b"/bin/sh\n")
    made.data("etc/os-release", _release(busybox).encode())
    return made.packed()


def _release(busybox: Path) -> str:
    said = subprocess.run([busybox], capture_output=True, text=True, check=True).stdout
    version = re.search(r"v[\d.]+", said)
    name = f"tiny (busybox {version[0] if version else ''}, of Debian packages)"
    return f'ID=tiny\nNAME=tiny\nPRETTY_NAME="{name}"\nVERSION_ID=1\n'


def _inputs() -> str:
    """Return what they are made by; new packages come with a fresh set-up."""
    here = Path(__file__)
    writer = here.parents[2] / "bot" / "lab" / "host" / "initramfs.py"
    files = [here, here.with_name("material.py"), writer, *sorted(_FILES.iterdir())]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
