"""What goes wrong with the bot's requests when a test says so."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MESSAGES = {429: "You are being rate limited.", 500: "500: Internal Server Error"}


@dataclass
class Fault:
    """One rule over requests; `times` counts down, None is for good."""

    method: str = "*"
    path: str = "*"
    times: int | None = 1

    def claims(self, method: str, path: str) -> bool:
        """Whether this request is one of its; if so it counts."""
        if self.times == 0 or self.method not in {"*", method}:
            return False
        if not fnmatch.fnmatchcase(path, self.path):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class AnswerFault(Fault):
    """Answers in the world's place."""

    status: int = 500
    via: bool = True
    retry_after_s: float = 1.0
    code: int = 0
    message: str = ""

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        message = self.message or _MESSAGES.get(self.status, f"{self.status}: Error")
        body: dict[str, Any] = {"message": message, "code": self.code}
        if self.status == 429:
            body |= {"retry_after": self.retry_after_s, "global": False}
        return body

    def headers(self) -> dict[str, str]:
        """Return the answer's own headers; without `Via` a 429 is Cloudflare's, not Discord's."""
        headers = {"Via": "1.1 google"} if self.via else {}
        if self.status == 429:
            headers["Retry-After"] = str(max(1, round(self.retry_after_s)))
        return headers


@dataclass
class SlowFault(Fault):
    """Answers late."""

    seconds: float = 1.0


@dataclass
class DropFault(Fault):
    """Cuts the connection, after doing what was asked or before."""

    after: bool = True


class Faults:
    """The faults now set; the first that fits a request has it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, spec: Mapping[str, Any]) -> None:
        """Set a fault from its description in the page protocol."""
        method, path = str(spec.get("method", "*")).upper(), str(spec.get("path", "*"))
        kind = spec["kind"]
        times = spec.get("times", None if kind == "slow" else 1)
        if kind == "http":
            self._faults.append(
                AnswerFault(
                    method,
                    path,
                    times,
                    status=int(spec["status"]),
                    via=bool(spec.get("via", True)),
                    retry_after_s=float(spec.get("retry_after", 1.0)),
                    code=int(spec.get("code", 0)),
                    message=str(spec.get("message", "")),
                )
            )
        elif kind == "slow":
            self._faults.append(SlowFault(method, path, times, float(spec["seconds"])))
        elif kind == "drop_http":
            self._faults.append(DropFault(method, path, times, bool(spec.get("after", True))))
        else:
            raise ValueError(f"no fault of the kind {kind!r}")

    def clear(self) -> None:
        """Let everything through again."""
        self._faults.clear()

    def find(self, kind: type[Fault], method: str, path: str) -> Fault | None:
        """Return the first fault of a kind that claims this request, and count it."""
        for fault in self._faults:
            if isinstance(fault, kind) and fault.claims(method, path):
                if fault.times == 0:
                    self._faults.remove(fault)
                return fault
        return None
