"""Brings files of the catalogue from the web: whole, checked, and from nowhere private."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from yarl import URL

from bot.addresses import CheckedResolver, Hosts, PrivateAddress, Resolve, is_public
from bot.lab.errors import DiskFull, PullCancelled
from bot.lab.guest_errors import ChecksumWrong, DownloadFailed

# Installers are this large; more is a mistake.
MOST_BYTES = 16 * 1024**3
_SUMS_BYTES = 1024**2
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 1024 * 1024
_SILENCE_SECONDS = 30.0
_WHOLE_SECONDS = 3 * 3600.0
_SUMS_SECONDS = 20.0
_LINE = re.compile(r"^([0-9a-f]{128}) [ *](?:\./)?(\S+)$", re.IGNORECASE | re.MULTILINE)


class Downloads:
    """Downloads over https, and checks what came.

    `session` makes the client: tests have one that trusts a server of theirs.
    """

    def __init__(
        self,
        *,
        allowed: Hosts | None = None,
        resolve: Resolve | None = None,
        ssl: object | None = None,
    ) -> None:
        self._allowed = allowed or Hosts()
        self._resolve = resolve
        self._ssl = ssl

    async def published_sum(self, sums: str, file: str) -> str:
        """Return the SHA-512 sum that a published SHA512SUMS has for a file.

        Raises:
            DownloadFailed: it can't be read, or doesn't name the file.
        """
        try:
            async with asyncio.timeout(_SUMS_SECONDS), self._open(sums, sums) as response:
                text = (await response.content.read(_SUMS_BYTES)).decode("utf-8", "replace")
        except TimeoutError as error:
            raise DownloadFailed(name=sums, why="it takes too long.") from error
        for found, name in _LINE.findall(text):
            if name == file:
                return found.lower()
        raise DownloadFailed(name=sums, why=f"it doesn't name {file}.")

    async def fetch(
        self,
        name: str,
        address: str,
        into: Path,
        sha512: str,
        *,
        progress: Callable[[int, int], None] = lambda _current, _total: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Download a file and check its sum; nothing stays of one that isn't right.

        Raises:
            DownloadFailed, ChecksumWrong, DiskFull, PullCancelled.
        """
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                found = await self._write(name, address, into, progress, is_cancelled)
            _check_sum(name, found, sha512)
        except BaseException as error:
            await asyncio.to_thread(into.unlink, missing_ok=True)
            if isinstance(error, TimeoutError):
                raise DownloadFailed(name=name, why="it takes too long.") from error
            if isinstance(error, OSError):
                raise DiskFull from error
            raise

    async def _write(
        self,
        name: str,
        address: str,
        into: Path,
        progress: Callable[[int, int], None],
        is_cancelled: Callable[[], bool],
    ) -> str:
        digest = hashlib.sha512()
        current = 0
        async with self._open(address, name) as response:
            total = response.content_length or 0
            if total > MOST_BYTES:
                raise DownloadFailed(name=name, why=f"it is larger than {MOST_BYTES >> 30} GB.")
            with await asyncio.to_thread(into.open, "wb") as file:
                async for chunk in self._chunks(response, name):
                    if is_cancelled():
                        raise PullCancelled
                    await asyncio.to_thread(_take, file.write, digest.update, chunk)
                    current += len(chunk)
                    if current > MOST_BYTES:
                        raise DownloadFailed(
                            name=name, why=f"it is larger than {MOST_BYTES >> 30} GB."
                        )
                    progress(current, max(total, current))
        return digest.hexdigest()

    async def _chunks(self, response: aiohttp.ClientResponse, name: str) -> AsyncGenerator[bytes]:
        try:
            async for chunk in response.content.iter_chunked(_CHUNK):
                yield chunk
        except aiohttp.ClientError as error:
            raise DownloadFailed(name=name, why=f"{_why(error)}.") from error

    @asynccontextmanager
    async def _open(self, address: str, name: str) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Follow redirects by hand: each goes over https again, and to no private address."""
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(self._allowed, self._resolve),
            use_dns_cache=False,
            force_close=True,
            **({} if self._ssl is None else {"ssl": self._ssl}),  # pyright: ignore[reportArgumentType]
        )
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_SILENCE_SECONDS, sock_read=_SILENCE_SECONDS
        )
        url = URL(address)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            headers={"User-Agent": "study-session-bot", "Accept-Encoding": "identity"},
        ) as session:
            for _ in range(_MOST_REDIRECTS + 1):
                self._check(url, name)
                try:
                    response = await session.get(url, allow_redirects=False)
                except (aiohttp.ClientError, OSError, PrivateAddress) as error:
                    raise DownloadFailed(name=name, why=f"{_why(error)}.") from error
                async with response:
                    if response.status in _REDIRECTS and "Location" in response.headers:
                        url = url.join(URL(response.headers["Location"]))
                        continue
                    if response.status != 200:
                        why = f"its server says {response.status}."
                        raise DownloadFailed(name=name, why=why)
                    yield response
                    return
        raise DownloadFailed(name=name, why="its server sends one on and on.")

    def _check(self, url: URL, name: str) -> None:
        if url.scheme != "https":
            raise DownloadFailed(name=name, why="it would come unencrypted.")
        host = url.host or ""
        # A literal address is asked of no resolver.
        literal = re.fullmatch(r"[0-9.]+|.*:.*", host) is not None
        if literal and not is_public(host) and not self._allowed.allows(host, url.port or 0):
            raise DownloadFailed(name=name, why=str(PrivateAddress(host=host)))


def _check_sum(name: str, found: str, wanted: str) -> None:
    if found != wanted.lower():
        raise ChecksumWrong(name=name)


def _take(write: Callable[[bytes], int], update: Callable[[bytes], None], chunk: bytes) -> None:
    write(chunk)
    update(chunk)


def _why(error: BaseException) -> str:
    for one in (error, error.__cause__):
        if isinstance(one, PrivateAddress):
            return str(one).rstrip(".")
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error.strerror or error.os_error)
    return str(error) or type(error).__name__
