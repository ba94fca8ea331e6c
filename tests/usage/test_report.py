"""The report: what each instance used in its life, and all of them together."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.lab import Instance
from bot.usage import as_csv, as_json, for_everybody
from tests.storage.world import ALICE, BOB, SPEAKER
from tests.usage.world import MIB, UsageWorld, usage_world


@pytest.fixture
async def usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[UsageWorld]:
    async with usage_world(tmp_path / "bot.sqlite3", monkeypatch) as world:
        yield world


async def used(usage: UsageWorld, instance: Instance, seconds: float) -> None:
    """Have an instance use some of everything, over two sweeps."""
    usage.count(instance, memory_bytes=100 * MIB)
    await usage.sweep()
    await asyncio.sleep(0.05)
    usage.count(
        instance,
        cpu_seconds=seconds,
        memory_bytes=300 * MIB,
        disk_written_bytes=50 * MIB,
        network_sent_bytes=20 * MIB,
    )
    await usage.sweep()


async def test_a_line_tells_all_an_instance_used_in_its_life(usage: UsageWorld):
    instance = await usage.here.run()
    await used(usage, instance, 30.0)
    usage.here.clock.on(minutes=10)
    await usage.here.lab.instances.remove(instance, SPEAKER, "removed")
    usage.here.clock.on(minutes=50)
    report = await usage.usage.report(usage.here.session)
    (line,) = report.lines
    assert line.name == instance.name
    assert line.lifetime_seconds == 600
    assert line.cpu_seconds == 30.0
    assert line.cpus_mean == 30 / 600
    assert line.memory_peak_bytes == 300 * MIB
    assert line.memory_mean_bytes == pytest.approx(200 * MIB)
    assert line.gb_hours == pytest.approx(200 / 1024 * line.observed_seconds / 3600)
    assert line.disk_written_bytes == 50 * MIB
    assert line.disk_written_mean_bytes_per_s == 50 * MIB / 600
    assert line.network_sent_peak_bytes_per_s == pytest.approx(20 * MIB / line.observed_seconds)
    assert report.total.cpu_seconds == 30.0


async def test_it_is_the_same_after_a_start_of_the_bot(usage: UsageWorld):
    instance = await usage.here.run()
    await used(usage, instance, 30.0)
    before = await usage.usage.report(usage.here.session)
    await usage.usage.keep()
    usage.usage.sampling._tracks.clear()
    assert await usage.usage.report(usage.here.session) == before


async def test_what_never_ran_has_no_line_and_what_was_never_read_has_no_figures(
    usage: UsageWorld,
):
    await usage.here.run()
    waits = await usage.here.ask(ALICE)
    await usage.here.lab.launcher.cancel(waits, ALICE)
    (line,) = (await usage.usage.report(usage.here.session)).lines
    assert line.cpu_seconds is line.gb_hours is line.memory_mean_bytes is None
    assert line.observed_seconds == 0


async def test_what_attendees_have_stays_private_and_still_counts(usage: UsageWorld):
    shown, *private = (
        await usage.here.run(),
        await usage.here.run(ALICE),
        await usage.here.run(BOB),
    )
    for number, instance in enumerate((shown, *private), 1):
        await used(usage, instance, number * 10.0)
    report = await usage.usage.report(usage.here.session)
    assert len(report.lines) == 3
    told = for_everybody(report, "attendees")
    assert [(line.name, line.instances, line.cpu_seconds) for line in told.lines] == [
        (shown.name, 1, 10.0),
        ("attendees", 2, 50.0),
    ]
    assert told.total.cpu_seconds == report.total.cpu_seconds == 60.0
    written = as_csv(told) + as_json(told)
    assert not any(one.name in written for one in private)
    # Her id is short: the digits of a measured figure may hold it, no field of its own does.
    fields = re.split(r'[\s,:"{}\[\]]+', as_csv(report) + as_json(report))
    assert shown.name in fields
    assert str(ALICE.id) not in fields


async def test_a_spreadsheet_and_a_program_read_the_same(usage: UsageWorld):
    instance = await usage.here.run()
    await used(usage, instance, 30.0)
    report = await usage.usage.report(usage.here.session)
    report = replace(report, lines=(replace(report.lines[0], disk_read_bytes=None),))
    (row,) = csv.DictReader(io.StringIO(as_csv(report)))
    (entry,) = json.loads(as_json(report))["instances"]
    assert row["name"] == entry["name"] == instance.name
    assert float(row["cpu_seconds"]) == entry["cpu_seconds"] == 30
    # What isn't known is neither nothing nor "None".
    assert row["disk_read_bytes"] == ""
    assert entry["disk_read_bytes"] is None
    assert row.keys() == entry.keys()
