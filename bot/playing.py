"""`study-bot playground`: the local stand-in for Discord, and the bot connected to it.

Both run as programs of their own; this one only starts them and passes addresses on.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import webbrowser
from pathlib import Path

from bot.errors import N_, OperatorError
from bot.playground_data import data_folder, lab_file, sweep, sweep_leftovers
from bot.settings import Settings

_START_SECONDS = 60
_STOP_SECONDS = 10


class PlaygroundFailed(OperatorError):
    """It didn't come up."""

    message = N_("The playground did not start. What it said stands above.")


async def play(
    settings: Settings, *, port: int, rehearse: bool, speed: float, open_page: bool
) -> int:
    """Run playground and bot until SIGINT or SIGTERM; a fresh database each time.

    Raises:
        PlaygroundFailed: it didn't come up within a minute.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    arguments = [sys.executable, "-m", "playground", "--port", str(port)]
    if rehearse:
        arguments += ["--rehearse", "--rehearse-speed", str(speed)]
    lab = lab_file(settings)
    await sweep_leftovers(lab)
    with data_folder() as folder:
        # A session of its own: Ctrl-C reaches this process alone, which ends the two in order.
        server = await asyncio.create_subprocess_exec(
            *arguments,
            "--until-stdin-closes",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        bot: asyncio.subprocess.Process | None = None
        try:
            addresses = await _addresses(server)
            bot = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                "run",
                env=_environment(addresses, folder, lab),
                start_new_session=True,
            )
            _greet(addresses["page"], settings)
            if open_page:
                await asyncio.to_thread(webbrowser.open, addresses["page"])
            return await _until_over(stop, server, bot)
        finally:
            await _end(bot)
            await _end(server)
            await sweep(folder, lab)


async def _addresses(server: asyncio.subprocess.Process) -> dict[str, str]:
    assert server.stdout is not None  # noqa: S101 - asked for; for the type checker
    try:
        line = await asyncio.wait_for(server.stdout.readline(), _START_SECONDS)
        return json.loads(line)
    except (TimeoutError, ValueError) as error:
        raise PlaygroundFailed from error


def _environment(addresses: dict[str, str], folder: Path, lab: Path | None) -> dict[str, str]:
    return {
        # One person plays everybody here, and should not have to wait between questions.
        "STUDY_BOT_QUESTION_PACE_SECONDS": "0",
        # So that a recording can be watched here, too.
        "STUDY_BOT_WEB_ADDRESS": f"127.0.0.1:{_free_port()}",
        **os.environ,
        "DISCORD_TOKEN": addresses["bot_token"],
        "STUDY_BOT_API_BASE": addresses["api"],
        "STUDY_BOT_GATEWAY": addresses["gateway"],
        "STUDY_BOT_CDN": addresses["cdn"],
        "STUDY_BOT_DATA": str(folder),
        **({"STUDY_BOT_LAB": str(lab)} if lab else {}),
    }


def _free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def _greet(page: str, settings: Settings) -> None:
    lines = [
        "",
        "  The playground is open: a chat like Discord's, on this machine alone.",
        "  プレイグラウンドが開きました。Discordに似たチャットがこのマシンの中だけで動きます。",
        "",
        f"    {page}",
        "",
        "  Open it in a browser, choose a person, type “Q. …”. Ctrl-C ends it; nothing is kept.",
        "  ブラウザで開き、人を選んで「Q. …」と書いてください。Ctrl-Cで終了します。",
        "",
    ]
    if settings.discord_token is not None:
        lines.insert(1, "  (DISCORD_TOKEN is set but not used here: `study-bot run` uses it.)")
    print("\n".join(lines), flush=True)  # noqa: T201 - the person at the terminal waits for this


async def _until_over(
    stop: asyncio.Event, server: asyncio.subprocess.Process, bot: asyncio.subprocess.Process
) -> int:
    waits = {
        asyncio.create_task(stop.wait()): "stop",
        asyncio.create_task(server.wait()): "server",
        asyncio.create_task(bot.wait()): "bot",
    }
    done, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    ended = {waits[task] for task in done}
    if "stop" in ended:
        return 0
    text = f"The {ended.pop()} ended by itself; see above. Run this again to start afresh."
    print(text, file=sys.stderr)  # noqa: T201 - the command speaks
    return 1


async def _end(process: asyncio.subprocess.Process | None) -> None:
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
