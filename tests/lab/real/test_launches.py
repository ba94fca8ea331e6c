"""Launches on a real engine that don't go the usual way, and twenty at once."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot.lab import Port, State, events
from bot.lab.answering import answers
from bot.lab.errors import ImageNotFound, WrongArchitecture
from tests.end_to_end.driver import until
from tests.lab.engine import PrivateEngine, Registry
from tests.lab.real.conftest import offer, settings
from tests.lab.real.world import ARM, FILE, MB, RealLab, people, real_lab, sweep, told
from tests.storage.world import SPEAKER

pytestmark = pytest.mark.slow


class TestImages:
    async def test_one_that_is_nowhere_is_said(self, here: RealLab, offers: Registry):
        missing = f"{offers.address}/nothing:1"
        failed = await here.run(SPEAKER, missing)
        assert failed.state is State.FAILED
        assert told(failed) == str(ImageNotFound(image=missing))
        await here.lab.keeper.reconcile_all()
        await here.require_in_step()

    async def test_one_that_was_removed_behind_our_back_is_pulled_again(
        self, here: RealLab, engine: PrivateEngine, offers: Registry
    ):
        reference = f"{offers.address}/{offer(engine, offers, 1000)}"
        first = await here.run(SPEAKER, reference)
        await here.lab.instances.remove(first, SPEAKER, "removed")
        here.client.images.remove(reference)
        assert (await here.run(SPEAKER, reference)).state is State.RUNNING

    async def test_one_for_other_processors_is_said_before_anything_is_made(
        self, here: RealLab, engine: PrivateEngine, offers: Registry
    ):
        there = await here.run(SPEAKER, "arm")
        offered = await here.run(SPEAKER, offers.offer(engine.address, ARM, "arm:1"))
        for failed in (there, offered):
            assert failed.state is State.FAILED
            error = WrongArchitecture(image=failed.image, theirs="arm64", ours="amd64")
            assert told(failed) == str(error)
        assert here.containers() == {}


class TestPorts:
    async def test_one_that_a_process_of_the_host_has_is_chosen_around(
        self, here: RealLab, engine: PrivateEngine
    ):
        with _listening(engine, 30000, 30001):
            instance = await here.run(SPEAKER, "web")
            assert instance.state is State.RUNNING
            assert instance.ports[0].host not in (30000, 30001)
            assert await answers(engine.ip, instance.ports[0].host)
            wish = await here.run(SPEAKER, "web", ports=(Port(80, 30001),))
            assert wish.state is State.RUNNING
            assert wish.ports[0].host != 30001
        await here.require_in_step()

    async def test_many_that_are_taken_are_got_over_too(self, here: RealLab, engine: PrivateEngine):
        with _listening(engine, *range(30000, 30020)):
            instance = await here.run(SPEAKER, "web")
            assert (instance.state, told(instance)) == (State.RUNNING, "")
            assert instance.ports[0].host >= 30020


@contextlib.contextmanager
def _listening(engine: PrivateEngine, *ports: int) -> Iterator[None]:
    """Have a process of the engine's machine listen on ports."""
    program = (
        "import socket\n"
        f"held = [socket.create_server(('{engine.ip}', port)) for port in {ports}]\n"
        "print('listens', flush=True)\n"
        "import sys; sys.stdin.read()\n"
    )
    command = (*engine.inside, sys.executable, "-c", program)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listens\n"
        yield
        process.communicate(timeout=5)


class TestEnds:
    @pytest.mark.parametrize("code", [0, 3])
    async def test_what_ends_at_once_is_shown_as_stopped_with_its_exit_code(
        self, here: RealLab, code: int
    ):
        instance = await here.run(SPEAKER, "idle", command=("sh", "-c", f"echo bye; exit {code}"))

        async def ended() -> bool:
            await here.lab.keeper.reconcile_all()
            return (await here.now(instance)).state is State.STOPPED

        await until(ended)
        now = await here.now(instance)
        assert (now.exit_code, now.out_of_memory) == (code, False)
        (died,) = await here.world.events(events.DIED)
        assert died.data["instance_id"] == instance.id
        assert await here.lab.insides.logs(now, SPEAKER, lines=5) == b"bye\n"

    async def test_what_the_kernel_killed_for_memory_is_told_as_that(self, here: RealLab):
        instance = await here.run(
            SPEAKER, "idle", command=("sh", "-c", "sleep 1; exec tail /dev/zero")
        )
        assert instance.state is State.RUNNING

        async def ended() -> bool:
            await here.lab.keeper.reconcile_all()
            return (await here.now(instance)).state is State.STOPPED

        await until(ended)
        now = await here.now(instance)
        assert (now.exit_code, now.out_of_memory) == (137, True)


async def test_of_twenty_who_press_run_in_the_same_second_eight_get_in(
    engine: PrivateEngine, tmp_path: Path
):
    memory = psutil.virtual_memory().total
    # A tenth of the machine less the demo's quarter is eight times this, and a half more.
    each = int(memory * 0.1 * 0.75 / 8.5) // MB
    host = f"{settings(engine)}\nreserve_memory = 0.9\ncpu_overcommit = 100.0\nlaunches_at_once = 8"
    file = FILE.replace('memory = "32M"\ncpus', f'memory = "{each}M"\ncpus')
    async with real_lab(tmp_path / "db", engine.address, file=file, host=host) as here:
        await here.up()
        try:
            asked = await asyncio.gather(*(here.ask(person, "web") for person in people(20)))
            order = sorted(asked, key=lambda one: one.id)
            running = [await here.until(one, State.RUNNING) for one in order[:8]]
            await until(lambda: not here.lab.launcher.busy)
            waiting = [await here.now(one) for one in order[8:]]
            assert {one.state for one in waiting} == {State.QUEUED}
            places = [here.lab.launcher.progress.get(one.id) for one in waiting]
            assert [one and one.position for one in places] == list(range(1, 13))
            there = here.containers()
            assert len(there) == 8
            assert {one.status for one in there.values()} == {"running"}
            addresses = {one.ports[0].host for one in running}
            assert len(addresses) == 8
            assert all([await answers(engine.ip, port) for port in addresses])

            await here.lab.instances.remove(running[3], None, "removed")
            await here.until(waiting[0], State.RUNNING)
            assert (await here.now(waiting[1])).state is State.QUEUED
            moved = here.lab.launcher.progress.get(waiting[1].id)
            assert moved is not None
            assert moved.position == 1
            assert len(here.containers()) == 8
            await here.lab.keeper.reconcile_all()
            await here.require_in_step()
        finally:
            sweep(engine.address, here.lab.installation)
