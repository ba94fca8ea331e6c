"""A recording's length, where ffprobe is there; without it nobody waits for one."""

import shutil
import time
import wave
from datetime import timedelta
from pathlib import Path

import pytest

from bot.recordings.probing import duration_of


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ffprobe is looked for."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder / "ffprobe"


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def sound(folder: Path) -> Path:
    path = folder / "- odd name.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(8000 * 3))
    return path


@pytest.mark.usefixtures("program")
async def test_without_ffprobe_there_is_no_length(tmp_path: Path):
    assert await duration_of(sound(tmp_path)) is None


async def test_what_ffprobe_says_is_the_length(program: Path, tmp_path: Path):
    write(program, """echo '{"format": {"duration": "3723.5"}}'""")
    assert await duration_of(sound(tmp_path)) == timedelta(hours=1, minutes=2, seconds=3.5)


@pytest.mark.parametrize(
    "says",
    ["", "{}", '{"format": {}}', '{"format": {"duration": "N/A"}}', "[", '{"format": null}']
    + [f'{{"format": {{"duration": "{length}"}}}}' for length in ("-1", "nan", "inf", "1e300")],
)
async def test_what_is_no_length_is_none(program: Path, tmp_path: Path, says: str):
    write(program, f"echo '{says}'")
    assert await duration_of(sound(tmp_path)) is None


async def test_nobody_waits_long_for_it(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.recordings.probing._SECONDS", 0.3)
    write(program, "exec /bin/sleep 60")
    began = time.monotonic()
    assert await duration_of(sound(tmp_path)) is None
    assert time.monotonic() - began < 10


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe isn't installed here")
async def test_the_real_one_reads_a_real_file(tmp_path: Path):
    assert await duration_of(sound(tmp_path)) == timedelta(seconds=3)
