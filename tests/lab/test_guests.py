"""What people get who create guests, over a hypervisor in memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import NotAllowed
from bot.lab import Instance, Kind, Stage, State, events
from bot.lab.drivers import FakeGuestDriver, Signs
from bot.lab.drivers.guests import NETWORK_CLOSED, NETWORK_OPEN, GuestState
from bot.lab.errors import (
    ContainerGone,
    DiskFull,
    EngineRefused,
    Frozen,
    HostUnreachable,
    NameTaken,
    NotRunning,
    TooManyInstances,
    TooMuch,
)
from bot.lab.guest_errors import (
    BadSnapshotName,
    IsoNotHere,
    LeadOnly,
    NoGuests,
    NoSuchGuestTemplate,
    NoSuchIso,
    NotAContainer,
    NotAGuest,
    NotPaused,
    Paused,
    TooManySnapshots,
)
from bot.lab.guests import ssh
from bot.lab.guests.spec import disk_name, seed_name
from bot.lab.model import OWNER
from tests.end_to_end.driver import until
from tests.lab.world import FILE, LabWorld, lab_world
from tests.patience import LONG_SECONDS
from tests.storage.world import ALICE, BOB, SPEAKER

GUESTS = """
[[guests]]
name = "tiny"
source = "kernel"
kernel = "tiny.kernel"
initrd = "tiny.initrd"
system = "Tiny"

[[guests]]
name = "installer"
source = "iso"
iso = "disc"

[[guests]]
name = "cloud"
source = "cloud-image"
image = "cloud.qcow2"

[[isos]]
name = "disc"
file = "disc.iso"

