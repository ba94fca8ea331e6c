"""Virtual machines beside containers, in all that shows usage."""

from pathlib import Path
from typing import Any

import pytest

from bot.lab.drivers import ExecResult
from bot.usage.benchmark import COMMAND
from tests.cogs.lab import LabStage, posts, said
from tests.cogs.stage import texts
from tests.cogs.usage import measured, usage_stage


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with usage_stage(tmp_path, monkeypatch, guests=True) as stage:
        yield stage


async def both(here: LabStage) -> tuple[Any, Any]:
    """Have the speaker run a container and a guest; return the channel and the speaker."""
    _guild, channel, speaker = await here.talk()
    _result, container = await here.up(speaker, channel, name="box")
    _result, guest = await here.guest_up(speaker, channel, name="machine")
    await measured(here, container, guest)
    return channel, speaker


async def test_guests_stand_in_the_list_the_leaders_and_the_report(here: LabStage):
    channel, speaker = await both(here)

    await speaker.slash(channel, "lab top")
    leaders = said(await speaker.slash(channel, "lab leaders"))
    report = said(await speaker.slash(channel, "lab report"))

    (shown,) = posts(channel, "The lab right now")
    assert "**machine**" in texts(shown)
    assert "**box**" in texts(shown)
    assert "machine · tiny" in leaders
    assert "**machine** · tiny" in report
    assert "2 instances" in report


async def test_a_container_beside_a_guest_does_the_same_work(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    channel, speaker = await both(here)

    def execute(_engine_id: str, command: Any, **_limits: Any) -> ExecResult:
        assert tuple(command) == COMMAND
        return ExecResult(0, b"calculate 100 50\n", is_truncated=False, seconds=0.5)

    monkeypatch.setattr(here.engine, "execute", execute)
    here.hypervisor.programs[COMMAND] = b"calculate 5 50\n"

    await speaker.slash(channel, "lab compare", a="box", b="machine")

    lines = texts(posts(channel, "box beside machine")[0]).splitlines()
    (kinds,) = [line for line in lines if line.startswith("KIND")]
    (work,) = [line for line in lines if line.startswith("CALC ")]
    assert kinds.split() == ["KIND", "container", "guest"]
    assert work.split() == ["CALC", "400K/s", "20K/s", "÷20"]


async def test_a_guest_without_an_agent_is_compared_without_work(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    here.hypervisor.has_agent = False
    channel, speaker = await both(here)

    def execute(_engine_id: str, _command: Any, **_limits: Any) -> ExecResult:
        return ExecResult(0, b"calculate 100 50\n", is_truncated=False, seconds=0.5)

    monkeypatch.setattr(here.engine, "execute", execute)

    await speaker.slash(channel, "lab compare", a="box", b="machine")

    text = texts(posts(channel, "box beside machine")[0])
    assert "machine has no agent" in text
    assert "READY" in text
