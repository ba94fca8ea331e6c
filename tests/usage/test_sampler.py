"""What becomes of a sweep that nobody waits for any more."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from bot.errors import StudyBotError
from bot.lab.drivers import Counters
from bot.usage import sampler
from bot.usage.sampler import Source
from tests.end_to_end.driver import until

LOGGERS = ("asyncio", "concurrent.futures")


class Slow:
    """A machine that answers when it is let, with what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.threads: set[threading.Thread] = set()
        self._error = error

    def read(self, _engine_ids: list[str]) -> Mapping[str, Counters]:
        self.threads.add(threading.current_thread())
        self.asked.set()
        assert self.answers.wait(60)
        if self._error is not None:
            raise self._error
        return {}

    def answer(self) -> None:
        """Answer, and wait until the answer was handed over."""
        self.answers.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    def found() -> list[str]:
        gc.collect()  # what nobody asked for complains when it is let go of
        return [record.getMessage() for record in caplog.records if record.name in LOGGERS]

    return found


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("error", [None, StudyBotError(), OSError("gone")], ids=repr)
def test_a_sweep_that_outlives_the_program_is_nobodys_news(
    complaints: Callable[[], list[str]], error: Exception | None
):
    slow = Slow(error)

    async def program() -> None:
        source = Source("engine", slow.read)
        sweep = asyncio.create_task(source.sweep({}, "one", now))
        assert await asyncio.to_thread(slow.asked.wait, 60)
        sweep.cancel()
        await asyncio.gather(sweep, return_exceptions=True)
        source.close()

    asyncio.run(program())
    slow.answer()
    assert complaints() == []


@pytest.mark.parametrize("error", [StudyBotError(), OSError("gone")], ids=repr)
def test_a_sweep_that_fails_too_late_counts_once_more(
    complaints: Callable[[], list[str]], error: Exception, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sampler, "_LIMIT_SECONDS", 0.05)
    slow = Slow(error)

    async def program() -> None:
        source = Source("engine", slow.read)
        await source.sweep({}, "one", now)
        assert source.failures == 1
        source.close()  # its thread ends with the call
        await asyncio.to_thread(slow.answer)
        await until(lambda: source.failures == 2)

    asyncio.run(program())
    assert complaints() == []
