"""Engines that die or hang under a lab, and what people are told meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.lab import Instance, State, events, hosts
from bot.lab.answering import answers
from bot.lab.errors import (
    HostUnreachable,
)
from tests.end_to_end.driver import until
from tests.lab.engine import PrivateEngine, Recipe, Registry, SlowLine
from tests.lab.real.conftest import OPTIONS, offer, restart
from tests.lab.real.world import (
    MB,
    QUICK,
    Lag,
    RealLab,
    people,
    pulling,
    told,
)
from tests.storage.world import ALICE, BOB, SPEAKER

pytestmark = pytest.mark.slow

# What people wait at most to hear that the lab can't be reached.
TOLD_WITHIN = 3.0
AS_OFTEN_AS_OUTSIDE = hosts._LOOK_SECONDS


async def timed(work: Awaitable[object]) -> tuple[object, float]:
    """Return what became of it, an error too, and how long it took."""
    began = time.monotonic()
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    return outcome, time.monotonic() - began


def refused(outcomes: dict[str, tuple[object, float]]) -> dict[str, tuple[object, float]]:
    """Return what was *not* told in time that the lab can't be reached."""
    return {
        name: (outcome, took)
        for name, (outcome, took) in outcomes.items()
        if not isinstance(outcome, HostUnreachable) or took > TOLD_WITHIN
    }


async def all_at_once(
    commands: dict[str, Callable[[], Awaitable[object]]],
) -> dict[str, tuple[object, float]]:
    """Give all commands in the same moment."""
    outcomes = await asyncio.gather(*(timed(command()) for command in commands.values()))
    return dict(zip(commands, outcomes, strict=True))


class TestKilled:
    async def test_in_mid_pull_the_launch_fails_with_a_sentence_and_nothing_is_left(
        self, here: RealLab, engine: PrivateEngine, offers: Registry, slow: SlowLine
    ):
        name = offer(engine, offers, 2 * MB)
        reference = f"{slow.address}/{name}"
        other = await here.run(ALICE, "idle")
        launch = await here.ask(SPEAKER, reference)
        await pulling(here, launch)
        await asyncio.to_thread(engine.kill)

        asked: list[Instance] = []

        async def request() -> Instance:
            """Ask; who does before anybody noticed is told on the card, or waits in the queue."""
            asked.append(await here.ask(BOB, "idle"))

            async def over() -> Instance | None:
                now = await here.now(asked[0])
                progress = here.lab.launcher.progress.get(now.id)
                waits = now.state is State.QUEUED and progress is not None and progress.is_cut_off
                return now if waits or now.state is State.FAILED else None

            answered = await until(over)
            if answered.state is State.QUEUED or told(answered) == HostUnreachable.message:
                raise HostUnreachable
            return answered

        outcomes = await all_at_once(
            {
                "logs": lambda: here.lab.insides.logs(other, ALICE, lines=5),
                "execute": lambda: here.lab.insides.execute(other, ALICE, ("id",)),
                "request": request,
            }
        )
        assert refused(outcomes) == {}
        failed = await here.until(launch, State.FAILED)
        assert told(failed) == HostUnreachable.message
        ended = [event.data["instance_id"] for event in await here.world.events(events.FAILED)]
        assert ended.count(launch.id) == 1

        await asyncio.to_thread(engine.start, *OPTIONS)
        await here.up()
        assert here.client.images.list(reference) == []
        await here.until(other, State.STOPPED)
        for one in asked:  # It had its place in the queue.
            await here.until(one, State.RUNNING, State.FAILED)
        await here.require_in_step()
        again = await here.run(SPEAKER, reference)
        assert (again.state, told(again)) == (State.RUNNING, "")

    @pytest.mark.parametrize("options", [(), ("--live-restore",)], ids=["", "live-restore"])
    async def test_in_mid_run_instances_are_not_lost_and_leases_wait(
        self, here: RealLab, engine: PrivateEngine, options: tuple[str, ...]
    ):
        instance = await here.run(ALICE, "web")
        await asyncio.to_thread(engine.kill)
        await here.down()
        here.world.clock.on(hours=2)
        await here.lab.keeper.tick()
        assert (await here.now(instance)).state is State.RUNNING

        await asyncio.to_thread(engine.start, *OPTIONS, *options)
        await here.up()
        await until(lambda: here.world.events(events.POSTPONED))
        await here.lab.keeper.reconcile_all()
        now = await here.now(instance)
        assert now.deadline is not None
        assert now.deadline >= here.clock() + timedelta(minutes=15) - timedelta(seconds=10)
        if options:
            assert now.state is State.RUNNING
        else:
            assert (now.state, now.exit_code) == (State.STOPPED, 137)
            (died,) = await here.world.events(events.DIED)
            assert died.data["instance_id"] == instance.id
            now = await here.lab.instances.start(now, ALICE)
        assert await until(lambda: answers(engine.ip, now.ports[0].host))
        assert (await here.lab.insides.execute(now, ALICE, ("echo", "hi"))).output == b"hi\n"
        await here.require_in_step()

    async def test_a_restart_is_noticed_and_got_over(self, here: RealLab, engine: PrivateEngine):
        instance = await here.run(ALICE, "idle")
        await asyncio.to_thread(restart, engine)
        await here.up()
        await here.lab.keeper.reconcile_all()
        assert (await here.now(instance)).state is State.STOPPED
        started = await here.lab.instances.start(await here.now(instance), ALICE)
        assert started.state is State.RUNNING
        assert (await here.run(BOB, "web")).state is State.RUNNING
        await here.require_in_step()


