"""`python -m playground`: run until told to stop, and say on standard output where."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict

from playground.app import Playground, running
from playground.rehearsal import rehearse
from playground.settling import settle


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="playground", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="loopback port (0: any free one)")
    parser.add_argument("--empty", action="store_true", help="no prepared server")
    parser.add_argument("--rehearse", action="store_true", help="play the sample talk")
    parser.add_argument(
        "--rehearse-speed", type=float, default=1.0, metavar="X", help="1: reading speed"
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="stop at the end of standard input"
    )
    return parser.parse_args()


def _watch_stdin(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # the loop may be gone first
            loop.call_soon_threadsafe(stopped.set)

    threading.Thread(target=wait, daemon=True).start()


async def _welcome(playground: Playground, *, rehearses: bool, speed: float) -> None:
    await settle(playground)
    if rehearses:
        try:
            await rehearse(playground, speed=speed)
        except LookupError as error:
            print(f"The sample talk stopped: {error}. You can go on by hand.", file=sys.stderr)


async def _run(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if arguments.until_stdin_closes:
        _watch_stdin(stopped)
    async with running(port=arguments.port, empty=arguments.empty) as playground:
        print(json.dumps(asdict(playground.addresses)), flush=True)
        welcome = asyncio.create_task(
            _welcome(playground, rehearses=arguments.rehearse, speed=arguments.rehearse_speed)
        )
        welcome.add_done_callback(_report)
        await stopped.wait()
        welcome.cancel()


def _report(welcome: asyncio.Task[None]) -> None:
    if not welcome.cancelled() and (error := welcome.exception()) is not None:
        print(f"The playground could not prepare itself: {error!r}", file=sys.stderr)


def main() -> None:
    """Run the playground."""
    asyncio.run(_run(_arguments()))


if __name__ == "__main__":
    main()
