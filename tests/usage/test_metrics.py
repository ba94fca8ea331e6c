"""Figures for Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.settings import BadSetting, Settings, listening_place
from bot.usage import Health, LoopLag, Scrape
from bot.usage.exposition import exposition
from bot.usage.figures import HostFigures, InstanceFigures
from bot.usage.scrape import MetricsAddressTaken
from tests.storage.world import ALICE, settings
from tests.usage.world import MIB, UsageWorld, counters, usage_world

HOST = HostFigures("one", True, 1, None, {"containers": 0.01}, {"containers": 2})
HEALTH = Health(
    loop_lag_seconds=[0.001] * 99 + [0.2],
    gateway_latency_seconds=0.05,
    waiting={"launches": 3},
    call_seconds={("one", "create"): [0.1, 0.3]},
    failures={"usage": 1},
)


@pytest.fixture
async def usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[UsageWorld]:
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch) as world:
        yield world


def read(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read as Prometheus does."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"study_bot_{name}", frozenset(labels.items())


def test_an_instances_figures_are_its_counters():
    counted = counters(0.0, cpu_seconds=12.5, memory_bytes=MIB, network_sent_bytes=10**12)
    found = read(exposition([HOST], [InstanceFigures(7, "container", "one", counted)], HEALTH))
    labels = {"instance": "7", "kind": "container", "host": "one"}
    assert found[key("instance_cpu_seconds_total", **labels)] == 12.5
    assert found[key("instance_memory_bytes", **labels)] == MIB
    assert found[key("instance_network_sent_bytes_total", **labels)] == 10**12


def test_what_is_not_known_is_left_out():
    counted = replace(counters(0.0), disk_read_bytes=None)
    found = read(exposition([HOST], [InstanceFigures(7, "container", "one", counted)], Health()))
    names = {name for name, _ in found}
    assert "study_bot_instance_disk_written_bytes_total" in names
    assert "study_bot_instance_disk_read_bytes_total" not in names
    assert not any(name.startswith("study_bot_host_cpu") for name in names)
    assert "study_bot_event_loop_lag_seconds" not in names
    # Before the first heartbeat, discord.py says "not a number".
    unknown = read(exposition([], [], replace(HEALTH, gateway_latency_seconds=float("nan"))))
    assert key("gateway_latency_seconds") not in unknown


def test_the_bots_own_health_is_told():
    found = read(exposition([HOST], [], HEALTH))
    assert found[key("event_loop_lag_seconds", quantile="0.5")] == 0.001
    assert found[key("event_loop_lag_seconds", quantile="1")] == 0.2
    assert found[key("gateway_latency_seconds")] == 0.05
    assert found[key("waiting", queue="launches")] == 3
    assert found[key("engine_call_seconds", host="one", call="create", quantile="0.99")] == 0.3
    assert found[key("background_failures_total", work="usage")] == 1
    assert found[key("host_up", host="one")] == 1
    assert found[key("usage_sweep_failures_total", host="one", source="containers")] == 2


async def test_no_label_tells_who_it_is(usage: UsageWorld):
    instance = await usage.here.run(ALICE, name="alices-own")
    usage.count(instance, memory_bytes=MIB)
    await usage.sweep()
    text = (await usage.usage.metrics(HEALTH)).decode()
    assert f'instance="{instance.id}"' in text
    # Names and labels alone: a figure may happen to hold anybody's number.
    told = {line.rpartition(" ")[0].lower() for line in text.splitlines() if line[0] != "#"}
    assert len(told) > 20
    for private in (ALICE.id, ALICE.name, "alices-own"):
        assert not [line for line in told if str(private).lower() in line]


async def test_prometheus_can_fetch_it(usage: UsageWorld):
    scrape = Scrape("127.0.0.1", 0, lambda: usage.usage.metrics(HEALTH))
    task = asyncio.create_task(scrape.run())
    try:
        address = f"http://127.0.0.1:{await scrape.port}"
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{address}/metrics") as answer:
                assert answer.status == 200
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                assert key("host_up", host="one") in read(await answer.read())
            async with client.get(f"{address}/") as answer:
                assert answer.status == 404
        taken = Scrape("127.0.0.1", scrape.port.result(), lambda: usage.usage.metrics(HEALTH))
        with pytest.raises(MetricsAddressTaken, match="STUDY_BOT_METRICS_ADDRESS"):
            await taken.run()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_loop_that_is_held_up_shows():
    lag = LoopLag()
    task = asyncio.create_task(lag.run())
    await asyncio.sleep(0.1)
    time.sleep(0.5)
    await asyncio.sleep(0.2)
    task.cancel()
    assert max(lag.seconds) > 0.2


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("9109", ("127.0.0.1", 9109)),
        ("localhost:9109", ("127.0.0.1", 9109)),
        ("10.0.0.5:9109", ("10.0.0.5", 9109)),
        ("[::1]:9109", ("::1", 9109)),
    ],
)
def test_a_port_alone_is_this_machines_own(written: str, place: tuple[str, int]):
    assert listening_place(written) == place
    assert settings(study_bot_metrics_address=written).metrics_place == place


@pytest.mark.parametrize("written", ["", "example.org:80", "70000", "10.0.0.5", "9109/metrics"])
def test_what_is_no_address_is_refused(written: str, monkeypatch: pytest.MonkeyPatch):
    assert listening_place(written) is None
    if written:
        monkeypatch.setenv("STUDY_BOT_METRICS_ADDRESS", written)
        with pytest.raises(BadSetting, match="STUDY_BOT_METRICS_ADDRESS"):
            Settings.load(None)


def test_by_itself_nothing_is_offered():
    assert settings().metrics_place is None
