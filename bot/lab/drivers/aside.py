"""A streamed answer, read in a thread of its own: nobody waits for it longer than they want to.

The engine may take a minute to begin answering (a registry that doesn't respond), and be
silent for long after that; a person may press Cancel at any moment of it.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Self

from bot.errors import StudyBotError
from bot.lab.drivers.wire import Stream

# Chunks that wait for the one who reads them: what prints without end is held back by it.
WAITING = 16


class Ended(Exception):
    """Nothing more comes."""


class Aside:
    """Reads what `opened` gives while the context lasts; leaving it lets go at once."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Stream]]) -> None:
        self._opened = opened
        self._chunks: queue.Queue[bytes | StudyBotError | None] = queue.Queue(WAITING)
        self._stream: Stream | None = None
        self._is_left = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._read, name="engine stream", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_left.set()
        if self._stream is not None:
            self._stream.cut()

    def next(self, seconds: float) -> bytes | None:
        """Return the next chunk, None when there is none in that time.

        Raises:
            Ended: the answer is complete.
            StudyBotError: what went wrong with it.
        """
        try:
            chunk = self._chunks.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        if chunk is None:
            raise Ended
        if isinstance(chunk, StudyBotError):
            raise chunk
        return chunk

    def _read(self) -> None:
        try:
            with self._opened() as self._stream:
                for chunk in self._stream.chunks():
                    self._put(chunk)
                    if self._is_left.is_set():
                        return
            self._put(None)
        except StudyBotError as error:
            self._put(error)

    def _put(self, chunk: bytes | StudyBotError | None) -> None:
        while not self._is_left.is_set():
            with suppress(queue.Full):
                self._chunks.put(chunk, timeout=0.2)
                return
