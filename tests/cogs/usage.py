"""A stage with a lab whose use is sampled, and whose replies move beside what SimCord waits for."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from discord.webhook.async_ import async_context

from cogs.moving import Moving
from tests.cogs.lab import LabStage, lab_stage


@contextlib.asynccontextmanager
async def usage_stage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[LabStage]:
    """Run the whole bot with a lab that is sampled all the time."""
    monkeypatch.setattr("cogs.usage.tops._LOOK_SECONDS", 0.1)
    monkeypatch.setattr("cogs.moving._LOOK_SECONDS", 0.1)
    monkeypatch.setattr("bot.usage.sampling.EVERY_SECONDS", 0.1)
    spawn = Moving._spawn

    def beside(self: Moving, work: Any) -> asyncio.Task[None]:
        context = contextvars.Context()
        context.run(async_context.set, async_context.get())
        return context.run(spawn, self, work)

    monkeypatch.setattr(Moving, "_spawn", beside)
    async with lab_stage(folder, monkeypatch, **options) as stage:
        app = stage.app
        work = [app.services.usage.run, app.tops.run]
        tasks = [asyncio.create_task(one()) for one in work]
        try:
            yield stage
        finally:
            await app.services.moving.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def measured(stage: LabStage, *instances: Any) -> None:
    """Wait until it is known what instances use by the second."""
    usage = stage.app.services.usage

    def known() -> bool:
        found = [usage.latest(one) for one in instances]
        return all(one is not None and one.sample.cpus is not None for one in found)

    await stage.until(known)
