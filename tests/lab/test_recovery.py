"""What a restart, or the session's end, finds in the middle of a launch."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.database import Transaction
from bot.lab import Instance, Stage, State, events, store
from bot.lab.drivers import FakeDriver
from bot.sessions import ENDED
from bot.timeline import Delivery
from tests.end_to_end.driver import until
from tests.lab.world import LabWorld, lab_world
from tests.storage.world import ALICE, SPEAKER


async def end_session(here: LabWorld) -> None:
    """End the session and have the lab act on it, as the dispatcher does."""
    await here.world.sessions.end(here.session, SPEAKER)
    (event,) = await here.world.events(ENDED)
    consumer = here.lab.keeper.consumer()
    await consumer.deliver(Delivery(event, consumer.name, 0, None))


async def test_what_starts_while_its_session_ends_is_given_the_grace_time_alone(here: LabWorld):
    here.driver.delay_seconds = 0.1
    speaker, attendee = await here.ask(SPEAKER), await here.ask(ALICE)
    await here.until(speaker, State.LAUNCHING)
    await here.until(attendee, State.LAUNCHING)
    await end_session(here)
    ended = here.clock() + here.lab.catalogue.grace
    for launch in (speaker, attendee):
        running = await here.over(launch)
        assert (running.state, running.deadline) == (State.RUNNING, ended)


def forget_answer(tx: Transaction, instance: Instance) -> None:
    """Have a row say what it says before its instance answered."""
    store.update(tx, instance.id, ready_at=None, stage=Stage.STARTED, process_id=None)


async def test_what_had_not_answered_before_a_restart_is_said_to_answer_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drivers = {"one": FakeDriver()}
    async with lab_world(tmp_path / "db", monkeypatch, drivers=drivers) as here:
        instance = await here.run(ALICE, "nginx")
        await here.world.database.write(forget_answer, instance)
        session, clock = here.session, here.clock
    async with lab_world(
        tmp_path / "db", monkeypatch, drivers=drivers, session=session, clock=clock
    ) as here:

        async def answers() -> bool:
            return (await here.now(instance)).ready_at is not None

        await until(answers)
        ready = await here.now(instance)
        assert (ready.stage, ready.process_id) == (Stage.ANSWERING, instance.process_id)
        # Looking again and again doesn't tell it again.
        await here.lab.keeper.reconcile_all()
        assert len(await here.world.events(events.READY)) == 2