[[isos]]
name = "other"
file = "other.iso"
"""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIJgUIzw9IJWmLGoCOFMqvY5oyzWxWZkUJYIfRyX3xSG alice"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LabWorld]:
    async with opened(tmp_path, monkeypatch) as found:
        yield found


@contextlib.asynccontextmanager
async def opened(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    driver: FakeGuestDriver | None = None,
    **more: object,
) -> AsyncIterator[LabWorld]:
    """Open a lab with a hypervisor, whose files are there and whose guests answer at once."""
    for name in ("tiny.kernel", "tiny.initrd", "disc.iso", "other.iso", "cloud.qcow2"):
        (folder / name).write_bytes(name.encode() * 100)
    monkeypatch.setattr(ssh, "answers", _answers)
    monkeypatch.setattr(ssh, "host_key", lambda *_, **__: "ssh-ed25519 SHA256:abc")
    monkeypatch.setattr("bot.lab.guests.steps._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("bot.lab.guests.works._LOOK_SECONDS", 0.01)
    guests = {"one": driver or FakeGuestDriver()}
    file = FILE + GUESTS
    async with lab_world(folder / "bot.db", monkeypatch, file=file, guests=guests, **more) as found:  # type: ignore[arg-type]
        yield found


def there(here: LabWorld) -> tuple[list[str], list[str], list[str]]:
    """Return what the host has of ours: guests, volumes of guests, addresses."""
    driver, own = here.hypervisor, here.lab.installation
    return (
        sorted(one.name for one in driver.owned(own)),
        sorted(one.name for one in driver.volumes(own) if "-base-" not in one.name),
        sorted(
            name
            for network in (NETWORK_CLOSED, NETWORK_OPEN)
            for name in driver.reservations(network, own)
        ),
    )


NOTHING: tuple[list[str], list[str], list[str]] = ([], [], [])


class TestCreating:
    async def test_the_speaker_gets_a_guest_that_answers(self, here: LabWorld):
        guest = await here.create(name="demo", cpus=2, disk_bytes=5 * 1024**3)
        assert (guest.kind, guest.state, guest.name) == (Kind.GUEST, State.RUNNING, "demo")
        assert guest.public
        assert guest.ready_at is not None
        assert guest.process_id is not None
        (port,) = guest.ports
        assert port.container == 22
        assert port.host in here.lab.guest_hosts.get("one").ports(outward=True)
        spec = here.hypervisor.guest(guest.engine_id or "").spec
        assert (spec.resources.cpus, spec.resources.disk_bytes) == (2, 5 * 1024**3)
        assert spec.network == NETWORK_OPEN
        assert spec.address == guest.guest.address
        assert spec.kernel is not None
        assert spec.initrd is not None

    async def test_an_attendees_is_private_closed_and_of_the_attendees_size(self, here: LabWorld):
        guest = await here.create(ALICE)
        assert guest.state is State.RUNNING
        assert not guest.public
        assert (guest.resources.cpus, guest.resources.memory_bytes) == (1, 512 * 1024**2)
        spec = here.hypervisor.guest(guest.engine_id or "").spec
        assert spec.network == NETWORK_CLOSED
        assert guest.ports[0].host in here.lab.guest_hosts.get("one").ports(outward=False)

    async def test_each_stage_is_told_with_its_time(self, here: LabWorld):
        asked = await here.ask(what="tiny", kind=Kind.GUEST)
        seen: list[Stage] = []
        async for moment in here.lab.launcher.progress.watch(asked.id):
            seen += [stage for stage in moment.seconds if stage not in seen]
        assert [stage for stage in seen if stage is not Stage.PULLING] == [
            Stage.QUEUED,
            Stage.VOLUME,
            Stage.SEED,
            Stage.DEFINED,
            Stage.STARTED,
            Stage.BOOTED,
            Stage.ADDRESSED,
            Stage.ANSWERING,
        ]
        guest = await here.now(asked)
        assert list(guest.guest.stages) == ["started", "booted", "addressed", "answering"]

    async def test_its_host_key_and_system_are_known_when_it_answers(self, here: LabWorld):
        guest = await here.create()

        async def known() -> Instance | None:
            now = await here.now(guest)
            return now if now.guest.system is not None else None

        now = await until(known)
        assert now.guest.host_key == "ssh-ed25519 SHA256:abc"

    async def test_its_seed_carries_the_owners_keys_and_no_password(
        self, here: LabWorld, monkeypatch: pytest.MonkeyPatch
    ):
        written: dict[str, str] = {}
        monkeypatch.setattr(
            "bot.lab.guests.steps.write_seed",
            lambda path, files: (written.update(files), path.write_bytes(b"seed")),
        )
        await here.lab.keys.add(here.session.guild_id, ALICE, KEY)
        await here.lab.keys.add(here.session.guild_id, BOB, KEY.replace("JgUI", "KgUI"))
        await here.create(ALICE, name="mine")
        assert KEY.rpartition(" ")[0] in written["user-data"]
        assert "KgUI" not in written["user-data"]
        assert '"lock_passwd": true' in written["user-data"]
        assert '"ssh_pwauth": false' in written["user-data"]
        # So that the guest can look its own name up, without a name server too.
        assert '"manage_etc_hosts": "localhost"' in written["user-data"]
        assert '"local-hostname": "mine"' in written["meta-data"]

    async def test_what_it_starts_from_is_brought_once(self, here: LabWorld):
        await here.create(name="a")
        await here.create(name="b")
        bases = [
            one.name
            for one in here.hypervisor.volumes(here.lab.installation)
            if "-base-" in one.name
        ]
        assert len(bases) == 2  # a kernel and an initrd

    async def test_an_installer_starts_with_its_disc_and_is_ready_with_its_screen(
        self, here: LabWorld
    ):
        here.hypervisor.boot_seconds = 3600
        guest = await here.create(what="installer")
        spec = here.hypervisor.guest(guest.engine_id or "").spec
        assert spec.iso is not None
        assert spec.seed is None
        assert guest.ready_at is not None

    async def test_another_disc_may_be_chosen_for_an_installer_alone(self, here: LabWorld):
        first = await here.create(what="installer", name="a")
        second = await here.create(what="installer", name="b", iso="other")
        discs = [here.hypervisor.guest(one.engine_id or "").spec.iso for one in (first, second)]
        assert len(set(discs)) == 2
        assert second.iso == "other"
        with pytest.raises(IsoNotHere):
            await here.ask(what="tiny", kind=Kind.GUEST, iso="other")
        with pytest.raises(NoSuchIso):
            await here.ask(what="installer", kind=Kind.GUEST, iso="nowhere")


class TestRules:
    async def test_installers_are_for_those_who_run_the_talk(self, here: LabWorld):
        with pytest.raises(LeadOnly, match="tiny"):
            await here.ask(ALICE, "installer", kind=Kind.GUEST)

    async def test_an_unknown_template_names_those_there_are(self, here: LabWorld):
        with pytest.raises(NoSuchGuestTemplate, match="tiny"):
            await here.ask(what="plan9", kind=Kind.GUEST)

    async def test_an_attendee_may_have_one_of_each_kind(self, here: LabWorld):
        await here.create(ALICE)
        await here.run(ALICE, "hello")
        with pytest.raises(TooManyInstances):
            await here.ask(ALICE, "tiny", kind=Kind.GUEST)
        with pytest.raises(TooManyInstances):
            await here.ask(ALICE, "hello")

    async def test_the_speaker_may_have_six_of_both_together(self, here: LabWorld):
        for number in range(3):
            await here.create(name=f"vm-{number}", cpus=0.5, memory_bytes=128 * 1024**2)
            await here.run(name=f"web-{number}", memory_bytes=128 * 1024**2)
        with pytest.raises(TooManyInstances, match="6"):
            await here.ask(what="tiny", kind=Kind.GUEST)

    async def test_more_than_a_role_may_have_is_refused(self, here: LabWorld):
        with pytest.raises(TooMuch):
            await here.ask(ALICE, "tiny", kind=Kind.GUEST, disk_bytes=50 * 1024**3)

    async def test_a_lab_of_containers_alone_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        async with lab_world(tmp_path / "bot.db", monkeypatch, file=FILE + GUESTS) as here:
            with pytest.raises(NoGuests, match="/container run"):
                await here.ask(what="tiny", kind=Kind.GUEST)

    async def test_both_kinds_wait_in_lines_of_their_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        driver = FakeGuestDriver()
        async with opened(tmp_path, monkeypatch, driver) as here:
            driver.is_down = True
            await here.look()
            with pytest.raises(HostUnreachable):
                await here.ask(what="tiny", kind=Kind.GUEST)
            assert (await here.run(what="hello")).state is State.RUNNING


class TestFailures:
    @pytest.mark.parametrize(
        "step", ["create_volume", "upload", "reserve", "define", "start", "inspect"]
    )
    @pytest.mark.parametrize("error", [DiskFull(), EngineRefused(why="no"), HostUnreachable()])
    async def test_whatever_step_fails_leaves_nothing_and_says_why(
        self, here: LabWorld, step: str, error: Exception
    ):
        await here.create(name="before")
        before = there(here)
        here.hypervisor.fail_next(step, error)
        failed = await here.create(name="fails")
        if isinstance(error, EngineRefused) and step == "create_volume":
            assert failed.state is State.RUNNING  # What it starts from was looked for anew.
            return
        assert failed.state is State.FAILED
        assert failed.reason
        assert there(here) == before

    async def test_a_disk_smaller_than_its_image_is_refused_with_the_least_it_needs(
        self, here: LabWorld
    ):
        least = len("cloud.qcow2") * 100
        guest = await here.create(what="cloud", disk_bytes=least - 100)
        assert guest.state is State.FAILED
        assert "needs a disk of at least" in (guest.reason or "")
        assert "1.1 KB" in (guest.reason or "")
        assert there(here) == NOTHING
        assert (await here.create(what="cloud", disk_bytes=least)).state is State.RUNNING

    @pytest.mark.parametrize(
        "line",
        [
            b"Debian GNU/Linux 12 mine ttyS0\r\n\r\nmine login: ",
            b"tiny 1.9 s: ready\r\n",
            b"[   61.2] cloud-init[412]: Cloud-init v. 22.4.2 finished at Wed, 25 Nov 2026\r\n",
        ],
    )
    async def test_what_only_prints_has_booted_by_what_it_prints(
        self, here: LabWorld, monkeypatch: pytest.MonkeyPatch, line: bytes
    ):
        printed = [b"[    1.0] Linux version 6.1.0\r\n"]
        driver = here.hypervisor
        monkeypatch.setattr(driver, "signs", lambda _: Signs(1, agent=False, address=None))
        monkeypatch.setattr(driver, "console", lambda _, lines: b"".join(printed[-lines:]))
        asked = await here.ask(what="cloud", kind=Kind.GUEST)
        guest = await here.until(asked, State.RUNNING)
        await asyncio.sleep(0.1)
        assert "booted" not in (await here.now(guest)).guest.stages
        printed.append(line)

        async def booted() -> bool:
            return "booted" in (await here.now(guest)).guest.stages

        assert await until(booted)

    async def test_a_network_that_is_not_up_is_said_with_its_remedy(self, here: LabWorld):
        facts = here.hypervisor.host_facts
        here.hypervisor.host_facts = replace(facts, active_networks=frozenset())
        failed = await here.create()
        assert failed.state is State.FAILED
        assert "setup-host" in (failed.reason or "")
        assert there(here) == NOTHING

    async def test_an_address_that_somebody_elses_guest_has_is_chosen_around(self, here: LabWorld):
        from bot.lab.guest_addresses import place_of

        settings = here.lab.guest_hosts.get("one").settings
        span = here.lab.guest_hosts.get("one").ports(outward=True)
        for port in span[:3]:
            place = place_of(settings, port)
            here.hypervisor.reserve(place.network, f"theirs-{port}", f"x{port}", place.address)
        guest = await here.create()
        assert guest.state is State.RUNNING
        assert guest.ports[0].host not in span[:3]

    async def test_one_that_is_taken_back_leaves_nothing(self, here: LabWorld):
        here.hypervisor.delay_seconds = 0.1
        asked = await here.ask(what="tiny", kind=Kind.GUEST)
        await here.until(asked, State.LAUNCHING)
        await here.lab.keeper.take_away(asked, SPEAKER)
        ended = await here.over(asked)
        assert ended.state is State.REMOVED
        assert there(here) == NOTHING

    async def test_one_that_never_boots_runs_on_without_an_answer(
        self, here: LabWorld, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("bot.lab.guests.steps._FOLLOW_SECONDS", 0.1)
        here.hypervisor.boot_seconds = 3600
        guest = await here.create()
        assert (guest.state, guest.ready_at) == (State.RUNNING, None)

    async def test_a_host_that_is_away_for_a_moment_misses_no_boot(self, here: LabWorld):
        here.hypervisor.boot_seconds = 0.5
        asked = await here.ask(what="tiny", kind=Kind.GUEST)
        await here.until(asked, State.RUNNING)
        here.hypervisor.is_down = True
        await here.look()
        await asyncio.sleep(0.6)
        here.hypervisor.is_down = False
        await here.look()

        async def ready() -> bool:
            return (await here.now(asked)).ready_at is not None

        await until(ready)

    async def test_one_that_breaks_while_it_boots_is_stopped(self, here: LabWorld):
        here.hypervisor.boot_seconds = 3600
        asked = await here.ask(what="tiny", kind=Kind.GUEST)
        running = await here.until(asked, State.RUNNING)
        here.hypervisor.kill(running.engine_id or "")
        assert (await here.until(asked, State.STOPPED)).process_id is None


class TestPower:
    async def test_a_stop_is_heeded(self, here: LabWorld):
        guest = await here.create()
        stopped, forced = await here.lab.guests.stop(guest, SPEAKER)
        assert (stopped.state, forced) == (State.STOPPED, False)
        started = await here.lab.instances.start(stopped, SPEAKER)
        assert started.state is State.RUNNING

    async def test_a_host_that_is_slow_about_one_guest_is_no_host_that_is_away(
        self, here: LabWorld, monkeypatch: pytest.MonkeyPatch
    ):
        guest = await here.create()
        inspect = here.hypervisor.inspect

        def slow(engine_id: str) -> GuestState:
            time.sleep(3)  # signs of life come all the while
            return inspect(engine_id)

        monkeypatch.setattr(here.hypervisor, "inspect", slow)
        stopped, _forced = await here.lab.guests.stop(guest, SPEAKER)
        assert stopped.state is State.STOPPED
        assert (await here.lab.instances.start(stopped, SPEAKER)).process_id
        assert (await here.create(BOB)).state is State.RUNNING

    async def test_one_that_does_not_heed_it_is_stopped_by_force_and_that_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        driver = FakeGuestDriver()
        driver.heeds_shutdown = False
        async with opened(tmp_path, monkeypatch, driver) as here:
            object.__setattr__(here.lab.catalogue, "guest_stop_grace_seconds", 0)
            stopped, forced = await here.lab.guests.stop(await here.create(), SPEAKER)
            assert (stopped.state, forced) == (State.STOPPED, True)
            (event,) = await here.world.events(events.STOPPED)
            assert event.data["forced"]

    async def test_an_owner_pauses_and_resumes(self, here: LabWorld):
        guest = await here.create(ALICE)
        paused = await here.lab.guests.pause(guest, ALICE)
        assert (paused.state, paused.frozen_by) == (State.FROZEN, OWNER)
        with pytest.raises(Paused):
            await here.lab.guests.reboot(paused, ALICE)
        resumed = await here.lab.guests.resume(paused, ALICE)
        assert resumed.state is State.RUNNING
        with pytest.raises(NotPaused):
            await here.lab.guests.resume(resumed, ALICE)

    async def test_what_staff_froze_its_owner_cannot_resume(self, here: LabWorld):
        guest = await here.create(ALICE)
        paused = await here.lab.guests.pause(guest, ALICE)
        frozen = await here.lab.instances.freeze(paused, SPEAKER, "staff")
        for attempt in (here.lab.guests.resume, here.lab.guests.force_stop):
            with pytest.raises(Frozen):
                await attempt(frozen, ALICE)
        assert (await here.lab.guests.resume(frozen, SPEAKER)).state is State.RUNNING

    async def test_a_plug_can_be_pulled_while_it_is_paused(self, here: LabWorld):
        paused = await here.lab.guests.pause(await here.create(), SPEAKER)
        stopped = await here.lab.guests.force_stop(paused, SPEAKER)
        assert (stopped.state, stopped.frozen_by) == (State.STOPPED, None)

    async def test_removing_takes_all_of_it(self, here: LabWorld):
        guest = await here.create()
        assert there(here) != NOTHING
        removed = await here.lab.instances.remove(guest, SPEAKER, "removed")
        assert removed.state is State.REMOVED
        assert there(here) == NOTHING


class TestLooking:
    async def test_screen_keys_and_text(self, here: LabWorld):
        guest = await here.create()
        assert (await here.lab.guests.screen(guest, SPEAKER)).startswith(b"\x89PNG")
        await here.lab.guests.press(guest, SPEAKER, ("LEFTCTRL", "LEFTALT", "DELETE"))
        await here.lab.guests.type_text(guest, SPEAKER, "secret")
        kinds = {one.kind for one in await here.world.events()}
        assert {events.SCREEN_SEEN, events.KEYS_PRESSED} <= kinds
        assert "secret" not in str(await here.world.events())

    async def test_one_that_just_ended_is_told_of_by_its_own_name(self, here: LabWorld):
        guest = await here.create(name="demo")
        here.hypervisor.kill(guest.engine_id or "")
        for attempt in (
            here.lab.guests.screen(guest, SPEAKER),
            here.lab.guests.press(guest, SPEAKER, ("ENTER",)),
            here.lab.guests.type_text(guest, SPEAKER, "x"),
        ):
            with pytest.raises(NotRunning, match="demo"):
                await attempt

    async def test_each_kind_sends_to_the_others_commands(self, here: LabWorld):
        guest, container = await here.create(), await here.run(what="hello")
        with pytest.raises(NotAContainer):
            await here.lab.insides.logs(guest, SPEAKER, lines=1)
        with pytest.raises(NotAGuest):
            await here.lab.guests.console(container, SPEAKER, lines=1)

    async def test_figures_of_all_guests_come_in_one_call(self, here: LabWorld):
        guest = await here.create()
        assert (await here.lab.instances.figures(guest)).memory_bytes

    async def test_snapshots(self, here: LabWorld):
        guest = await here.create()
        guests = here.lab.guests
        with pytest.raises(BadSnapshotName):
            await guests.create_snapshot(guest, SPEAKER, "../x")
        for number in range(5):
            await guests.create_snapshot(guest, SPEAKER, f"s{number}")
        await guests.delete_snapshot(guest, SPEAKER, "s4")
        with pytest.raises(NameTaken):
            await guests.create_snapshot(guest, SPEAKER, "s0")
        await guests.create_snapshot(guest, SPEAKER, "s4")
        with pytest.raises(TooManySnapshots):
            await guests.create_snapshot(guest, SPEAKER, "s5")
        assert (await guests.revert(guest, SPEAKER, "s0")).state is State.RUNNING
        assert len(await guests.snapshots(guest)) == 5

    async def test_cards_are_not_kept_waiting_for_snapshots(
        self, here: LabWorld, monkeypatch: pytest.MonkeyPatch
    ):
        guest = await here.create()
        goes_on = threading.Event()
        monkeypatch.setattr(here.hypervisor, "snapshots", lambda _id: goes_on.wait() and [])
        monkeypatch.setattr("bot.lab.hosts.ANSWER_SECONDS", 0.1)
        try:
            with pytest.raises(HostUnreachable):
                await asyncio.wait_for(here.lab.guests.snapshots(guest), 20)
        finally:
            goes_on.set()


class TestKeeping:
    @pytest.mark.parametrize("step", ["create_volume", "upload", "reserve", "define", "start"])
    async def test_a_launch_that_a_crash_interrupted_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ):
        driver = FakeGuestDriver()
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()
        done = getattr(driver, step)
        with monkeypatch.context() as patch:
            async with opened(tmp_path, patch, driver) as here:

                def dies(*args: object, **given: object) -> object:
                    done(*args, **given)
                    loop.call_soon_threadsafe(reached.set)
                    raise _Killed

                patch.setattr(driver, step, dies)
                patch.setattr("bot.lab.guests.steps.GuestSteps.fail", _nothing)
                await here.ask(what="tiny", kind=Kind.GUEST, name="goes-on")
                async with asyncio.timeout(LONG_SECONDS):
                    await reached.wait()
                session = here.session
        async with opened(tmp_path, monkeypatch, driver, session=session) as again:
            (row,) = await again.lab.instances.visible(session.guild_id, SPEAKER)
            guest = await again.until(row, State.RUNNING)
            assert there(again) == (
                [driver.inspect(guest.engine_id or "").name],
                sorted(
                    [
                        disk_name(again.lab.installation, guest.id),
                        seed_name(again.lab.installation, guest.id),
                    ]
                ),
                [driver.inspect(guest.engine_id or "").name],
            )

    async def test_what_shut_itself_down_is_stopped(self, here: LabWorld):
        guest = await here.create()
        here.hypervisor.power_off(guest.engine_id or "")
        await here.lab.keeper.reconcile_all()
        assert (await here.now(guest)).state is State.STOPPED

    async def test_what_vanished_is_lost_and_its_disk_goes(self, here: LabWorld):
        guest = await here.create()
        here.hypervisor.vanish(guest.engine_id or "")
        await here.lab.keeper.reconcile_all()
        assert (await here.now(guest)).state is State.LOST
        await here.lab.keeper.reconcile_all()
        assert there(here) == NOTHING

    async def test_a_lease_ends_a_guest(self, here: LabWorld):
        guest = await here.create(ALICE)
        here.clock.on(minutes=61)
        await here.lab.keeper.tick()
        assert (await here.now(guest)).state is State.REMOVED
        assert there(here) == NOTHING

    async def test_others_volumes_and_guests_are_never_touched(self, here: LabWorld):
        driver, own = here.hypervisor, here.lab.installation[:8]
        file = here.lab.catalogue.path
        for name in ("theirs.qcow2", f"study-{own}-4711-disk.qcow2", f"study-{own}-x-disk.qcow2"):
            driver.upload(name, file)
        await here.lab.instances.remove(await here.create(), SPEAKER, "removed")
        await here.lab.keeper.reconcile_all()
        names = {one.name for one in driver.volumes(here.lab.installation)}
        assert {f"study-{own}-4711-disk.qcow2", f"study-{own}-x-disk.qcow2"} <= names

    async def test_files_that_nothing_starts_from_any_more_go_when_no_guest_is_left(
        self, here: LabWorld
    ):
        def bases() -> set[str]:
            found = here.hypervisor.volumes(here.lab.installation)
            return {one.name for one in found if "-base-" in one.name}

        guest = await here.create()
        before = bases()
        # The operator puts another kernel in the same place.
        (here.lab.catalogue.path.parent / "tiny.kernel").write_bytes(b"a newer kernel")
        await here.lab.instances.remove(await here.create(name="newer"), SPEAKER, "removed")
        here.clock.on(hours=2)
        await here.lab.keeper.reconcile_all()
        assert len(bases()) == 3  # the first guest's disk may build on the older one
        await here.lab.instances.remove(guest, SPEAKER, "removed")
        await here.lab.keeper.reconcile_all()
        assert len(bases()) == 2
        assert len(bases() & before) == 1  # the initrd is the same
        assert (await here.create(name="again")).state is State.RUNNING

    async def test_what_a_crash_left_half_downloaded_goes_at_the_next_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        left = tmp_path / "data" / "downloads" / "tmp123" / "image"
        left.parent.mkdir(parents=True)
        left.write_bytes(b"half")
        async with opened(tmp_path, monkeypatch) as here:
            assert not left.exists()
            assert (await here.create()).state is State.RUNNING

    async def test_a_hypervisor_that_was_away_removes_when_it_is_back(self, here: LabWorld):
        guest = await here.create()
        here.hypervisor.is_down = True
        with pytest.raises(HostUnreachable):
            await here.lab.instances.remove(guest, SPEAKER, "removed")
        here.hypervisor.is_down = False
        await here.look()
        await here.until(guest, State.REMOVED)
        assert there(here) == NOTHING


async def test_a_file_that_is_not_what_it_should_be_is_never_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wrong = hashlib.sha512(b"what the operator wrote").hexdigest()
    (tmp_path / "image.qcow2").write_bytes(b"something else")
    entry = (
        '[[guests]]\nname = "debian"\nsource = "cloud-image"\nimage = "image.qcow2"\n'
        f'sha512 = "{wrong}"\n'
    )
    guests = {"one": FakeGuestDriver()}
    async with lab_world(
        tmp_path / "bot.db", monkeypatch, file=FILE + entry, guests=guests
    ) as here:
        failed = await here.create(what="debian")
        assert failed.state is State.FAILED
        assert "checksum" in (failed.reason or "")
        assert guests["one"].volumes(here.lab.installation) == []


async def test_only_owner_and_staff_may(here: LabWorld):
    guest = await here.create(ALICE)
    with pytest.raises(Exception, match="There is no"):
        await here.lab.instances.named(guest.guild_id, guest.name, BOB)
    with pytest.raises(NotAllowed):
        await here.lab.instances.publish(guest, ALICE, public=True)
    gone = await here.lab.instances.remove(guest, ALICE, "removed")
    with pytest.raises(ContainerGone):
        await here.lab.guests.screen(gone, ALICE)


async def _answers(*_: object) -> bool:
    return True


class _Killed(BaseException):
    """The process ends here."""


async def _nothing(*_: object, **__: object) -> None:
    return
