"""`study-bot doctor`: looks at what a start needs, one line each, OK or what to do."""

import asyncio
import sqlite3
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.database import Database
from bot.errors import OperatorError, StudyBotError
from bot.settings import Settings

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
    """Look at settings, database, token, intents and every host of the lab."""
    findings = [Finding("settings", True, f"data in {settings.study_bot_data.absolute()}")]
    findings.append(await _database(settings))
    findings += await _discord(settings)
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


def _lab(settings: Settings) -> list[Finding]:
    # Here: the doctor of a bot without a lab needs none of it.
    from bot.lab import Catalogue
    from bot.lab.drivers import connect
    from bot.lab.host import examine_host

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
        driver = connect(host)
        try:
            findings += [
                Finding(f"lab {host.name}, {each.what}", each.is_good, each.text)
                for each in examine_host(driver, host)
            ]
        finally:
            driver.close()
    return findings


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
