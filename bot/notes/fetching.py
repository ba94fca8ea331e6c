"""Reads notes from the web: bounded in size, time, type and where it may lead."""

import asyncio
import ipaddress
import zlib
from collections.abc import Collection
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot.addresses import CheckedResolver, Hosts, Resolve, is_public
from bot.notes.encoding import decode
from bot.notes.errors import (
    AddressRefused,
    FileTooBig,
    NotANote,
    SourceTooSlow,
    SourceUnreachable,
    TooManyRedirects,
)
from bot.notes.sources import checked, download_of, is_notes_page, text_of

MOST_BYTES = 2 * 1024 * 1024
_SECONDS = 10.0
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65_536
_HTML = frozenset({"text/html", "application/xhtml+xml"})
# What servers call text that they don't know better.
_ALSO_TEXT = frozenset(
    {
        "",
        "application/markdown",
        "application/octet-stream",
        "application/x-markdown",
        "binary/octet-stream",
    }
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Text from the web, and how its server tells whether it changed."""

    text: str
    etag: str | None
    modified: str | None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    type: str
    charset: str | None
    data: bytes
    etag: str | None
    modified: str | None


class Fetcher:
    """Fetches text; `names` are hosts that are read from wherever they are."""

    def __init__(
        self,
        names: Collection[str] = (),
        *,
        resolve: Resolve | None = None,
        most_bytes: int = MOST_BYTES,
        seconds: float = _SECONDS,
    ) -> None:
        self._hosts = Hosts(names)
        self._resolve = resolve
        self._most_bytes = most_bytes
        self._seconds = seconds

    async def fetch(
        self, address: str, *, etag: str | None = None, modified: str | None = None
    ) -> Fetched | None:
        """Return the text behind an address; None: it is still what `etag` and `modified` name.

        Raises:
            SourceProblem: it can't be read, or mustn't; says why.
            FileTooBig, NotText: it isn't what notes are.
        """
        url = text_of(checked(address))
        conditions = {
            name: value
            for name, value in (("If-None-Match", etag), ("If-Modified-Since", modified))
            if value
        }
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(url, conditions)
        except TimeoutError as error:
            raise SourceTooSlow(host=url.host) from error

    async def _read(self, url: URL, conditions: dict[str, str]) -> Fetched | None:
        resolver = CheckedResolver(self._hosts, self._resolve, refused=AddressRefused)
        connector = aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=False, force_close=True, limit=4
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        ) as session:
            answer = await self._get(session, url, conditions)
            if answer.type in _HTML and is_notes_page(answer.data):
                answer = await self._get(session, download_of(url), conditions)
        if answer.status == 304:
            return None
        if answer.type in _HTML or not _is_text(answer.type):
            raise NotANote(host=url.host, type=answer.type or "?")
        return Fetched(decode(answer.data, answer.charset), answer.etag, answer.modified)

    async def _get(
        self, session: aiohttp.ClientSession, url: URL, conditions: dict[str, str]
    ) -> _Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            self._check(url)
            try:
                async with session.get(
                    url,
                    allow_redirects=False,
                    headers={
                        "User-Agent": "study-session-bot",
                        "Accept": "text/markdown, text/plain, text/*;q=0.9, */*;q=0.1",
                        "Accept-Encoding": "identity",
                        **conditions,
                    },
                ) as response:
                    if response.status not in _REDIRECTS or "Location" not in response.headers:
                        return await self._taken(response, url)
                    target = response.headers["Location"]
            except aiohttp.ClientError as error:
                if isinstance(error.__cause__, AddressRefused):
                    raise error.__cause__ from error
                raise SourceUnreachable(host=url.host, why=_why(error)) from error
            except OSError as error:
                raise SourceUnreachable(host=url.host, why=_why(error)) from error
            url = checked(str(_joined(url, target)))
        raise TooManyRedirects(host=url.host)

    def _check(self, url: URL) -> None:
        """Refuse literal addresses of private networks: no resolver sees those.

        Raises:
            AddressRefused.
        """
        host = url.host or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        if not is_public(host) and not self._hosts.allows(host, url.port or 0):
            raise AddressRefused(host=host)

    async def _taken(self, response: aiohttp.ClientResponse, url: URL) -> _Answer:
        if response.status not in (200, 304):
            raise SourceUnreachable(host=url.host, why=f"HTTP {response.status}")
        length = response.content_length
        if length is not None and length > self._most_bytes:
            raise FileTooBig(most=self._most_bytes // 1024 // 1024)
        kind = response.content_type if "Content-Type" in response.headers else ""
        if not _is_text(kind):
            # Not read at all: it may be a film.
            raise NotANote(host=url.host, type=kind)
        data = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            data += chunk
            if len(data) > self._most_bytes:
                raise FileTooBig(most=self._most_bytes // 1024 // 1024)
        return _Answer(
            status=response.status,
            type=kind,
            charset=response.charset,
            data=self._unpacked(bytes(data), response, url),
            etag=response.headers.get("ETag"),
            modified=response.headers.get("Last-Modified"),
        )

    def _unpacked(self, data: bytes, response: aiohttp.ClientResponse, url: URL) -> bytes:
        """Unpack what was packed all the same, no further than is allowed."""
        packing = response.headers.get("Content-Encoding", "identity").lower()
        if packing in ("", "identity") or not data:
            return data
        if packing not in ("gzip", "deflate"):
            raise SourceUnreachable(host=url.host, why=f"Content-Encoding {packing}")
        try:
            text = zlib.decompressobj(wbits=47).decompress(data, self._most_bytes + 1)
        except zlib.error as error:
            raise SourceUnreachable(host=url.host, why=str(error)) from error
        if len(text) > self._most_bytes:
            raise FileTooBig(most=self._most_bytes // 1024 // 1024)
        return text


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in _ALSO_TEXT or kind in _HTML


def _joined(url: URL, target: str) -> URL:
    try:
        return url.join(URL(target, encoded=True))
    except ValueError as error:
        raise SourceUnreachable(host=url.host, why="Location") from error


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error.strerror or error.os_error)
    return str(error) or type(error).__name__
