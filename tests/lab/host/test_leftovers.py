"""What an ended installation or a killed check left behind goes; nothing else does."""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot import playground_data
from bot.database import Database
from bot.lab.drivers import LABEL_INSTALLATION, LABEL_INSTANCE
from bot.lab.host import probe_label, trial
from bot.lab.host.trial import Trial
from bot.lab.lab import installation_id
from bot.lab.spec import network_name
from bot.lab.sweep import Holdings, sweep
from tests.lab.engine import Bench, bench

ROW = """
INSERT INTO instances (id, guild_id, session_id, channel_id, role, kind, name, image, cpus,
    memory_bytes, disk_bytes, processes, outward, public, state, stage, requested_at)
VALUES (7, 1, 1, 1, 'attendee', 'container', 'web', 'x', 1, 1, 1, 1, 0, 0, 'running',
    'answering', 0)
"""


@pytest.fixture
def used() -> Iterator[Bench]:
    with bench() as opened:
        yield opened


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An installation's database, with one instance in it."""

    async def make() -> None:
        opened = await Database.open(tmp_path / "study-bot.sqlite3")
        try:
            await opened.write(installation_id)
        finally:
            await opened.close()

    asyncio.run(make())
    path = tmp_path / "study-bot.sqlite3"
    with sqlite3.connect(path) as connection:  # no session needs to be there for this
        connection.execute(ROW)
    connection.close()
    return path


def started(used: Bench, installation: str, instance: str) -> str:
    labels = {LABEL_INSTALLATION: installation, LABEL_INSTANCE: instance}
    return used.run("sleep", "600", labels=labels)


def is_there(used: Bench, engine_id: str) -> bool:
    return bool(used.client.containers.list(all=True, filters={"id": engine_id}))


def test_only_what_carries_the_id_and_has_a_row_is_swept(used: Bench, database: Path):
    held = Holdings.of(database)
    assert held is not None
    kept: list[str] = []
    try:
        ours = started(used, held.installation, "7")
        kept.append(started(used, held.installation, "8"))  # forged: no such row
        kept.append(started(used, used.installation, "7"))  # another installation's
        network = replace(
            Bench.network_of(held.installation), name=network_name(held.installation, 3)
        )
        used.driver.ensure_network(network)
        assert sweep(used.driver, held) == 1
        assert not is_there(used, ours)
        assert all(is_there(used, each) for each in kept)
        assert used.driver.networks(held.installation) == []
        assert sweep(used.driver, held) == 0
    finally:
        for each in kept:
            used.driver.remove(each)


def test_the_command_sweeps_every_host_of_the_file(used: Bench, database: Path, tmp_path: Path):
    held = Holdings.of(database)
    assert held is not None
    ours = started(used, held.installation, "7")
    file = tmp_path / "lab.toml"
    file.write_text(f'[[hosts]]\nname = "local"\ndocker = "{used.address}"\n')
    done = subprocess.run(
        [sys.executable, "-m", "bot", "lab", "sweep", "--file", str(file)],
        env={"STUDY_BOT_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "local: 1 containers" in done.stdout
    assert not is_there(used, ours)


def test_a_database_without_a_lab_holds_nothing(tmp_path: Path):
    assert Holdings.of(tmp_path / "none.sqlite3") is None
    (tmp_path / "other.sqlite3").write_bytes(b"")
    assert Holdings.of(tmp_path / "other.sqlite3") is None


def test_what_a_killed_check_left_goes_with_the_next(used: Bench, monkeypatch: pytest.MonkeyPatch):
    facts = used.driver.facts()
    killed = Trial(used.driver, used.settings, facts, used.installation)
    monkeypatch.setattr(trial, "_LIVES", timedelta(0))
    monkeypatch.setattr(trial.probe, "PROBE_IMAGE", used.image)
    network = killed._network("sblc")
    killed._start("closed", network, ("sleep", "600"))
    label = probe_label(used.installation)
    assert len(used.driver.owned(label)) == 1
    # Somebody's who is at it right now: not over its time.
    monkeypatch.setattr(trial, "_LIVES", timedelta(minutes=1))
    working = Trial(used.driver, used.settings, facts, used.installation)
    working._start("closed", network, ("sleep", "600"))

    later = Trial(used.driver, used.settings, facts, used.installation)
    later._remove_leftovers()
    assert len(used.driver.owned(label)) == 1
    working._clean_up()
    later._remove_leftovers()
    assert used.driver.owned(label) == []
    assert used.driver.networks(label) == []


# --- the playground's folders --------------------------------------------------


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_a_killed_playgrounds_folder_goes_with_the_next(temporary: Path):
    abandoned = temporary / "study-bot-playground-killed"
    abandoned.mkdir()
    (abandoned / "in-use").touch()
    stranger = temporary / "something-else"
    stranger.mkdir()
    with playground_data.data_folder() as mine:
        await playground_data.sweep_leftovers(None)
        assert mine.exists()
        assert not abandoned.exists()
        assert stranger.exists()
    assert not mine.exists()


async def test_a_folder_in_use_by_another_playground_stays(temporary: Path):
    theirs = temporary / "study-bot-playground-theirs"
    theirs.mkdir()
    with (theirs / "in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        await playground_data.sweep_leftovers(None)
        assert theirs.exists()
