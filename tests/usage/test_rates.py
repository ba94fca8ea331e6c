"""From counters to rates and totals: whatever a platform's counters do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lab.drivers import Counters
from bot.usage import rates
from bot.usage.model import AMOUNTS, Amounts, Sample
from tests.usage.world import MIB, NOTHING, counters

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

numbers = st.integers(0, 2**53)
amounts = st.fixed_dictionaries(dict.fromkeys(AMOUNTS, numbers))


def sample(before: Counters | None, now: Counters) -> Sample:
    return rates.sample(before, now, AT)


@given(amounts, amounts, st.floats(0.1, 9.9))
def test_rates_are_what_was_used_by_the_second(begun: dict, more: dict, seconds: float):
    before = counters(100.0, **begun)
    after = {name: begun[name] + more[name] for name in AMOUNTS}
    taken = sample(before, counters(100.0 + seconds, **after))
    passed = 100.0 + seconds - 100.0
    assert taken.seconds == passed
    assert taken.cpus == pytest.approx(more["cpu_seconds"] / passed)
    assert taken.disk_written_bytes_per_s == pytest.approx(more["disk_written_bytes"] / passed)
    assert taken.network_sent_packets_per_s == pytest.approx(more["network_sent_packets"] / passed)


@given(amounts, amounts, st.floats(-1e6, 1e6))
def test_no_rate_is_ever_below_nothing(one: dict, other: dict, seconds: float):
    taken = sample(counters(0.0, **one), counters(seconds, **other))
    for name in rates._RATES:
        rate = getattr(taken, name)
        assert rate is None or rate >= 0


@given(amounts, st.lists(amounts, max_size=6))
def test_totals_are_what_was_counted_last_whenever_one_looked(first: dict, steps: list[dict]):
    """However often, or seldom, it is looked: the sum is the counters' own."""
    now = counters(0.0, **first)
    totals = rates.begin(now, AT, "one", is_own=True)
    sums = dict(first)
    for number, step in enumerate(steps, 1):
        sums = {name: sums[name] + step[name] for name in AMOUNTS}
        last, now = now, counters(2.0 * number, **sums)
        totals = rates.add(totals, now, sample(last, now), "one", is_own=True)
    for name in AMOUNTS:
        assert getattr(totals.amounts, name) == pytest.approx(sums[name])


def test_the_first_reading_says_what_is_held_and_no_rate():
    taken = sample(None, counters(5.0, cpu_seconds=9.0, memory_bytes=MIB, processes=3))
    assert (taken.memory_bytes, taken.processes) == (MIB, 3)
    assert taken.cpus is taken.disk_read_bytes_per_s is taken.network_sent_bytes_per_s is None
    assert taken.seconds == 0


def test_after_a_restart_no_rate_is_made_up_and_nothing_is_lost():
    before = counters(0.0, cpu_seconds=50.0, network_sent_bytes=100, disk_read_bytes=7 * MIB)
    # Its network has sent more by now than the old life did: still another life's figure.
    now = counters(2.0, cpu_seconds=0.5, network_sent_bytes=4000, disk_read_bytes=MIB)
    taken = sample(before, now)
    assert taken.cpus is taken.network_sent_bytes_per_s is taken.disk_read_bytes_per_s is None
    totals = rates.begin(before, AT, "one", is_own=True)
    totals = rates.add(totals, now, taken, "one", is_own=True)
    assert totals.amounts.cpu_seconds == 50.5
    assert totals.amounts.network_sent_bytes == 4100
    assert totals.amounts.disk_read_bytes == 8 * MIB


def test_a_network_that_was_connected_anew_leaves_the_other_figures():
    before = counters(0.0, cpu_seconds=1.0, network_received_bytes=5000, network_sent_bytes=1)
    now = counters(2.0, cpu_seconds=2.0, network_received_bytes=10, network_sent_bytes=50)
    taken = sample(before, now)
    assert taken.cpus == 0.5
    assert taken.network_received_bytes_per_s is taken.network_sent_bytes_per_s is None


@pytest.mark.parametrize("bits", [32, 64])
def test_a_counter_that_has_no_more_digits_goes_on(bits: int):
    before = counters(0.0, network_sent_bytes=2**bits - 2**20)
    taken = sample(before, counters(2.0, network_sent_bytes=2**20))
    assert taken.network_sent_bytes_per_s == 2**20


