"""Which handler answers a request: one of the playground's own, else SimCord's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from simcord.backend import errors
from simcord.http import RequestContext, router

from playground.wire.intents import Portal
from playground.world import World

Handler = Callable[["Call"], Any]


class Call(RequestContext):
    """A request on its way to a handler."""

    portal: Portal
    gateway_url: str

    @property
    def world(self) -> World:
        """The backend, by its own type."""
        assert isinstance(self.backend, World)  # noqa: S101 - for the type checker
        return self.backend

    def delegate(self) -> Any:
        """Let SimCord answer."""
        return router.dispatch(
            self.backend,
            self.method,
            self.path,
            json=self.json,
            params=self.params,
            files=self.files,
            reason=self.reason,
            message_content_access=self.message_content_access,
        )


_FOLLOW_UP = re.compile(r"/webhooks/(\d+)/([^/]+)")
_HANDLERS: list[tuple[str, list[str], Handler]] = []


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler for a template such as `/channels/{channel}/messages`."""

    def register(handler: Handler) -> Handler:
        _HANDLERS.append((method, template.strip("/").split("/"), handler))
        return handler

    return register


def answer(call: Call) -> Any:
    """Answer a request by a handler registered here, else by SimCord's.

    Raises:
        BackendError: Discord's refusal.
    """
    _check_token(call)
    segments = call.path.strip("/").split("/")
    for method, template, handler in _HANDLERS:
        if method == call.method and (args := _match(template, segments)) is not None:
            call.args = args
            return handler(call)
    return call.delegate()


def _check_token(call: Call) -> None:
    """Refuse an interaction's token that has run out, in Discord's words rather than SimCord's."""
    match = _FOLLOW_UP.match(call.path)
    if match is None or int(match[1]) != call.world.application_id:
        return
    record = call.world.interactions.get(call.world.interaction_tokens.get(match[2], 0))
    if record is None or call.world.now_iso() >= (record.expires_at or ""):
        raise errors.BackendError(401, 50027, "Invalid Webhook Token")


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    args: dict[str, str] = {}
    for expected, given in zip(template, segments, strict=True):
        if expected.startswith("{"):
            args[expected[1:-1]] = given
        elif expected != given:
            return None
    return args
