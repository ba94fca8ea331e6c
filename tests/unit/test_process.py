"""One process for each token and each database, and a killed one leaves no lock behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import OperatorError
from bot.process import AlreadyRunning, Locks, show_alive
from tests.patience import LONG_SECONDS


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)


HOLD = (
    "import sys, time, pathlib\n"
    "from bot.process import Locks\n"
    "with Locks(pathlib.Path(sys.argv[1]), sys.argv[2]):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


@contextlib.contextmanager
def holding(data: Path, token: str):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data), token], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    with (
        holding(tmp_path / "data", "token-a") as other,
        pytest.raises(AlreadyRunning, match=str(other.pid)) as refused,
        Locks(tmp_path / "data", "token-b"),
    ):
        pass
    assert "database" in str(refused.value)


def test_one_token_is_not_used_twice(tmp_path: Path) -> None:
    with holding(tmp_path / "data", "token-a") as other:
        with (
            pytest.raises(AlreadyRunning, match=str(other.pid)) as refused,
            Locks(tmp_path / "elsewhere", "token-a"),
        ):
            pass
        assert "token" in str(refused.value)
        assert "token-a" not in str(refused.value)
        # The refused one has let go of its own database again.
        with Locks(tmp_path / "elsewhere", "token-b"):
            pass


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with holding(tmp_path / "data", "token-a") as other:
        other.send_signal(signal.SIGKILL)
        other.wait(10)
        with Locks(tmp_path / "data", "token-a"):
            pass


def test_locks_are_let_go_and_taken_again(tmp_path: Path) -> None:
    for _ in range(3):
        with (
            Locks(tmp_path / "data", "token-a"),
            pytest.raises(AlreadyRunning, match=str(os.getpid())),
        ):
            Locks(tmp_path / "data", "token-a").__enter__()


def test_a_torn_lock_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "study-bot.lock").write_text('{"pid": 1')
    with Locks(tmp_path / "data", "token-a"):
        (tmp_path / "data" / "study-bot.lock").write_text("torn")
        with pytest.raises(AlreadyRunning, match=r"process \?"):
            Locks(tmp_path / "data", "token-a").__enter__()


def test_a_folder_that_cant_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the folder's place")
    with pytest.raises(OperatorError, match="data"), Locks(tmp_path / "data", "token-a"):
        pass
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "study-bot.lock").mkdir()
    with pytest.raises(OperatorError, match=r"study-bot\.lock"), Locks(tmp_path / "full", "t"):
        pass


def test_the_token_stands_in_no_file(tmp_path: Path) -> None:
    with Locks(tmp_path / "data", "very-secret-token"):
        for file in tmp_path.rglob("*"):
            assert "very-secret" not in file.name
            assert not file.is_file() or "very-secret" not in file.read_text()


async def test_a_sign_of_life_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.process.ALIVE_SECONDS", 0.001)
    task = asyncio.create_task(show_alive(tmp_path / "alive"))
    async with asyncio.timeout(LONG_SECONDS):
        while not (tmp_path / "alive").exists():
            await asyncio.sleep(0.001)
        os.utime(tmp_path / "alive", (0, 0))
        while (tmp_path / "alive").stat().st_mtime == 0:
            await asyncio.sleep(0.001)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
