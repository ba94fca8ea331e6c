"""Bot and proxy as containers, as docker-compose.yml runs them: built, started, used, stopped."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.driver import Page, Playground, launch, until
from tests.engine_proxy.base_image import ROOT, base_image
from tests.lab import images

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
module_wide = {"scope": "module", "loop_scope": "module"}
ENGINE = "unix:///run/engine/engine.sock"
# The playground is on this machine's loopback, and builds reach what this machine reaches.
OVERRIDE = """\
services:
  bot:
    build: {{network: host}}
    image: {name}
    network_mode: host
    healthcheck: {{interval: 2s}}
  engine-proxy:
    build: {{network: host}}
    image: {name}
    healthcheck: {{interval: 2s}}
"""


def run(*command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def lines_of(*command: str) -> list[str]:
    done = run(*command)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.splitlines()


def compose_program() -> list[str]:
    """Return the plugin's command where there is one, else the program of its own."""
    if run("docker", "version").returncode != 0:
        pytest.skip("no Docker Engine answers here")
    if run("docker", "compose", "version").returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip("neither docker compose nor docker-compose here")
    return ["docker-compose"]


@dataclass
class Stack:
    """A copy of the project, and what compose makes of it."""

    folder: Path
    name: str
    base: str
    program: list[str]
    page: Page | None = None
    made: list[str] = field(default_factory=list)

    def compose(self, *arguments: str) -> list[str]:
        files = ["-f", "docker-compose.yml", "-f", "override.yml", "-p", self.name]
        command = [*self.program, "--project-directory", str(self.folder), *files]
        done = subprocess.run(
            [*command, "--profile", "lab", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout.splitlines()

    def build(self) -> None:
        for name in (*sent(), "Dockerfile", ".dockerignore", "docker-compose.yml"):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, self.folder / name)
        (self.folder / "override.yml").write_text(OVERRIDE.format(name=self.name))
        (self.folder / ".env").write_text("DISCORD_TOKEN=\n")
        self.made = layers(self.compose("build", "--build-arg", f"BASE_IMAGE={self.base}"))

    def container(self, service: str) -> str:
        [container] = self.compose("ps", "-q", service)
        return container

    def inspect(self, service: str) -> dict[str, Any]:
        return json.loads("\n".join(lines_of("docker", "inspect", self.container(service))))[0]

    def inside(self, service: str, *command: str, given: str | None = None) -> str:
        done = run("docker", "exec", "-i", self.container(service), *command, given=given)
        return done.stdout if done.returncode == 0 else f"failed: {done.stderr}"

    def remove(self) -> None:
        self.compose("down", "--volumes")
        run("docker", "rmi", self.name)
        for layer in reversed(self.made):  # the stage that built, which has no name
            run("docker", "rmi", layer)


def sent() -> list[str]:
    """Return what .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line[1:] for line in lines if line.startswith("!")]


def layers(log: list[str]) -> list[str]:
    """Return the images that a build without BuildKit made on its way."""
    pairs = zip(["", *log], log, strict=False)
    found = ((before, re.fullmatch(r" ---> ([0-9a-f]{12})", line)) for before, line in pairs)
    return [match[1] for before, match in found if match and "Using cache" not in before]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both images, built; nothing runs yet."""
    program = compose_program()
    name = f"study-bot-test-{secrets.token_hex(4)}"
    with base_image(f"{name}-base") as base:
        stack = Stack(tmp_path_factory.mktemp("compose"), name, base, program)
        try:
            stack.build()
            yield stack
        finally:
            stack.remove()


@pytest.fixture(scope="module")
def small_image() -> Iterator[str]:
    """An image to make containers of, that the bot didn't bring."""
    reference = f"study-bot-test-{secrets.token_hex(4)}:1"
    archive = images.archive(images.Recipe(reference, command=("sleep", "60")))
    done = subprocess.run(["docker", "load"], input=archive, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    yield reference
    run("docker", "rmi", "-f", reference)


@pytest_asyncio.fixture(**module_wide)
async def playground() -> AsyncIterator[Playground]:
    """A stand-in for Discord on the loopback."""
    async with launch() as playground:
        yield playground


@pytest_asyncio.fixture(**module_wide)
async def running(stack: Stack, playground: Playground) -> AsyncIterator[Stack]:
    """Bot and proxy, started."""
    settings = {
        "DISCORD_TOKEN": playground.bot_token,
        "STUDY_BOT_API_BASE": playground.api,
        "STUDY_BOT_GATEWAY": playground.gateway,
        "STUDY_BOT_CDN": playground.cdn,
    }
    text = "".join(f"{key}={value}\n" for key, value in settings.items())
    (stack.folder / ".env").write_text(text)
    await asyncio.to_thread(stack.compose, "up", "--detach")
    async with playground.connect() as page:
        stack.page = page
        yield stack


@pytest.mark.asyncio(loop_scope="module")
async def test_the_bot_logs_in_and_both_are_healthy(running: Stack) -> None:
    assert running.page is not None
    page = running.page

    async def online() -> bool:
        return (await page.hello())["bot"]["online"]

    async def healthy() -> bool:
        found = [await asyncio.to_thread(running.inspect, one) for one in ("bot", "engine-proxy")]
        states = [one["State"]["Health"]["Status"] for one in found]
        assert "unhealthy" not in states, found
        return set(states) == {"healthy"}

    await until(online, within_s=60)
    await until(healthy, within_s=60)


@pytest.mark.asyncio(loop_scope="module")
async def test_neither_has_more_rights_than_it_needs(running: Stack) -> None:
    def look() -> None:
        for service, ids in (("bot", "10001:10001"), ("engine-proxy", "0:10001")):
            assert running.inside(service, "sh", "-c", "echo $(id -u):$(id -g)").strip() == ids
            status = running.inside(service, "cat", "/proc/1/status")
            assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
            assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
            assert "Read-only file system" in running.inside(service, "touch", "/x")
        assert "No such file" in running.inside("bot", "ls", "/var/run/docker.sock")
        assert "Read-only file system" in running.inside("bot", "rm", "/run/engine/engine.sock")
        assert running.inside("engine-proxy", "sh", "-c", "ls /sys/class/net").split() == ["lo"]
        environment = running.inside("engine-proxy", "env")
        assert "DISCORD_TOKEN" not in environment

    await asyncio.to_thread(look)


LAWFUL = """
import json, sys
from bot.lab.drivers import ContainerSpec
from bot.lab.drivers.docker import DockerDriver
from bot.lab.model import HostSettings, Resources

driver = DockerDriver(HostSettings("lab", "{engine}"))
container = driver.create(
    ContainerSpec(
        name="{name}", image="{image}", hostname="web-1",
        resources=Resources(0.5, 64 * 1024**2, 16 * 1024**2),
        labels={{"study-bot.installation": "{name}"}}, capabilities=("CHOWN",), writable=("/tmp",),
    )
)
try:
    driver.start(container)
    said = driver.execute(container, ["id", "-u"], seconds=5, most_bytes=1000)
    state = driver.inspect(container)
    print(json.dumps([state.is_running, said.exit_code, said.output.decode()]))
finally:
    driver.remove(container)
assert driver.owned("{name}") == []
"""
UNLAWFUL = """
import docker

client = docker.APIClient("{engine}", version="auto")
config = client.create_host_config(privileged=True, binds=["/:/host"], pid_mode="host")
try:
    client.create_container("{image}", name="{name}", host_config=config,
                            labels={{"study-bot.installation": "{name}"}})
except docker.errors.APIError as error:
    print(error.status_code, error.explanation)
"""


@pytest.mark.asyncio(loop_scope="module")
async def test_the_bots_container_runs_containers_through_the_proxy(
    running: Stack, small_image: str
) -> None:
    name = f"{running.name}-lawful"
    script = LAWFUL.format(engine=ENGINE, image=small_image, name=name)

    said = await asyncio.to_thread(running.inside, "bot", "python3", "-", given=script)

    assert json.loads(said) == [True, 0, "0\n"]


@pytest.mark.asyncio(loop_scope="module")
async def test_and_none_that_gives_the_machine_away(running: Stack, small_image: str) -> None:
    name = f"{running.name}-unlawful"
    script = UNLAWFUL.format(engine=ENGINE, image=small_image, name=name)

    said = await asyncio.to_thread(running.inside, "bot", "python3", "-", given=script)

    assert said.startswith("403 HostConfig.")
    found = await asyncio.to_thread(lines_of, "docker", "ps", "-aq", "--filter", f"name={name}")
    assert found == []


@pytest.mark.asyncio(loop_scope="module")
async def test_both_stop_when_they_are_told_to(running: Stack) -> None:
    await asyncio.to_thread(running.compose, "stop")

    for service in ("bot", "engine-proxy"):
        state = (await asyncio.to_thread(running.inspect, service))["State"]
        assert (state["Running"], state["ExitCode"]) == (False, 0)
