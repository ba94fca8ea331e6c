"""Rate limits: Discord's buckets per route, and the one over all of them.

The figures are those Discord is seen to use; it publishes none for the routes.
"""

from __future__ import annotations

import re
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

GLOBAL_PER_SECOND = 50
OLD_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """`limit` requests in `window_s`, for each channel (or other first id of the path)."""

    name: str
    method: str
    path: re.Pattern[str]
    limit: int
    window_s: float


_CHANNEL = r"/channels/(\d+)"
RULES = (
    Rule("message-create", "POST", re.compile(rf"{_CHANNEL}/messages"), 5, 5.0),
    Rule("message-edit", "PATCH", re.compile(rf"{_CHANNEL}/messages/\d+"), 5, 5.0),
    Rule("message-delete", "DELETE", re.compile(rf"{_CHANNEL}/messages/\d+"), 5, 1.0),
    Rule("bulk-delete", "POST", re.compile(rf"{_CHANNEL}/messages/bulk-delete"), 1, 1.0),
    Rule("reactions", "*", re.compile(rf"{_CHANNEL}/messages/\d+/reactions/.+"), 1, 0.25),
    Rule("history", "GET", re.compile(rf"{_CHANNEL}/messages(?:/\d+)?"), 5, 1.0),
    Rule("pins", "*", re.compile(rf"{_CHANNEL}/messages/pins(?:/\d+)?"), 5, 4.0),
)
OLD_EDITS = Rule("old-edit", "PATCH", re.compile(rf"{_CHANNEL}/messages/\d+"), 3, 6.0)
_EXEMPT = re.compile(r"/(?:interactions|webhooks)/")


@dataclass
class Window:
    """When the latest requests of one bucket came."""

    times: deque[float] = field(default_factory=deque[float])

    def wait_s(self, rule: Rule, now: float) -> float:
        """Seconds until another request fits."""
        while self.times and self.times[0] <= now - rule.window_s:
            self.times.popleft()
        if len(self.times) < rule.limit:
            return 0.0
        return self.times[0] + rule.window_s - now


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limits say of a request: headers for its answer, or how long it must wait."""

    headers: dict[str, str]
    retry_after_s: float = 0.0
    scope: str = "user"
    code: int = 0
    message: str = "You are being rate limited."

    @property
    def refused(self) -> bool:
        """Whether the answer is 429."""
        return self.retry_after_s > 0


class Limits:
    """Off until a test turns them on."""

    def __init__(self, age_of: Callable[[int, int], float]) -> None:
        self.on = False
        self.old_after_s = OLD_AFTER_S
        self._age_of = age_of
        self._windows: dict[tuple[str, str], Window] = {}
        self._global: deque[float] = deque()

    def reset(self) -> None:
        """Turn off and forget what was counted."""
        self.on = False
        self.old_after_s = OLD_AFTER_S
        self._windows.clear()
        self._global.clear()

    def judge(self, method: str, path: str) -> Verdict:
        """Count a request and say whether it may pass."""
        now = time.monotonic()
        if not _EXEMPT.match(path):
            while self._global and self._global[0] <= now - 1:
                self._global.popleft()
            if len(self._global) >= GLOBAL_PER_SECOND:
                headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
                return Verdict(headers, self._global[0] + 1 - now, "global")
            self._global.append(now)
        for rule in RULES:
            match = rule.path.fullmatch(path) if rule.method in {method, "*"} else None
            if match is not None:
                verdict = self._count(rule, match[1], now)
                if verdict.refused or rule.name != "message-edit":
                    return verdict
                message_id = int(path.rpartition("/")[2])
                if self._age_of(int(match[1]), message_id) >= self.old_after_s:
                    old = self._count(OLD_EDITS, match[1], now)
                    if old.refused:
                        return Verdict(
                            verdict.headers,
                            old.retry_after_s,
                            "shared",
                            30046,
                            "Maximum number of edits to messages older than 1 hour reached.",
                        )
                return verdict
        return Verdict({})

    def _count(self, rule: Rule, major: str, now: float) -> Verdict:
        window = self._windows.setdefault((rule.name, major), Window())
        wait_s = window.wait_s(rule, now)
        if wait_s <= 0:
            window.times.append(now)
        reset_s = window.times[0] + rule.window_s - now
        headers = {
            "X-RateLimit-Limit": str(rule.limit),
            "X-RateLimit-Remaining": str(rule.limit - len(window.times)),
            "X-RateLimit-Reset": f"{time.time() + reset_s:.3f}",
            "X-RateLimit-Reset-After": f"{reset_s:.3f}",
            "X-RateLimit-Bucket": f"{zlib.crc32(rule.name.encode()):08x}",
        }
        return Verdict(headers, max(0.0, wait_s))
