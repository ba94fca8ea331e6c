"""Draws pictures in a process of their own.

Drawing holds Python's lock for tens of milliseconds at a time, so a thread would stall the
event loop. The worker is this very module run as a program: it starts with the first
picture, serves one at a time and dies with its parent. (`multiprocessing` would import the
whole bot into it, and leave a worker that hangs no way to be ended.)
"""

import asyncio
import contextlib
import importlib
import os
import pickle  # Between a process and the child it started: nobody else can write into the pipe.
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

from bot.errors import N_, StudyBotError

T = TypeVar("T")

_LENGTH = struct.Struct("!Q")
_CLOSING_SECONDS = 2.0


class DrawingFailed(StudyBotError):
    """The worker raised, died, or was closed; `__cause__` says which."""

    message = N_("The picture couldn't be drawn.")


class DrawingTooSlow(DrawingFailed):
    """The worker took too long and was ended."""

    message = N_("The picture took too long to draw.")


class DrawingWorker:
    """Runs functions in one worker process, one after another."""

    def __init__(self, time_limit_seconds: float = 20.0) -> None:
        self._time_limit_seconds = time_limit_seconds
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._is_closed = False

    async def draw(self, function: Callable[..., T], /, *arguments: object) -> T:
        """Call a top-level function in the worker and return what it returns.

        The time limit counts from when this drawing's turn comes.

        Raises:
            DrawingTooSlow: it took longer than the limit; the next one gets a new worker.
            DrawingFailed: it raised, or the worker died.
        """
        request = pickle.dumps((function.__module__, function.__qualname__, arguments))
        async with self._turn:
            if self._is_closed:
                raise DrawingFailed from RuntimeError("the worker is closed")
            try:
                async with asyncio.timeout(self._time_limit_seconds):
                    reply = await self._ask(request)
            except TimeoutError as error:
                await self._end()
                raise DrawingTooSlow from error
            except (OSError, EOFError) as error:
                await self._end()
                raise DrawingFailed from error
            except BaseException:
                # Cancelled: the reply would be taken for the next drawing's.
                await self._end()
                raise
        is_drawn, result = pickle.loads(reply)  # noqa: S301 - our own child wrote it
        if not is_drawn:
            raise DrawingFailed from RuntimeError(result)
        return result

    async def close(self) -> None:
        """End the worker, at once if a drawing is under way."""
        self._is_closed = True
        if self._turn.locked() and self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        async with self._turn:
            await self._end(patience_seconds=_CLOSING_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(self, request: bytes) -> bytes:
        if self._process is None or self._process.returncode is not None:
            await self._end()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                # Not `-m`: the worker must find the modules where this process did.
                f"import sys; sys.path[:] = {sys.path!r}; from bot.drawing import work; work()",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # A Ctrl-C in the terminal is for the parent, which then ends the worker.
                start_new_session=True,
            )
            if self._is_closed:
                raise EOFError("closed while it started")
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin, "a pipe was asked for"  # noqa: S101 - for the type checker
        assert stdout, "a pipe was asked for"  # noqa: S101 - for the type checker
        stdin.write(_LENGTH.pack(len(request)) + request)
        await stdin.drain()
        (length,) = _LENGTH.unpack(await stdout.readexactly(_LENGTH.size))
        return await stdout.readexactly(length)

    async def _end(self, patience_seconds: float = 0.0) -> None:
        """End the process if there is one: it gets some time to leave by itself, then none."""
        process, self._process = self._process, None
        if process is None:
            return
        # Closes its input, which tells it to leave, and reads its output to the end, so that
        # no pipe stays open.
        ending = asyncio.create_task(process.communicate(b""))
        try:
            await asyncio.wait([ending], timeout=patience_seconds)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        await ending


def work() -> None:
    """Serve the parent from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    # What a drawing prints must not get between the replies.
    os.dup2(2, 1)
    while header := requests.read(_LENGTH.size):
        module, name, arguments = pickle.loads(requests.read(*_LENGTH.unpack(header)))  # noqa: S301 - our parent wrote it
        try:
            reply = pickle.dumps((True, getattr(importlib.import_module(module), name)(*arguments)))
        except Exception:  # noqa: BLE001 - whatever it is, the parent must hear of it
            reply = pickle.dumps((False, traceback.format_exc()))
        _send(replies, reply)


def _send(replies: BinaryIO, reply: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        replies.write(_LENGTH.pack(len(reply)) + reply)
        replies.flush()
