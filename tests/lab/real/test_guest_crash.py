"""The bot's process is killed at any step of a guest's life; what the next one makes of it."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from pathlib import Path

import pytest

from bot.lab import State, events
from bot.lab.spec import engine_name
from tests.lab.real.guest_world import MOMENTS, guest_lab, require_hypervisor, sweep
from tests.storage.world import SPEAKER

pytestmark = pytest.mark.slow

PROCESSES = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", autouse=True)
def _hypervisor() -> None:
    require_hypervisor()
    # Processes are forked off one that has all modules loaded: that takes seconds.
    PROCESSES.set_forkserver_preload(["tests.lab.real.guest_process"])


@pytest.mark.parametrize("moment", MOMENTS)
async def test_killed_at_any_step_leaves_nothing_that_is_not_known(tmp_path: Path, moment: str):
    from tests.lab.real.guest_process import run

    path = tmp_path / "study-bot.sqlite3"
    victim = PROCESSES.Process(target=run, args=(path, moment), daemon=True)
    victim.start()
    try:
        await asyncio.to_thread(victim.join, 60)
        assert victim.exitcode == -signal.SIGKILL
        async with guest_lab(path) as here:
            await here.up()
            await here.lab.keeper.reconcile_all()
            there = await here.settled()
            guests, volumes, addresses = here.there()
            if MOMENTS.index(moment) >= MOMENTS.index("about to remove"):
                assert there == []
                assert (guests, volumes, addresses) == (set(), set(), set())
                return
            (instance,) = there
            assert instance.state is State.RUNNING
            name = engine_name(here.lab.installation, instance.id)
            assert guests == {name}
            assert volumes == {f"{name}-disk.qcow2", f"{name}-seed.iso"}
            assert addresses == {name}
            assert await here.world.events(events.RECOVERED)
            await here.lab.instances.remove(instance, SPEAKER, "removed")
            assert here.there() == (set(), set(), set())
    finally:
        victim.kill()
        await asyncio.to_thread(sweep, path)
