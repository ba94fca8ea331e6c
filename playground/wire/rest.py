"""Discord's HTTP API in front of the world."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from simcord.backend import errors
from simcord.http import RouteNotImplemented, UnsupportedField

from playground.wire import commands, routes  # noqa: F401  they register their handlers
from playground.wire.faults import AnswerFault, DropFault, Faults, SlowFault
from playground.wire.intents import Portal
from playground.wire.journal import Entry, Journal
from playground.wire.limits import Limits, Verdict
from playground.wire.routing import Call, answer
from playground.world import World

FILE_LIMIT = 10 << 20
_NO_AUTHORIZATION = re.compile(r"/(?:interactions/\d+/|webhooks/\d+/[^/]+|gateway$)")
_INTERACTION_TOKEN = re.compile(r"/(?:interactions/\d+|webhooks/\d+)/([^/]+)")
_CARRIES_CONTENT = re.compile(r"/(?:channels/\d+/(?:messages|threads)|webhooks/|interactions/)")


@dataclass
class Upload:
    """A file of a multipart request, as SimCord's routes read it."""

    filename: str
    fp: BytesIO
    description: str | None = None


@dataclass
class Body:
    """What a request carried."""

    json: Any = None
    uploads: list[Upload] = field(default_factory=list[Upload])

    def files(self) -> list[dict[str, Any]]:
        """Describe the files for the journal."""
        return [
            {"filename": upload.filename, "size": len(upload.fp.getbuffer())}
            for upload in self.uploads
        ]


