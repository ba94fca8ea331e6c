"""Signed addresses: the key, the tokens, and what is wrong with one.

A token is `id.end.signature`. The signature covers the id of its row and its end, so a forged
or altered one is turned away before the database is asked. Whether the link was taken back and
its recording is still there, the row says.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.moments import from_micros, to_micros
from bot.recordings.errors import KeyUnusable, LinkExpired, LinkForged

KEY_FILE = "download.key"
_KEY_BYTES = 32
_TOKEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Claim:
    """What an authentic token says."""

    link_id: int
    expires_at: datetime


class Signer:
    """Makes and checks tokens with this installation's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, link_id: int, expires_at: datetime) -> str:
        """Sign a link."""
        end = to_micros(expires_at)
        return f"{link_id}.{end}.{self._signature(link_id, end)}"

    def check(self, token: str, now: datetime) -> Claim:
        """Return what a token says.

        Raises:
            LinkForged: it isn't one of ours.
            LinkExpired: its time is over.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise LinkForged
        link_id, end = int(match[1]), int(match[2])
        if not hmac.compare_digest(match[3], self._signature(link_id, end)):
            raise LinkForged
        claim = Claim(link_id, from_micros(end))
        if claim.expires_at <= now:
            raise LinkExpired
        return claim

    def _signature(self, link_id: int, end: int) -> str:
        said = f"study-bot download 1 {link_id} {end}".encode()
        digest = hmac.digest(self._key, said, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def load_signer(folder: Path) -> Signer:
    """Read this installation's key, or make it: a file nobody else can read.

    Raises:
        KeyUnusable: it can't be read, made or kept to ourselves.
    """
    path = folder / KEY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            key = _read(path)
        except FileNotFoundError:
            _make(path)
            key = _read(path)
    except OSError as error:
        raise KeyUnusable(path=path, why=error.strerror or error) from error
    if len(key) != _KEY_BYTES:
        raise KeyUnusable(path=path, why="it is not a key of this program")
    return Signer(key)


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        # A copy restored from somewhere may be readable for others.
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        return file.read(_KEY_BYTES + 1)


def _make(path: Path) -> None:
    """Write a new key whole or not at all; whoever is first, theirs is used."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return
    finally:
        unfinished.unlink(missing_ok=True)
