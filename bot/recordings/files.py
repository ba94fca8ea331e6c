"""The folder of recordings: a guild's own files, those the bot fetched, and which may be served.

`recordings/<guild id>/` is the guild's, filled by whoever runs the machine; what people attach
in Discord goes to `kept/<guild id>/` in this installation's data. Nothing outside a guild's two
folders is ever listed, served or deleted on its behalf, wherever a name or a symbolic link may
point.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path

import aiohttp

from bot.recordings.errors import (
    FileMissing,
    NoRoom,
    NoSuchFile,
    NotMedia,
    UploadFailed,
    UploadTooBig,
)
from bot.recordings.model import HostFile

# What is served, by the end of its name; a browser is told to believe nothing else.
MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}

_KEPT = "kept"
_PART = ".part"
_CHUNK = 1 << 16
_SPARE_BYTES = 512 * 1024 * 1024
_FETCH_SECONDS = 600
_LISTED = 2000


def media_type_of(name: str) -> str:
    """Return what a file is served as.

    Raises:
        NotMedia: no kind of recording.
    """
    media_type = MEDIA_TYPES.get(Path(name).suffix.lower())
    if media_type is None:
        raise NotMedia(name=name[-100:], kinds=", ".join(sorted(MEDIA_TYPES)))
    return media_type


class RecordingFiles:
    """The files of all guilds; each asks for its own alone. Every call blocks but `fetch`."""

    def __init__(self, root: Path, kept: Path, most_bytes: int) -> None:
        """Take guilds' own files from `root`, and put what is attached into `kept`."""
        self._root = root
        self._kept_root = kept
        self._most_bytes = most_bytes
        # What this run fetched or is fetching: no leftovers.
        self._made: set[str] = set()

    def listed(self, guild_id: int) -> list[HostFile]:
        """Return what may be added of a guild's own folder, by name."""
        found: list[HostFile] = []
        try:
            with os.scandir(self._own(guild_id)) as entries:
                for entry in entries:
                    if len(found) == _LISTED:
                        break
                    with contextlib.suppress(NoSuchFile, OSError, NotMedia):
                        path = self._chosen(guild_id, entry.name)
                        found.append(HostFile(entry.name, path.stat().st_size))
        except OSError:
            return []  # There is no such folder, or none of ours to read.
        return sorted(found, key=lambda file: file.name)

    def chosen(self, guild_id: int, name: str) -> tuple[str, int]:
        """Return where a file of a guild's own folder is, below the root, and its bytes.

        Raises:
            NoSuchFile: it isn't there, or leads out of the folder.
            NotMedia: no kind of recording.
        """
        try:
            path = self._chosen(guild_id, name)
            home = _real(self._own(guild_id))
            return f"{guild_id}/{path.relative_to(home)}", path.stat().st_size
        except (OSError, ValueError) as error:
            raise NoSuchFile from error

    def path_of(self, guild_id: int, path: str) -> Path:
        """Return where a recording's file is just now.

        Raises:
            FileMissing: it was moved or deleted, or leads out of the guild's folders.
        """
        try:
            place, _, below = path.partition("/")
            found = _real(self._kept_root / below if place == _KEPT else self._root / path)
            homes = [self._own(guild_id), self._kept(guild_id)]
            inside = any(found.is_relative_to(home.resolve()) for home in homes)
        except (OSError, ValueError) as error:
            raise FileMissing from error
        if not inside or not found.is_file():
            raise FileMissing
        return found

    def delete(self, guild_id: int, path: str) -> None:
        """Delete a recording's file; one that is gone already is as well.

        Raises:
            OSError: it can't be deleted.
        """
        with contextlib.suppress(FileMissing):
            self.path_of(guild_id, path).unlink(missing_ok=True)

    async def fetch(self, guild_id: int, name: str, size: int, url: str) -> str:
        """Take what somebody attached into our own folder; return where, as `path_of` reads it.

        Raises:
            UploadTooBig, NoRoom, NotMedia, UploadFailed.
        """
        suffix = Path(name).suffix.lower()
        media_type_of(name)
        self._check_size(size)
        folder = self._kept(guild_id)
        target = folder / f"{secrets.token_hex(8)}{suffix}"
        unfinished = target.with_name(target.name + _PART)
        self._made |= {target.name, unfinished.name}
        await asyncio.to_thread(self._make_room, folder, size)
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                await self._fetch(url, unfinished)
            await asyncio.to_thread(unfinished.replace, target)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UploadFailed from error
        finally:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(unfinished.unlink, missing_ok=True)
        return f"{_KEPT}/{guild_id}/{target.name}"

    async def _fetch(self, url: str, target: Path) -> None:
        timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(url) as response,
        ):
            response.raise_for_status()
            with await asyncio.to_thread(target.open, "xb") as file:
                written = 0
                async for chunk in response.content.iter_chunked(_CHUNK):
                    written += len(chunk)
                    self._check_size(written)
                    await asyncio.to_thread(file.write, chunk)

    def tidy(self, known: Collection[str]) -> int:
        """Delete what fetches of an interrupted run left behind; return how many files."""
        removed = 0
        for path in self._kept_root.glob("*/*"):
            is_known = f"{_KEPT}/{path.parent.name}/{path.name}" in known
            if path.is_file() and not is_known and path.name not in self._made:
                with contextlib.suppress(OSError):
                    path.unlink()
                    removed += 1
        return removed

    def _own(self, guild_id: int) -> Path:
        return self._root / str(int(guild_id))

    def _kept(self, guild_id: int) -> Path:
        return self._kept_root / str(int(guild_id))

    def _chosen(self, guild_id: int, name: str) -> Path:
        # One name, no path: hidden files and whatever climbs are nobody's to choose.
        if not name or name.startswith(".") or Path(name).name != name or "\0" in name:
            raise NoSuchFile
        media_type_of(name)
        home = _real(self._own(guild_id))
        path = _real(home / name)
        if not path.is_relative_to(home) or not path.is_file():
            raise NoSuchFile
        # Where a link leads counts, also for what it is served as.
        media_type_of(path.name)
        return path

    def _check_size(self, size: int) -> None:
        if size > self._most_bytes:
            raise UploadTooBig(most=self._most_bytes // 1024 // 1024)

    def _make_room(self, folder: Path, size: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise NoRoom from error
        if free < size + _SPARE_BYTES:
            raise NoRoom


def _real(path: Path) -> Path:
    """Follow all symbolic links.

    Raises:
        OSError: it leads nowhere, or in circles.
    """
    try:
        return path.resolve(strict=True)
    except RuntimeError as error:
        # Python 3.11's own name for a circle.
        raise OSError(str(error)) from error
