"""Links as the recordings' room hands them out, and a server over them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from bot.errors import StudyBotError
from bot.recordings import Chapter, Served
from bot.web import Bridge, application, listening

CHAPTERS = (
    Chapter(timedelta(0), "Opening"),
    Chapter(timedelta(seconds=2), "Q. 仮想マシンとコンテナの違いは？"),
    Chapter(timedelta(seconds=4), "<b>Demo</b> & more"),
)


def served(path: Path, **changes: object) -> Served:
    """Describe a file as a link does."""
    values = {
        "path": path,
        "media_type": "audio/wav",
        "file_name": path.name,
        "title": "KVM from below",
        "chapters": CHAPTERS,
        "expires_at": datetime.now(UTC) + timedelta(hours=6),
        "size_bytes": path.stat().st_size if path.exists() else 0,
        "locale": "en",
        "link_id": 1,
        "duration": timedelta(seconds=6),
    }
    return Served(**{**values, **changes})


@dataclass
class StandIn:
    """Opens what a test put in; refuses what it says."""

    things: dict[str, Served | StudyBotError] = field(default_factory=dict)
    refuses_with: type[StudyBotError] | None = None
    asked: list[str] = field(default_factory=list)

    async def open_link(self, token: str) -> Served:
        self.asked.append(token)
        found = self.things.get(token)
        if found is None or isinstance(found, StudyBotError):
            raise found or self.refuses_with()
        return found


@dataclass
class Site:
    """A running server and somebody who reads."""

    base: str
    port: int
    links: StandIn
    http: aiohttp.ClientSession

    def get(self, path: str, **headers: str):
        return self.http.get(
            f"{self.base}{path}", headers={key.replace("_", "-"): v for key, v in headers.items()}
        )


@contextlib.asynccontextmanager
async def site(links: StandIn) -> AsyncIterator[Site]:
    """Serve what `links` opens."""
    bridge = Bridge()
    async with (
        listening(
            "127.0.0.1:0", "STUDY_BOT_WEB_ADDRESS", lambda: application(links, bridge)
        ) as port,
        aiohttp.ClientSession() as http,
    ):
        yield Site(f"http://127.0.0.1:{port}", port, links, http)


async def leave(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
