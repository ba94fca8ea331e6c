"""The tests' hand on the wire: faults, and what went over it."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Mapping
from typing import Any

from simcord.backend import errors

from playground.wire.gateway import Gateway
from playground.wire.intents import PRIVILEGED, Portal
from playground.wire.limits import OLD_AFTER_S
from playground.wire.rest import Rest


class Control:
    """Answers the `wire.…` requests of the page protocol."""

    def __init__(self, rest: Rest, gateway: Gateway, portal: Portal) -> None:
        self.rest = rest
        self.gateway = gateway
        self._portal = portal

    def handlers(self) -> dict[str, Any]:
        """Return the requests by name."""
        return {
            "wire.fault": lambda a, _v: self.fault(a.values),
            "wire.clear": lambda _a, _v: self.clear(),
            "wire.requests": lambda a, _v: self.requests(a.values),
            "wire.sessions": lambda _a, _v: self.gateway.describe(),
            "wire.gateway_log": lambda a, _v: [
                line for line in self.gateway.log if line["n"] > int(a.values.get("after") or 0)
            ],
        }

    async def fault(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Set a fault; those of a moment say how many connections they reached."""
        gateway = self.gateway
        match spec.get("kind"):
            case "cut":
                return {"reached": gateway.cut()}
            case "close":
                return {"reached": await gateway.close_with(int(spec.get("code", 4000)))}
            case "op":
                resumable = bool(spec.get("resumable", True))
                return {"reached": gateway.send_op(int(spec["op"]), resumable=resumable)}
            case _:
                self._set(spec)
                return {}

    def _set(self, spec: Mapping[str, Any]) -> None:
        gateway, limits, on = self.gateway, self.rest.limits, bool(spec.get("on", True))
        match spec.get("kind"):
            case "http" | "slow" | "drop_http":
                self.rest.faults.add(spec)
            case "buckets":
                limits.reset()
                limits.on = on
                limits.old_after_s = float(spec.get("old_after_s", OLD_AFTER_S))
            case "mute_heartbeats":
                gateway.muted_until = time.monotonic() + float(spec.get("seconds", 60))
            case "heartbeat_interval":
                gateway.heartbeat_s = float(spec["seconds"])
            case "hold_events":
                gateway.hold(on)
            case "late_interactions":
                gateway.interaction_delay_s = float(spec.get("seconds", 4))
            case "intents":
                allowed = spec.get("allowed", True)
                self._portal.allowed = set(PRIVILEGED if allowed is True else allowed or ())
            case other:
                raise errors.invalid_form_body(f"kind: there is no fault {other!r}")

    def clear(self) -> dict[str, Any]:
        """End every fault."""
        self.rest.faults.clear()
        self.rest.limits.reset()
        self.gateway.clear_faults()
        self._portal.allowed = set(PRIVILEGED)
        return {}

    def requests(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the bot's requests numbered above `after`, of a method and path."""
        method, path = arguments.get("method"), arguments.get("path", "*")
        return [
            entry.describe()
            for entry in self.rest.journal.since(int(arguments.get("after") or 0))
            if method in {None, entry.method} and fnmatch.fnmatchcase(entry.path, path)
        ]
