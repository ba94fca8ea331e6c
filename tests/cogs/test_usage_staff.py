"""Who uses most, for staff; one instance beside another."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.lab import State
from bot.lab.drivers import ExecResult
from tests.cogs.lab import LabStage, posts, said
from tests.cogs.stage import texts
from tests.cogs.usage import measured, usage_stage


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with usage_stage(tmp_path, monkeypatch) as stage:
        yield stage


async def test_staff_see_who_uses_most_and_freeze_and_kill_from_there(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, speaker = await here.talk()
    busy, idle = here.member(guild, "busy"), here.member(guild, "idle")
    _result, small = await here.up(idle, channel, name="small")
    _result, large = await here.up(busy, channel, name="large")
    await measured(here, small, large)
    uses_memory(here, monkeypatch, large, 200)
    await here.until(lambda: here.app.services.usage.latest(large).sample.memory_bytes > 10**8)

    result = await speaker.slash(channel, "lab leaders")
    await speaker.select(result.response, ["memory"])

    assert result.ephemeral
    text = texts(result.response)
    assert text.index(f"<@{busy.id}>") < text.index(f"<@{idle.id}>")
    await speaker.click(result.response, custom_id=f"do:leaders_freeze:{large.id}:1")
    assert (await here.lab.instances.peek(large.id, guild.id)).state is State.FROZEN
    await speaker.click(result.response, custom_id=f"do:leaders_kill:{large.id}:1")
    now = await here.lab.instances.peek(large.id, guild.id)
    assert now.state in (State.REMOVING, State.REMOVED)
    assert (await here.lab.instances.peek(small.id, guild.id)).state is State.RUNNING


async def test_leaders_are_for_staff_alone(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")

    result = await attendee.slash(channel, "lab leaders")

    assert result.ephemeral
    assert "登壇者と運営のみ" in said(result)


async def test_two_instances_stand_side_by_side_with_their_work(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    _guild, channel, speaker = await here.talk()
    _result, one = await here.up(speaker, channel, name="one")
    _result, other = await here.up(speaker, channel, name="other")
    await measured(here, one, other)
    works_for(here, monkeypatch, {one.engine_id: 250, other.engine_id: 25})

    result = await speaker.slash(channel, "lab compare", a="one", b="other")

    assert not result.ephemeral
    (shown,) = posts(channel, "one beside other")
    text = texts(shown)
    (line,) = [line for line in text.splitlines() if line.startswith("SYSCALLS")]
    assert line.split() == ["SYSCALLS", "20M/s", "2.0M/s", "÷10"]
    assert (
        max(len(line) for line in text.partition("```")[2].partition("```")[0].splitlines()) <= 36
    )


async def test_nothing_is_run_in_what_isnt_ones_own(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _result, demo = await here.up(speaker, channel, name="demo")
    _result, own = await here.up(attendee, channel, name="own")
    await measured(here, demo, own)
    ran = works_for(here, monkeypatch, {})

    result = await attendee.slash(channel, "lab compare", a="demo", b="own")

    assert result.ephemeral
    assert "demo beside own" in said(result)
    assert "READY" in said(result)
    assert "SYSCALLS" not in said(result)
    assert not ran


def uses_memory(here: LabStage, monkeypatch: pytest.MonkeyPatch, instance: Any, mib: int) -> None:
    """Have a container hold so much."""
    sweep = here.engine.sweep

    def more(engine_ids: Any) -> Any:
        found = sweep(engine_ids)
        if instance.engine_id in found:
            idle = found[instance.engine_id]
            found[instance.engine_id] = replace(idle, memory_bytes=mib * 1024**2)
        return found

    for source in here.app.services.usage.sampling.samplers[0].sources:
        if source.name.endswith("containers"):
            monkeypatch.setattr(source, "_read", more)


def works_for(here: LabStage, monkeypatch: pytest.MonkeyPatch, rounds: dict[str, int]) -> list[str]:
    """Say how often each kind of work is done inside; return where it was."""
    ran: list[str] = []

    def execute(engine_id: str, _command: Any, **_limits: Any) -> ExecResult:
        ran.append(engine_id)
        lines = [f"{work} {rounds[engine_id]} 50" for work in ("calculate", "calls", "starts")]
        return ExecResult(0, "\n".join(lines).encode(), is_truncated=False, seconds=1.5)

    monkeypatch.setattr(here.engine, "execute", execute)
    return ran
