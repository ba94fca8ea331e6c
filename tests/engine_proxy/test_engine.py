"""The lab's own driver through the proxy, on a real engine; and what it can't do there."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.utils.socket
import pytest

from bot.engine_proxy import answers
from bot.lab.drivers import ContainerSpec, Network, PullProgress, bridge_name
from bot.lab.drivers.docker import DockerDriver
from bot.lab.errors import EngineRefused, HostUnreachable
from bot.lab.model import HostSettings, Port, Resources
from tests.lab import images
from tests.lab.registry import free_port, registry

ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
INSTALLATION = f"proxy-test-{secrets.token_hex(4)}"
LABELS = {"study-bot.installation": INSTALLATION}
IMAGE = f"{INSTALLATION}:1"
# A place of the lab's subnet that this run has for itself, most likely.
PLACE = f"10.213.{200 + secrets.randbelow(40)}.{16 * secrets.randbelow(16)}/28"


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The engine itself, as its owner sees it; whatever carries our label goes at the end."""
    if not ENGINE.startswith("unix://"):
        pytest.skip(f"{ENGINE} is no Docker Engine of this machine")
    if not Path(ENGINE.removeprefix("unix://")).is_socket():
        pytest.skip(f"no Docker Engine listens at {ENGINE}")
    client = docker.DockerClient(ENGINE, version="auto")
    client.images.load(images.archive(images.Recipe(IMAGE, volumes=("/data",))))
    mine = {"label": f"study-bot.installation={INSTALLATION}"}
    yield client
    for container in client.containers.list(all=True, filters=mine):
        container.remove(force=True)
    for network in client.networks.list(filters=mine):
        network.remove()
    client.images.remove(IMAGE, force=True)
    client.close()


