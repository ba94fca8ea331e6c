"""Bot and proxy as containers, as docker-compose.yml runs them: built, started, used, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.end_to_end.driver import Page, Playground, launch, until
from tests.engine_proxy.base_image import ROOT, base_image
from tests.lab import images

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
module_wide = {"scope": "module", "loop_scope": "module"}
ADDRESS = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
ENGINE = "unix:///run/engine/engine.sock"
# A place that nobody else has, most likely: the engine may be shared.
SUBNET = f"10.213.{secrets.randbelow(200)}.0/24"
PORTS = range(first := 20000 + secrets.randbelow(10_000), first + 20)
LAB = f"""\
guilds = []

[[hosts]]
name = "local"
docker = "{ENGINE}"
subnet = "{SUBNET}"
ports = "{PORTS[0]}-{PORTS[-1]}"

[[templates]]
name = "hello"
image = "{{image}}"
ports = ["8080"]
command = ["httpd", "-f", "-p", "8080", "-h", "/www"]
"""
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
    if not ADDRESS.startswith("unix://") or run("docker", "version").returncode != 0:
        pytest.skip(f"no Docker Engine of this machine answers at {ADDRESS}")
    if run("docker", "compose", "version").returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip("neither docker compose nor docker-compose here")
    return ["docker-compose"]


# What the bot's things on the engine carry as a label.
INSTALLATION = """
import sqlite3
found = sqlite3.connect("/data/study-bot.sqlite3")
print(*found.execute("SELECT value FROM installation WHERE key = 'installation_id'").fetchone())
"""


@dataclass
class Stack:
    """A copy of the project, and what compose makes of it."""

    folder: Path
    name: str
    base: str
    program: list[str]
    installation: str = "none"
    made: list[str] = field(default_factory=list)

    def compose(self, *arguments: str) -> list[str]:
        files = ["-f", "docker-compose.yml", "-f", "override.yml", "-p", self.name]
        command = [*self.program, "--project-directory", str(self.folder), *files]
        done = subprocess.run(
            [*command, *arguments],
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
        self.configure()
        self.made = layers(self.compose("build", "--build-arg", f"BASE_IMAGE={self.base}"))

    def configure(self, **settings: str) -> None:
        """Write .env, as docs/docker.md says for a bot with a lab."""
        settings |= {
            "COMPOSE_PROFILES": "lab",
            "LAB_FILE": "./lab.toml",
            "ENGINE_SOCKET": ADDRESS.removeprefix("unix://"),
            "STUDY_BOT_PROXY_SUBNET": SUBNET,
            "STUDY_BOT_PROXY_PORTS": f"{PORTS[0]}-{PORTS[-1]}",
        }
        text = "".join(f"{key}={value}\n" for key, value in settings.items())
        (self.folder / ".env").write_text(text)

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
        for label in (self.installation, f"{self.installation}.probe"):
            mine = ("-q", "--filter", f"label=study-bot.installation={label}")
            for each in lines_of("docker", "ps", "-a", *mine):
                run("docker", "rm", "--force", "--volumes", each)
            for each in lines_of("docker", "network", "ls", *mine):
                run("docker", "network", "rm", each)
        # The stage that built has no name; each image takes what only it was made of along.
        run("docker", "rmi", self.name, *reversed(self.made))


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
async def page(playground: Playground) -> AsyncIterator[Page]:
    """The door to it."""
    async with playground.connect() as page:
        yield page


@pytest_asyncio.fixture(**module_wide)
async def running(stack: Stack, playground: Playground, small_image: str) -> AsyncIterator[Stack]:
    """Bot and proxy, started."""
    (stack.folder / "lab.toml").write_text(LAB.format(image=small_image))
    stack.configure(
        DISCORD_TOKEN=playground.bot_token,
        STUDY_BOT_API_BASE=playground.api,
        STUDY_BOT_GATEWAY=playground.gateway,
        STUDY_BOT_CDN=playground.cdn,
    )

    async def installation() -> str | None:
        said = await asyncio.to_thread(stack.inside, "bot", "python3", "-c", INSTALLATION)
        return None if said.startswith("failed") else said.strip()

    await asyncio.to_thread(stack.compose, "up", "--detach")
    try:
        stack.installation = await until(installation, within_s=60)
        yield stack
    finally:
        await asyncio.to_thread(stack.compose, "stop")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_bot_logs_in_and_both_are_healthy(running: Stack, page: Page) -> None:
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
async def test_what_the_chat_starts_comes_through_the_proxy(running: Stack, page: Page) -> None:
    guild = await page.guild("夜話")
    speaker = await page.person("話者", guild, owner=True)
    channel = await page.channel(guild, "talk")
    mine = ("docker", "ps", "--filter", f"label=study-bot.guild={guild}")

    async def published() -> int | None:
        lines = await asyncio.to_thread(lines_of, *mine, "--format", "{{.Ports}}")
        found = re.search(r":(\d+)->8080", "".join(lines))
        return int(found[1]) if found else None

    async def gone() -> bool:
        return not await asyncio.to_thread(lines_of, *mine, "-aq")

    async def container(what: str, **options: str) -> dict[str, Any]:
        return await page.do(
            "slash",
            as_=speaker,
            channel=channel,
            name=f"container {what}",
            options={**options, "name": "web"},
            wait=True,
        )

    async def launched() -> int | None:
        # The first tries may come before the bot has found its host.
        await container("run", image="hello")
        with contextlib.suppress(AssertionError):
            return await until(published, within_s=8)
        return None

    await page.slash(speaker, channel, "session start", title="コンテナ入門")
    port = await until(launched, within_s=60)
    async with aiohttp.ClientSession() as web, web.get(f"http://127.0.0.1:{port}/") as answer:
        assert await answer.text() == "hello\n"
    said = await container("exec", command="cat /www/index.html")
    assert "hello" in json.dumps(said["messages"])
    await container("remove")
    await until(gone, within_s=30)


@pytest.mark.asyncio(loop_scope="module")
async def test_neither_has_more_rights_than_it_needs(running: Stack) -> None:
    for service, ids in (("bot", "10001:10001"), ("engine-proxy", "0:10001")):
        found = await asyncio.to_thread(running.inside, service, "sh", "-c", LOOK)
        assert f"\nids {ids}\n" in found, found
        assert re.search(r"^CapBnd:\t0+$", found, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\t1$", found, re.MULTILINE)
        assert "'/x': Read-only file system" in found
        if service == "bot":
            assert "'/var/run/docker.sock': No such file or directory" in found
            assert "'/run/engine/x': Read-only file system" in found
        else:
            assert "\nnetworks lo\n" in found
            assert "DISCORD_TOKEN" not in found


LOOK = """
exec 2>&1
echo && echo ids $(id -u):$(id -g)
cat /proc/1/status
touch /x
touch /run/engine/x && rm /run/engine/x
ls /var/run/docker.sock
echo && echo networks $(ls /sys/class/net)
env
"""
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
