"""Two installations and strangers on one engine: each keeps its hands off what isn't its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from bot.lab import Instance, State, reasons
from bot.lab.answering import answers
from bot.lab.drivers import LABEL_INSTALLATION, LABEL_INSTANCE
from bot.lab.errors import ImageNotOurs
from bot.lab.spec import engine_name, network_name
from tests.lab.engine import PrivateEngine, Recipe, Registry
from tests.lab.real.conftest import load, offer, settings
from tests.lab.real.world import MB, QUICK, RealClock, RealLab, real_lab, sweep
from tests.storage.world import ALICE, BOB, SPEAKER

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def lab_on(
    engine: PrivateEngine, path: Path, clock: RealClock | None = None, **given: Any
) -> AsyncIterator[RealLab]:
    """Open a lab and take away what it leaves, unless it is to be opened again."""
    async with real_lab(path, engine.address, host=settings(engine), clock=clock, **given) as here:
        await here.up()
        yield here


@pytest.fixture
async def ours(engine: PrivateEngine, tmp_path: Path) -> AsyncIterator[RealLab]:
    """One installation; both have the same ports, subnet, templates, guild, people and names."""
    async with lab_on(engine, tmp_path / "ours.sqlite3") as here:
        yield here
        await asyncio.to_thread(sweep, engine.address, here.lab.installation)


@pytest.fixture
async def theirs(engine: PrivateEngine, tmp_path: Path) -> AsyncIterator[RealLab]:
    """The other one."""
    async with lab_on(engine, tmp_path / "theirs.sqlite3") as here:
        yield here
        await asyncio.to_thread(sweep, engine.address, here.lab.installation)


@pytest.fixture
def client(engine: PrivateEngine) -> Iterator[docker.DockerClient]:
    """Somebody who uses the engine by hand."""
    opened = docker.DockerClient(engine.address, version="1.41", timeout=20)
    before = {one.id for one in opened.containers.list(all=True)}
    networks = {one.id for one in opened.networks.list()}
    images = {one.id for one in opened.images.list()}
    yield opened
    for container in opened.containers.list(all=True, ignore_removed=True):
        if container.id not in before:
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True)
    for network in opened.networks.list():
        if network.id not in networks:
            with contextlib.suppress(docker.errors.NotFound):
                network.remove()
    for image in opened.images.list():
        if image.id not in images:
            with contextlib.suppress(docker.errors.APIError):
                opened.images.remove(image.id, force=True)
    opened.close()


def everything(client: docker.DockerClient, *but: str) -> Mapping[str, str]:
    """Describe all there is on the engine but what carries these installations' names."""
    own = tuple(f"study-{installation[:8]}-" for installation in but)
    found: dict[str, str] = {}
    for one in client.containers.list(all=True, ignore_removed=True):
        if not one.name.startswith(own):
            state = one.attrs["State"]
            found[one.name] = f"{one.id} {state['Status']} {state['StartedAt']}"
    for one in client.networks.list():
        if not one.name.startswith(own):
            found[f"network {one.name}"] = one.id
    for one in client.images.list():
        found[f"image {one.id}"] = " ".join(sorted(one.tags))
    return found


def strangers(client: docker.DockerClient, here: RealLab, instance: Instance) -> None:
    """Have others' things stand on the engine, some of which look as if they were this lab's."""
    installation = here.lab.installation
    labels = {LABEL_INSTALLATION: installation, LABEL_INSTANCE: str(instance.id)}
    web = "study-test/web:1"
    # Nothing of ours at all.
    office = client.networks.create("office", labels={"com.example": "1"})
    client.containers.run(web, detach=True, name="somebodys-web", network=office.name)
    client.containers.create(web, name="somebodys-stopped")
    # Labels inherited from an image that was committed out of one of ours.
    assert instance.engine_id is not None
    container = client.containers.get(instance.engine_id)
    copy = container.commit(repository="somebodys/copy", tag="1")
    assert copy.labels[LABEL_INSTALLATION] == installation
    client.containers.run("somebodys/copy:1", detach=True, name="copy-of-ours")
    # Labels forged: under another's name; of a row that never was; of no row at all.
    client.containers.run(web, detach=True, name="forged", labels=labels)
    never = labels | {LABEL_INSTANCE: "999"}
    client.containers.run(web, detach=True, name=engine_name(installation, 999), labels=never)
    nothing = labels | {LABEL_INSTANCE: "x"}
    client.containers.create(web, name=f"study-{installation[:8]}-x", labels=nothing)
    # A network with our label, and one that even has a name as ours have.
    client.networks.create("forged-network", labels={LABEL_INSTALLATION: installation})
    client.networks.create(
        network_name(installation, 999), labels={LABEL_INSTALLATION: installation}
    )


async def test_both_serve_the_same_people_with_the_same_names_and_ports(
    ours: RealLab, theirs: RealLab, engine: PrivateEngine
):
    there: list[Instance] = []
    for here in (ours, theirs):
        there += [await here.run(SPEAKER, "web", name="demo"), await here.run(ALICE, "web")]
    assert {one.state for one in there} == {State.RUNNING}
    ports = {one.ports[0].host for one in there}
    assert len(ports) == 4
    assert all([await answers(engine.ip, port) for port in ports])
    subnets = [
        config["Subnet"]
        for network in ours.client.networks.list()
        for config in network.attrs["IPAM"]["Config"] or ()
    ]
    assert len(subnets) == len(set(subnets)) >= 5
    for here in (ours, theirs):
        assert len(here.containers()) == len(here.networks()) == 2
        await here.require_in_step()


