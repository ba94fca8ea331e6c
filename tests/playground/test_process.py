"""The program itself: starts, says where, stops."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.end_to_end.driver import launch
from tests.patience import LONG_SECONDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_when_told(number: signal.Signals) -> None:
    async with launch() as playground, playground.connect() as page:
        assert (await page.hello())["people"] == []
        assert playground.process is not None
        playground.process.send_signal(number)
        assert await asyncio.wait_for(playground.process.wait(), LONG_SECONDS) == 0


async def test_it_stops_with_whoever_started_it() -> None:
    async with launch(empty=False) as playground:
        process = playground.process
        assert process is not None
        async with playground.connect() as page:
            assert len((await page.hello())["people"]) == 6
    assert process.returncode == 0
