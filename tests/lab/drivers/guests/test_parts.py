"""Parts of the driver that need no hypervisor."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from bot.errors import N_, Term
from bot.lab.drivers import keyboard
from bot.lab.errors import (
    ContainerGone,
    DiskFull,
    EngineRefused,
    HostUnreachable,
    NameTaken,
    NotRunning,
)
from bot.lab.guest_errors import (
    CantType,
    NetworkInactive,
    NoSuchSnapshot,
    NotSupported,
    PoolInactive,
)

libvirt = pytest.importorskip("libvirt")
from bot.lab.drivers.libvirt import (  # noqa: E402 - skipped without it
    counting,
    labels,
    processes,
    refusals,
    screen,
    starting,
    states,
    traffic,
    volumes,
)
from bot.lab.drivers.libvirt.consoles import (  # noqa: E402 - skipped without it
    BURST_BYTES,
    REFILL_BYTES_PER_SECOND,
    Allowance,
)
from bot.lab.drivers.libvirt.ring import Ring  # noqa: E402 - skipped without it


class TestKeyboard:
    def test_a_text_becomes_strokes(self):
        assert keyboard.strokes("aA 1!\n") == [
            ("A",),
            ("LEFTSHIFT", "A"),
            ("SPACE",),
            ("1",),
            ("LEFTSHIFT", "1"),
            ("ENTER",),
        ]

    def test_everything_on_the_keyboard_can_be_typed(self):
        text = "".join(chr(code) for code in range(32, 127)) + "\n\t"
        pressed = keyboard.strokes(text)
        assert len(set(pressed)) == len(pressed) == len(text)
        assert all(keyboard.checked_keys(keys) for keys in pressed)

    def test_what_is_not_on_it_is_named_once(self):
        with pytest.raises(CantType, match="日本"):
            keyboard.strokes("ls 日本日\x1b")

    @pytest.mark.parametrize(
        ("key", "code"),
        [("ESC", 1), ("ENTER", 28), ("A", 30), ("SPACE", 57), ("F12", 88), ("DELETE", 111)],
    )
    def test_keys_have_the_numbers_that_linux_gives_them(self, key: str, code: int):
        assert keyboard.checked_keys([key]) == [code]

    @pytest.mark.parametrize("keys", [[], ["NOPE"], ["a"], ["A"] * 17])
    def test_what_is_no_key_is_refused(self, keys: list[str]):
        with pytest.raises(EngineRefused):
            keyboard.checked_keys(keys)


class TestRing:
    def test_the_last_lines_are_kept_as_they_came(self):
        ring = Ring()
        ring.add(b"one\r\ntwo\r\n\x1b[31mthr")
        ring.add(b"ee\xff")
        assert ring.last(2) == b"two\r\n\x1b[31mthree\xff"
        assert ring.last(1) == b"\x1b[31mthree\xff"
        ring.add(b"\r\n")
        assert ring.last(1) == b"\x1b[31mthree\xff\r\n"
        assert ring.last(99).startswith(b"one")
        assert ring.last(0) == b""

    def test_it_stays_small_whatever_is_printed(self):
        ring = Ring(1000)
        for number in range(1000):
            ring.add(f"{number:04}\n".encode())
        assert ring.printed_bytes == 5000
        assert len(ring.last(10_000)) == 1000
        assert ring.last(1) == b"0999\n"
        ring.add(b"x" * 5000)
        assert ring.last(10_000) == b"x" * 1000

    def test_a_thousand_lines_are_kept(self):
        ring = Ring()
        for _ in range(2000):
            ring.add(b"x" * 200 + b"\n")
        assert ring.last(1000).count(b"\n") == 1000

    def test_it_begins_anew(self):
        ring = Ring()
        ring.add(b"before\n")
        ring.clear()
        assert (ring.printed_bytes, ring.last(5)) == (0, b"")


def _error(code: int, said: str, room: int = 0) -> Exception:
    error: Exception = libvirt.libvirtError("virSomething() failed")
    error.err = (code, room, said, 0, None, None, None, 0, 0)  # type: ignore[attr-defined]
    error.args = (said,)
    return error


class TestAllowance:
    def test_a_whole_boot_is_heard_at_once(self):
        allowance = Allowance(100.0)
        assert allowance.take(BURST_BYTES - 1, 100.1)

    def test_one_that_prints_no_more_than_comes_in_is_never_let_go_of(self):
        allowance = Allowance(0.0)
        assert all(allowance.take(REFILL_BYTES_PER_SECOND, float(at)) for at in range(1, 1000))

    @pytest.mark.parametrize("look", [1_000, 20_000, 500_000])
    def test_a_flood_is_read_no_faster_than_that(self, look: int):
        allowance, now, read = Allowance(0.0), 0.0, 0
        while now < 600:
            read += look
            now += 0.1
            if not allowance.take(look, now):
                now += allowance.rest()
        assert read <= BURST_BYTES + REFILL_BYTES_PER_SECOND * now + look

    def test_quiet_for_long_it_has_no_more_than_a_boot(self):
        allowance = Allowance(0.0)
        assert not allowance.take(BURST_BYTES + 1, 1e6)


@pytest.mark.parametrize(
    ("code", "said", "error"),
    [
        (libvirt.VIR_ERR_NO_DOMAIN, "Domain not found", ContainerGone),
        (libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", NotRunning),
        (libvirt.VIR_ERR_OPERATION_FAILED, "domain 'x' already exists with uuid y", NameTaken),
        (libvirt.VIR_ERR_STORAGE_VOL_EXIST, "storage volume exists", NameTaken),
        (libvirt.VIR_ERR_NO_STORAGE_POOL, "no storage pool", PoolInactive),
        (libvirt.VIR_ERR_OPERATION_INVALID, "network 'study-open' is not active", NetworkInactive),
        (libvirt.VIR_ERR_NO_NETWORK, "no network with matching name 'n'", NetworkInactive),
        (libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT, "no snapshot", NoSuchSnapshot),
        (libvirt.VIR_ERR_NO_SUPPORT, "this function is not supported", NotSupported),
        (libvirt.VIR_ERR_SYSTEM_ERROR, "cannot write: No space left on device", DiskFull),
        (libvirt.VIR_ERR_SYSTEM_ERROR, "Failed to connect socket to '/virtlogd'", EngineRefused),
        (libvirt.VIR_ERR_INTERNAL_ERROR, "from monitor: Connection reset by peer", EngineRefused),
        (libvirt.VIR_ERR_RPC, "anything", HostUnreachable),
        (libvirt.VIR_ERR_INTERNAL_ERROR, "something\nelse", EngineRefused),
    ],
)
def test_what_libvirt_says_becomes_an_error_of_ours(code: int, said: str, error: type[Exception]):
    what = Term(N_("that"))
    made = refusals.refusal(_error(code, said), "QEMU", what=what, name="mine")
    assert type(made) is error
    assert "\n" not in str(made)


@pytest.mark.parametrize("said", ["client socket is closed", "End of file while reading data"])
def test_a_connection_that_breaks_is_a_host_that_is_away(said: str):
    error = _error(libvirt.VIR_ERR_INTERNAL_ERROR, said, libvirt.VIR_FROM_RPC)
    made = refusals.refusal(error, "QEMU", what=refusals.THAT, name="")
    assert type(made) is HostUnreachable


class TestCounting:
    def test_a_guest_that_tells_counts_without_its_cache(self):
        made = counting.counters_of(
            {
                "cpu.time": 2_500_000_000,
                "balloon.available": 1000,
                "balloon.unused": 300,
                "balloon.disk_caches": 200,
                "balloon.rss": 9000,
                "balloon.maximum": 1024,
                "block.count": 2,
                "block.0.rd.bytes": 10,
                "block.1.rd.bytes": 5,
                "block.0.wr.bytes": 7,
                "block.0.rd.reqs": 2,
                "block.1.rd.reqs": 4,
                "block.0.wr.reqs": 1,
                "block.0.physical": 99,
                "net.count": 1,
                "net.0.rx.bytes": 3,
                "net.0.tx.bytes": 4,
                "net.0.rx.pkts": 1,
                "net.0.tx.pkts": 2,
            },
            1.0,
        )
        assert made.cpu_seconds == 2.5
        assert (made.memory_bytes, made.memory_cache_bytes) == (500 * 1024, 200 * 1024)
        assert made.memory_limit_bytes == 1024 * 1024
        assert (made.disk_read_bytes, made.disk_written_bytes) == (15, 7)
        assert (made.network_received_bytes, made.network_sent_bytes) == (3, 4)
        assert (made.disk_read_operations, made.disk_write_operations) == (6, 1)
        assert (made.network_received_packets, made.network_sent_packets) == (1, 2)
        assert made.disk_used_bytes == 99

    def test_what_its_kernel_could_not_take_back_is_used_be_it_called_a_cache(self):
        told = {"available": 1000, "unused": 300, "usable": 450, "disk_caches": 600}
        made = counting.counters_of({f"balloon.{name}": kib for name, kib in told.items()}, 1.0)
        assert (made.memory_bytes, made.memory_cache_bytes) == (550 * 1024, 150 * 1024)

    def test_one_that_does_not_counts_as_its_process_does(self):
        made = counting.counters_of({"balloon.rss": 9000, "balloon.maximum": 1024}, 1.0)
        assert made.memory_bytes == made.memory_limit_bytes == 1024 * 1024
        assert made.memory_cache_bytes is None

    def test_what_is_not_told_is_none(self):
        made = counting.counters_of({}, 1.0)
        figures = (made.cpu_seconds, made.memory_bytes, made.memory_limit_bytes, made.processes)
        assert figures == (None,) * 4
        assert made.disk_read_bytes is made.network_sent_bytes is made.disk_used_bytes is None


class TestPicture:
    def test_an_older_hypervisors_picture_becomes_a_png(self):
        taken = b"P6\n2 1\n255\n" + b"\xff\x00\x00\x00\x00\xff"
        with Image.open(io.BytesIO(screen.as_png(taken))) as image:
            assert (image.format, image.size) == ("PNG", (2, 1))
            assert image.getpixel((1, 0)) == (0, 0, 255)

    @pytest.mark.parametrize("taken", [b"", b"P6\n9 9\n", b"nonsense", b"P6\n99999 99999\n255\n"])
    def test_what_is_no_picture_says_so(self, taken: bytes):
        with pytest.raises(EngineRefused):
            screen.as_png(taken)


class TestFiles:
    def _qcow2(self, path: Path, *, backing: int = 0, features: int = 0, version: int = 3) -> Path:
        header = b"QFI\xfb" + version.to_bytes(4, "big") + backing.to_bytes(8, "big") + bytes(8)
        header += (5 * 1024**3).to_bytes(8, "big") + bytes(40) + features.to_bytes(8, "big")
        path.write_bytes(header + bytes(500))
        return path

    def test_a_disk_image_says_how_large_it_is(self, tmp_path: Path):
        assert volumes.format_of(self._qcow2(tmp_path / "a")) == ("qcow2", 5 * 1024**3)

    def test_another_file_is_as_large_as_it_is(self, tmp_path: Path):
        path = tmp_path / "kernel"
        path.write_bytes(b"MZ" + bytes(98))
        assert volumes.format_of(path) == ("raw", 100)

    @pytest.mark.parametrize("changes", [{"backing": 512}, {"features": 4}])
    def test_an_image_that_points_at_other_files_is_refused(
        self, tmp_path: Path, changes: dict[str, int]
    ):
        with pytest.raises(EngineRefused, match="another file"):
            volumes.format_of(self._qcow2(tmp_path / "a", **changes))


def test_labels_of_others_are_none_of_ours():
    assert labels.read("<other xmlns='urn:x'><label name='a' value='b'/></other>") == {}
    assert labels.read("nonsense <") == {}


def test_a_process_is_a_guest_only_by_qemus_own_option():
    uuid = "3f8f2d7e-0000-4000-8000-000000000000"
    assert processes.process_of("no-such-guest", uuid) is None
    assert processes.process_of("no-such-guest", uuid, known=os.getpid()) is None


def test_a_guest_that_starts_is_not_paused():
    known = states.Known("x")
    paused, starting = libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP
    state = states.state_of("id", known, paused, starting)
    assert (state.is_running, state.is_paused) == (True, False)
    state = states.state_of("id", known, paused, libvirt.VIR_DOMAIN_PAUSED_IOERROR)
    assert state.is_paused
    assert "disk" in state.error


def test_a_kernel_without_all_of_tc_bounds_no_speed():
    options = ("NET_SCH_HTB", "NET_SCH_SFQ", "NET_SCH_INGRESS", "NET_CLS_U32", "NET_ACT_POLICE")
    whole = "\n".join(f"CONFIG_{one}=m" for one in options)
    assert traffic.bounds_speed(whole)
    assert traffic.bounds_speed(None)
    assert not traffic.bounds_speed(whole.replace("CONFIG_NET_SCH_SFQ=m", "# is not set"))


MOVED = (
    "internal error: Failed to apply firewall rules /usr/sbin/ebtables --concurrent -t nat"
    " -A J-vnet1-ipv4-ip -j DROP: RULE_DELETE failed (No such file or directory)"
)


class Start:
    """Fails in some words so many times, then works."""

    def __init__(self, words: str, times: int) -> None:
        self._refusal = _error(libvirt.VIR_ERR_INTERNAL_ERROR, words)
        self._times = times
        self.tries = 0

    def __call__(self) -> None:
        self.tries += 1
        if self.tries <= self._times:
            raise self._refusal


def test_a_guest_starts_although_others_change_the_firewall():
    start = Start(MOVED, times=2)
    starting.patiently(start)
    assert start.tries == 3


def test_a_firewall_that_never_rests_is_told_of(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(starting, "FIREWALL_SECONDS", 0.0)
    with pytest.raises(libvirt.libvirtError, match="firewall"):
        starting.patiently(Start(MOVED, times=1000))


def test_what_else_fails_is_not_tried_again():
    start = Start("internal error: process exited while connecting to monitor", times=1)
    with pytest.raises(libvirt.libvirtError, match="monitor"):
        starting.patiently(start)
    assert start.tries == 1
