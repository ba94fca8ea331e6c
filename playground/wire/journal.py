"""Every request the bot made, for tests and benchmarks to read back."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ENTRY_LIMIT = 50_000
BYTE_LIMIT = 64 << 20


@dataclass(slots=True)
class Entry:
    """One request and what it was answered; `status` is 0 where the connection was cut."""

    n: int
    at: float
    method: str
    path: str
    query: dict[str, str]
    json: Any
    files: list[dict[str, Any]]
    status: int = 0
    response: bytes = b""
    took_s: float = 0.0

    def describe(self) -> dict[str, Any]:
        """Return the entry as `wire.requests` shows it."""
        return {
            "n": self.n,
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "json": self.json,
            "files": self.files,
            "status": self.status,
            "response": json.loads(self.response) if self.response else None,
            "took_s": self.took_s,
        }


class Journal:
    """Keeps the latest requests; bounded in number and in bytes of their answers."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._count = 0

    def open(
        self,
        at: float,
        method: str,
        path: str,
        query: dict[str, str],
        body: Any,
        files: list[dict[str, Any]],
    ) -> Entry:
        """Write down a request as it arrives."""
        self._count += 1
        entry = Entry(self._count, at, method, path, query, body, files)
        self._entries.append(entry)
        self._trim()
        return entry

    def close(self, entry: Entry, status: int, response: bytes, took_s: float) -> None:
        """Add the answer."""
        entry.status, entry.response, entry.took_s = status, response, took_s
        self._bytes += len(response)
        self._trim()

    def _trim(self) -> None:
        while len(self._entries) > ENTRY_LIMIT or (
            self._bytes > BYTE_LIMIT and len(self._entries) > 1
        ):
            self._bytes -= len(self._entries.popleft().response)

    def since(self, after: int) -> Iterator[Entry]:
        """Yield entries numbered above `after`, oldest first."""
        newer = []
        for entry in reversed(self._entries):
            if entry.n <= after:
                break
            newer.append(entry)
        return reversed(newer)