class Rest:
    """Answers `/api/v10/…`."""

    def __init__(self, world: World, portal: Portal, token: str, gateway_url: str) -> None:
        self._world = world
        self._portal = portal
        self._gateway_url = gateway_url
        self._token = token
        self.faults = Faults()
        self.limits = Limits(self._age_of)
        self.journal = Journal()
        self.interaction_listeners: list[Callable[[str], None]] = []
        """Called with a token after each request that used it."""

    def _age_of(self, channel_id: int, message_id: int) -> float:
        if message_id not in self._world.messages.get(channel_id, {}):
            return 0.0
        made_s = ((message_id >> 22) + 1_420_070_400_000) / 1000
        return time.time() - made_s

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, with whatever fault waits for it."""
        started, at = time.perf_counter(), time.time()
        method, path = request.method, "/" + request.match_info["path"]
        body = await _read(request)
        entry = self.journal.open(at, method, path, dict(request.query), body.json, body.files())
        if slow := self.faults.find(SlowFault, method, path):
            await asyncio.sleep(slow.seconds if isinstance(slow, SlowFault) else 0)
        drop = self.faults.find(DropFault, method, path)
        if isinstance(drop, DropFault) and not drop.after:
            return self._drop(request, entry)
        status, told, headers = self._answer(request, method, path, body)
        if drop is not None:
            return self._drop(request, entry)
        text = b"" if status == 204 else json.dumps(told, ensure_ascii=False).encode()
        self.journal.close(entry, status, text, time.perf_counter() - started)
        if status == 204:
            return web.Response(status=204, headers=headers)
        # Exactly this type: discord.py doesn't read JSON under one with a charset.
        return web.Response(
            status=status, body=text, content_type="application/json", headers=headers
        )

    def _drop(self, request: web.Request, entry: Entry) -> web.Response:
        self.journal.close(entry, 0, b"", 0.0)
        if isinstance(request.transport, asyncio.Transport):
            request.transport.abort()
        return web.Response(status=499)

    def _answer(
        self, request: web.Request, method: str, path: str, body: Body
    ) -> tuple[int, Any, dict[str, str]]:
        fault = self.faults.find(AnswerFault, method, path)
        if isinstance(fault, AnswerFault):
            return fault.status, fault.body(), fault.headers()
        if not _NO_AUTHORIZATION.match(path):
            given = request.headers.get("Authorization", "")
            if given != f"Bot {self._token}":
                return 401, {"message": "401: Unauthorized", "code": 0}, {}
        headers = {"Via": "1.1 google"}
        if self.limits.on:
            verdict = self.limits.judge(method, path)
            headers |= verdict.headers
            if verdict.refused:
                return _too_many(verdict, headers)
        status, told = self._dispatch(method, path, request, body)
        if match := _INTERACTION_TOKEN.match(path):
            for listener in self.interaction_listeners:
                listener(match[1])
        return status, told, headers

    def _dispatch(
        self, method: str, path: str, request: web.Request, body: Body
    ) -> tuple[int, Any]:
        world = self._world
        data = _settled(body.json) if _CARRIES_CONTENT.match(path) else body.json
        try:
            _check_uploads(body.uploads)
            call = Call(
                world,
                {},
                json=data,
                params=dict(request.query),
                files=list(body.uploads),
                reason=unquote(request.headers.get("X-Audit-Log-Reason", "")) or None,
                method=method,
                path=path,
                message_content_access="message_content" in self._portal.allowed,
            )
            call.portal, call.gateway_url = self._portal, self._gateway_url
            found = answer(call)
        except (RouteNotImplemented, UnsupportedField, NotImplementedError) as gap:
            message = f"The playground doesn't know {method} {path}: {gap}"
            print(message, file=sys.stderr, flush=True)  # noqa: T201 - what the shell shows
            return 501, {"message": message, "code": 0}
        except errors.BackendError as error:
            return error.status, error.to_json()
        except (KeyError, ValueError, TypeError, errors.SetupError) as error:
            detail = f"{type(error).__name__}: {error}"
            print(f"{method} {path} was malformed: {detail}", file=sys.stderr)  # noqa: T201 - what the shell shows
            return 400, {"message": f"Invalid Form Body ({detail})", "code": 50035}
        except Exception:  # noqa: BLE001  whatever it is, the bot gets Discord's answer for it
            traceback.print_exc()
            return 500, {"message": "500: Internal Server Error", "code": 0}
        return (204, None) if found is None else (200, found)


def _too_many(verdict: Verdict, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
    headers |= {
        "Retry-After": str(max(1, round(verdict.retry_after_s))),
        "X-RateLimit-Scope": verdict.scope,
    }
    body: dict[str, Any] = {
        "message": verdict.message,
        "retry_after": round(verdict.retry_after_s, 3),
        "global": verdict.scope == "global",
    }
    if verdict.code:
        body["code"] = verdict.code
    return 429, body, headers


async def _read(request: web.Request) -> Body:
    if request.content_type.startswith("multipart/"):
        try:
            return await _read_form(request)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"the body isn't such a form: {error}") from None
    raw = await request.read()
    if not raw:
        return Body()
    try:
        return Body(json.loads(raw))
    except ValueError:
        raise web.HTTPBadRequest(text="the body isn't JSON") from None


async def _read_form(request: web.Request) -> Body:
    payload: Any = None
    fields: dict[str, str] = {}
    numbered: list[tuple[int, Upload]] = []
    form = await request.post()
    for name, value in form.items():
        if isinstance(value, web.FileField):
            match = re.fullmatch(r"files\[(\d+)\]", name)
            number = int(match[1]) if match else len(numbered)
            numbered.append((number, Upload(value.filename, BytesIO(value.file.read()))))
        elif name == "payload_json":
            payload = json.loads(value if isinstance(value, str) else value.decode())
        else:
            fields[name] = value if isinstance(value, str) else value.decode()
    numbered.sort(key=lambda pair: pair[0])
    data = payload.get("data", payload) if isinstance(payload, dict) else {}
    described = {
        str(item.get("id")): item.get("description") for item in data.get("attachments") or []
    }
    for number, upload in numbered:
        upload.description = described.get(str(number))
    return Body(payload if payload is not None else fields or None, [up for _, up in numbered])


def _check_uploads(uploads: list[Upload]) -> None:
    if len(uploads) > 10:
        raise errors.invalid_form_body("files: must be 10 or fewer")
    if any(len(upload.fp.getbuffer()) > FILE_LIMIT for upload in uploads):
        raise errors.BackendError(413, 40005, "Request entity too large")


def _settled(body: Any) -> Any:
    """Return a body as Discord would keep it.

    White space around message text goes; the ids a select starts with, which discord.py sends
    as numbers too large for a browser, become strings.
    """
    if isinstance(body, list):
        return [_settled(item) for item in body]
    if not isinstance(body, dict):
        return body
    settled = dict(body)
    if isinstance(settled.get("content"), str) and "type" not in settled:
        settled["content"] = settled["content"].strip()
    if isinstance(settled.get("default_values"), list):
        settled["default_values"] = [
            {**value, "id": str(value["id"])} for value in settled["default_values"]
        ]
    for nested in ("data", "message", "components", "component", "accessory"):
        if isinstance(settled.get(nested), dict | list):
            settled[nested] = _settled(settled[nested])
    return settled
