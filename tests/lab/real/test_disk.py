"""An engine whose disk is hardly larger than its images, under a lab."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.lab import State
from bot.lab.answering import answers
from bot.lab.errors import DiskFull
from tests.lab.engine import PrivateEngine, registry
from tests.lab.private import private_engine
from tests.lab.real.conftest import OPTIONS, load, near, offer, settings
from tests.lab.real.world import IDLE, MB, WEB, RealLab, real_lab, sweep, told
from tests.storage.world import ALICE, BOB, SPEAKER

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny() -> Iterator[PrivateEngine]:
    with private_engine(*OPTIONS, data_bytes=32 * MB) as running:
        load(running.address, WEB, IDLE)
        yield running


@pytest.fixture
async def there(tiny: PrivateEngine, tmp_path: Path) -> AsyncIterator[RealLab]:
    async with real_lab(tmp_path / "db", tiny.address, host=settings(tiny)) as opened:
        await opened.up()
        yield opened
        await asyncio.to_thread(sweep, tiny.address, opened.lab.installation)


async def test_full_in_mid_pull_is_said_and_what_runs_goes_on(
    there: RealLab,
    tiny: PrivateEngine,
    engine: PrivateEngine,
    tmp_path: Path,
):
    before = await there.run(ALICE, "web")
    with registry(tmp_path / "registry", host=near(tiny)) as offers:
        # Put there by an engine that has room for it.
        with registry(tmp_path / "other", host=near(engine)) as others:
            name = offer(engine, others, 40 * MB)
        shutil.copytree(others.folder, offers.folder, dirs_exist_ok=True)
        launch = await there.run(SPEAKER, f"{offers.address}/{name}")
    assert launch.state is State.FAILED
    assert told(launch) == DiskFull.message
    assert there.client.images.list(f"{offers.address}/{name}") == []
    assert await answers(tiny.ip, before.ports[0].host)
    assert (await there.run(BOB, "web")).state is State.RUNNING
    await there.lab.keeper.reconcile_all()
    await there.require_in_step()


async def test_full_when_something_is_started_is_said_and_leaves_nothing(
    there: RealLab, tiny: PrivateEngine
):
    before = await there.run(ALICE, "web")
    full = tiny.folder / "data" / "full"
    fill = f"dd if=/dev/zero of={full} bs=4k 2>/dev/null; true"
    await _inside(tiny, "sh", "-c", fill)
    try:
        failed = await there.run(BOB, "web")
        assert failed.state is State.FAILED
        assert told(failed) == DiskFull.message
        # What runs goes on, and can be looked at and removed.
        assert await answers(tiny.ip, before.ports[0].host)
        assert (await there.lab.instances.figures(before)).processes
        gone = await there.lab.instances.remove(before, ALICE, "removed")
        assert gone.state is State.REMOVED
    finally:
        await _inside(tiny, "rm", str(full))
    await there.lab.keeper.reconcile_all()
    assert there.containers() == {}
    await there.require_in_step()
    assert (await there.run(BOB, "web")).state is State.RUNNING


async def _inside(engine: PrivateEngine, *command: str) -> None:
    """Run a command where the engine's disk is."""
    process = await asyncio.create_subprocess_exec(*engine.inside, *command)
    assert await process.wait() == 0
