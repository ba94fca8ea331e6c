"""How many files one link and all of them may send at once, and which of them still may."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Generator

from bot.errors import N_, LimitReached

MOST_AT_ONCE = 200
MOST_OF_A_LINK = 8


class LinkCrowded(LimitReached):
    """One link is used by too many at once."""

    message = N_("This link is already in use too often at once. Please try again in a moment.")


class ServerCrowded(LimitReached):
    """All places are taken."""

    message = N_("Many people are watching right now. Please try again in a moment.")


class Places:
    """What is being sent right now, by link."""

    def __init__(self) -> None:
        self._sending: dict[asyncio.Task[None], str] = {}

    @contextlib.contextmanager
    def taken(self, token: str) -> Generator[None]:
        """Hold a place for what the current task sends.

        Raises:
            LinkCrowded, ServerCrowded.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - requests run in tasks
        if Counter(self._sending.values())[token] >= MOST_OF_A_LINK:
            raise LinkCrowded
        if len(self._sending) >= MOST_AT_ONCE:
            raise ServerCrowded
        self._sending[task] = token
        try:
            yield
        finally:
            del self._sending[task]

    async def look_again(self, still: Callable[[str], Awaitable[bool]]) -> None:
        """Cut off what is sent for links that are good no more."""
        for token in set(self._sending.values()):
            if await still(token):
                continue
            for task, used in list(self._sending.items()):
                if used == token:
                    task.cancel()
