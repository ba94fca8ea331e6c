"""The bot's process is killed at any moment; what the next one makes of what it left."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import signal
import sqlite3
from pathlib import Path

import docker
import pytest

from bot.lab import Instance, State, events, store
from bot.lab.drivers import LABEL_INSTALLATION
from tests.end_to_end.driver import until
from tests.lab.engine import PrivateEngine, Registry, SlowLine
from tests.lab.real.conftest import offer, settings
from tests.lab.real.launching_process import ANY, MOMENTS, run
from tests.lab.real.world import MB, RealLab, real_lab, sweep
from tests.storage.world import SPEAKER

pytestmark = pytest.mark.slow

# Processes are forked off one that has all modules loaded: that takes seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([run.__module__])
# Killed there, a launch was under way: the channel is told that it goes on.
UNDER_WAY = MOMENTS[MOMENTS.index("admitted") : MOMENTS.index("written down as running")]
TELLING = {events.RECOVERED, events.FAILED, events.ENDED_FOR_OWNERS}


class Victim:
    """A process with a lab."""

    def __init__(self, path: Path, engine: PrivateEngine, moment: str, what: str) -> None:
        self.asked = PROCESSES.Event()
        given = (path, engine.address, settings(engine), moment, what, self.asked)
        self.process = PROCESSES.Process(target=run, args=given, daemon=True)
        self.process.start()

    async def dies(self) -> None:
        """Wait for its death."""
        await asyncio.to_thread(self.process.join, 60)
        assert self.process.exitcode == -signal.SIGKILL
        self.process.close()


def installation(path: Path) -> str:
    """Read from its file whose things on an engine these are."""
    connection = sqlite3.connect(path)
    try:
        (found,) = connection.execute(
            "SELECT value FROM installation WHERE key = 'installation_id'"
        ).fetchone()
        return str(found)
    finally:
        connection.close()


def left_behind(engine: PrivateEngine, path: Path) -> dict[str, str]:
    """Return the ids of the containers that a dead process left, by their names."""
    client = docker.DockerClient(engine.address, version="1.41")
    try:
        label = {"label": f"{LABEL_INSTALLATION}={installation(path)}"}
        return {one.name: one.id for one in client.containers.list(all=True, filters=label)}
    finally:
        client.close()


async def settled(here: RealLab) -> list[Instance]:
    """Wait until nothing waits or starts any more; return what is there then."""

    async def at_rest() -> bool:
        rows = await here.world.database.read(store.alive)
        return not here.lab.launcher.busy and not {one.state for one in rows} & {
            State.QUEUED,
            State.LAUNCHING,
            State.REMOVING,
        }

    await until(at_rest, within_s=30)
    return await here.world.database.read(store.alive)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_killed_at_a_known_moment(
    engine: PrivateEngine,
    offers: Registry,
    slow: SlowLine,
    tmp_path: Path,
    moment: str,
):
    path = tmp_path / "study-bot.sqlite3"
    what = "web"
    if moment == "pulling":
        what = f"{slow.address}/{offer(engine, offers, MB)}"
    try:
        await Victim(path, engine, moment, what).dies()
        left = left_behind(engine, path)
        async with real_lab(path, engine.address, host=settings(engine)) as here:
            seen, looked = len(await here.world.events()), await _looked(here)

            async def looked_again() -> bool:
                return await _looked(here) != looked

            # One look at the host, as happens when it is first seen, is enough.
            await until(looked_again, within_s=30)
            there = await settled(here)
            await _require(here, moment, what, left, there)
            news = (await here.world.events())[seen:]
            told = {event.kind for event in news} & TELLING
            if moment in UNDER_WAY:
                assert told == {events.RECOVERED}
            elif MOMENTS.index(moment) >= MOMENTS.index("about to remove"):
                assert told == {events.ENDED_FOR_OWNERS}
            else:
                # Nothing happened to it: it comes up, or is up, as if nobody had died.
                assert {event.kind for event in news} >= {events.READY}
            await here.remove_all()
            assert here.containers() == {}
            assert here.networks() == set()
    finally:
        await asyncio.to_thread(sweep, engine.address, installation(path))


async def _looked(here: RealLab) -> list[tuple[int]]:
    """Return when rows and host were last brought in step."""
    return await here.world.rows("SELECT seen_at FROM lab_hosts")


async def _require(
    here: RealLab, moment: str, what: str, left: dict[str, str], there: list[Instance]
) -> None:
    await here.require_in_step()
    if MOMENTS.index(moment) >= MOMENTS.index("about to remove"):
        assert there == []
        return
    (instance,) = there
    assert instance.state is State.RUNNING
    if what == "web":

        async def ready() -> bool:
            return (await here.now(instance)).ready_at is not None

        await until(ready)
        assert len(await here.world.rows("SELECT port FROM instance_ports")) == 1
    if moment in ("started", "written down as running"):
        # What ran goes on, rather than being made anew.
        assert list(left.values()) == [instance.engine_id]
    assert instance.digest
    assert (await here.lab.insides.execute(instance, SPEAKER, ("echo", "hi"))).exit_code == 0


@pytest.mark.parametrize("number", range(3))
async def test_killed_at_any_moment_while_four_start(
    engine: PrivateEngine, tmp_path: Path, number: int
):
    path = tmp_path / "study-bot.sqlite3"
    victim = Victim(path, engine, ANY, "web")
    try:
        assert await asyncio.to_thread(victim.asked.wait, 60)
        await asyncio.sleep(number * 0.4 + random.uniform(0, 0.4))
        victim.process.kill()
        await victim.dies()
        async with real_lab(path, engine.address, host=settings(engine)) as here:
            launching = {
                one.id
                for one in await here.world.database.read(store.alive)
                if one.state is State.LAUNCHING
            }
            await here.up()
            there = await settled(here)
            await here.lab.keeper.reconcile_all()
            assert [one.state for one in there] == [State.RUNNING] * 4
            await here.require_in_step()
            recovered = await here.world.events(events.RECOVERED)
            told = {number for event in recovered for number in event.data["instance_ids"]}
            assert told == launching
    finally:
        await asyncio.to_thread(sweep, engine.address, installation(path))
