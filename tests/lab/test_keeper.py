"""Leases, restarts, vanished containers, strangers beside ours: rows and hosts stay in step."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from bot.guilds import Person
from bot.lab import Instance, Launcher, State, events, reasons
from bot.lab.drivers import (
    LABEL_INSTALLATION,
    LABEL_INSTANCE,
    ContainerSpec,
    FakeDriver,
    Network,
)
from bot.lab.errors import (
    ContainerGone,
    Frozen,
    HostUnreachable,
    NoDeadline,
    NoMoreExtensions,
    NoSuchInstance,
    NotRunning,
    NotYours,
)
from bot.lab.hosts import AnyHost
from bot.lab.spec import engine_name
from bot.sessions import ENDED
from bot.timeline import Delivery
from tests.end_to_end.driver import until
from tests.lab.things import SMALL
from tests.lab.world import LabWorld, lab_world
from tests.patience import LONG_SECONDS
from tests.storage.world import ALICE, BOB, MODERATOR, SPEAKER


async def step(here: LabWorld, **passed: float) -> None:
    """Let time pass as it does while the bot and its hosts are there."""
    seconds = timedelta(**passed).total_seconds()
    while seconds > 0:
        here.clock.on(seconds=min(seconds, 30))
        seconds -= 30
        await here.lab.keeper.reconcile_all()
        await here.lab.keeper.tick()


def stranger(name: str, **labels: str) -> ContainerSpec:
    """Describe a container that somebody else runs on the same host."""
    return ContainerSpec(name, "study/hello:latest", name, SMALL, labels, ())


class TestLeases:
    async def test_an_hour_is_an_hour(self, here: LabWorld):
        instance = await here.run(ALICE)
        await step(here, minutes=59)
        assert (await here.now(instance)).state is State.RUNNING
        await step(here, minutes=2)
        gone = await here.now(instance)
        assert (gone.state, gone.reason) == (State.REMOVED, reasons.EXPIRED)
        assert here.names() == []
        (told,) = await here.world.events(events.ENDED_FOR_OWNERS)
        assert told.data["instance_ids"] == [instance.id]

    async def test_a_warning_comes_ten_minutes_before_once_for_all(self, here: LabWorld):
        one, other = await here.run(ALICE), await here.run(BOB)
        await step(here, minutes=49)
        assert await here.world.events(events.WARNED) == []
        await step(here, minutes=5)
        (warned,) = await here.world.events(events.WARNED)
        assert warned.data["instance_ids"] == [one.id, other.id]

    async def test_extending_moves_the_end_twice_at_most(self, here: LabWorld):
        instance = await here.run(ALICE)
        for _ in range(2):
            instance = await here.lab.instances.extend(instance, ALICE)
        assert instance.deadline == here.clock() + timedelta(minutes=120)
        with pytest.raises(NoMoreExtensions):
            await here.lab.instances.extend(instance, ALICE)

    async def test_what_was_extended_is_warned_of_again(self, here: LabWorld):
        instance = await here.run(ALICE)
        await step(here, minutes=52)
        await here.lab.instances.extend(instance, ALICE)
        await step(here, minutes=30)
        assert len(await here.world.events(events.WARNED)) == 2

    async def test_the_speakers_stay_until_the_session_ends(self, here: LabWorld):
        instance = await here.run(SPEAKER)
        with pytest.raises(NoDeadline):
            await here.lab.instances.extend(instance, SPEAKER)
        await step(here, hours=3)
        assert (await here.now(instance)).state is State.RUNNING

    async def test_what_ends_together_is_told_together(self, here: LabWorld):
        await here.run(ALICE)
        await here.run(BOB)
        await step(here, minutes=61)
        (told,) = await here.world.events(events.ENDED_FOR_OWNERS)
        assert len(told.data["instance_ids"]) == 2

    async def test_after_the_session_there_is_a_grace_time(self, here: LabWorld):
        instance = await here.run(SPEAKER)
        await _end(here)
        await step(here, minutes=29)
        assert (await here.now(instance)).state is State.RUNNING
        await step(here, minutes=2)
        gone = await here.now(instance)
        assert (gone.state, gone.reason) == (State.REMOVED, reasons.SESSION_ENDED)

    async def test_the_sessions_end_makes_no_lease_longer(self, here: LabWorld):
        instance = await here.run(ALICE)
        await step(here, minutes=50)
        await _end(here)
        assert (await here.now(instance)).deadline == instance.deadline

    async def test_what_waits_is_cancelled_at_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        async with lab_world(tmp_path / "db", monkeypatch, queue=False) as here:
            waiting = await here.ask(ALICE)
            await _end(here)
            gone = await here.now(waiting)
            assert (gone.state, gone.reason) == (State.REMOVED, reasons.SESSION_ENDED)

    async def test_while_the_host_is_away_leases_stand_still(self, here: LabWorld):
        instance = await here.run(ALICE)
        await step(here, minutes=50)
        here.driver.is_down = True
        await here.look()
        here.clock.on(hours=2)
        await here.lab.keeper.tick()
        assert (await here.now(instance)).state is State.RUNNING
        here.driver.is_down = False
        await here.look()
        left = (await here.now(instance)).deadline
        assert left is not None
        assert left >= here.clock() + timedelta(minutes=15)
        await step(here, minutes=14)
        assert (await here.now(instance)).state is State.RUNNING
        await step(here, minutes=2)
        assert (await here.now(instance)).state is State.REMOVED

    async def test_what_should_go_while_its_host_is_away_goes_when_it_is_back(self, here: LabWorld):
        instance = await here.run(SPEAKER)
        here.driver.is_down = True
        with pytest.raises(HostUnreachable):
            await here.lab.instances.remove(instance, SPEAKER, reasons.REMOVED)
        assert (await here.now(instance)).state is State.REMOVING
        here.driver.is_down = False
        await here.look()
        assert (await here.now(instance)).state is State.REMOVED
        assert here.names() == []


class TestRestarts:
    async def test_what_runs_is_known_after_a_restart(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        drivers = {"one": FakeDriver()}
        async with lab_world(tmp_path / "db", monkeypatch, drivers=drivers) as here:
            instance = await here.run(ALICE)
            session, clock = here.session, here.clock
        clock.on(minutes=30)
        async with lab_world(
            tmp_path / "db", monkeypatch, drivers=drivers, session=session, clock=clock
        ) as here:
            assert (await here.now(instance)).state is State.RUNNING
            assert len(here.names()) == 1
            # While the bot was away the lease stood still.
            await step(here, minutes=59)
            assert (await here.now(instance)).state is State.RUNNING

    @pytest.mark.parametrize("method", ["create", "start"])
    async def test_a_launch_that_a_crash_interrupted_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
    ):
        """The process dies before, or after, the engine did what it was asked for."""
        drivers = {"one": FakeDriver()}
        driver = drivers["one"]
        async with lab_world(tmp_path / "db", monkeypatch, drivers=drivers) as here:
            session, clock = here.session, here.clock
            reached = asyncio.Event()
            loop = asyncio.get_running_loop()
            done = getattr(driver, method)

            def dies(*args: object) -> object:
                result = done(*args)
                loop.call_soon_threadsafe(reached.set)
                raise _Killed(result)

            monkeypatch.setattr(driver, method, dies)
            monkeypatch.setattr("bot.lab.launching.Launcher._launch", _dying(here))
            instance = await here.ask(ALICE, "nginx")
            await asyncio.wait_for(reached.wait(), LONG_SECONDS)
            monkeypatch.setattr(driver, method, done)
            assert (await here.now(instance)).state is State.LAUNCHING
        monkeypatch.undo()
        async with lab_world(
            tmp_path / "db", monkeypatch, drivers=drivers, session=session, clock=clock
        ) as here:
            running = await here.until(instance, State.RUNNING)
            assert len(here.names()) == 1
            assert running.engine_id == here.driver.owned(here.lab.installation)[0].engine_id
            (told,) = await here.world.events(events.RECOVERED)
            assert told.data["instance_ids"] == [instance.id]

    async def test_a_container_of_an_ended_row_is_removed(self, here: LabWorld):
        instance = await here.run(SPEAKER)
        await here.lab.instances.remove(instance, SPEAKER, reasons.REMOVED)
        spec = stranger(engine_name(here.lab.installation, instance.id), **_ours(here, instance.id))
        here.driver.create(spec)
        await here.lab.keeper.reconcile_all()
        assert here.names() == []


class TestStrangers:
    async def test_what_is_not_ours_is_never_touched(self, here: LabWorld):
        instance = await here.run(SPEAKER)
        driver, installation = here.driver, here.lab.installation
        others = [
            # No label of ours at all.
            stranger("somebodys-database"),
            # Another installation of this program, with the same numbers.
            stranger(
                engine_name("f" * 32, instance.id),
                **{LABEL_INSTALLATION: "f" * 32, LABEL_INSTANCE: str(instance.id)},
            ),
            # Inherited from an image that was committed out of one of ours, or forged.
            stranger("copy-of-ours", **_ours(here, instance.id)),
            # Ours by every label, but with no row.
            stranger(engine_name(installation, 999), **_ours(here, 999)),
            stranger("no-number", **{LABEL_INSTALLATION: installation, LABEL_INSTANCE: "x"}),
        ]
        made = [driver.create(spec) for spec in others]
        await here.lab.keeper.reconcile_all()
        await here.lab.keeper.clear(here.session, SPEAKER)
        await step(here, minutes=5)
        left = {driver.inspect(engine_id).name for engine_id in made}
        assert left == {spec.name for spec in others}
        assert (await here.now(instance)).state is State.REMOVED

    async def test_networks_of_others_stay_and_ours_go(self, here: LabWorld):
        theirs = Network("office", "br-office", "192.0.2.0/28", {})
        here.driver.ensure_network(theirs)
        instance = await here.run(SPEAKER)
        assert len(here.driver.networks(here.lab.installation)) == 1
        await here.lab.instances.remove(instance, SPEAKER, reasons.REMOVED)
        await here.lab.keeper.reconcile_all()
        assert here.driver.networks(here.lab.installation) == []
        assert "office" in here.driver._networks

    async def test_each_owner_has_a_network_of_their_own(self, here: LabWorld):
        await here.run(ALICE)
        await here.run(BOB)
        networks = here.driver.networks(here.lab.installation)
        assert len({network.subnet for network in networks}) == 2
        assert all(network.bridge.startswith("sblc") for network in networks)

    async def test_where_others_have_networks_already_ours_are_beside_them(self, here: LabWorld):
        half = Network("office", "br-office", "10.213.0.0/17", {})
        here.driver.ensure_network(half)
        for person in (ALICE, BOB, SPEAKER):
            assert (await here.run(person)).state is State.RUNNING
        networks = here.driver.networks(here.lab.installation)
        assert len({network.subnet for network in networks}) == 3
        assert len(await here.world.rows("SELECT * FROM lab_networks")) == 3


class TestFollowing:
    async def test_what_vanished_is_told(self, here: LabWorld):
        instance = await here.run(ALICE)
        assert instance.engine_id is not None
        here.driver.vanish(instance.engine_id)
        await here.lab.keeper.reconcile_all()
        lost = await here.now(instance)
        assert (lost.state, lost.reason) == (State.LOST, reasons.VANISHED)
        (told,) = await here.world.events(events.ENDED_FOR_OWNERS)
        assert told.data["instance_ids"] == [instance.id]

    async def test_what_died_says_how(self, here: LabWorld):
        instance = await here.run(ALICE)
        assert instance.engine_id is not None
        here.driver.kill(instance.engine_id, exit_code=137, out_of_memory=True)
        await here.lab.keeper.reconcile_all()
        dead = await here.now(instance)
        assert (dead.state, dead.exit_code, dead.out_of_memory) == (State.STOPPED, 137, True)
        started = await here.lab.instances.start(dead, ALICE)
        assert (started.state, started.exit_code) == (State.RUNNING, None)

    async def test_a_stop_is_no_crash(self, here: LabWorld):
        instance = await here.run(ALICE)
        stopped = await here.lab.instances.stop(instance, ALICE)
        await here.lab.keeper.reconcile_all()
        assert (await here.now(instance)).state is State.STOPPED
        assert await here.world.events(events.DIED) == []
        with pytest.raises(NotRunning):
            await here.lab.insides.execute(stopped, ALICE, ("id",))

    async def test_looking_while_somebody_stops_it_disturbs_nothing(self, here: LabWorld):
        instance = await here.run(ALICE)
        here.driver.delay_seconds = 0.05
        await asyncio.gather(
            here.lab.instances.stop(instance, ALICE),
            *(here.lab.keeper.reconcile_all() for _ in range(4)),
        )
        await here.lab.keeper.reconcile_all()
        assert (await here.now(instance)).state is State.STOPPED
        assert await here.world.events(events.DIED, events.RESUMED) == []

    async def test_looking_while_twenty_start_disturbs_nothing(self, here: LabWorld):
        here.driver.delay_seconds = 0.02
        people = [Person(1000 + number, "Somebody") for number in range(20)]
        asked = [await here.ask(person, "nginx") for person in people]
        while {(await here.now(one)).state for one in asked} != {State.RUNNING}:
            await here.lab.keeper.reconcile_all()
        assert len(here.names()) == 20
        assert await here.world.events(events.RECOVERED, events.LOST) == []


class TestStaff:
    async def test_who_is_muted_is_frozen_until_they_are_not(self, here: LabWorld):
        instance = await here.run(ALICE)
        await here.world.guilds.mute(1, ALICE.id, here.clock() + timedelta(minutes=10))
        assert await here.lab.instances.freeze_owner(1, ALICE.id) == 1
        frozen = await here.now(instance)
        assert frozen.state is State.FROZEN
        for act in (here.lab.instances.start, here.lab.instances.stop):
            with pytest.raises(Frozen):
                await act(frozen, ALICE)
        await step(here, minutes=5)
        assert (await here.now(instance)).state is State.FROZEN
        here.clock.on(minutes=6)
        await here.world.guilds.lift_expired_mutes()
        await here.lab.keeper.tick()
        assert (await here.now(instance)).state is State.RUNNING

    async def test_what_a_muted_person_waits_for_is_taken_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        async with lab_world(tmp_path / "db", monkeypatch, queue=False) as here:
            waiting = await here.ask(ALICE)
            await here.lab.instances.freeze_owner(1, ALICE.id)
            gone = await here.over(waiting)
            assert (gone.state, gone.reason) == (State.REMOVED, reasons.KILLED)

    async def test_clearing_in_mid_launch_leaves_nothing(self, here: LabWorld):
        here.driver.delay_seconds = 0.1
        instance = await here.ask(ALICE, "nginx")
        await here.until(instance, State.LAUNCHING)
        await here.lab.instances.remove(await here.now(instance), None, reasons.CLEARED)
        await until(lambda: not here.lab.launcher.busy)
        assert (await here.now(instance)).state is State.REMOVED
        assert here.names() == []

    async def test_what_staff_froze_stays_frozen(self, here: LabWorld):
        instance = await here.run(ALICE)
        await here.lab.instances.freeze(instance, MODERATOR, "staff")
        await step(here, minutes=2)
        assert (await here.now(instance)).state is State.FROZEN

    async def test_owner_and_staff_only(self, here: LabWorld):
        private, public = await here.run(ALICE), await here.run(SPEAKER, name="demo")
        get = here.lab.instances.get
        for person in (ALICE, SPEAKER, MODERATOR):
            assert await get(private.id, 1, person)
        with pytest.raises(NoSuchInstance) as refusal:
            await get(private.id, 1, BOB)
        assert private.name not in str(refusal.value)
        with pytest.raises(NotYours):
            await get(public.id, 1, BOB)
        with pytest.raises(NoSuchInstance):
            await get(private.id, 2, ALICE)

    async def test_others_see_the_public_ones_alone(self, here: LabWorld):
        private, public = await here.run(ALICE), await here.run(SPEAKER)
        visible = here.lab.instances.visible
        assert [one.id for one in await visible(1, BOB)] == [public.id]
        assert [one.id for one in await visible(1, ALICE)] == [private.id, public.id]
        assert [one.id for one in await visible(1, MODERATOR)] == [private.id, public.id]

    async def test_clearing_takes_all_and_tells_in_one_message(self, here: LabWorld):
        await here.run(ALICE)
        await here.run(BOB)
        assert await here.lab.keeper.clear(here.session, MODERATOR) == 2
        assert here.names() == []
        (told,) = await here.world.events(events.ENDED_FOR_OWNERS)
        assert len(told.data["instance_ids"]) == 2

    async def test_every_deed_is_on_the_record(self, here: LabWorld):
        instance = await here.run(ALICE)
        await here.lab.insides.logs(instance, ALICE, lines=10)
        await here.lab.insides.execute(instance, ALICE, ("echo", "hello"))
        await here.lab.instances.restart(instance, ALICE)
        await here.lab.instances.remove(instance, ALICE, reasons.REMOVED)
        kinds = [event.kind for event in await here.world.events(*events.AUDITED)]
        assert kinds == [
            events.REQUESTED,
            events.LAUNCHING,
            events.STARTED,
            events.READY,
            events.LOGS_READ,
            events.EXECUTED,
            events.RESTARTED,
            events.REMOVED,
        ]

    async def test_environment_is_forgotten_with_the_instance(self, here: LabWorld):
        instance = await here.run(ALICE, environment={"PASSWORD": "hunter2"})
        await here.lab.instances.remove(instance, ALICE, reasons.REMOVED)
        assert (await here.now(instance)).environment == {}

    async def test_what_is_gone_can_not_be_used(self, here: LabWorld):
        instance = await here.run(ALICE)
        await here.lab.instances.remove(instance, ALICE, reasons.REMOVED)
        with pytest.raises(ContainerGone):
            await here.lab.insides.logs(await here.now(instance), ALICE, lines=1)


class TestErasing:
    async def test_a_person_is_forgotten_where_theirs_has_ended(self, here: LabWorld):
        ended = await here.run(ALICE, name="alices-web")
        await here.lab.instances.remove(ended, ALICE, reasons.REMOVED)
        await here.world.archive.erase(1, ALICE.id, words_too=True)
        gone = await here.now(ended)
        assert gone.owner_id is None
        assert "alice" not in gone.name

    async def test_what_is_kept_is_handed_out(self, here: LabWorld):
        await here.run(ALICE, name="alices-web")
        assert b"alices-web" in await here.world.archive.of_person(1, ALICE.id)
        assert b"alices-web" not in await here.world.archive.of_person(1, BOB.id)

    async def test_after_ninety_days_nobody_knows_whose_it_was(self, here: LabWorld):
        instance = await here.run(ALICE, "nginx")
        await here.lab.instances.remove(instance, ALICE, reasons.REMOVED)
        here.clock.on(days=91)
        await here.world.archive.forget_old()
        forgotten = await here.now(instance)
        assert (forgotten.owner_id, forgotten.ports) == (None, ())


class _Killed(BaseException):
    """The process ends here."""


def _dying(here: LabWorld):
    works = here.lab.launcher._works

    async def launch(_self: Launcher, instance: Instance, host: AnyHost) -> None:
        with contextlib.suppress(_Killed):
            await works[instance.kind].launch(instance, host, here.lab.launcher._other_ports)

    return launch


def _ours(here: LabWorld, number: int) -> dict[str, str]:
    return {LABEL_INSTALLATION: here.lab.installation, LABEL_INSTANCE: str(number)}


async def _end(here: LabWorld) -> None:
    """End the session and have the lab act on it, as the dispatcher does."""
    await here.world.sessions.end(here.session, SPEAKER)
    (event,) = await here.world.events(ENDED)
    consumer = here.lab.keeper.consumer()
    await consumer.deliver(Delivery(event, consumer.name, 0, None))