async def test_what_one_does_to_its_own_leaves_the_others_alone(
    ours: RealLab, theirs: RealLab, client: docker.DockerClient
):
    kept = [await theirs.run(person, "web") for person in (SPEAKER, ALICE)]
    own = [await ours.run(person, "web") for person in (SPEAKER, ALICE, BOB)]
    strangers(client, ours, own[0])
    others = everything(client, ours.lab.installation)
    assert len(others) > 12
    forged = set(ours.containers()) - {engine_name(ours.lab.installation, one.id) for one in own}
    named = everything(client)

    await ours.lab.keeper.reconcile_all()
    await ours.lab.instances.remove(own[1], ALICE, reasons.REMOVED)
    ours.world.clock.on(hours=2)
    await ours.lab.keeper.tick()  # the host was seen just now: nobody's lease stood still
    expired = await ours.now(own[2])
    assert (expired.state, expired.reason) == (State.REMOVED, reasons.EXPIRED)
    assert await ours.lab.keeper.clear(ours.session, SPEAKER) == 1
    await ours.lab.keeper.reconcile_all()

    assert everything(client, ours.lab.installation) == others
    # Of what only looks like ours, all is there as it was.
    after = everything(client)
    gone = {name for name in named if after.get(name) != named[name]}
    assert gone == {engine_name(ours.lab.installation, one.id) for one in own} | {
        name
        for name in named
        if name.startswith(f"network study-{ours.lab.installation[:8]}-n")
        and name != f"network {network_name(ours.lab.installation, 999)}"
    }
    assert set(ours.containers()) == forged
    for one in kept:
        assert (await theirs.now(one)).state is State.RUNNING
        assert (await theirs.lab.insides.execute(one, SPEAKER, ("true",))).exit_code == 0
    await theirs.lab.keeper.reconcile_all()
    await theirs.require_in_step()


async def test_a_restart_of_one_knows_its_own_alone(
    engine: PrivateEngine, theirs: RealLab, client: docker.DockerClient, tmp_path: Path
):
    path = tmp_path / "restarted.sqlite3"
    installation = ""
    try:
        async with lab_on(engine, path) as before:
            installation = before.lab.installation
            own = await before.run(SPEAKER, "web")
            kept = await theirs.run(SPEAKER, "web")
            strangers(client, before, own)
            there = everything(client)
        async with lab_on(engine, path) as after:
            assert after.lab.installation == installation
            await after.lab.keeper.reconcile_all()
            assert everything(client) == there
            assert (await after.now(own)).state is State.RUNNING
            assert (await after.lab.instances.stop(own, SPEAKER)).state is State.STOPPED
            assert (await theirs.now(kept)).state is State.RUNNING
    finally:
        await asyncio.to_thread(sweep, engine.address, installation)


async def test_an_image_that_carries_the_others_labels_makes_it_nobody_elses(
    ours: RealLab, theirs: RealLab, engine: PrivateEngine, client: docker.DockerClient
):
    victim = await theirs.run(SPEAKER, "web")
    labels = {LABEL_INSTALLATION: theirs.lab.installation, LABEL_INSTANCE: str(victim.id)}
    recipe = Recipe("study-test/labelled:1", labels=labels, command=("sleep", "3600"), config=QUICK)
    load(engine.address, recipe)
    instance = await ours.run(SPEAKER, recipe.reference)
    assert instance.state is State.RUNNING
    assert len(ours.containers()) == 1
    await theirs.lab.keeper.clear(theirs.session, SPEAKER)
    await theirs.lab.keeper.reconcile_all()
    await ours.lab.keeper.reconcile_all()
    assert (await ours.now(instance)).state is State.RUNNING
    assert list(ours.containers()) == [engine_name(ours.lab.installation, instance.id)]


async def test_images_are_removed_by_the_one_that_pulled_them(
    ours: RealLab, theirs: RealLab, engine: PrivateEngine, offers: Registry
):
    reference = f"{offers.address}/{offer(engine, offers, 1000)}"
    await ours.lab.images.pull(ours.session, SPEAKER, reference, lambda _: None, threading.Event())
    for not_ours in (reference, "study-test/web:1"):
        with pytest.raises(ImageNotOurs):
            await theirs.lab.images.remove(theirs.session, SPEAKER, not_ours)
    assert ours.client.images.list(reference)
    await ours.lab.images.remove(ours.session, SPEAKER, reference)
    assert ours.client.images.list(reference) == []


async def test_a_small_cache_of_one_evicts_nothing_of_others(
    theirs: RealLab, engine: PrivateEngine, offers: Registry, tmp_path: Path
):
    async def pull(here: RealLab) -> str:
        reference = f"{offers.address}/{offer(engine, offers, MB)}"
        await here.lab.images.pull(
            here.session, SPEAKER, reference, lambda _: None, threading.Event()
        )
        return reference

    kept = await pull(theirs)
    host = f'{settings(engine)}\nimage_cache = "1M"'
    async with real_lab(tmp_path / "small.sqlite3", engine.address, host=host) as small:
        await small.up()
        first = await pull(small)
        second = await pull(small)
        there = {tag for image in small.client.images.list() for tag in image.tags}
        assert {kept, second, "study-test/web:1"} <= there
        assert first not in there
        await small.lab.images.remove(small.session, SPEAKER, second)
    await theirs.lab.images.remove(theirs.session, SPEAKER, kept)
