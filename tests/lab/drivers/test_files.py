"""Files that are read again and again stay open, but not for ever, and not all there are."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bot.lab.drivers import files
from bot.lab.drivers.files import Files


def opened(folder: Path) -> list[str]:
    """Return which files of a folder this process has open."""
    found: list[str] = []
    for number in Path("/proc/self/fd").iterdir():
        try:
            path = str(number.readlink())
        except OSError:
            continue
        if path.startswith(str(folder)):
            found.append(Path(path.removesuffix(" (deleted)")).name)
    return sorted(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / name).write_text(name)
    return tmp_path


def test_they_are_closed_at_once_unless_it_goes_on(folder: Path):
    one = Files()
    assert one.read(f"{folder}/a") == "a"
    assert opened(folder) == []
    one.are_kept = True
    assert [one.read(f"{folder}/{name}") for name in "aab"] == ["a", "a", "b"]
    assert opened(folder) == ["a", "b"]
    (folder / "a").write_text("new")
    assert one.read(f"{folder}/a") == "new"
    one.let_go()
    assert opened(folder) == []
    assert one.read(f"{folder}/a") == "new"
    assert opened(folder) == []


def test_whoever_is_gone_has_none_open(folder: Path):
    one = Files()
    one.are_kept = True
    one.read(f"{folder}/a")
    del one
    assert opened(folder) == []


def test_there_is_only_so_much_room_and_it_is_given_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    room = threading.Semaphore(2)
    monkeypatch.setattr(files, "_room", room)
    one, other = Files(), Files()
    one.are_kept = other.are_kept = True
    assert [one.read(f"{folder}/{name}") for name in "abc"] == ["a", "b", "c"]
    assert opened(folder) == ["a", "b"]
    with pytest.raises(FileNotFoundError):
        other.read(f"{folder}/nothing")
    one.let_go()
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            other.read(f"{folder}/nothing")
    assert [other.read(f"{folder}/{name}") for name in "bc"] == ["b", "c"]
    assert opened(folder) == ["b", "c"]
    other.let_go()


def test_one_in_the_place_of_another_that_is_gone_is_read():
    """A control group that was made anew: what was open of the old one can't be read."""
    one = Files()
    one.are_kept = True
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    path = f"/proc/{child}/stat"
    try:
        assert "(sleep)" in one.read(path)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    with pytest.raises(OSError):  # noqa: PT011 - which one is the kernel's affair
        one.read(path)