class TestHung:
    async def test_everybody_is_told_within_three_seconds_and_it_works_again_by_itself(
        self,
        here: RealLab,
        engine: PrivateEngine,
        offers: Registry,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setattr("bot.lab.hosts._LOOK_SECONDS", AS_OFTEN_AS_OUTSIDE)
        lab, by = here.lab, SPEAKER
        reference = offers.offer(engine.address, Recipe("", (1000,), config=QUICK), "small:1")
        await lab.images.pull(here.session, by, reference, lambda _: None, threading.Event())
        a, b, c, d, stopped, frozen = [await here.run(by, "idle") for _ in range(6)]
        stopped = await lab.instances.stop(stopped, by)
        frozen = await lab.instances.freeze(frozen, by, "staff")

        def pull() -> Awaitable[object]:
            missing = f"{offers.address}/nothing:1"
            return lab.images.pull(here.session, by, missing, lambda _: None, threading.Event())

        commands: dict[str, Callable[[], Awaitable[object]]] = {
            "logs": lambda: lab.insides.logs(a, by, lines=5),
            "figures": lambda: lab.instances.figures(a, exact=True),
            "processes": lambda: lab.insides.processes(a),
            "execute": lambda: lab.insides.execute(a, by, ("id",)),
            "stop": lambda: lab.instances.stop(b, by),
            "restart": lambda: lab.instances.restart(c, by),
            "start": lambda: lab.instances.start(stopped, by),
            "freeze": lambda: lab.instances.freeze(c, by, "staff"),
            "thaw": lambda: lab.instances.thaw(frozen, by),
            "remove": lambda: lab.instances.remove(d, by, "removed"),
            "images": lambda: lab.images.local(1),
            "search": lambda: lab.images.search(1, "nginx"),
            "pull": pull,
            "remove image": lambda: lab.images.remove(here.session, by, reference),
            "look": lambda: lab.keeper.reconcile(next(iter(lab.hosts))),
        }
        async with Lag() as lag:
            engine.hang()
            assert refused(await all_at_once(commands)) == {}
            # From then on nobody waits at all.
            commands["run"] = lambda: here.ask(BOB, "idle")
            later = await all_at_once(commands)
            assert refused(later) == {}
            assert max(took for _, took in later.values()) < 0.5
            # What needs no host is there as ever.
            _, took = await timed(lab.instances.mine(1, by.id))
            assert took < 0.5

            engine.resume()
            resumed = time.monotonic()
            await here.up(within_s=10)
            assert (await here.run(BOB, "web")).state is State.RUNNING
            assert time.monotonic() - resumed < 10
        assert lag.most < 0.3
        await here.until(d, State.REMOVED)
        # What was asked of it while it hung was done when it came to, whatever was said of it.
        await here.lab.keeper.reconcile_all()
        await here.require_in_step()

    async def test_a_launch_it_hangs_in_fails_soon_and_leaves_nothing(
        self, here: RealLab, engine: PrivateEngine
    ):
        await here.run(ALICE, "idle")
        launches = [await here.ask(person, "web") for person in people(4)]
        await until(lambda: len(here.containers()) > 1)
        engine.hang()
        hung = time.monotonic()
        ended = [await here.over(launch) for launch in launches]
        assert time.monotonic() - hung < 6
        failed = [one for one in ended if one.state is State.FAILED]
        assert failed
        assert {told(one) for one in failed} == {HostUnreachable.message}
        engine.resume()
        await here.up(within_s=10)

        async def in_step() -> bool:
            await here.lab.keeper.reconcile_all()
            with contextlib.suppress(AssertionError):
                await here.require_in_step()
                return True
            return False

        await until(in_step, within_s=10)

    async def test_a_pull_gets_over_a_short_hang(
        self, here: RealLab, engine: PrivateEngine, offers: Registry, slow: SlowLine
    ):
        name = offer(engine, offers, 2 * MB)
        launch = await here.ask(SPEAKER, f"{slow.address}/{name}")
        await pulling(here, launch)
        engine.hang()
        await here.down()
        engine.resume()
        assert (await here.over(launch)).state is State.RUNNING
