"""One real guest, seen from inside and from its host: its limits bite, and it is alone."""

from __future__ import annotations

import io
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageChops

from bot.lab.drivers import LABEL_INSTALLATION, Devices, Upload, connect_guests
from bot.lab.drivers.libvirt.consoles import BURST_BYTES, REFILL_BYTES_PER_SECOND
from bot.lab.errors import DiskFull
from bot.lab.model import HostSettings, Resources
from tests.lab.drivers.guests.bench import GUESTS, MIB, Bench, until

KIB = 1024
# What may have come before it was found to be too much.
_ONE_LOOK_BYTES = 64 * KIB


@pytest.fixture(scope="module")
def guest(real: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A guest whose owner can log in."""
    engine_id = real.run(seed=real.seed(tmp_path_factory.mktemp("seed"), real.key))
    real.booted(engine_id)
    until(lambda: "ready" in real.driver.console(engine_id, lines=9).decode(errors="replace"))
    yield engine_id
    real.driver.remove(engine_id)


@pytest.fixture
def address(real: Bench, guest: str) -> str:
    found = real.driver.signs(guest).address
    assert found
    return found


class TestInside:
    def test_its_owner_logs_in_and_nobody_else(self, real: Bench, address: str, tmp_path: Path):
        assert real.ssh(address, "hostname").strip() == "guest"
        other = tmp_path / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        mine, real.identity = real.identity, other
        try:
            with pytest.raises(subprocess.CalledProcessError):
                real.ssh(address, "hostname")
        finally:
            real.identity = mine

    def test_it_has_the_memory_it_was_given_and_its_process_little_more(
        self, real: Bench, guest: str, address: str
    ):
        total = int(real.ssh(address, "awk '/MemTotal/ {print $2}' /proc/meminfo")) * KIB
        assert 64 * MIB < total < 128 * MIB
        limits = real.connection.lookupByUUIDString(guest).memoryParameters(0)
        assert 128 * MIB < limits["hard_limit"] * KIB < 640 * MIB

    def test_no_virtualisation_is_offered_to_it(self, real: Bench, address: str):
        flags = set(real.ssh(address, "grep -m1 ^flags /proc/cpuinfo").split())
        assert "fpu" in flags
        assert not {"vmx", "svm"} & flags

    def test_its_disk_is_full_at_its_size(self, real: Bench, guest: str, address: str):
        said = real.ssh(address, "dd if=/dev/zero of=/root/fill bs=1M 2>&1; sync; rm /root/fill")
        assert "No space left" in said
        written = real.driver.counters()[guest].disk_written_bytes
        used = real.driver.counters()[guest].disk_used_bytes
        assert written
        assert written > 20 * MIB
        assert used
        assert used < 34 * MIB

    def test_its_figures_are_what_it_counts_itself(self, real: Bench, guest: str, address: str):
        before = real.driver.counters()[guest]
        real.ssh(address, "dd if=/dev/zero bs=64k count=16 2>/dev/null")
        time.sleep(1.2)
        after = real.driver.counters()[guest]
        sent = (after.network_sent_bytes or 0) - (before.network_sent_bytes or 0)
        assert MIB < sent < 1.5 * MIB


class TestOutside:
    def test_it_is_a_process_without_privileges_that_serves_no_screen(
        self, real: Bench, guest: str
    ):
        process = psutil.Process(real.driver.inspect(guest).process_id)
        assert process.username() != "root"
        words = process.cmdline()
        assert words[words.index("-sandbox") + 1].startswith("on")
        assert words[words.index("-display") + 1] == "none"
        assert not {"-vnc", "-spice"} & set(words)
        assert not [one for one in process.net_connections() if one.status == "LISTEN"]
        assert not real.connection.lookupByUUIDString(guest).autostart()

    def test_its_screen_shows_what_is_typed_there(self, real: Bench, guest: str):
        def picture() -> Image.Image:
            taken = Image.open(io.BytesIO(real.driver.screenshot(guest)))
            return taken.convert("L")

        real.driver.send_keys(guest, ["ENTER"])
        time.sleep(1)
        before = picture()
        real.driver.type_text(guest, "echo Hello, everyone: 1 + 1 = 2\n")

        def has_changed() -> bool:
            after = picture()
            box = ImageChops.difference(before, after).getbbox()
            # More than a cursor that blinks.
            return after.size == before.size and box is not None and box[2] - box[0] > 100

        until(has_changed, 15)

    def test_what_it_did_after_a_snapshot_is_undone(self, real: Bench, guest: str, address: str):
        real.driver.create_snapshot(guest, "before")
        real.ssh(address, "touch later")
        real.driver.revert(guest, "before")
        try:
            assert "later" not in real.ssh(address, "ls")
            limits = real.connection.lookupByUUIDString(guest).memoryParameters(0)
            assert limits["hard_limit"] * KIB < 640 * MIB
            # Its console is followed on, in its new process.
            real.ssh(address, "echo going on > /dev/ttyS0")
            until(lambda: b"going on" in real.driver.console(guest, lines=5), 15)
        finally:
            real.driver.delete_snapshot(guest, "before")

    @pytest.mark.slow
    def test_one_that_floods_its_console_is_read_no_faster_than_any_other(
        self, real: Bench, guest: str, address: str
    ):
        before, began = real.driver.signs(guest).printed_bytes, time.monotonic()
        real.ssh(address, f"yes flood | head -c {MIB} > /dev/ttyS0")
        allowed = BURST_BYTES + REFILL_BYTES_PER_SECOND * (time.monotonic() - began)
        heard = real.driver.signs(guest).printed_bytes - before
        assert 0 < heard < allowed + _ONE_LOOK_BYTES < MIB
        assert len(real.driver.console(guest, lines=10**6)) <= 256 * KIB

        # And afterwards it is heard as before.
        def is_heard() -> bool:
            real.ssh(address, "echo calm again > /dev/ttyS0; sleep 0.5")
            return b"calm again" in real.driver.console(guest, lines=5)

        until(is_heard, 20)

    def test_a_bot_that_was_started_anew_hears_it_again(
        self, real: Bench, guest: str, address: str
    ):
        real.driver.close()
        real.driver = connect_guests(real.settings)
        found = real.driver.owned(real.installation)
        assert [one.is_running for one in found if one.engine_id == guest] == [True]
        assert real.driver.signs(guest).agent
        time.sleep(1.5)
        real.ssh(address, "echo still here > /dev/ttyS0")
        until(lambda: b"still here" in real.driver.console(guest, lines=5), 15)

    def test_one_that_switches_itself_off_has_done_so(self, real: Bench, guest: str, address: str):
        process_id = real.driver.inspect(guest).process_id
        real.ssh(address, "poweroff")
        until(lambda: not real.driver.inspect(guest).is_running, 60)
        assert real.driver.inspect(guest).error == "shut down by itself"
        assert not psutil.pid_exists(process_id)


@pytest.mark.slow
def test_an_installer_starts_from_its_iso_and_takes_keys(real: Bench):
    if not (GUESTS / "memtest86.iso").exists():
        pytest.skip("no memtest86.iso: it is built by `make setup`")
    iso = f"{real.name()}-memtest.iso"
    real.driver.upload(iso, GUESTS / "memtest86.iso")
    engine_id = real.run(iso=iso, devices=Devices.PLAIN, kernel=None, initrd=None, command_line="")

    def blue() -> int:
        taken = Image.open(io.BytesIO(real.driver.screenshot(engine_id))).convert("RGB")
        colours = taken.getcolors(2**24) or ()
        return sum(n for n, (red, green, rest) in colours if red == green == 0 and rest > 128)

    try:
        until(lambda: blue() > 100_000)
        # Its settings are a black window.
        real.driver.send_keys(engine_id, ["F1"])
        until(lambda: blue() < 200_000, 20)
    finally:
        real.driver.remove(engine_id)


@pytest.mark.slow
def test_a_busy_guest_gets_no_more_time_than_it_was_given(real: Bench):
    engine_id = real.run(resources=Resources(0.3, 128 * MIB, 32 * MIB))  # booting keeps it busy
    try:
        time.sleep(1)
        before = real.driver.counters()[engine_id]
        time.sleep(4)
        after = real.driver.counters()[engine_id]
    finally:
        real.driver.remove(engine_id)
    used = (after.cpu_seconds or 0) - (before.cpu_seconds or 0)
    assert 0.05 < used / (after.at - before.at) < 0.4


def test_a_removed_guest_leaves_nothing(real: Bench, tmp_path: Path):
    spec = real.spec(seed=real.seed(tmp_path, real.key))
    engine_id = real.driver.define(spec)
    real.driver.start(engine_id)
    process_id = real.driver.inspect(engine_id).process_id
    assert process_id
    real.driver.create_snapshot(engine_id, "one")
    real.driver.remove(engine_id)
    assert not psutil.pid_exists(process_id)
    for volume in (spec.disk, spec.seed):
        assert volume
        real.driver.delete_volume(volume)
    real.driver.release(spec.network, spec.name)
    assert engine_id not in [one.engine_id for one in real.driver.owned(real.installation)]
    left = [one.name for one in real.driver.volumes(real.installation)]
    assert not [one for one in left if one.startswith(f"{spec.name}-")]
    assert spec.name not in real.driver.reservations(spec.network, real.installation)
    assert spec.name not in [one.name() for one in real.connection.listAllDomains()]


def test_one_of_others_is_not_ours_whatever_it_is_called(real: Bench):
    spec = real.spec(labels={LABEL_INSTALLATION: "somebody else's"})
    engine_id = real.driver.define(spec)
    assert engine_id not in [one.engine_id for one in real.driver.owned(real.installation)]
    real.driver.remove(engine_id)


class TestPool:
    def test_many_bring_files_into_one_pool_at_the_same_time(self, real: Bench, file: Path):
        names = [f"{real.prefix}many-{number}" for number in range(8)]
        # The pool is asked how much is free while the others are just at it.
        with ThreadPoolExecutor(len(names)) as together:
            made = list(together.map(lambda name: real.driver.upload(name, file), names))
        assert {one.name for one in made} == set(names)
        for name in names:
            real.driver.delete_volume(name)

    def test_an_upload_that_broke_off_is_no_volume_and_is_begun_anew(self, real: Bench, file: Path):
        name = f"{real.name()}-seed.iso"
        for part in (name, f"{name}.part"):
            real.pool.createXML(f"<volume><name>{part}</name><capacity>9</capacity></volume>", 0)

        def listed() -> list[str]:
            found = real.driver.volumes(real.installation)
            return [one.name for one in found if one.name.startswith(name)]

        assert listed() == [f"{name}.part"]
        real.driver.upload(name, file)
        assert listed() == [name]
        brought = Path(real.pool.storageVolLookupByName(name).path())
        assert brought.read_bytes() == file.read_bytes()
        real.driver.delete_volume(name)
        for part in (name, f"{name}.part"):
            real.pool.createXML(f"<volume><name>{part}</name><capacity>9</capacity></volume>", 0)
        real.driver.delete_volume(f"{name}.part")
        assert listed() == []

    def test_a_full_pool_says_so_and_keeps_nothing(self, real: Bench, file: Path):
        folder = real.folder / "small"
        folder.mkdir(mode=0o711)
        mounted = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", folder]
        if subprocess.run(mounted, check=False).returncode:
            pytest.skip("mounting needs root")
        name = f"{real.net.name()}-small"
        described = f"<name>{name}</name><target><path>{folder}</path></target>"
        pool = real.connection.storagePoolCreateXML(f"<pool type='dir'>{described}</pool>")
        settings = HostSettings("test", None, libvirt=real.settings.libvirt, pool=name)
        driver = connect_guests(settings)
        try:
            with pytest.raises(DiskFull):
                driver.upload(f"{real.prefix}large", file)
            assert driver.volumes(real.installation) == []
            # It fills up meanwhile: there was room when it began.
            small = real.folder / "file"
            small.write_bytes(b"x" * 400 * KIB)

            def fill(_upload: Upload) -> None:
                (folder / "others").write_bytes(bytes(200 * KIB))

            with pytest.raises(DiskFull):
                driver.upload(f"{real.prefix}small", small, progress=fill)
            assert driver.volumes(real.installation) == []
            assert [one.name for one in folder.iterdir()] == ["others"]
        finally:
            driver.close()
            pool.destroy()
            subprocess.run(["umount", folder], check=True)