@contextlib.contextmanager
def proxy(folder: Path, **settings: str) -> Iterator[Path]:
    """Run the proxy as a program of its own; its socket."""
    listen = folder / "engine.sock"
    settings = {"ENGINE": ENGINE, **settings, "LISTEN": str(listen)}
    environment = {f"STUDY_BOT_PROXY_{key}": value for key, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "bot.engine_proxy"],
        env={**os.environ, **environment},
    )
    try:
        until = time.monotonic() + 10
        while not answers(listen):
            assert process.poll() is None, "the proxy ended at once"
            assert time.monotonic() < until, "the proxy doesn't answer"
            time.sleep(0.05)
        yield listen
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.fixture(scope="module")
def socket(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The proxy's socket, before the real engine."""
    with proxy(tmp_path_factory.mktemp("proxy"), PORTS="1024-65535") as listen:
        yield listen


@pytest.fixture
def driver(socket: Path) -> Iterator[DockerDriver]:
    """The lab's driver, which knows nothing of a proxy."""
    driver = DockerDriver(HostSettings("lab", f"unix://{socket}"))
    yield driver
    driver.close()


def spec(name: str, **changes: object) -> ContainerSpec:
    given: dict[str, object] = {
        "name": f"{INSTALLATION}-{name}",
        "image": IMAGE,
        "hostname": name,
        "resources": Resources(0.5, 64 * 1024**2, 16 * 1024**2),
        "labels": LABELS,
        "capabilities": ("CHOWN",),
        "command": ("sleep", "60"),
        "writable": ("/tmp",),
        "volumes": ("/data",),
    }
    return ContainerSpec(**{**given, **changes})  # pyright: ignore[reportArgumentType]


def test_an_instance_lives_its_whole_life_behind_the_proxy(driver: DockerDriver) -> None:
    driver.ping()
    assert driver.facts().cpus > 0
    assert IMAGE in {tag for image in driver.images() for tag in image.tags}
    network = Network(
        f"{INSTALLATION}-n1", bridge_name(secrets.randbits(32), outward=False), PLACE, LABELS
    )
    driver.ensure_network(network)
    port = free_port()
    web = spec(
        "web",
        network=network,
        ports=(Port(8080, port),),
        command=("httpd", "-f", "-v", "-p", "8080", "-h", "/www"),
    )
    container = driver.create(web)
    driver.start(container)
    state = driver.inspect(container)

    assert (state.is_running, state.name) == (True, web.name)
    assert [one.engine_id for one in driver.owned(INSTALLATION)] == [container]
    assert [one.name for one in driver.networks(INSTALLATION)] == [network.name]
    said = driver.execute(
        container, ["sh", "-c", "echo out; echo err >&2; exit 3"], seconds=5, most_bytes=100
    )
    assert (said.exit_code, sorted(said.output.split())) == (3, [b"err", b"out"])
    assert driver.execute(container, ["sleep", "30"], seconds=0.5, most_bytes=9).exit_code is None
    assert driver.counters(container).memory_bytes
    assert "httpd" in driver.processes(container)[0].command
    driver.pause(container)
    assert driver.inspect(container).is_paused
    driver.unpause(container)
    driver.restart(container, 0)
    driver.stop(container, 0)
    driver.logs(container, lines=10, since=None, most_bytes=1000)
    driver.remove(container)
    driver.remove_network(network.name)
    assert driver.owned(INSTALLATION) == driver.networks(INSTALLATION) == []


def test_output_arrives_while_the_command_still_runs(socket: Path, driver: DockerDriver) -> None:
    container = driver.create(spec("slow"))
    driver.start(container)
    client = docker.APIClient(f"unix://{socket}", version="auto")
    try:
        command = client.exec_create(container, ["sh", "-c", "echo first; sleep 2; echo second"])
        began = time.monotonic()
        # docker-py asks for an upgraded connection, as the engine's own program does.
        raw = client.exec_start(command["Id"], socket=True)
        pieces = [
            (piece, time.monotonic() - began)
            for _stream, piece in docker.utils.socket.frames_iter(raw, tty=False)
        ]
        raw._response.close()
        raw.close()
    finally:
        client.close()
        driver.remove(container)

    assert b"".join(piece for piece, _ in pieces) == b"first\nsecond\n"
    assert pieces[0][1] < 1 < 2 <= pieces[-1][1] + 0.2


@pytest.mark.usefixtures("engine")
def test_a_pull_comes_through_the_mirror_with_its_progress(tmp_path: Path) -> None:
    name = f"{INSTALLATION}-pulled"
    recipe = images.Recipe(name, extra_layers=(3_000_000, 200_000), seed=secrets.randbits(32))
    reports: list[PullProgress] = []

    with registry(tmp_path) as mirror, proxy(tmp_path, MIRROR=mirror.address) as listen:
        mirror.offer(ENGINE, recipe, f"library/{name}:2")
        driver = DockerDriver(HostSettings("lab", f"unix://{listen}"))
        image = driver.pull(f"{name}:2", mirror=mirror.address, progress=reports.append)
        driver.remove_image(f"{name}:2")
        left = driver.image(image.id)
        driver.close()

    assert f"{name}:2" in image.tags
    assert reports[-1].fraction == 1
    assert len(reports[-1].layers) == 3
    assert left is None


@pytest.fixture
def stranger(engine: docker.DockerClient) -> Iterator[str]:
    """Somebody else's container on the same engine."""
    name = f"{INSTALLATION}-stranger"
    engine.containers.run(IMAGE, ["sleep", "60"], name=name, detach=True, network_mode="none")
    yield name
    engine.api.remove_container(name, force=True, v=True)


def test_somebody_elses_container_is_neither_seen_nor_touched(
    socket: Path, driver: DockerDriver, engine: docker.DockerClient, stranger: str
) -> None:
    client = docker.APIClient(f"unix://{socket}", version="auto")
    seen = client.containers(all=True)
    client.close()

    assert f"/{stranger}" not in {name for one in seen for name in one["Names"]}
    touches = [
        lambda: driver.remove(stranger),
        lambda: driver.stop(stranger, 0),
        lambda: driver.inspect(stranger),
        lambda: driver.execute(stranger, ["id"], seconds=5, most_bytes=10),
        lambda: driver.logs(stranger, lines=1, since=None, most_bytes=10),
    ]
    for touch in touches:
        with pytest.raises(EngineRefused, match="doesn't carry the label"):
            touch()
    assert engine.containers.get(stranger).status == "running"


def test_what_the_proxy_refuses_is_not_made(socket: Path, engine: docker.DockerClient) -> None:
    client = docker.APIClient(f"unix://{socket}", version="auto")
    name = f"{INSTALLATION}-refused"
    config = client.create_host_config(binds=["/:/host"], privileged=True)

    try:
        with pytest.raises(docker.errors.APIError) as refusal:
            client.create_container(IMAGE, name=name, host_config=config, labels=LABELS)
        with pytest.raises(docker.errors.APIError):
            client.create_network(name, driver="macvlan", labels=LABELS)
        with pytest.raises(docker.errors.APIError):
            client.create_volume(name)
    finally:
        client.close()

    assert refusal.value.status_code == 403
    assert refusal.value.explanation.startswith("HostConfig.")
    assert engine.containers.list(all=True, filters={"name": name}) == []
    assert engine.networks.list(names=[name]) == []


def test_the_engines_own_program_works_behind_it_too(socket: Path, driver: DockerDriver) -> None:
    container = driver.create(spec("program"))
    driver.start(container)
    command = ["docker", "-H", f"unix://{socket}"]
    try:
        said = subprocess.run(
            [*command, "exec", container, "echo", "hello"], capture_output=True, check=False
        )
        listed = subprocess.run(
            [*command, "ps", "--format", "{{.ID}}", "--no-trunc"], capture_output=True, check=False
        )
        refused = subprocess.run(
            [*command, "run", "--rm", "-v", "/:/host", IMAGE, "true"],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("no docker program here")
    finally:
        driver.remove(container)

    assert said.stdout == b"hello\n", said.stderr
    assert container in listed.stdout.decode().split()
    assert refused.returncode != 0
    assert b"may not be set" in refused.stderr or b"label" in refused.stderr


def test_without_its_engine_the_lab_is_out_of_reach(tmp_path: Path) -> None:
    listen = tmp_path / "engine.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "engine-proxy"],
        env={
            **os.environ,
            "STUDY_BOT_PROXY_LISTEN": str(listen),
            "STUDY_BOT_PROXY_ENGINE": str(tmp_path / "none.sock"),
        },
    )
    driver = DockerDriver(HostSettings("lab", f"unix://{listen}"))
    try:
        until = time.monotonic() + 20
        while not listen.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        with pytest.raises(HostUnreachable):
            driver.facts()
    finally:
        driver.close()
        process.terminate()
        assert process.wait(10) == 0
    assert not listen.exists()


def test_it_starts_with_nothing_of_the_bots_rooms() -> None:
    code = "import sys, json, bot.engine_proxy.__main__; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    ours = {name for name in json.loads(done.stdout) if name.startswith("bot.")}
    assert {name for name in ours if not name.startswith("bot.engine_proxy")} == {"bot.errors"}
