"""Commands inside real containers that are cut off: nothing of them stays."""

from __future__ import annotations

import os
import time

import pytest

from bot.lab.errors import NotRunning
from tests.lab.engine import Bench, Recipe


def commands(real: Bench, engine_id: str) -> list[str]:
    """What runs in a container, once what was killed is gone."""
    time.sleep(0.2)
    return sorted(process.command for process in real.driver.processes(engine_id))


def test_its_children_are_ended_with_it(real: Bench):
    engine_id = real.run("sleep", "600")
    script = "sleep 61 & (sleep 62 & sleep 63) & wait"
    result = real.driver.execute(engine_id, ["sh", "-c", script], seconds=0.7, most_bytes=99)
    assert result.exit_code is None
    assert commands(real, engine_id) == ["sleep 600"]


def test_other_commands_go_on(real: Bench):
    engine_id = real.run("sleep", "600")
    real.driver.execute(engine_id, ["sh", "-c", "sleep 64 >&- 2>&- &"], seconds=5, most_bytes=99)
    real.driver.execute(engine_id, ["sleep", "65"], seconds=0.5, most_bytes=99)
    assert commands(real, engine_id) == ["sleep 600", "sleep 64"]


def test_one_that_ended_and_left_something_running_has_ended(real: Bench):
    """What was left behind still holds the output; the exit code is known all the same."""
    engine_id = real.run("sleep", "600")
    started = time.monotonic()
    script = "sleep 66 & echo started; exit 3"
    result = real.driver.execute(engine_id, ["sh", "-c", script], seconds=1, most_bytes=99)
    assert time.monotonic() - started < 3
    assert (result.exit_code, result.output) == (3, b"started\n")
    assert commands(real, engine_id) == ["sleep 600", "sleep 66"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may end processes of a container")
def test_where_there_is_no_shell_the_kernel_does_it(real: Bench):
    reference = real.load(Recipe(real.name("bare") + ":1", programs=("sleep",)))
    engine_id = real.run("sleep", "600", image=reference)
    if not real.driver.facts().reads_cgroups:
        pytest.skip("the engine's processes aren't this machine's")
    result = real.driver.execute(engine_id, ["sleep", "67"], seconds=0.5, most_bytes=99)
    assert result.exit_code is None
    assert commands(real, engine_id) == ["sleep 600"]


def test_both_streams_come_in_their_order(real: Bench):
    engine_id = real.run("sleep", "600")
    script = "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three"
    result = real.driver.execute(engine_id, ["sh", "-c", script], seconds=5, most_bytes=99)
    assert result.output == b"one\ntwo\nthree\n"


def test_much_output_is_kept_up_to_the_limit(real: Bench):
    engine_id = real.run("sleep", "600")
    command = ["sh", "-c", "yes | head -c 3000000"]
    whole = real.driver.execute(engine_id, command, seconds=20, most_bytes=3_000_000)
    assert (whole.exit_code, len(whole.output), whole.is_truncated) == (0, 3_000_000, False)
    part = real.driver.execute(engine_id, command, seconds=20, most_bytes=1_000_000)
    assert len(part.output) == 1_000_000
    assert part.is_truncated


def test_nothing_runs_in_what_is_frozen(real: Bench):
    engine_id = real.run("sleep", "600")
    real.driver.pause(engine_id)
    with pytest.raises(NotRunning):
        real.driver.execute(engine_id, ["true"], seconds=5, most_bytes=99)
