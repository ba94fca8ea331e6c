"""The images that the set-up makes of Debian packages, pulled from its registry and run."""

from __future__ import annotations

import contextlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import StudyBotError
from bot.lab import Catalogue
from bot.lab.capabilities import DEFAULT_CAPABILITIES, DEFAULT_WRITABLE
from bot.lab.drivers import LayerState, PullProgress
from bot.lab.model import Port, Template
from scripts.lab.layers import Image, Layer
from tests.lab.engine import Bench, bench, free_port

FILE = Path(__file__).resolve().parents[2] / "build" / "lab" / "lab.toml"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    if not FILE.exists():
        pytest.skip("the lab isn't set up here: make setup LAB=on")
    found = Catalogue.load(FILE)
    if found.hosts[0].mirror is None:
        pytest.skip("the lab's own images aren't here: they come of Debian packages")
    return found


@pytest.fixture(scope="module")
def used(catalogue: Catalogue) -> Iterator[Bench]:
    with bench(catalogue.hosts[0].docker) as opened:
        yield opened


def answer(used: Bench, container: str, port: int) -> str:
    """Return the page behind a port once it answers."""
    until = time.monotonic() + 10
    problem = "nothing was tried"
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                return page.read().decode()
        except OSError as error:
            problem = str(error)
        time.sleep(0.1)
    logs = used.driver.logs(container, lines=50, since=None, most_bytes=10_000).decode()
    pytest.fail(f"{problem}; {used.driver.inspect(container)}; it says: {logs}")


def test_the_catalogue_has_all_three(catalogue: Catalogue):
    assert set(catalogue.templates) == {"hello", "nginx", "httpd"}


@pytest.mark.parametrize("name", ["hello", "nginx", "httpd"])
def test_it_is_pulled_in_layers_and_serves_its_page_within_all_limits(
    catalogue: Catalogue, used: Bench, name: str
):
    template: Template = catalogue.templates[name]
    seen: list[PullProgress] = []
    # Layers come along only where nothing of the same content is there, under any name.
    before = {one.id for one in used.driver.images()}
    image = used.driver.pull(template.image, progress=seen.append)
    for _ in range(30):
        if image.id in before or seen[-1].layers:
            break
        # Somebody else pulled it in between, and may have it run for a while.
        time.sleep(1)
        with contextlib.suppress(StudyBotError):
            used.driver.remove_image(template.image)
        image = used.driver.pull(template.image, progress=seen.append)
    if image.id not in before:
        used.later_remove(template.image)
        assert len(seen[-1].layers) >= 2
        assert all(layer.state is LayerState.DONE for layer in seen[-1].layers)
    assert image.exposed == (Port(80),)

    port = free_port()
    container = used.run(
        image=template.image,
        network=used.network(),
        ports=(Port(80, port),),
        capabilities=tuple(DEFAULT_CAPABILITIES),
        writable=DEFAULT_WRITABLE,
        limit_disk=False,
    )
    page = answer(used, container, port)
    assert f"<h1>{name}</h1>" in page
    assert "コンテナ" in page
    assert "container" in page
    # The engine writes down what was printed a moment later.
    logs = ""
    for _ in range(50):
        logs = used.driver.logs(container, lines=50, since=None, most_bytes=10_000).decode()
        if re.search(r"GET / |url:/", logs):
            break
        time.sleep(0.1)
    assert re.search(r"GET / |url:/", logs), logs
    began = time.monotonic()
    used.driver.stop(container, 10)
    assert time.monotonic() - began < 5, "it doesn't end when asked to"


def test_official_names_come_from_the_mirror(catalogue: Catalogue, used: Bench):
    if used.driver.image("httpd:2.4") is not None:
        pytest.skip("somebody pulled it already")
    used.later_remove("httpd:2.4")
    image = used.driver.pull("httpd:2.4", mirror=catalogue.hosts[0].mirror)
    assert "httpd:2.4" in image.tags


def test_nobody_on_this_machine_can_put_something_else_under_their_names(catalogue: Catalogue):
    address = catalogue.hosts[0].mirror
    request = urllib.request.Request(
        f"http://{address}/v2/study/nginx/blobs/uploads/", method="POST"
    )
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(request)


def test_they_are_the_same_made_twice():
    def made() -> str:
        layer = Layer("a file")
        layer.text("srv/index.html", "hello")
        layer.link("bin/sh", "busybox")
        layer.file("etc/hostname", Path("/etc/passwd"))
        return Image("x", ["latest"], [layer], ["sh"]).blobs()[1].digest

    assert made() == made()
