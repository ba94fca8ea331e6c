"""A real Debian cloud image where none can be downloaded: made of Debian's packages, once.

It has what Debian's own has: the same kernel, cloud-init, netplan and GRUB; beside that the guest
agent, as an operator's image may. Nothing of it knows the lab.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SUITE = "bookworm"
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "netplan.io", "openssh-server", "sudo"),
    # The second by name: it is known as a virtual package alone, which debootstrap overlooks.
    *("cloud-init", "python3-cffi-backend", "cloud-guest-utils", "fdisk"),
    *("qemu-guest-agent", "linux-image-cloud-amd64", "grub-pc-bin"),
)
MIB = 1024**2
SIZE = 900 * MIB
LONGEST = 900.0  # for one step of the making; alone on two cores all of it takes a minute or two
_SECTOR = 512
_PARTITION = MIB  # where it begins: before it is room for the boot loader
_GRUB = ("biosdisk", "part_msdos", "ext2", "linux", "search", "search_fs_uuid")
_LINUX = 0x83
_FORMAT = ("mke2fs", "-q", "-F", "-t", "ext4", "-m", "1")
# Before the packages are configured: what makes that quick, and nothing start in here.
_AT_FIRST = {
    "etc/dpkg/dpkg.cfg.d/image": "force-unsafe-io\n",
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "etc/initramfs-tools/conf.d/image": "MODULES=list\n",
    "usr/share/initramfs-tools/modules.d/image": "virtio_pci\nvirtio_blk\next4\n",
}
# Afterwards: each guest makes its own, or nobody needs them in an image.
_LEFT = (
    *("etc/dpkg/dpkg.cfg.d/image", "usr/sbin/policy-rc.d", "etc/resolv.conf", "debootstrap"),
    *("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"),
    *("usr/share/locale", "usr/share/i18n", "usr/lib/udev/hwdb.d", "usr/lib/udev/hwdb.bin"),
)
# What takes an emulated processor long and shows nothing: jobs of a machine that is there for
# days, drivers and ciphers of a real one, host keys that nobody asks for, steps of cloud-init for
# what no seed of ours asks.
_NEVER = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer"),
    *("e2scrub_all.timer", "e2scrub_reap.service", "systemd-binfmt.service"),
)
_NOT_LOADED = (
    *("aesni_intel", "ghash_clmulni_intel", "polyval_clmulni", "sha256_ssse3", "sha512_ssse3"),
    *("crct10dif_pclmul", "crc32_pclmul", "ata_piix", "psmouse", "pcspkr", "powernow_k8"),
)
_SETTINGS = """\
ssh_genkeytypes: [ed25519]
cloud_init_modules:
  [growpart, resizefs, set_hostname, update_hostname, update_etc_hosts, users-groups, ssh]
