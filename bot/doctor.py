"""`study-bot doctor`: looks at what a start needs, one line each, OK or what to do."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.database import Database
from bot.errors import OperatorError, StudyBotError
from bot.settings import Settings, host_and_port, is_loopback
from bot.web import SERVER_NAME

if TYPE_CHECKING:
    from bot.lab.host import Finding as HostFinding
    from bot.lab.model import HostSettings

_TIMEOUT_SECONDS = 10
_API = "https://discord.com/api/v10"
# Flags of an application: the content of messages, fully or below 100 guilds.
_CONTENT_FLAGS = (1 << 18) | (1 << 19)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and how it stands."""

    what: str
    is_good: bool
    text: str

    def __str__(self) -> str:
        return f"{'OK     ' if self.is_good else 'PROBLEM'} {self.what}: {self.text}"


async def examine(settings: Settings) -> list[Finding]:
    """Look at settings, database, token, intents, web server and every host of the lab."""
    findings = [Finding("settings", True, f"data in {settings.study_bot_data.absolute()}")]
    findings.append(await _database(settings))
    findings += await _discord(settings)
    findings += await _web(settings)
    findings.append(await asyncio.to_thread(_recordings, settings))
    findings += await asyncio.to_thread(_lab, settings)
    return findings


async def _database(settings: Settings) -> Finding:
    path = settings.database_path
    if not path.exists():
        return Finding("database", True, f"{path} will be made at the first start")
    try:
        opened = await Database.open(path)
    except OperatorError as error:
        return Finding("database", False, str(error))
    try:
        number = await opened.read(_count)
    finally:
        await opened.close()
    return Finding("database", True, f"{path}, {number} sessions")


def _count(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT count(*) FROM sessions").fetchone()[0]


async def _web(settings: Settings) -> list[Finding]:
    address, url = settings.study_bot_web_address, settings.web_url
    if address is None or url is None:
        text = "off; to have recordings watched that are files, set STUDY_BOT_WEB_ADDRESS"
        return [Finding("web server", True, text)]
    found = [await _listens(address)]
    if is_loopback(url):
        text = f"links lead to {url}, which only this machine can open; set STUDY_BOT_WEB_URL"
        # Right for the playground and for a try; on Discord nobody could watch.
        found.append(Finding("web address", settings.in_playground, text))
    elif not url.startswith("https://"):
        text = (
            f"links lead to {url}: whoever is on the way can read them. Put a reverse proxy with"
            " TLS before the server and its https:// address into STUDY_BOT_WEB_URL."
        )
        found.append(Finding("web address", False, text))
    else:
        found.append(Finding("web address", True, url))
    return found


def _recordings(settings: Settings) -> Finding:
    folder = settings.recordings_path
    # The nearest folder that is there says how much room there is, and whether one can be made.
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        text = f"{there} can't be written by this user: files could be neither taken nor deleted"
        return Finding("recordings", False, text)
    lengths = "told" if shutil.which("ffprobe") else "not told (no ffprobe here)"
    free = shutil.disk_usage(there).free / 1_000_000_000
    return Finding("recordings", True, f"in {folder}, {free:.0f} GB free, lengths {lengths}")


async def _listens(address: str) -> Finding:
    where = host_and_port(address)
    assert where is not None  # noqa: S101 - the settings checked it
    try:
        (await asyncio.start_server(lambda _reader, _writer: None, *where)).close()
    except OSError as error:
        if await _is_ours(address):
            return Finding("web server", True, f"the bot answers on {address}")
        text = f"can't listen on {address}: {error.strerror}. Choose another STUDY_BOT_WEB_ADDRESS."
        return Finding("web server", False, text)
    return Finding("web server", True, f"will listen on {address}")


async def _is_ours(address: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(f"http://{address}/health") as answer,
        ):
            return answer.headers.get("Server") == SERVER_NAME
    except (aiohttp.ClientError, TimeoutError):
        return False


def _lab(settings: Settings) -> list[Finding]:
    # Here: the doctor of a bot without a lab needs none of it.
    from bot.lab import Catalogue
    from bot.lab.drivers import connect, connect_guests
    from bot.lab.host import examine_guest_host, examine_host

    path = settings.study_bot_lab
    if not path.exists():
        return [Finding("lab", True, f"none is set up: there is no {path}")]
    try:
        catalogue = Catalogue.load(path)
    except StudyBotError as error:
        return [Finding("lab", False, str(error))]
    findings = [
        Finding("lab", True, f"{len(catalogue.hosts)} hosts, {len(catalogue.templates)} templates")
    ]
    if not catalogue.guilds:
        text = "guilds in it is empty, so nobody on Discord has the lab"
        findings.append(Finding("lab", True, text))
    for host in catalogue.hosts:
        looks = [
            *([(connect, examine_host)] if host.docker is not None else []),
            *([(connect_guests, examine_guest_host)] if host.libvirt is not None else []),
        ]
        for opened, examined in looks:
            findings += [
                Finding(f"lab {host.name}, {each.what}", each.is_good, each.text)
                for each in _looked_at(host, opened, examined)
            ]
    return findings


def _looked_at(
    host: "HostSettings",
    opened: "Callable[[HostSettings], Any]",
    examined: "Callable[[Any, HostSettings], Sequence[HostFinding]]",
) -> "Sequence[HostFinding]":
    from bot.lab.host import Finding as HostFinding

    try:
        driver = opened(host)
    except StudyBotError as error:
        return [HostFinding("guests", False, str(error))]
    try:
        return examined(driver, host)
    finally:
        driver.close()


async def _discord(settings: Settings) -> list[Finding]:
    token = settings.discord_token
    if token is None:
        return [
            Finding(
                "token",
                False,
                "DISCORD_TOKEN is not set; put it into .env (the README says where it comes"
                " from). Without it only the playground runs.",
            )
        ]
    base = settings.study_bot_api_base or _API
    headers = {"Authorization": f"Bot {token.get_secret_value()}"}
    try:
        async with (
            aiohttp.ClientSession(
                headers=headers, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
            ) as http,
            http.get(f"{base}/oauth2/applications/@me") as answer,
        ):
            if answer.status == 401:
                return [
                    Finding(
                        "token",
                        False,
                        "Discord refuses it; reset it in the developer portal (Bot → Reset"
                        " Token) and put the new one into .env.",
                    )
                ]
            if answer.status != 200:
                return [Finding("token", False, f"Discord answered {answer.status}; try later.")]
            application: dict[str, Any] = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError) as error:
        return [Finding("token", False, f"Discord can't be reached ({error!r}); check the network")]
    found = [Finding("token", True, f"belongs to {application.get('name')}")]
    has_content = bool(int(application.get("flags") or 0) & _CONTENT_FLAGS)
    text = (
        "message content is on"
        if has_content
        else "message content is off; switch “Message Content Intent” on in the developer portal"
        " (your application → Bot)."
    )
    found.append(Finding("intents", has_content, text))
    return found