def test_after_a_missing_reading_there_is_no_rate_but_the_total_holds():
    first, hole, last = (
        counters(0.0, disk_written_bytes=100),
        replace(NOTHING, at=2.0, disk_written_bytes=None),
        counters(4.0, disk_written_bytes=300),
    )
    assert sample(first, hole).disk_written_bytes_per_s is None
    assert sample(hole, last).disk_written_bytes_per_s is None
    totals = rates.begin(first, AT, "one", is_own=True)
    totals = rates.add(totals, hole, sample(first, hole), "one", is_own=True)
    totals = rates.add(totals, last, sample(hole, last), "one", is_own=True)
    assert totals.amounts.disk_written_bytes == 300


def test_over_a_long_silence_no_rate_is_smeared():
    before, now = counters(0.0, cpu_seconds=0.0), counters(60.0, cpu_seconds=30.0)
    taken = sample(before, now)
    assert taken.cpus is None
    totals = rates.begin(before, AT, "one", is_own=True)
    assert rates.add(totals, now, taken, "one", is_own=True).amounts.cpu_seconds == 30.0


@given(st.floats(-1e6, 0.0))
def test_two_readings_of_the_same_moment_or_out_of_order_give_no_rate(seconds: float):
    taken = sample(counters(0.0), counters(seconds, cpu_seconds=1.0))
    assert taken.cpus is None


def test_the_wall_clock_has_no_say_in_rates():
    before, now = counters(10.0), counters(12.0, cpu_seconds=1.0)
    jumped = rates.sample(before, now, AT - timedelta(days=400))
    assert jumped.cpus == rates.sample(before, now, AT).cpus == 0.5


def test_a_guest_that_moved_to_another_host_is_summed_up_over_both():
    before = counters(0.0, cpu_seconds=40.0, network_sent_bytes=10)
    totals = rates.begin(before, AT, "one", is_own=True)
    # The other host counts from nothing; by chance one of its figures is larger already.
    there = counters(2.0, cpu_seconds=1.0, network_sent_bytes=500)
    totals = rates.add(totals, there, sample(None, there), "two", is_own=True)
    assert totals.amounts.cpu_seconds == 41.0
    assert totals.amounts.network_sent_bytes == 510
    later = counters(4.0, cpu_seconds=2.0, network_sent_bytes=600)
    totals = rates.add(totals, later, sample(there, later), "two", is_own=True)
    assert totals.amounts.cpu_seconds == 42.0


def test_what_a_platform_never_tells_stays_unknown():
    def of(at: float):
        return replace(NOTHING, at=at, disk_read_bytes=None, cpu_seconds=at)

    totals = rates.begin(of(0.0), AT, "one", is_own=True)
    taken = sample(of(0.0), of(2.0))
    totals = rates.add(totals, of(2.0), taken, "one", is_own=True)
    assert totals.amounts.disk_read_bytes is taken.disk_read_bytes_per_s is None
    assert "disk_read_bytes_per_s" not in totals.peaks
    assert totals.amounts.cpu_seconds == 2.0


def test_a_host_is_not_charged_with_what_was_before_anybody_looked():
    before, now = counters(0.0, cpu_seconds=9000.0), counters(2.0, cpu_seconds=9001.0)
    totals = rates.begin(before, AT, "one", is_own=False)
    totals = rates.add(totals, now, sample(before, now), "one", is_own=False)
    assert totals.amounts.cpu_seconds == 1.0


def test_memory_is_charged_by_how_long_it_was_held():
    first, last = counters(0.0, memory_bytes=100 * MIB), counters(10.0, memory_bytes=300 * MIB)
    totals = rates.begin(first, AT, "one", is_own=True)
    totals = rates.add(totals, last, sample(first, last), "one", is_own=True)
    assert totals.memory_byte_seconds == 2000 * MIB
    assert totals.mean_memory_bytes == 200 * MIB
    assert totals.peaks["memory_bytes"] == 300 * MIB


def test_amounts_add_up_to_what_is_known():
    one, other = Amounts(cpu_seconds=1.0), Amounts(cpu_seconds=2.0, disk_read_bytes=5)
    assert one.plus(other) == Amounts(cpu_seconds=3.0, disk_read_bytes=5)