cloud_config_modules: [set-passwords]
cloud_final_modules: [final-message]
"""


def debian_image() -> Path:
    """Return the image, made where it isn't there; skip the test, saying why, where it can't be."""
    made_by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    image = ROOT / "build" / "lab" / "debian" / f"debian-12-{made_by}.qcow2"
    if not image.exists():
        _require_tools()
        image.parent.mkdir(parents=True, exist_ok=True)
        with (image.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # somebody else may be at it
            if not image.exists():
                _make_afresh(image)
    return image


def _make_afresh(image: Path) -> None:
    for old in image.parent.glob("*.qcow2"):
        old.unlink()
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        _make(Path(folder)).rename(image)


def _require_tools() -> None:
    if os.geteuid() != 0:
        pytest.skip("no Debian image is there, and to make one takes root")
    needed = ("debootstrap", "mke2fs", "qemu-img", "unshare")
    if missing := [name for name in needed if shutil.which(name) is None]:
        pytest.skip(
            f"no Debian image is there, and to make one takes {' and '.join(missing)}"
            " (sudo apt-get install debootstrap e2fsprogs qemu-utils util-linux)"
        )


def _make(folder: Path) -> Path:
    root = folder / "root"
    _install(root, folder / "log")
    return _packed(root, folder)


def _install(root: Path, log: Path) -> None:
    include = f"--include={','.join(PACKAGES)}"
    command = ["debootstrap", "--foreign", "--variant=minbase", include, SUITE, str(root)]
    with log.open("w") as file:
        made = subprocess.run(command, stdout=file, stderr=file, timeout=LONGEST, check=False)
    if made.returncode != 0:
        last = (log.read_text().strip().splitlines() or ["it said nothing"])[-1]
        pytest.skip(f"no Debian image: debootstrap failed ({last}); is a mirror reachable?")
    for name, text in _AT_FIRST.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o755 if name.startswith("usr/sbin/") else 0o644)
    _inside(root, "/debootstrap/debootstrap", "--second-stage")


def _packed(root: Path, folder: Path) -> Path:
    """Make a disk of an installed system, in `folder`."""
    system = str(uuid.uuid4())
    loader = _boot_loader(root, system)
    _as_an_image(root, system)
    raw, image = folder / "disk.raw", folder / "disk.qcow2"
    with raw.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(
        [
            *(*_FORMAT, "-U", system, "-E", f"offset={_PARTITION}", "-d", root),
            *(raw, f"{(SIZE - _PARTITION) // 1024}k"),
        ],
        # As Debian 12 has it, whatever this machine's is like: its GRUB reads no other.
        env={**os.environ, "MKE2FS_CONFIG": str(root / "etc/mke2fs.conf")},
        check=True,
    )
    with raw.open("r+b") as file:
        file.write(loader)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)
    return image


def _inside(root: Path, *command: str) -> None:
    """Run a program of the new system; what it mounts and starts is gone with it."""
    apart = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
    words = [*apart, "chroot", str(root), *command]
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}
    clean["DEBIAN_FRONTEND"] = "noninteractive"
    done = subprocess.run(
        words, env=clean, timeout=LONGEST, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


def _boot_loader(root: Path, system: str) -> bytes:
    """Return what a disk begins with: GRUB, and a table with the one partition."""
    start, core = root / "boot/start.cfg", root / "boot/core.img"
    start.write_text(
        f"search --fs-uuid --set=root {system}\n"
        f"linux /vmlinuz root=UUID={system} ro quiet console=tty0 console=ttyS0\n"
        "initrd /initrd.img\n"
        "boot\n"
    )
    written = ("-c", "/boot/start.cfg", "-p", "/boot/grub", "-o", "/boot/core.img")
    _inside(root, "grub-mkimage", "-O", "i386-pc", *written, *_GRUB)
    first, rest = (root / "usr/lib/grub/i386-pc/boot.img").read_bytes(), core.read_bytes()
    core.unlink()
    start.unlink()
    assert len(rest) <= _PARTITION - _SECTOR
    sectors = (_PARTITION // _SECTOR, (SIZE - _PARTITION) // _SECTOR)
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", _LINUX, b"\xfe\xff\xff", *sectors)
    table = entry + bytes(3 * len(entry))
    return first[:440] + b"disk\0\0" + table + b"\x55\xaa" + rest


def _as_an_image(root: Path, system: str) -> None:
    """Leave what every guest has in common."""
    for name in _LEFT:
        place = root / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    (root / "etc/hostname").write_text("debian\n")
    (root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n::1\tlocalhost\n")
    (root / "etc/fstab").write_text(f"UUID={system} / ext4 errors=remount-ro 0 0\n")
    (root / "etc/cloud/cloud.cfg.d/90_image.cfg").write_text(_SETTINGS)
    unloaded = "".join(f"blacklist {name}\n" for name in _NOT_LOADED)
    (root / "etc/modprobe.d/image.conf").write_text(unloaded)
    for unit in _NEVER:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
